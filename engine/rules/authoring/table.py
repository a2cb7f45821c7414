"""A decision table that is called like a function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from engine.codec.fidelity import describe_value
from engine.rules.analysis.analyse import analyse, unreachable
from engine.rules.analysis.columns import path_of
from engine.rules.analysis.outputs import may_come_to
from engine.rules.authoring.attributes import by_attribute
from engine.rules.authoring.hints import admits_none, converter, is_immutable
from engine.rules.authoring.names import check_names
from engine.rules.coverage import Coverage, cover
from engine.rules.decider import Decided, TableDecider
from engine.rules.errors import ModelError, RuleError
from engine.rules.explaining import Explanation, explain
from engine.rules.feel.parser import parse_expression, parse_unary_tests
from engine.rules.feel.problems import FeelSyntaxError
from engine.rules.feel.scope import Scope
from engine.rules.feel.types import ANY
from engine.rules.tables.outcomes import OPEN
from engine.rules.tables.quick import NO_CASE, NOTHING
from engine.rules.tracing import Change, Firing, Trace

if TYPE_CHECKING:
    from datetime import datetime

    from engine.rules.analysis.findings import Analysis
    from engine.rules.authoring.signature import Signature
    from engine.rules.model import DecisionTable

P = ParamSpec("P")
R = TypeVar("R")
Now = Callable[[], "datetime"]


class Undecided(RuleError):
    """A table came to nothing, and has to come to something."""


class Table(Generic[P, R]):
    """A decision table with the signature of the function that it was written over. Safe for use by several threads.

    ``source`` is the table as data, as DMN has it: it can be stored, exported and compared.
    """

    def __init__(
        self,
        function: Callable[P, R],
        signature: Signature,
        source: DecisionTable,
        whole: Sequence[str],
        now: Now | None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.name = signature.name
        self.source = source
        self._signature = signature
        self._whole = tuple(whole)
        _check(self.name, source, signature.parameters)
        self._decider = TableDecider(source, now or self._no_moment, (), tuple(signature.parameters))
        self._convert = converter(signature.result, self.name)
        self._may_be_none = admits_none(signature.result)
        reading = by_attribute(signature.parameters, [path_of(tree) for tree in self._decider.trees])
        self._quick = None if reading is None else self._decider.quick_by(reading)
        self._results = [self._result(outcome) for outcome in self._decider.fixed]
        if self._may_be_none and not any(output.default for output in source.outputs):
            self._results[NOTHING] = None
        for finding in unreachable(source, whole_numbers=whole):
            raise ModelError(f"{self.name}: {finding}; correct the cell, or take the rule away")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Decide. Raises Undecided if no rule matches, or several do where one may, and RuleError for a wrong outcome.

        A function that may return None returns that if no rule matches.
        """
        values = self._signature.arguments(args, kwargs)
        hit = self._hit(values)
        if hit != NO_CASE and (result := self._results[hit]) is not OPEN:
            return cast("R", result)
        inputs = self._named(values)
        return self._outcome(self._decided(hit, inputs), inputs)

    def trace(self, *args: P.args, **kwargs: P.kwargs) -> Trace[R]:
        """Decide, and tell which rules matched, as ``name number``. Raises what a call raises."""
        values = self._signature.arguments(args, kwargs)
        inputs = self._named(values)
        hit = self._hit(values)
        decided = self._decided(hit, inputs)
        outcome = self._outcome(decided, inputs)
        fired = [(number, decided.outcome) for number in decided.matched] if hit != NO_CASE else self._fired(inputs)
        firings = tuple(Firing(f"{self.name} {number}", self._changes(value)) for number, value in fired)
        return Trace(outcome, firings, decided.problems)

    def decide(self, inputs: Mapping[str, Any]) -> R:
        """Decide for arguments by name, such as those of a scenario. Raises what a call raises."""
        hit = self._hit(tuple(inputs.get(name) for name in self._signature.parameters))
        return self._outcome(self._decided(hit, inputs), inputs)

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        """Return what each cell says to these arguments."""
        return explain(self._decider, self._named(self._signature.arguments(args, kwargs)))

    def analyse(self) -> Analysis:
        """Return gaps, overlaps and rules without use."""
        return analyse(self.source, whole_numbers=self._whole)

    def cover(self, cases: Iterable[Mapping[str, Any]]) -> Coverage:
        """Return how far these arguments, each by name, try out the table."""
        return cover(self._decider, cases)

    # -- deciding ----------------------------------------------------------------------------------------------------

    def _named(self, values: Sequence[Any]) -> dict[str, Any]:
        return dict(zip(self._signature.parameters, values, strict=True))

    def _hit(self, values: Sequence[Any]) -> int:
        """Return the rule that hits, by the quick way."""
        if self._quick is None:
            return NO_CASE
        try:
            return self._quick(*values)
        except (AttributeError, KeyError):
            # A field is missing, of which the reference way knows what to say.
            return NO_CASE

    def _decided(self, hit: int, inputs: Mapping[str, Any]) -> Decided:
        return self._decider.trace(inputs) if hit == NO_CASE else self._decider.decided(hit, inputs)

    def _fired(self, inputs: Mapping[str, Any]) -> Sequence[tuple[int, Any]]:
        """Return the rules that count, and what they come to."""
        explained = explain(self._decider, inputs)
        single = self.source.hit_policy in ("UNIQUE", "FIRST", "ANY")
        hits = explained.matched[:1] if single else explained.matched
        return [(hit, explained.rules[hit - 1].outcome) for hit in hits]

    def _result(self, outcome: Any) -> Any:
        """Return what a call returns for an outcome, if that is always the same; else OPEN."""
        if outcome is OPEN or (outcome is None and not self._may_be_none):
            return OPEN
        try:
            result = None if outcome is None else self._convert(outcome)
        except RuleError:
            return OPEN
        return result if is_immutable(result) else OPEN

    def _outcome(self, decided: Decided, inputs: Mapping[str, Any]) -> R:
        if decided.outcome is None:
            conflict = len(decided.matched) > 1
            if conflict or not self._may_be_none:
                advice = (
                    "let only one of them match" if conflict else "add a rule or a default, or let it return None too"
                )
                given = ", ".join(f"{name}: {describe_value(value)}" for name, value in inputs.items())
                reason = "; ".join(decided.problems) or "the rule that matches comes to null"
                raise Undecided(f"{self.name}({given}) came to nothing: {reason}; {advice}")
            return cast("R", None)
        return self._convert(decided.outcome)

    def _changes(self, outcome: Any) -> tuple[Change, ...]:
        if len(self.source.outputs) == 1:
            return (Change(self.name, None, outcome),)
        return tuple(Change(name, None, value) for name, value in outcome.items())

    def __repr__(self) -> str:
        """Name the table."""
        return f"<decision table {self.name}>"

    def _no_moment(self) -> datetime:
        raise ModelError(f"{self.name} asks what time it is: say how it is to be told, decision_table(..., now=...)")


def _check(name: str, table: DecisionTable, variables: Iterable[str]) -> None:
    """Read every cell, and raise ModelError for the first that cannot work, with its place."""
    known = list(variables)
    for number, rule in enumerate(table.rules, 1):
        for clause, text in zip(table.inputs, rule.conditions, strict=True):
            _check_text(f"{name}, rule {number}, {clause.expression}", text, known, is_test=True)
        for clause, text in zip(table.outputs, rule.conclusions, strict=True):
            where = f"{name}, rule {number}, {clause.name}"
            _check_text(where, text, known, is_test=False)
            if not may_come_to(clause, text):
                wanted = f"one of {clause.allowed}" if clause.allowed else f"of the type {clause.type}"
                raise ModelError(f"{where}: {text} is not {wanted}")


def _check_text(where: str, text: str, known: Sequence[str], *, is_test: bool) -> None:
    scope = Scope(dict.fromkeys((*known, "?"), ANY))
    try:
        tree = parse_unary_tests(text, scope) if is_test else parse_expression(text, scope)
    except FeelSyntaxError as error:
        raise ModelError(f"{where}: {error}") from error
    check_names(tree, known, where)
