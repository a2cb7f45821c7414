"""All functions that FEEL has built in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.rules.feel.builtins.aggregates import AGGREGATES
from engine.rules.feel.builtins.calendar import CALENDAR
from engine.rules.feel.builtins.contexts import CONTEXTS
from engine.rules.feel.builtins.conversion import CONVERSION
from engine.rules.feel.builtins.forms import Builtin
from engine.rules.feel.builtins.lists import LISTS
from engine.rules.feel.builtins.logic import LOGIC
from engine.rules.feel.builtins.numeric import NUMERIC
from engine.rules.feel.builtins.ranges import RANGES
from engine.rules.feel.builtins.strings import STRINGS

BUILTINS: Final[Mapping[str, Builtin]] = MappingProxyType(
    CONVERSION | LOGIC | STRINGS | LISTS | AGGREGATES | NUMERIC | CALENDAR | RANGES | CONTEXTS
)
"""The functions by name."""
