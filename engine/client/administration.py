"""Looking at executions and steering them, one or many."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from sqlalchemy import select

from engine.client.access import Access
from engine.client.advice import why_not_retried
from engine.client.checks import is_beginning, queue_name, reason_text, step_number, whole_id, whole_number, word
from engine.client.filters import Filter
from engine.codec import check_size, encode_payload
from engine.errors import ArgumentsError, ExecutionFinished, ExecutionNotFound, NothingToRetry
from engine.model.durations import parse_duration
from engine.model.ids import ID_LENGTH
from engine.model.states import UNFINISHED, ExecutionState
from engine.model.topics import QUEUES
from engine.store import query
from engine.store.cancels import cancel
from engine.store.holds import pause, resume
from engine.store.pauses import pause_queue, recall, resume_queue
from engine.store.prune import prune
from engine.store.rerun import rerun
from engine.store.retries import retry_step
from engine.store.schema import executions
from engine.store.signals import send_signal

if TYPE_CHECKING:
    from engine.client.announcer import Announcer
    from engine.model.views import ExecutionView, QueueView, StepView, WorkerView
    from engine.store.database import Database, Transaction
    from engine.store.pauses import Place

PAGE: Final = 100
SHORTEST_PREFIX: Final = 6
MOST_LISTED: Final = 10
PRUNE_BATCH: Final = 200

Told = Callable[[int], None]


class Administration:
    """What a client can do besides starting flows. All ids are whole; :meth:`find_id` completes a beginning of one."""

    def __init__(self, database: Database, limit_bytes: int, announcer: Announcer) -> None:
        self.database = database
        self._access = Access(database)
        self._limit_bytes = limit_bytes
        self._announcer = announcer

    def _write(self) -> AbstractContextManager[Transaction]:
        # A broker's URL that cannot be used is found out before something is written that it is to carry.
        self._announcer.check()
        return self._access.write()

    # -- looking -----------------------------------------------------------------------------------------------------

    def now_us(self) -> int:
        """Return the database's time, in microseconds since 1970."""
        with self._access.read() as tx:
            return tx.now_us

    def get(self, execution_id: str) -> ExecutionView:
        """Return an execution. Raises ExecutionNotFound."""
        with self._access.read() as tx:
            return query.get_execution(tx, whole_id(execution_id))

    def history(
        self, execution_id: str, *, after: int | None = None, limit: int | None = None, values: bool = True
    ) -> Sequence[StepView]:
        """Return the steps of an execution in the order it issued them. Raises ExecutionNotFound.

        A long history can be read in parts: ``after`` is the last ``seq`` of the part before. ``values`` False leaves
        out what steps were given and gave, which may be large.
        """
        if limit is not None:
            whole_number("limit", limit)
        if after is not None:
            step_number("after", after)
        with self._access.read() as tx:
            return query.get_history(tx, whole_id(execution_id), after_seq=after, limit=limit, values=values)

    def find(self, wanted: Filter | None = None, *, limit: int = PAGE, after: str | None = None) -> list[ExecutionView]:
        """Return a page of executions, the newest first; ``after`` is the last id of the page before.

        New executions do not shift the pages. A page has 1000 at most; see :meth:`find_all` for more.
        """
        whole_number("limit", limit)
        if after is not None:
            whole_id(after)
        conditions = (wanted or Filter()).conditions()
        with self._access.read() as tx:
            return query.find_executions(tx, limit=limit, after_id=after, **conditions)

    def find_all(self, wanted: Filter | None = None, *, limit: int) -> Generator[ExecutionView]:
        """Return up to ``limit`` executions, the newest first, read page by page."""
        after: str | None = None
        while limit > 0:
            page = self.find(wanted, limit=min(limit, PAGE), after=after)
            yield from page
            if len(page) < min(limit, PAGE):
                return
            limit -= len(page)
            after = page[-1].id

    def count(self, wanted: Filter | None = None) -> dict[str, int]:
        """Return how many executions there are in each state that any is in; it reads every one of them."""
        conditions = (wanted or Filter()).conditions()
        with self._access.read() as tx:
            return query.count_executions(tx, **conditions)

    def find_id(self, beginning: str) -> str:
        """Return the id that begins like this; at least 6 characters are needed.

        Raises ExecutionNotFound when there is none, or when several begin so, which it lists.
        """
        text = beginning.strip().lower()
        if not is_beginning(text, SHORTEST_PREFIX):
            raise ExecutionNotFound(
                f"{beginning!r} is no id of an execution: give all {ID_LENGTH} characters, or at least the first "
                f"{SHORTEST_PREFIX}"
            )
        search = select(executions.c.id).where(executions.c.id >= text, executions.c.id < text + "~")
        with self._access.read() as tx:
            found = list(tx.connection.execute(search.order_by(executions.c.id).limit(MOST_LISTED + 1)).scalars())
        if not found:
            raise ExecutionNotFound(f"there is no execution {beginning}; `engine list` shows those there are")
        if len(found) > 1:
            more = " and more" if len(found) > MOST_LISTED else ""
            raise ExecutionNotFound(
                f"several executions begin with {beginning}: {', '.join(found[:MOST_LISTED])}{more}; give more of it"
            )
        return found[0]

    def queues(self) -> list[QueueView]:
        """Return what is on every queue that holds work or is paused."""
        with self._access.read() as tx:
            return query.queue_depths(tx)

    def workers(self) -> list[WorkerView]:
        """Return the workers."""
        with self._access.read() as tx:
            return query.worker_list(tx)

    # -- steering ----------------------------------------------------------------------------------------------------

    def signal(self, execution_id: str, name: str, payload: Any = None, *, key: str | None = None) -> bool:
        """Send a signal; whoever waits for it, now or later, gets the payload. True if it was delivered.

        ``key`` makes it safe to send twice: False means that a signal with this key had come before.
        Raises ExecutionFinished, ExecutionNotFound, CodecError, DefinitionError.
        """
        word("the name of a signal", name)
        if key is not None:
            word(f"the key of signal {name!r}", key)
        text = encode_payload(payload)
        check_size(text, self._limit_bytes, f"the payload of signal {name!r}")
        with self._write() as tx:
            sent = send_signal(tx, whole_id(execution_id), name, text, key, self._announcer.resend_us)
        self._announcer.announce(sent.offered)
        return sent.delivered

    def cancel(self, execution_id: str) -> None:
        """Ask an execution to end; it may run its compensations first. Raises ExecutionFinished, ExecutionNotFound."""
        with self._write() as tx:
            offered = cancel(tx, whole_id(execution_id), self._announcer.resend_us)
        self._announcer.announce(offered)

    def pause(self, execution_id: str) -> None:
        """Start nothing more of an execution until it is resumed; steps that run go on to their end."""
        with self._write() as tx:
            pause(tx, whole_id(execution_id))

    def resume(self, execution_id: str) -> None:
        """Let a paused or parked execution go on."""
        with self._write() as tx:
            offered = resume(tx, whole_id(execution_id), self._announcer.resend_us)
        self._announcer.announce(offered)

    def retry(self, execution_id: str, seq: int | None = None, values: Any = None) -> None:
        """Give dead letters of an execution their attempts again: all of them, or the step at ``seq``.

        ``values`` replaces the arguments of that step: an object of plain JSON values by parameter name.
        Raises NothingToRetry or ExecutionFinished, which say what can be done instead.
        """
        if seq is not None:
            step_number("seq", seq)
        text: str | None = None
        if values is not None:
            if not isinstance(values, Mapping):
                raise ArgumentsError(f"the arguments of a step are a mapping by name, not {type(values).__name__}")
            text = encode_payload(dict(cast("Mapping[str, Any]", values)))
            check_size(text, self._limit_bytes, "the arguments of a retried step")
        try:
            with self._write() as tx:
                offered = retry_step(tx, whole_id(execution_id), seq, text, self._announcer.resend_us)
        except (ExecutionFinished, NothingToRetry) as error:
            if values is not None and seq is None:
                raise
            found, steps = self.get(execution_id), self.history(execution_id, values=False)
            raise type(error)(why_not_retried(found, steps, seq)) from None
        self._announcer.announce(offered)

    def rerun(self, execution_id: str, from_seq: int = 1) -> str:
        """Start a new execution with the history of another one up to step ``from_seq``; return its id.

        From step 1, it has no history and begins anew. The other one stays as it is.
        """
        step_number("from_seq", from_seq)
        with self._write() as tx:
            begun = rerun(tx, whole_id(execution_id), from_seq, self._announcer.resend_us)
        self._announcer.announce(begun.offered)
        return begun.id

    def pause_queue(self, name: str, reason: str | None = None) -> None:
        """Have no worker take steps from a queue until it is resumed; see :meth:`resume_queue`.

        Steps that run go on to their end and are recorded. Starts, signals and timers are taken in, and wait. Workers
        know within a second. Pausing a paused queue gives it a new reason. Raises DefinitionError for what is no name
        of a queue, and for a reason that is not 1 to 1000 printable characters.
        """
        queue = queue_name("pause_queue", name)
        if reason is not None:
            reason_text(reason)
        with self._write() as tx:
            pause_queue(tx, queue, reason)
        self._announcer.tell(QUEUES)

    def resume_queue(self, name: str) -> bool:
        """Have workers take steps from a queue again; False if it was not paused.

        If this breaks off, call it again: what waits for long to be offered once more is only then offered soon.
        """
        queue = queue_name("resume_queue", name)
        with self._write() as tx:
            resumed = resume_queue(tx, queue)
        self._announcer.tell(QUEUES)
        place: Place | None = None
        while True:
            with self._write() as tx:
                place = recall(tx, queue, place)
            if place is None:
                return resumed

    # -- many at a time ----------------------------------------------------------------------------------------------

    def cancel_many(self, wanted: Filter, *, limit: int = 1000, told: Told | None = None) -> int:
        """Cancel up to ``limit`` executions, the newest first; return how many were.

        Without a state in the filter, all that have not ended are meant. ``told`` hears the count after each one.
        """
        return self._each(self.cancel, wanted, UNFINISHED, limit, told)

    def pause_many(self, wanted: Filter, *, limit: int = 1000, told: Told | None = None) -> int:
        """Pause up to ``limit`` executions; without a state in the filter, those that run. See :meth:`cancel_many`."""
        return self._each(self.pause, wanted, ExecutionState.RUNNING, limit, told)

    def resume_many(self, wanted: Filter, *, limit: int = 1000, told: Told | None = None) -> int:
        """Resume up to ``limit`` executions; without a state in the filter, those that are paused.

        Parked ones must be asked for by their state: each was set aside for a reason. See :meth:`cancel_many`.
        """
        return self._each(self.resume, wanted, ExecutionState.PAUSED, limit, told)

    def retry_many(self, wanted: Filter, *, limit: int = 1000, told: Told | None = None) -> int:
        """Retry the dead letters of up to ``limit`` executions that have any; see :meth:`cancel_many`."""
        wanted = msgspec.structs.replace(wanted, dead_letters=True)
        return self._each(self.retry, wanted, UNFINISHED, limit, told)

    def _each(
        self, act: Callable[[str], object], wanted: Filter, states: Collection[str], limit: int, told: Told | None
    ) -> int:
        wanted = wanted if wanted.state is not None else msgspec.structs.replace(wanted, state=states)
        count = 0
        # All ids first: what is done to an execution may take it out of the filter, and so shift the pages.
        for execution_id in [found.id for found in self.find_all(wanted, limit=limit)]:
            try:
                act(execution_id)
            except (ExecutionFinished, ExecutionNotFound, NothingToRetry):
                continue
            count += 1
            if told is not None:
                told(count)
        return count

    def prune(self, older_than: str | float | timedelta, *, limit: int = 100_000, told: Told | None = None) -> int:
        """Delete executions that finished longer ago than that, up to ``limit``, in small transactions.

        Returns how many were deleted; ``told`` hears the count so far after each transaction.
        """
        before_us = self.now_us() - parse_duration(older_than)
        deleted = 0
        while deleted < limit:
            with self._write() as tx:
                part = prune(tx, before_us, min(PRUNE_BATCH, limit - deleted))
            deleted += part
            if told is not None:
                told(deleted)
            if part < PRUNE_BATCH:
                break
        return deleted
