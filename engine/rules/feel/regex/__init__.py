"""Regular expressions as XPath writes them, matched in bounded time."""

from __future__ import annotations

from engine.rules.feel.regex.nodes import BadPattern
from engine.rules.feel.regex.pattern import Pattern, pattern_of

__all__ = ["BadPattern", "Pattern", "pattern_of"]
