"""Sets of rules: the first that holds, all that hold, or chained until nothing changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from engine.rules.analysis.analyse import analyse
from engine.rules.authoring.rule import Rule
from engine.rules.authoring.rule_table import table_of
from engine.rules.coverage import CellCoverage, Coverage, RuleCoverage
from engine.rules.errors import ModelError, RuleError
from engine.rules.feel.evaluation import Evaluation
from engine.rules.tracing import Firing, Trace

if TYPE_CHECKING:
    from datetime import datetime

    from engine.rules.analysis.findings import Analysis

S = TypeVar("S")
Mode = Literal["first", "all", "chain"]
MAX_FIRINGS = 1000


class EndlessRules(RuleError):
    """Chained rules went on changing the facts, and were stopped."""


@dataclass(slots=True)
class Run:
    """One run of a set, with the sets in it: what fired, and what conditions came to."""

    ev: Evaluation
    firings: list[Firing] = field(default_factory=list[Firing])
    tested: list[tuple[str, bool | None]] = field(default_factory=list[tuple[str, "bool | None"]])


class RuleSet(Generic[S]):
    """Rules that are put to facts of one type, and give such facts back. Safe for use by several threads.

    Rules with more salience go first, and those of the same salience in the order in which they are given. A set within
    a set takes the turn of a rule: it fires if one of its rules does.

    - ``first``: the first rule that holds fires, and no other.
    - ``all``: each rule has one turn, and sees what those before it concluded.
    - ``chain``: after a rule that changes something, it is the first one's turn again, until none is left to fire. A
      rule fires again only when a field that it reads has changed.
    """

    def __init__(
        self,
        rules: Sequence[Rule[S] | RuleSet[S]],
        *,
        mode: Mode,
        name: str = "rules",
        salience: int = 0,
        max_firings: int = MAX_FIRINGS,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Make a set. ``now`` tells the time to rules that ask; sets within it have the same.

        Raises ModelError for two rules of one name.
        """
        self.name = name
        self.mode: Mode = mode
        self.salience = salience
        self.rules = tuple(sorted(rules, key=lambda one: -one.salience))
        self.max_firings = max_firings
        self._now = now or self._no_moment
        counted = Counter(one.name for one in rules)
        for twice in (one for one, count in counted.items() if count > 1):
            raise ModelError(
                f"{name}: there are {counted[twice]} rules of the name {twice!r}: traces could not tell them apart"
            )
        if not rules:
            raise ModelError(f"{name}: a set needs at least one rule")

    def __repr__(self) -> str:
        """Name the set."""
        return f"<rule set {self.name}, {self.mode} of {len(self.rules)}>"

    def __call__(self, facts: S) -> S:
        """Return what the rules make of facts, which stay as they are.

        Raises EndlessRules if chained rules do not come to an end, RuleError for a value that is not of its field's
        type, BudgetExceeded, and whatever a rule in Python raises.
        """
        return self.trace(facts).outcome

    def trace(self, facts: S) -> Trace[S]:
        """Return what the rules make of facts, and what each that fired changed. Raises what a call raises."""
        problems: list[str] = []
        run = Run(Evaluation(self._now, problems))
        outcome, _ = self.run(run, facts, self.name)
        return Trace(outcome, tuple(run.firings), tuple(problems))

    def opaque(self) -> tuple[str, ...]:
        """Return the rules with a part in Python, which analyses cannot see into."""
        return tuple(name for name, one in _walk(self.rules, self.name) if one.opaque)

    def analyse(self) -> Analysis:
        """Return what is wrong with the conditions of the set's own rules, counted in the order of their turns.

        Facts that no rule fires for are gaps. Parts of conditions that are not comparisons with constants, Python and
        sets within the set are not analysed.
        """
        table, opaque, whole = table_of(self.rules, "FIRST" if self.mode == "first" else "RULE ORDER")
        return analyse(table, whole_numbers=whole, opaque=opaque)

    def cover(self, cases: Iterable[S]) -> Coverage:
        """Return how far these facts try out the rules. Raises what a call raises."""
        tested: Counter[tuple[str, bool | None]] = Counter()
        fired: Counter[str] = Counter()
        count = unmatched = 0
        for facts in cases:
            run = Run(Evaluation(self._now))
            self.run(run, facts, self.name)
            count += 1
            unmatched += not run.firings
            # Of chained rules, which have many turns, each result counts once.
            tested.update(set(run.tested))
            fired.update({firing.rule for firing in run.firings})
        rules = tuple(
            RuleCoverage(
                name, tested[name, True], fired[name],
                (CellCoverage("when", one.text, tested[name, True], tested[name, False], tested[name, None]),),
            )
            for name, one in _walk(self.rules, self.name)
        )  # fmt: skip
        return Coverage(count, rules, unmatched)

    # -- running -----------------------------------------------------------------------------------------------------

    def run(self, run: Run, facts: S, path: str) -> tuple[S, bool]:
        """Take part in a run; ``path`` is what the set is called in it. Return the facts, and whether a rule fired."""
        if self.mode == "chain":
            return self._chained(run, facts, path)
        fired = False
        for one in self.rules:
            facts, has_fired = self._turn(run, one, facts, f"{path}/{one.name}")
            fired = fired or has_fired
            if has_fired and self.mode == "first":
                break
        return facts, fired

    def _turn(self, run: Run, one: Rule[S] | RuleSet[S], facts: S, path: str) -> tuple[S, bool]:
        if isinstance(one, RuleSet):
            return one.run(run, facts, path)
        held = one.holds(run.ev, facts)
        run.tested.append((path, held))
        if held is not True:
            return facts, False
        after = one.conclude(run.ev, facts)
        run.firings.append(Firing(path, one.facts.changes(facts, after)))
        return after, True

    def _chained(self, run: Run, facts: S, path: str) -> tuple[S, bool]:
        start = len(run.firings)
        # How often each field has changed; that it may have changed back makes no difference.
        changed: Counter[str] = Counter()
        fired_at: dict[int, Any] = {}
        place = 0
        while place < len(self.rules):
            one = self.rules[place]
            read = changed.total() if isinstance(one, RuleSet) else [changed[name] for name in one.reads]
            if place in fired_at and fired_at[place] == read:
                place += 1
                continue
            before = len(run.firings)
            facts, has_fired = self._turn(run, one, facts, f"{path}/{one.name}")
            changes = [change.path for firing in run.firings[before:] for change in firing.changes]
            if has_fired and not changes and place in fired_at:
                # It fired again for what has changed since, and had nothing to add.
                del run.firings[before:]
            if has_fired:
                fired_at[place] = read
            changed.update(changes)
            place = 0 if changes else place + 1
            if len(run.firings) - start > self.max_firings:
                raise EndlessRules(self._endless(path, run.firings[start:]))
        return facts, len(run.firings) > start

    def _endless(self, path: str, firings: Sequence[Firing]) -> str:
        latest = firings[-2 * len(self.rules) :]
        counted = Counter(firing.rule for firing in latest)
        looping = {name for name, count in counted.items() if count > 1} or set(counted)
        shown = "; ".join(
            f"{name} sets {', '.join(dict.fromkeys(c.path for f in latest if f.rule == name for c in f.changes))}"
            for name in sorted(looping)
        )
        return (
            f"{path}: the rules did not come to an end within {self.max_firings} firings: {shown}, which is read "
            f"again; let their conditions be false of what they conclude, or say what makes them fire, reads=(...)"
        )

    def _no_moment(self) -> datetime:
        raise ModelError(f"{self.name}: a rule asks what time it is: say how it is to be told, RuleSet(..., now=...)")


def _walk(rules: Iterable[Rule[S] | RuleSet[S]], path: str) -> Iterator[tuple[str, Rule[S]]]:
    """Yield all rules, those of sets within the set too, with their names in traces."""
    for one in rules:
        if isinstance(one, RuleSet):
            yield from _walk(one.rules, f"{path}/{one.name}")
        else:
            yield f"{path}/{one.name}", one
