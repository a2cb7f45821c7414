"""Names that an expression uses and nobody knows: told when rules are defined, with the name that was meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from engine.rules.errors import ModelError
from engine.rules.feel import nodes
from engine.rules.feel.builtins import BUILTINS

if TYPE_CHECKING:
    from collections.abc import Collection


def check_names(tree: object, known: Collection[str], where: str) -> None:
    """Raise ModelError if an expression uses a name that is none of these, and no built-in function."""
    if nodes.binds(tree):
        return
    for name in nodes.names_in(tree):
        if name not in known and name not in BUILTINS and name != "?":
            raise ModelError(f"{where}: there is no {name!r}{suggestion(name, known)}")


def suggestion(name: str, known: Collection[str]) -> str:
    """Return what to write instead of a name."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(known) or 'none'}"
