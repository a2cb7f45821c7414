"""The rules of a process: a copy of which versions there are, and compiled models by the hash of their content.

An execution decides by the version that was active when it began. So a copy is good for those that began before it was
read; for others it is looked whether anything changed, once for all who ask meanwhile. A version is compiled once, on a
thread of the worker's own as soon as it is active, or else by the step that is the first to need it. Nothing that is
compiled is ever replaced: a version that cannot be compiled here fails its own decisions, and no others.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import msgspec
import structlog

from engine.model.rulebook import LATEST, Answer, shadow_at
from engine.model.topics import RULES
from engine.rulebook.patience import patience
from engine.rulebook.shadows import decide_beside
from engine.rules.errors import ModelError, RuleError, Undecidable
from engine.rules.feel.evaluation import BudgetExceeded
from engine.rules.feel.exchange import NotAValue
from engine.rules.recorded import digest_of, read_value, write_value
from engine.store.generations import settled_generation
from engine.store.rules.versions import read_content, read_shelves

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from engine.model.rulebook import Question, RuleVersion, Shelf
    from engine.rules.prepared import Prepared
    from engine.store.database import Transaction

log = structlog.get_logger(__name__)

KEPT: Final = 256
"""How many compiled versions are kept: those that were used last."""

IDLE_SECONDS: Final = 3600.0
"""How long there is nothing to compile, unless something changes."""


class Transactions(Protocol):
    """Where rules are read: a database, or a client's way to one."""

    def read(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that only reads."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that writes."""
        ...


class _Copy(NamedTuple):
    """What the store had of rules at a time."""

    shelves: Mapping[str, Shelf]
    generation: int
    read_us: int


class _Bound(NamedTuple):
    """The version that decides, and the one beside it whose outcome does not count."""

    version: RuleVersion
    shadow: RuleVersion | None


class _Slot:
    """Where one version is compiled, by the first who needs it."""

    __slots__ = ("lock", "prepared", "problem")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.prepared: Prepared | None = None
        self.problem: str | None = None
        """Why it does not compile: its content never changes, so it never will in this process."""


class Rulebook:
    """Decides by rules in the store. ``decide`` is called on the threads of steps, never on the loop.

    ``changed`` is called when there may be something to :meth:`compile`.
    """

    def __init__(self, store: Transactions, changed: Callable[[], None] | None = None) -> None:
        self._store = store
        self._changed = changed
        self._copy = _Copy({}, -1, -1)
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._looks_begun = 0
        self._looks_ended = 0
        self._slots: OrderedDict[str, _Slot] = OrderedDict()

    def decide(self, question: Question, *, is_fresh: bool = False, with_shadow: bool = True) -> Answer:
        """Decide, and return what is to be recorded; what a shadow decides is part of it.

        ``is_fresh``: the copy was read for this question already, as by whoever looks once for many. ``with_shadow``
        False: nobody would record what a shadow decides. Raises Undecidable for what no attempt can decide, RuleError
        for a version that does not compile here.
        """
        version, shadow = self._bound(question, is_fresh)
        prepared = self._prepared(version)
        try:
            inputs = read_value(question.inputs)
            if not isinstance(inputs, dict):
                raise Undecidable("the inputs of rules are an object by name")
            reached = prepared.decide(question.decision, inputs, question.now_us, patience())
            answer = Answer(
                rule=version.name,
                version=version.number,
                hash=version.hash,
                decision=reached.decision,
                outcome=msgspec.Raw(write_value(reached.outcome)),
                inputs_digest=digest_of(inputs),
                matched=reached.matched,
                problems=reached.problems,
            )
        except (RuleError, BudgetExceeded, NotAValue) as error:
            raise Undecidable(f"version {version.number} of the rules {version.name!r}: {error}") from error
        if with_shadow and shadow is not None and shadow.number != version.number:
            beside = decide_beside(shadow, lambda: self._prepared(shadow), question, inputs, bytes(answer.outcome))
            answer = msgspec.structs.replace(answer, shadow=beside)
        return answer

    # -- which version ------------------------------------------------------------------------------------------------

    def reload(self, tx: Transaction) -> None:
        """Read what there is, unless that is known. In a transaction that writes: what an execution that has begun has
        for active must not change any more, so a look waits for an activation that is about to be committed."""
        # The generation first: what is read after it may be newer, and is then read again.
        generation = settled_generation(tx, RULES)
        known = self._copy
        shelves = known.shelves if generation == known.generation else read_shelves(tx)
        with self._lock:
            if generation < self._copy.generation:
                return
            changed = generation != self._copy.generation
            self._copy = _Copy(shelves, generation, max(tx.now_us, self._copy.read_us))
        if changed and self._changed is not None:
            self._changed()

    def look(self) -> int:
        """Read what changed; return the database's time by then."""
        with self._store.write() as tx:
            self.reload(tx)
            return tx.now_us

    def _bound(self, question: Question, is_fresh: bool) -> _Bound:
        asked_for = question.binding
        copy = self._copy
        moves = asked_for.tag is not None or asked_for.version == LATEST
        found = None
        # What an execution that began before the copy was read has for active cannot change any more.
        if is_fresh or (not moves and (asked_for.version is not None or question.begun_us < copy.read_us)):
            found = _bound(copy, question)
        if found is None and not is_fresh:
            self._look_together()
            found = _bound(self._copy, question)
        if found is None:
            raise Undecidable(_why_none(self._copy.shelves.get(question.rule), question, is_fresh))
        return found

    def _look_together(self) -> None:
        """Read again what changed, by a look that begins from now on: one's own, or that of another who waited too."""
        begun = self._looks_begun
        with self._looking:
            if self._looks_ended > begun:
                return
            self._looks_begun += 1
            self.look()
            self._looks_ended = self._looks_begun

    # -- compiled -----------------------------------------------------------------------------------------------------

    def compile(self) -> float:
        """Compile all that may decide now and is not compiled yet; return when to do it again at the latest."""
        copy = self._copy
        for shelf in copy.shelves.values():
            shadow = shadow_at(shelf.shadows, copy.read_us)
            beside = [] if shadow is None or shadow.number is None else [shadow.number]
            for number in (*shelf.reachable(copy.read_us), *beside):
                self._try(shelf.versions[number])
        return IDLE_SECONDS

    def _try(self, version: RuleVersion) -> None:
        try:
            self._prepared(version)
        except RuleError as error:
            log.error("rules do not compile here", rule=version.name, version=version.number, error=str(error))

    def _prepared(self, version: RuleVersion) -> Prepared:
        with self._lock:
            slot = self._slots.setdefault(version.hash, _Slot())
            self._slots.move_to_end(version.hash)
            if len(self._slots) > KEPT:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.prepared is None:
                slot.prepared = self._compiled(version, slot)
            return slot.prepared

    def _compiled(self, version: RuleVersion, slot: _Slot) -> Prepared:
        if slot.problem is not None:
            raise RuleError(slot.problem)
        what = f"version {version.number} of the rules {version.name!r}"
        with self._store.read() as tx:
            content = read_content(tx, version.name, version.number)
        if hashlib.sha256(content.encode()).hexdigest() != version.hash:
            raise RuleError(f"{what} was changed in the database: its content is not that of its hash any more")
        # The compiler is a third of what there is to import in a worker: only who has rules to compile needs it.
        from engine.rules.prepared import Prepared

        try:
            return Prepared.from_text(content)
        except ModelError as error:
            slot.problem = f"{what} cannot be used by this release of the engine: {error}"
            raise RuleError(slot.problem) from error


def _bound(copy: _Copy, question: Question) -> _Bound | None:
    shelf = copy.shelves.get(question.rule)
    version = None if shelf is None else shelf.bound(question.binding, question.begun_us, question.bucket)
    if shelf is None or version is None:
        return None
    return _Bound(version, shelf.shadow(question.binding, question.begun_us, question.bucket))


def _why_none(shelf: Shelf | None, question: Question, is_fresh: bool) -> str:
    rule, binding = question.rule, question.binding
    if shelf is None:
        return f"there are no rules {rule!r}: import them with `engine rules import`"
    if binding.version is not None:
        return f"there is no version {binding.version} of the rules {rule!r}"
    if binding.tag is not None:
        return f"no version of the rules {rule!r} has the tag {binding.tag!r}"
    if is_fresh:
        return f"no version of the rules {rule!r} is active: activate one with `engine rules activate`"
    date = "" if binding.as_of_us is None else ", for the date that it asks for,"
    return (
        f"no version of the rules {rule!r} was active{date} when the execution began: activate one with `engine rules "
        f"activate`, and start another execution"
    )
