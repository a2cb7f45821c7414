"""Receiving as a member of a consumer group, which gives each partition to one of its members.

A thread of its own keeps the membership and fetches; ``receive`` hands out what it has fetched. So that no consumer
keeps a partition from others while it has no use for it:

* it joins when somebody first asks for a message, and leaves when nobody has for ``idle_seconds`` and nothing is held;
* while something is held, it passes on what waits in its partitions to those of others, within limits, unless
  the topics are other programs', who would read that twice;
* a delivery that is not acknowledged in ``hold_seconds`` is given up by leaving.

When a partition is to go to another member, what is held of it has ``handover_seconds`` to be acknowledged. After that
the other member delivers it again, and acknowledging it here does nothing.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from transports.errors import Refused, TransportError
from transports.kafka.inbox import Inbox, Probe
from transports.kafka.library import OFFSET_BEGINNING, KafkaException, TopicPartition
from transports.kafka.member import calmly, open_member
from transports.kafka.producing import Outgoing
from transports.kafka.progress import Progress, from_metadata
from transports.kafka.records import headers_of, read_record
from transports.kafka.settling import Settling
from transports.kafka.stash import Fetched, Stash
from transports.kafka.troubles import MAYBE_AWAY, RIGHTS, UNKNOWN_TOPIC, Health, code_of, is_refusal

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterable, Sequence

    from transports.kafka.producing import Sender
    from transports.kafka.settings import Settings
    from transports.kafka.topics import Topics
    from transports.protocol import Delivery

_POLL_SECONDS = 0.05
_BRISK_SECONDS = 0.003
"""How long to poll while an acknowledgement is about to come, which has to wait for so long."""
_BRISK_FOR_SECONDS = 0.25
_JOIN_SECONDS = 3.0
"""How long choosing queues waits for partitions of them."""
_FETCH = 500
_PAUSE_SECONDS = 0.2
_PASS_ON = 100
_MOST_PASSED_ON = 1000
"""How many records one consumer passes on before somebody asks it for a message again."""
_MOST_HOPS = 3


class GroupReceiver:
    """A member of the group, when it has use for messages."""

    def __init__(self, settings: Settings, topics: Topics, sender: Sender, inbox: Inbox, rng: random.Random) -> None:
        self._settings = settings
        self._topics = topics
        self._sender = sender
        self._inbox = inbox
        self._changed = inbox.changed
        self._rng = rng
        self._health = Health(settings.shown)
        self._probe = Probe(self._health, rng)
        self.settling = Settling(settings, self._health, inbox.changed)
        self._choice: dict[str, str] = {}
        self._queues: tuple[str, ...] = ()
        self._joining = False
        self._renewed = False
        """Whether a topic was made anew since this member has joined, so that its places there mean nothing."""
        self._stash = Stash(())
        self._progress: dict[tuple[str, int], Progress] = {}
        self._paused: set[str] = set()
        self._problem: TransportError | None = None
        self._failed: list[KafkaException] = []
        self._passed_on = 0
        self._handed_at = float("-inf")
        self._leaving = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # -- for the receiving thread ------------------------------------------------------------------------------------

    def consume(self, queues: Sequence[str], identities: Sequence[str]) -> None:
        """Receive from these queues from now on. ``identities`` are those of their topics."""
        with self._changed:
            choice = dict(zip(queues, identities, strict=True))
            if choice == self._choice:
                return
            # Of a topic that was removed and made anew nothing is known any more.
            self._renewed = any(self._choice.get(queue, now) != now for queue, now in choice.items())
            self._choice = choice
            self._queues = tuple(queues)
            self._inbox.ask()
            # What was fetched of the queues before is not wanted any more.
            self._stash = Stash(self._queues)
            self._problem = None
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="milepost-kafka-consumer", daemon=True)
                self._thread.start()
            # Whoever shares the queues from now on has a share of them from now on, if partitions are enough for that.
            self._joining = True
            self._changed.wait_for(lambda: self._has_joined() or self._inbox.closed, _JOIN_SECONDS)
            self._joining = False
            self._inbox.ask()

    def _has_joined(self) -> bool:
        served = {each.queue for each in self._progress.values()}
        return served >= set(self._queues) or self._problem is not None or self._health.lost

    def take(self, limit: int) -> list[Delivery]:
        """Hand out what was fetched."""
        taken = self._stash.take(limit)
        if taken:
            self._passed_on = 0
            self._handed_at = time.monotonic()
        return taken

    def acknowledge(self, tokens: Iterable[object]) -> None:
        """Settle deliveries. Raises Unavailable if the broker cannot be told; then they may come again."""
        self.settling.acknowledge(tokens)

    def problem(self) -> TransportError | None:
        """Return, once, what is wrong for good."""
        problem, self._problem = self._problem, None
        return problem

    def lost(self) -> TransportError | None:
        """Return why the broker cannot be reached, if so."""
        return self._health.problem() if self._queues and self._health.lost else None

    # -- the member's thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._inbox.closed and not self._is_wanted():
                    self._changed.wait()
                if self._inbox.closed:
                    return
                queues = self._queues
            try:
                self._be_member(queues)
            except TransportError as error:
                self._fail(error)
                self._stop.wait(_PAUSE_SECONDS)
            except Exception as error:  # noqa: BLE001 - a defect; the receiving thread must hear of it, and waits here
                self._fail(Refused(f"receiving from {self._settings.shown} failed: {error!r}"))
                self._stop.wait(_PAUSE_SECONDS)

    def _is_wanted(self) -> bool:
        return bool(self._queues) and (self._joining or self._inbox.idle_seconds() < self._settings.idle)

    def _be_member(self, queues: tuple[str, ...]) -> None:
        consumer = open_member(self._settings, self._health)
        names = {self._topics.of(queue): queue for queue in queues}
        with self._changed:
            self._leaving = self._renewed = False
            self._stash = Stash(queues)
        self._failed.clear()
        try:
            consumer.subscribe(
                list(names),
                on_assign=calmly(partial(self._assigned, names), self._failed),
                on_revoke=calmly(self._revoked, self._failed),
                on_lost=calmly(self._lost_places, self._failed),
            )
            probed = next(iter(names))
            while self._stays(queues):
                self._fetch(consumer)
                self._commit(consumer)
                self._balance(consumer)
                self._probe.look(consumer, probed)
        except KafkaException as error:
            self._trouble(error)
            self._stop.wait(_PAUSE_SECONDS)
        finally:
            self._leave(consumer)

    def _stays(self, queues: tuple[str, ...]) -> bool:
        with self._changed:
            if self._inbox.closed or self._queues != queues or self._renewed:
                return False
            oldest = min((since for each in self._progress.values() for since in each.held.values()), default=None)
            if oldest is not None and time.monotonic() - oldest > self._settings.hold:
                return False
            return oldest is not None or self._is_wanted()

    def _fetch(self, consumer: Any) -> None:
        # The first by poll, which returns as soon as there is something, as fetching many at once does not.
        first = consumer.poll(self._poll_seconds())
        if self._failed:
            # Of partitions that came nothing is known, and none of them is read: begin again.
            raise self._failed[0]
        if first is None:
            return
        records = [first, *consumer.consume(_FETCH, 0)]
        with self._changed:
            for record in records:
                if record.error() is None:
                    self._keep(record)
            self._changed.notify_all()
        self._health.well()
        for record in records:
            if record.error() is not None:
                self._trouble(record.error())

    def _commit(self, consumer: Any, leaving: Collection[Progress] = ()) -> None:
        if not self.settling.commit(consumer, self._progress.values(), leaving):
            self._renewed = True

    def _poll_seconds(self) -> float:
        with self._changed:
            if self.settling.is_wanted:
                return 0.0 if self.settling.is_due else _BRISK_SECONDS
            return _BRISK_SECONDS if time.monotonic() - self._handed_at < _BRISK_FOR_SECONDS else _POLL_SECONDS

    def _keep(self, record: Any) -> None:
        progress = self._progress.get((record.topic(), record.partition()))
        if progress is None or progress.gone or progress.queue not in self._queues:
            return
        if record.offset() < progress.low:
            progress = self._begin_anew(progress)
        if not progress.is_settled(record.offset()):
            self._stash.add(Fetched(progress, record.offset(), read_record(record, progress.queue)))

    def _begin_anew(self, progress: Progress) -> Progress:
        """Forget how far a partition has come, where the broker begins it anew: its topic was made anew, or it has lost
        what was in it."""
        self._stash.drop({progress})
        progress.gone = True
        fresh = Progress(progress.topic, progress.topic_id, progress.partition, progress.queue, None)
        self._progress[progress.topic, progress.partition] = fresh
        return fresh

    def _trouble(self, error: Any) -> None:
        code = code_of(error)
        if code in UNKNOWN_TOPIC:
            raise self._health.problem(error, ", ".join(self._queues))
        if code in RIGHTS or is_refusal(error):
            self._fail(self._health.problem(error))
        elif code in MAYBE_AWAY:
            self._health.note(getattr(error, "args", [error])[0] if isinstance(error, KafkaException) else error)

    def _fail(self, error: TransportError) -> None:
        if isinstance(error, Refused):
            with self._changed:
                self._problem = error
                self._changed.notify_all()

    # -- partitions come and go --------------------------------------------------------------------------------------

    def _assigned(self, names: dict[str, str], consumer: Any, places: list[Any]) -> None:
        if self._leaving:
            # Nobody answers a client that is closing before this would have taken all its time.
            return
        committed: list[Any] = consumer.committed(places, timeout=self._settings.timeout) if places else []
        start: list[Any] = []
        with self._changed:
            for place in committed:
                queue = names[place.topic]
                topic_id = self._choice.get(queue, "")
                known = from_metadata(topic_id, place.offset, place.metadata) if place.offset >= 0 else None
                progress = Progress(place.topic, topic_id, place.partition, queue, known)
                self._progress[place.topic, place.partition] = progress
                self._changed.notify_all()
                start.append(TopicPartition(place.topic, place.partition, known.offset if known else OFFSET_BEGINNING))
        if self._settings.cooperative:
            consumer.incremental_assign(start)
        else:
            consumer.assign(start)
        paused = [place for place in start if names[place.topic] in self._paused]
        if paused:
            consumer.pause(paused)

    def _revoked(self, consumer: Any, places: list[Any]) -> None:
        with self._changed:
            going = self._going(places)
            self._stash.drop(going)
            # What is held of them may still be acknowledged in time.
            self._changed.wait_for(
                lambda: self._leaving or self._inbox.closed or not any(each.held for each in going),
                self._settings.handover,
            )
        # If that fails, it is delivered again to whoever has the partition next.
        self._commit(consumer, going)
        self._forget(going)
        if self._settings.cooperative:
            consumer.incremental_unassign(places)
        else:
            consumer.unassign()

    def _lost_places(self, consumer: Any, places: list[Any]) -> None:
        self._forget(self._going(places))
        if self._settings.cooperative:
            consumer.incremental_unassign(places)
        else:
            consumer.unassign()

    def _going(self, places: list[Any]) -> set[Progress]:
        found = (self._progress.get((place.topic, place.partition)) for place in places)
        return {each for each in found if each is not None}

    def _forget(self, going: set[Progress]) -> None:
        with self._changed:
            self._stash.drop(going)
            for each in going:
                each.gone = True
                self._progress.pop((each.topic, each.partition), None)
            self._changed.notify_all()

    def _leave(self, consumer: Any) -> None:
        with self._changed:
            self._leaving = True
            self._changed.notify_all()
            going = set(self._progress.values())
            self._stash.drop(going)
        if self._renewed:
            self._forget(going)
        self._commit(consumer, going)
        self._forget(going)
        # This calls _revoked, for partitions that are forgotten already.
        consumer.close()
        self._paused.clear()

    # -- having too much ---------------------------------------------------------------------------------------------

    def _balance(self, consumer: Any) -> None:
        """Fetch no more of a queue of which enough is here, and pass on what others could do meanwhile."""
        with self._changed:
            full = {queue for queue in self._queues if queue not in self._paused and self._stash.is_full(queue)}
            low = {queue for queue in self._paused if self._stash.is_low(queue)}
            pause, resume = self._places_of(full), self._places_of(low)
            idle = self._inbox.idle_seconds() > self._settings.idle
        if pause:
            consumer.pause(pause)
        if resume:
            consumer.resume(resume)
        self._paused = (self._paused | full) - low
        if idle and self._passed_on < _MOST_PASSED_ON and not self._settings.passive:
            self._pass_on(consumer)

    def _places_of(self, queues: Collection[str]) -> list[Any]:
        return [TopicPartition(each.topic, each.partition) for each in self._progress.values() if each.queue in queues]

    def _pass_on(self, consumer: Any) -> None:
        """Send what waits here to partitions of other members, and settle it here."""
        with self._changed:
            waiting = self._stash.take_raw(_PASS_ON)
        going: list[tuple[Fetched, Outgoing]] = []
        staying: list[Fetched] = []
        for fetched in waiting:
            elsewhere = self._elsewhere(fetched.progress.topic)
            if elsewhere and fetched.record.hops < _MOST_HOPS:
                going.append((fetched, self._copy(fetched, self._rng.choice(elsewhere))))
            else:
                staying.append(fetched)
        errors = self._sender.send([outgoing for _, outgoing in going])
        with self._changed:
            staying += [fetched for (fetched, _), error in zip(going, errors, strict=True) if error is not None]
            gone = [fetched for (fetched, _), error in zip(going, errors, strict=True) if error is None]
            self._stash.put_back(sorted(staying, key=lambda each: each.offset))
            for fetched in gone:
                if not fetched.progress.gone:
                    fetched.progress.hand_out(fetched.offset)
                    fetched.progress.settle(fetched.offset)
            self._passed_on += len(gone)
            self.settling.note({fetched.progress for fetched in gone})

    def _elsewhere(self, topic: str) -> list[int]:
        try:
            count = self._sender.partitions(topic)
        except TransportError:
            return []
        return [number for number in range(count) if (topic, number) not in self._progress]

    @staticmethod
    def _copy(fetched: Fetched, partition: int) -> Outgoing:
        message, hops = fetched.record
        key = None if message.key is None else message.key.encode()
        headers = headers_of(message, hops=hops + 1)
        return Outgoing(fetched.progress.topic, message.body, headers, key, message.queue, partition)

    def close(self) -> None:
        """Leave the group. What is held goes to others."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
