"""Hit policies: what becomes of the rules that match. Definitions: DMN 1.5, chapter 8.2.8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.comparison import equals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.rules.feel.evaluation import Evaluation
    from engine.rules.feel.values import Value
    from engine.rules.model import Aggregation, HitPolicy

SINGLE_HIT: frozenset[HitPolicy] = frozenset(("UNIQUE", "ANY", "FIRST", "PRIORITY"))


def resolve(
    ev: Evaluation,
    policy: HitPolicy,
    aggregation: Aggregation | None,
    hits: Sequence[int],
    output: Callable[[int], Value],
    priority: Callable[[Value], tuple[int, ...]],
) -> Value:
    """Return what a table with these hits (at least one, in the order of its rules) comes to.

    ``output`` gives the conclusion of a rule, ``priority`` the place of a conclusion among the allowed outputs.
    """
    match policy:
        case "UNIQUE":
            if len(hits) > 1:
                rules = ", ".join(str(hit + 1) for hit in hits)
                return ev.problem(f"only one rule of the table may match, and rules {rules} do")
            return output(hits[0])
        case "FIRST":
            return output(hits[0])
        case "ANY":
            return _any(ev, [output(hit) for hit in hits])
        case "PRIORITY":
            return min((output(hit) for hit in hits), key=priority)
        case "OUTPUT ORDER":
            return sorted((output(hit) for hit in hits), key=priority)
        case "RULE ORDER":
            return [output(hit) for hit in hits]
        case "COLLECT":
            return _collected(ev, aggregation, [output(hit) for hit in hits])


def _any(ev: Evaluation, outputs: list[Value]) -> Value:
    first = outputs[0]
    for other in outputs[1:]:
        if equals(ev, first, other) is not True:
            return ev.problem("the rules that match have to agree, and they come to different outputs")
    return first


def _collected(ev: Evaluation, aggregation: Aggregation | None, outputs: list[Value]) -> Value:
    if aggregation is None:
        return outputs
    if any(type(output) is dict for output in outputs) and aggregation != "COUNT":
        # Each column by itself.
        names = {name: None for output in outputs if type(output) is dict for name in output}
        function = BUILTINS[aggregation.lower()]
        return {
            name: function.invoke(ev, [[output.get(name) for output in outputs if type(output) is dict]])
            for name in names
        }
    return BUILTINS[aggregation.lower()].invoke(ev, [outputs])
