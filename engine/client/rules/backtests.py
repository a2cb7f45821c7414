"""Versions of rules tried on decisions: on those that were taken, and beside those that are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from engine.client.checks import whole_number
from engine.client.filters import Filter
from engine.client.rules.amounts import KEPT, MOST_DECISIONS
from engine.client.rules.rulebook import Rulebook, author_text, comment_text
from engine.errors import ArgumentsError, MilepostError, RuleNotFound
from engine.model.rulebook import LATEST
from engine.model.shares import parse_share
from engine.model.topics import RULES
from engine.store.rules import versions as store
from engine.store.rules.decisions import read_decisions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from os import PathLike

    from engine.client.rules.records import Recorded
    from engine.model.rulebook import RuleVersion
    from engine.rules.backtest import Comparison, Tally
    from engine.rules.model import Model
    from engine.rules.prepared import Prepared
    from engine.store.rules.decisions import RecordedDecision

EXECUTIONS: Final = 100
"""How many executions are looked through at a time, and how many of their decisions are in memory together."""
DECISIONS: Final = 200
MOST_EXECUTIONS: Final = 100_000
"""How many executions are looked through before an activation: a few seconds, however many there are."""

Looked = Callable[[int, int], None]
"""Hears how many executions were looked through so far, and how many decisions there were in them."""


class Tried(NamedTuple):
    """What came of a version that was tried on recorded decisions."""

    name: str
    version: int | None
    """None: a draft that is not in the store."""
    tally: Tally
    unreadable: int
    """Decisions whose record was damaged."""
    is_whole: bool
    """Whether all decisions were looked at that were meant: False if there are more than the limit."""


class TriedRulebook(Rulebook):
    """What a client can do to learn what a version would decide before it does."""

    def back_test_rules(
        self,
        name: str,
        version: int | str | None = None,
        *,
        draft: Model | str | PathLike[str] | None = None,
        since: datetime | None = None,
        flow: str | None = None,
        limit: int = MOST_DECISIONS,
        keep: int = KEPT,
        looked: Looked | None = None,
    ) -> Tried:
        """Have a version decide once more what flows have decided by the rules of a name, and say what would change.

        The version is a number, a tag or ``"latest"``, which it is without one; or a ``draft``: a model, or its file.
        Up to ``limit`` decisions are taken again, those of the newest executions first, with their recorded inputs and
        times. ``keep`` of those that would change are in the tally. Decisions count that were taken by any version.

        Raises RuleNotFound, and ModelError or RuleFileError for rules that do not work.
        """
        from engine.client.rules.decisions import usable_model
        from engine.rules.prepared import Prepared

        if draft is not None and version is not None:
            raise ArgumentsError("a version and a draft were given to try: give one of them")
        found = self.rule_version(name, LATEST if version is None else version)
        prepared = Prepared(usable_model(draft, name)) if draft is not None else Prepared.from_text(found.content or "")
        number = found.number if draft is None else None
        decisions = self._decisions(Filter(flow=flow, since=since), looked)
        return _tried(name, number, _again(prepared), decisions, limit, keep)

    def _newest_again(self, version: RuleVersion) -> Tally:
        """Have a version decide once more what was decided last, for who waits for it to be activated."""
        from engine.rules.prepared import Prepared

        again = _again(Prepared.from_text(version.content or ""))
        decisions = self._decisions(Filter(), None, MOST_EXECUTIONS)
        return _tried(version.name, version.number, again, decisions, MOST_DECISIONS, 1).tally

    def shadow_rules(
        self,
        name: str,
        version: int | str = LATEST,
        *,
        share: str = "100%",
        author: str | None = None,
        comment: str | None = None,
    ) -> RuleVersion:
        """Have a version decide as well whatever is decided by what is active, without its outcome counting.

        It does so in executions that begin from now on, or in a share of them, by the key that is asked with. What it
        decides is recorded with the decision that counts; :meth:`shadowed_rules` counts it. Raises RuleNotFound, and
        ModelError for a version that this release cannot compile.
        """
        from engine.rules.prepared import Prepared

        found, buckets = self.rule_version(name, version), parse_share(share)
        Prepared.from_text(found.content or "")
        with self._write() as tx:
            store.set_shadow(
                tx, name, found.number, share=buckets, author=author_text(author), comment=comment_text(comment)
            )
        self._announcer.tell(RULES)
        return msgspec.structs.replace(found, content=None)

    def unshadow_rules(self, name: str, *, author: str | None = None, comment: str | None = None) -> None:
        """Have no version decide as well in executions that begin from now on. Raises RuleNotFound."""
        with self._write() as tx:
            store.set_shadow(tx, name, None, author=author_text(author), comment=comment_text(comment))
        self._announcer.tell(RULES)

    def shadowed_rules(
        self,
        name: str,
        version: int | str | None = None,
        *,
        since: datetime | None = None,
        flow: str | None = None,
        limit: int = MOST_DECISIONS,
        keep: int = KEPT,
        looked: Looked | None = None,
    ) -> Tried:
        """Say how a shadow decided beside what counted: the version that was made one last, if none is named.

        Up to ``limit`` decisions with that shadow are read. Raises RuleNotFound; see :meth:`back_test_rules`.
        """
        from engine.client.rules.records import shadow_compared

        if version is None:
            with self._access.read() as tx:
                shadows = store.read_shelf(tx, name).shadows
            version = next((one.number for one in reversed(shadows) if one.number is not None), None)
            if version is None:
                raise RuleNotFound(f"no version of the rules {name!r} was ever a shadow: `engine rules shadow {name}`")
        number = self.rule_version(name, version).number

        def beside(recorded: Recorded) -> Comparison | None:
            return shadow_compared(recorded, number)

        decisions = self._decisions(Filter(flow=flow, since=since), looked)
        return _tried(name, number, beside, decisions, limit, keep)

    def _decisions(self, wanted: Filter, looked: Looked | None, most: int | None = None) -> Iterator[RecordedDecision]:
        """Yield recorded decisions of all rules, of the newest executions first, and of so many of them at ``most``.

        Each part is read in a short transaction.
        """
        after: str | None = None
        executions = decisions = 0
        while page := self.find(wanted, limit=EXECUTIONS, after=after):
            ids, before = [one.id for one in page], None
            while True:
                with self._access.read() as tx:
                    part = read_decisions(tx, ids, DECISIONS, before)
                yield from part
                decisions += len(part)
                if len(part) < DECISIONS:
                    break
                before = part[-1].execution_id, part[-1].seq
            executions += len(page)
            if looked is not None:
                looked(executions, decisions)
            if len(page) < EXECUTIONS or (most is not None and executions >= most):
                return
            after = ids[-1]


def _again(prepared: Prepared) -> Callable[[Recorded], Comparison]:
    """Return what compares a decision with what a model comes to."""
    from engine.rules.backtest import back_test, by_model

    decide = by_model(prepared)
    return lambda recorded: next(back_test(decide, [recorded.record]))


def _tried(
    name: str, number: int | None, compared: Callable[[Recorded], Comparison | None],
    decisions: Iterable[RecordedDecision], limit: int, keep: int,
) -> Tried:  # fmt: skip
    """Compare the decisions of one name, up to the limit."""
    from engine.client.rules.records import read_recorded
    from engine.rules.backtest import Tally

    tally, unreadable = Tally(whole_number("keep", keep)), 0
    whole_number("limit", limit)
    for one in decisions:
        try:
            recorded = read_recorded(f"{one.execution_id} {one.seq}", one.input, one.output)
            found = compared(recorded) if recorded.answer.rule == name else None
        except MilepostError:
            unreadable += 1
            continue
        if found is None:
            continue
        if tally.total == limit:
            return Tried(name, number, tally, unreadable, False)
        tally.add(found)
    return Tried(name, number, tally, unreadable, True)
