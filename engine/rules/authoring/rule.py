"""A single rule over typed facts: when its condition holds, its conclusion replaces them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from engine.codec.fidelity import describe_value
from engine.rules.authoring.cells import Cell
from engine.rules.authoring.facts import Facts
from engine.rules.authoring.names import check_names
from engine.rules.errors import ModelError
from engine.rules.feel import nodes
from engine.rules.feel.compiler import compile_node
from engine.rules.feel.exchange import to_python
from engine.rules.feel.parser import parse_expression
from engine.rules.feel.problems import FeelSyntaxError
from engine.rules.feel.scope import Scope
from engine.rules.feel.types import ANY

if TYPE_CHECKING:
    from engine.rules.feel.compiler import Compiled
    from engine.rules.feel.evaluation import Evaluation

S = TypeVar("S")
Condition = str | Callable[[S], bool]
"""FEEL over the fields, or a function of the facts."""
Conclusion = Mapping[str, object] | Callable[[S], "S | Mapping[str, Any] | None"]
"""Values by field, of which those in FEEL are written ``feel(...)``; or a function that returns the new facts, or what
changes."""


@dataclass(frozen=True, slots=True)
class _Feel:
    """An expression over the fields of facts."""

    text: str
    tree: nodes.Node
    compiled: Compiled
    names: tuple[str, ...]


class Rule(Generic[S]):
    """A rule. ``opaque`` if a part of it is Python, which analyses cannot see into."""

    def __init__(
        self,
        facts: Facts[S],
        name: str,
        when: Condition[S],
        then: Conclusion[S],
        salience: int,
        reads: Sequence[str] | None,
    ) -> None:
        self.facts = facts
        self.name = name
        self.salience = salience
        self.when = when
        self.then = then
        self._condition = self._feel("when", when) if isinstance(when, str) else None
        self._values: dict[str, object] = {}
        if isinstance(then, Mapping):
            for field, value in cast("Mapping[str, object]", then).items():
                facts.check(field, f"rule {name}")
                self._values[field] = self._feel(field, value.text) if isinstance(value, Cell) else value
        self.opaque = self._condition is None or not isinstance(then, Mapping)
        for field in reads or ():
            facts.check(field, f"rule {name}, reads")
        self.reads: tuple[str, ...] = tuple(reads) if reads is not None else self._read()

    def __repr__(self) -> str:
        """Name the rule."""
        return f"<rule {self.name}>"

    @property
    def tree(self) -> nodes.Node | None:
        """The condition as a tree; None if it is Python."""
        return None if self._condition is None else self._condition.tree

    @property
    def text(self) -> str:
        """The condition as it is written; of one in Python, the name of the function."""
        return self.when if isinstance(self.when, str) else f"Python: {getattr(self.when, '__qualname__', self.when)}"

    def holds(self, ev: Evaluation, facts: S) -> bool | None:
        """Tell whether the condition is true of facts; None if it is null."""
        if self._condition is None:
            return bool(cast("Callable[[S], bool]", self.when)(facts))
        found = self._condition.compiled(ev, self.facts.feel(facts, self._condition.names))
        return found if isinstance(found, bool) else None

    def conclude(self, ev: Evaluation, facts: S) -> S:
        """Return the facts that the conclusion makes of these. Raises RuleError for a value of another type."""
        if not isinstance(self.then, Mapping):
            return self._concluded(facts, self.then(facts))
        changes: dict[str, Any] = {}
        for field, value in self._values.items():
            if isinstance(value, _Feel):
                result = to_python(value.compiled(ev, self.facts.feel(facts, value.names)))
                changes[field] = self.facts.convert(field, result, f"rule {self.name}")
            else:
                changes[field] = value
        return self.facts.replaced(facts, changes)

    def _concluded(self, facts: S, found: object) -> S:
        """Return the facts that a function made of others."""
        if found is None:
            return facts
        if isinstance(found, Mapping):
            changes = cast("Mapping[str, Any]", found)
            for field in changes:
                self.facts.check(field, f"rule {self.name}")
            return self.facts.replaced(facts, changes)
        if isinstance(found, self.facts.type):
            return found
        raise ModelError(
            f"rule {self.name} returned {describe_value(found)}: return a {self.facts.type.__name__}, a mapping of "
            f"what changes, or None"
        )

    def _read(self) -> tuple[str, ...]:
        """Return the fields that what is in FEEL uses; Python may use all."""
        if self.opaque or self._condition is None:
            return tuple(self.facts.hints)
        used = [value.names for value in self._values.values() if isinstance(value, _Feel)]
        return tuple(dict.fromkeys([*self._condition.names, *(name for names in used for name in names)]))

    def _feel(self, what: str, text: str) -> _Feel:
        where = f"rule {self.name}, {what}"
        scope = Scope(dict.fromkeys(self.facts.hints, ANY))
        try:
            tree = parse_expression(text, scope)
        except FeelSyntaxError as error:
            raise ModelError(f"{where}: {error}") from error
        check_names(tree, self.facts.hints, where)
        names = tuple(dict.fromkeys(name for name in nodes.names_in(tree) if name in self.facts.hints))
        return _Feel(text, tree, compile_node(where, tree, scope), names)


@overload
def rule(
    facts: type[S], *, when: Condition[S], salience: int = 0, reads: Sequence[str] | None = None
) -> Callable[[Callable[[S], S | Mapping[str, Any] | None]], Rule[S]]: ...


@overload
def rule(
    facts: type[S],
    *,
    when: Condition[S],
    then: Conclusion[S],
    name: str,
    salience: int = 0,
    reads: Sequence[str] | None = None,
) -> Rule[S]: ...


def rule(
    facts: type[S],
    *,
    when: Condition[S],
    then: Conclusion[S] | None = None,
    name: str | None = None,
    salience: int = 0,
    reads: Sequence[str] | None = None,
) -> Rule[S] | Callable[[Callable[[S], S | Mapping[str, Any] | None]], Rule[S]]:
    """Make a rule over facts of a type: of a condition and a conclusion, or over a function that is the conclusion.

    ``salience``: rules with more of it go first. ``reads``: the fields whose change makes it fire again when rules are
    chained; without it, those that its FEEL names, and all if a part of it is Python. Raises ModelError for FEEL that
    cannot be read, and for fields that there are not.
    """
    known = Facts(facts)
    if then is not None:
        return Rule(known, name or "rule", when, then, salience, reads)

    def decorate(function: Callable[[S], S | Mapping[str, Any] | None]) -> Rule[S]:
        return Rule(known, function.__name__, when, function, salience, reads)

    return decorate
