"""What the conclusions of rules say to the analysis: whether two conflict, and which of them goes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.rules.feel import nodes
from engine.rules.feel.parser import parse_expression
from engine.rules.feel.scope import Scope
from engine.rules.feel.temporal import parse_temporal
from engine.rules.feel.types import NAMED_TYPES
from engine.rules.tables.cell_tests import Equal, key_of, read_tests
from engine.rules.tables.plain import plain_constant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.rules.model import DecisionTable, OutputClause
    from engine.rules.tables.cell_tests import Domain, Key

Constant = tuple["Domain", "Key"] | None


def may_come_to(clause: OutputClause, text: str) -> bool:
    """Tell whether a conclusion may be of its column's type and among its allowed values: a constant shows it."""
    constant = constant_of(text)
    if constant is None:
        return True
    if clause.type is not None and constant[0] != clause.type and clause.type in NAMED_TYPES:
        return False
    allowed = None if clause.allowed is None else read_tests(clause.allowed)
    if allowed is None or allowed.negated or not all(isinstance(test, Equal) for test in allowed.tests):
        return True
    return any(isinstance(test, Equal) and (test.domain, test.key) == constant for test in allowed.tests)


def constant_of(text: str) -> Constant:
    """Return the constant that an expression is; None for any other."""
    tree = (plain_constant(text) or parse_expression(text, Scope({}))) if text else None
    if isinstance(tree, nodes.Moment):
        return key_of(parse_temporal(tree.text))
    return key_of(tree.value) if isinstance(tree, nodes.Constant) else None


class Outputs:
    """The conclusions of a table, as far as they are constants."""

    def __init__(self, table: DecisionTable) -> None:
        self._table = table
        self._known: dict[str, Constant] = {}

    def conflict(self, rule: int, other: int) -> bool | None:
        """Tell whether two rules come to different outputs; None if they are computed."""
        pairs = list(zip(self._table.rules[rule].conclusions, self._table.rules[other].conclusions, strict=True))
        found: list[bool | None] = [self._differ(a, b) for a, b in pairs]
        if True in found:
            return True
        return None if None in found else False

    def _differ(self, text: str, other: str) -> bool | None:
        if text.strip() == other.strip():
            return False
        one, two = self._constant(text), self._constant(other)
        return None if one is None or two is None else one != two

    def _constant(self, text: str) -> Constant:
        if text not in self._known:
            self._known[text] = constant_of(text)
        return self._known[text]

    def order(self) -> Sequence[int]:
        """Return the rules of a single-hit table in the order in which they go first; nothing, where none does.

        Those of a PRIORITY table have an order if all of their outputs are constants that the table lists.
        """
        rules = range(len(self._table.rules))
        if self._table.hit_policy == "FIRST":
            return rules
        if self._table.hit_policy != "PRIORITY":
            return ()
        places = [self._places(column, clause.allowed) for column, clause in enumerate(self._table.outputs)]
        ranks: list[tuple[int, ...]] = []
        for rule in rules:
            found = [column[rule] for column in places if column is not None]
            rank = tuple(place for place in found if place is not None)
            if len(rank) != len(places):
                return ()
            ranks.append(rank)
        return sorted(rules, key=lambda rule: ranks[rule])

    def _places(self, column: int, allowed: str | None) -> list[int | None] | None:
        """Return the place of each rule's output among those that are allowed."""
        tests = None if allowed is None else read_tests(allowed)
        if tests is None or tests.negated:
            return None
        keys = {
            (one.domain, one.key): place
            for place, one in reversed(list(enumerate(tests.tests)))
            if isinstance(one, Equal)
        }
        if len(keys) != len(tests.tests):
            return None
        found: list[int | None] = []
        for rule in self._table.rules:
            constant = self._constant(rule.conclusions[column])
            found.append(None if constant is None else keys.get(constant))
        return found
