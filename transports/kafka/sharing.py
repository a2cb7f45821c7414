"""Receiving as members of a share group (KIP-932): the broker hands each record to one member, and locks it meanwhile.

The library polls again only once everything of the poll before is settled. So each member, a client with a thread of
its own, holds what one poll has brought, and while somebody asks for more than that, another member joins. One polls at
a time, as a poll that was begun goes on in the background until it brings something.

* A member joins when somebody asks for a message, and leaves when nobody has for ``idle_seconds`` and nothing is held.
* What was fetched and nobody has asked for in that time goes back to the group.
* What is not acknowledged in ``hold_seconds`` goes back, and acknowledging it then does nothing.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from transports.errors import Refused, TransportError
from transports.kafka.acquired import Acquired, Batch, Place, Token
from transports.kafka.library import KafkaException
from transports.kafka.member import open_sharer
from transports.kafka.records import read_record
from transports.kafka.troubles import AWAY, LET_GO, UNKNOWN_TOPIC, Health, code_of, kafka_error
from transports.pacing import Pacing

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

    from transports.kafka.inbox import Inbox
    from transports.kafka.producing import Sender
    from transports.kafka.settings import Settings
    from transports.kafka.topics import Topics
    from transports.protocol import Delivery

_POLL_SECONDS = 0.1
_LOOK_SECONDS = 0.25
_PAUSE_SECONDS = 0.2
_LINGER_SECONDS = 1.0
"""How long a member with nothing to do stays while another polls."""
_GROW_AFTER_SECONDS = 0.25
"""How long to wait for acknowledgements before another member joins."""
_MOST_MEMBERS = 8
_ACCEPT = 1
_RELEASE = 2
"""What the protocol calls by these numbers: a record is done with, or is to be delivered again."""


class ShareReceiver:
    """Members of a share group, as many as it takes to hold what was received and not acknowledged."""

    def __init__(self, settings: Settings, topics: Topics, sender: Sender, inbox: Inbox, rng: random.Random) -> None:
        self._settings = settings
        self._topics = topics
        self._sender = sender
        self._inbox = inbox
        self._changed = inbox.changed
        self._health = Health(settings.shown)
        self._pacing = Pacing(rng, longest_seconds=2.0)
        self._choice: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._generation = 0
        """Grows with each choice of queues: members of one before fetch no more."""
        self._members: set[threading.Thread] = set()
        self._seeking = 0
        """How many members have nothing in hand."""
        self._polling = False
        self._batches: list[Batch] = []
        self._fetched_at = float("-inf")
        self._problem: TransportError | None = None
        self._stop = threading.Event()

    # -- for the receiving thread, and who acknowledges --------------------------------------------------------------

    def consume(self, queues: Sequence[str], identities: Sequence[str]) -> None:
        """Receive from these queues from now on. ``identities`` are those of their topics. Raises TransportError."""
        choice = dict(zip(queues, identities, strict=True))
        if choice == self._choice:
            return
        if choice:
            self._topics.begin_group()
        with self._changed:
            self._choice = choice
            self._names = {self._topics.of(queue): queue for queue in queues}
            self._generation += 1
            self._seeking = 0
            self._polling = False
            self._batches = []
            self._problem = None
            self._inbox.ask()
            self._grow()

    def take(self, limit: int) -> list[Delivery]:
        """Hand out what was fetched."""
        taken: list[Delivery] = []
        for batch in self._batches:
            taken += batch.hand_out(limit - len(taken))
        if not taken:
            self._grow()
        return taken

    def _grow(self) -> None:
        """Have another member join, unless one is there that can fetch, or soon will be; held."""
        waits = time.monotonic() - self._fetched_at < _GROW_AFTER_SECONDS and bool(self._batches)
        if not self._choice or self._seeking or waits or len(self._members) >= _MOST_MEMBERS:
            return
        arguments = (dict(self._names), self._generation)
        member = threading.Thread(target=self._run, args=arguments, name="milepost-kafka-share", daemon=True)
        self._members.add(member)
        self._seeking += 1
        member.start()

    def acknowledge(self, tokens: Iterable[object]) -> None:
        """Settle deliveries. Raises Unavailable if the broker cannot be told; then they may come again."""
        with self._changed:
            touched = {token.batch for token in tokens if isinstance(token, Token) and token.batch.settle(token.place)}
            versions = {batch: batch.version for batch in touched}
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: all(batch.told_version >= version or batch.gone for batch, version in versions.items()),
                self._settings.timeout + _LOOK_SECONDS,
            )
            error = next((batch.error for batch in touched if batch.error is not None), None)
        if error is not None:
            raise error

    def problem(self) -> TransportError | None:
        """Return, once, what is wrong for good."""
        problem, self._problem = self._problem, None
        return problem

    def lost(self) -> TransportError | None:
        """Return why the broker cannot be reached, if so."""
        return self._health.problem() if self._choice and self._health.lost else None

    def close(self) -> None:
        """Leave the group. What is held goes to others."""
        self._stop.set()
        with self._changed:
            members = list(self._members)
        for member in members:
            member.join()

    # -- a member's thread -------------------------------------------------------------------------------------------

    def _run(self, names: dict[str, str], generation: int) -> None:
        try:
            self._be_member(names, generation)
        except TransportError as error:
            self._fail(error)
        except KafkaException as error:
            self._fail(self._trouble(error, names))
        except Exception as error:  # noqa: BLE001 - a defect; the receiving thread must hear of it
            self._fail(Refused(f"receiving from {self._settings.shown} failed: {error!r}"))
        with self._changed:
            self._members.discard(threading.current_thread())
            self._changed.notify_all()

    def _be_member(self, names: dict[str, str], generation: int) -> None:
        consumer: Any = None
        seeking = True
        try:
            consumer = open_sharer(self._settings, self._health)
            consumer.subscribe(list(names))
            while (batch := self._fetch(consumer, names, generation)) is not None:
                seeking = False
                if not self._hold(consumer, batch, generation):
                    return
                with self._changed:
                    self._seek(generation, +1)
                seeking = True
        except (TransportError, KafkaException):
            # Whoever asks again does so at once, and another member tries.
            self._stop.wait(_PAUSE_SECONDS)
            raise
        finally:
            if seeking:
                with self._changed:
                    self._seek(generation, -1)
            if consumer is not None:
                # What is not settled is the group's again.
                consumer.close()

    def _seek(self, generation: int, change: int) -> None:
        if generation == self._generation:
            self._seeking += change
            self._changed.notify_all()

    def _fetch(self, consumer: Any, names: dict[str, str], generation: int) -> Batch | None:
        """Poll until something comes; return None if there is no use in that any more."""
        if not self._take_turn(generation):
            return None
        batch: Batch | None = None
        try:
            while batch is None and self._is_wanted(generation):
                batch = self._poll(consumer, names)
        finally:
            with self._changed:
                if generation == self._generation:
                    self._polling = False
                    if batch is not None:
                        self._batches.append(batch)
                        self._fetched_at = time.monotonic()
                        self._seeking -= 1
                self._changed.notify_all()
        return batch

    def _take_turn(self, generation: int) -> bool:
        with self._changed:
            self._changed.wait_for(
                lambda: not self._polling or self._inbox.closed or generation != self._generation, _LINGER_SECONDS
            )
            if self._polling or not self._is_wanted(generation):
                return False
            self._polling = True
            return True

    def _is_wanted(self, generation: int) -> bool:
        with self._changed:
            if self._inbox.closed or generation != self._generation:
                return False
            return self._inbox.idle_seconds() < self._settings.idle

    def _poll(self, consumer: Any, names: dict[str, str]) -> Batch | None:
        found: list[Acquired] = []
        for record in consumer.poll(_POLL_SECONDS):
            if record.error() is not None:
                if (problem := self._trouble(record.error(), names)) is not None:
                    raise problem
                continue
            place = Place(record.topic(), record.partition(), record.offset())
            message = read_record(record, names[place.topic]).message
            found.append(Acquired(place, message, (record.delivery_count() or 1) > 1))
        if found:
            self._health.well()
            return Batch(found)
        self._probe(next(iter(names)))
        return None

    def _probe(self, topic: str) -> None:
        """Find out whether a broker that seemed lost is there after all: this client has no means to ask."""
        if not self._health.lost or self._pacing.remaining_seconds() > 0:
            return
        try:
            self._sender.ping(topic)
        except TransportError:
            self._pacing.failed()
        else:
            self._health.well()
            self._pacing.succeeded()

    # -- while records are locked ------------------------------------------------------------------------------------

    def _hold(self, consumer: Any, batch: Batch, generation: int) -> bool:
        """Tell the broker what is acknowledged, until that is everything; tell whether this member stays."""
        stays = True
        while stays:
            with self._changed:
                self._changed.wait_for(lambda: batch.is_due or self._is_over(batch), _LOOK_SECONDS)
                over = self._is_over(batch)
                # The second half of the time is for acknowledging.
                wanted = self._is_wanted(generation) and time.monotonic() - batch.since < self._settings.hold / 2
                version, accepted = batch.version, batch.take_settled()
                stays = not over and (wanted or bool(batch.held))
                # Leaving gives back everything.
                released = batch.take_waiting() if stays and not wanted else []
                if not stays:
                    self._put_away(batch)
            stays = self._tell(consumer, batch, version, accepted, released) and stays
            with self._changed:
                if batch.is_done:
                    break
        with self._changed:
            self._put_away(batch)
            batch.gone = True
            self._changed.notify_all()
        return stays

    def _is_over(self, batch: Batch) -> bool:
        return self._inbox.closed or time.monotonic() - batch.since > self._settings.hold

    def _put_away(self, batch: Batch) -> None:
        """Hand out nothing more of it; held."""
        if batch in self._batches:
            self._batches.remove(batch)

    def _tell(
        self, consumer: Any, batch: Batch, version: int, accepted: Sequence[Place], released: Sequence[Place]
    ) -> bool:
        """Tell the broker what became of records; tell whether the others are still locked for this member."""
        error: Any = None
        if accepted or released:
            error = self._try_commit(consumer, accepted, released)
        with self._changed:
            if error is not None and code_of(error) not in LET_GO:
                batch.error = self._health.problem(error)
            elif error is None and accepted:
                self._health.well()
            batch.gone = batch.gone or error is not None
            batch.told_version = version
            self._changed.notify_all()
        return error is None

    def _try_commit(self, consumer: Any, accepted: Sequence[Place], released: Sequence[Place]) -> Any:
        try:
            for place in accepted:
                _mark(consumer, place, _ACCEPT)
            for place in released:
                _mark(consumer, place, _RELEASE)
            answers: dict[Any, Any] = consumer.commit_sync(self._settings.timeout)
        except KafkaException as error:
            return error
        return next((error for error in answers.values() if error is not None), None)

    # -- what goes wrong ---------------------------------------------------------------------------------------------

    def _trouble(self, error: Any, names: dict[str, str]) -> TransportError | None:
        """Return what is wrong for good, if that is so."""
        code = code_of(error)
        if code in AWAY:
            self._health.note(kafka_error(error))
        elif code in UNKNOWN_TOPIC or not (code in LET_GO or getattr(kafka_error(error), "retriable", bool)()):
            return self._health.problem(error, ", ".join(names.values()))
        return None

    def _fail(self, error: TransportError | None) -> None:
        if isinstance(error, Refused):
            with self._changed:
                self._problem = error
                self._changed.notify_all()


def _mark(consumer: Any, place: Place, what: int) -> None:
    # The library's error for a record that is not this consumer's any more: the broker has taken it back.
    with contextlib.suppress(RuntimeError):
        consumer.acknowledge_offset(*place, what)
