"""Built-in functions on booleans, and on what is the same (DMN 1.5, 10.3.4.2)."""

from __future__ import annotations

from typing import Final

from engine.rules.feel.builtins.forms import BOOLEAN, Builtin, form, plain, table, wanted
from engine.rules.feel.comparison import negation
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.values import Range, Value


def identical(ev: Evaluation, a: Value, b: Value) -> bool:
    """Tell whether two values are the same in everything that can be asked of them, the offset of a time too."""
    if type(a) is not type(b):
        return False
    if type(a) is list and type(b) is list:
        ev.spend(len(a))
        return len(a) == len(b) and all(identical(ev, x, y) for x, y in zip(a, b, strict=True))
    if type(a) is dict and type(b) is dict:
        ev.spend(len(a))
        return a.keys() == b.keys() and all(identical(ev, x, b[name]) for name, x in a.items())
    if type(a) is Range and type(b) is Range:
        ends = (a.start_closed, a.end_closed) == (b.start_closed, b.end_closed)
        return ends and identical(ev, a.start, b.start) and identical(ev, a.end, b.end)
    return a == b


LOGIC: Final = table(
    Builtin("not", BOOLEAN, plain(negation, wanted("negand", BOOLEAN))),
    Builtin("is", BOOLEAN, form(identical, wanted("value1", optional=True), wanted("value2", optional=True))),
)
