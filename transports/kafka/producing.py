"""The sender's side: records with their delivery reports, and what topics there are.

The library's producer may be used by any thread (https://docs.confluent.io/platform/current/clients/librdkafka); one
thread of its own serves the reports.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from transports.errors import NotConfirmed, Refused, TransportError, Unavailable
from transports.kafka.library import KafkaException, Producer
from transports.kafka.settings import BATCH_OVERHEAD, SHARE_RECORDS
from transports.kafka.troubles import AWAY, TIMED_OUT, UNKNOWN_TOPIC, Health, code_of, kafka_error, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transports.kafka.settings import Settings

_POLL_SECONDS = 0.25
_ANSWER_SECONDS = 1.0
"""How long after its own timeout the library may take to say so."""
_SLICE_SECONDS = 0.5
_ANY_PARTITION = -1


class Outgoing(NamedTuple):
    """A record to send. ``queue`` is for messages about it."""

    topic: str
    body: bytes
    headers: list[tuple[str, bytes]]
    key: bytes | None
    queue: str
    partition: int = _ANY_PARTITION


class _Reports:
    """What became of the records of one batch."""

    def __init__(self, count: int) -> None:
        self.errors: list[Any] = [None] * count
        self._waiting = set(range(count))
        self._changed = threading.Condition()

    def reporter(self, index: int) -> Any:
        def report(error: Any, _record: Any) -> None:
            self.done(index, error)

        return report

    def done(self, index: int, error: Any) -> None:
        with self._changed:
            self.errors[index] = error
            self._waiting.discard(index)
            if not self._waiting:
                self._changed.notify_all()

    def wait(self, timeout: float) -> set[int]:
        """Wait for all of them; return those that nothing was heard of."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, timeout)
            return set(self._waiting)


class Sender:
    """Sends records, and knows topics. Safe to use from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timeout = settings.timeout
        self.health = Health(settings.shown)
        self._lock = threading.Lock()
        self._producer: Any = None
        self._poller: threading.Thread | None = None
        self._closed = threading.Event()
        self._topics: dict[str, int] = {}

    # -- topics ------------------------------------------------------------------------------------------------------

    def partitions(self, topic: str, *, fresh: bool = False) -> int:
        """Return how many partitions a topic has, 0 if there is no such topic. Raises TransportError."""
        if fresh or topic not in self._topics:
            found = self._look_up(topic, self._timeout)
            if found == 0:
                self._topics.pop(topic, None)
                return 0
            self._topics[topic] = found
        return self._topics[topic]

    def _look_up(self, topic: str, timeout: float) -> int:
        producer = self._client()
        described = self._describe(producer, topic, timeout)
        self.health.well()
        if described.error is not None:
            if code_of(described.error) in UNKNOWN_TOPIC:
                return 0
            if code_of(described.error) not in AWAY:
                raise self.health.problem(described.error, topic)
        # A partition without a leader cannot be used yet.
        if any(partition.leader < 0 for partition in described.partitions.values()):
            return 0
        return len(described.partitions)

    def _describe(self, producer: Any, topic: str, timeout: float) -> Any:
        """Ask in slices, as error events meanwhile may say that there is no use in asking on."""
        deadline = time.monotonic() + timeout
        while True:
            remaining = max(deadline - time.monotonic(), 0.01)
            try:
                return producer.list_topics(topic, timeout=min(remaining, _SLICE_SECONDS)).topics[topic]
            except KafkaException as error:
                problem = self.health.problem(error)
                if isinstance(problem, Refused) or time.monotonic() >= deadline or self._closed.is_set():
                    raise problem from error

    def forget(self, topic: str) -> None:
        """Look this topic up again before it is used."""
        self._topics.pop(topic, None)

    def ping(self, topic: str) -> None:
        """Ask for a sign of life: whatever the broker says of this topic. Raises TransportError."""
        self._describe(self._client(), topic, self._timeout)
        self.health.well()

    # -- records -----------------------------------------------------------------------------------------------------

    def send(self, records: Sequence[Outgoing]) -> list[TransportError | None]:
        """Send records and wait for what the broker says; return an error for each that it did not confirm.

        Raises Unavailable if nothing was sent, because the broker is known to be away.
        """
        if not records:
            return []
        if self.health.lost:
            self._look_up(records[0].topic, self._timeout / 2)
        producer = self._client()
        reports = _Reports(len(records))
        deadline = time.monotonic() + self._timeout + _ANSWER_SECONDS
        for index, record in enumerate(records):
            self._produce(producer, record, reports, index, deadline)
        silent = reports.wait(max(deadline - time.monotonic(), 0))
        return [
            NotConfirmed() if index in silent else self._error(reports.errors[index], records[index])
            for index in range(len(records))
        ]

    def _produce(self, producer: Any, record: Outgoing, reports: _Reports, index: int, deadline: float) -> None:
        while True:
            try:
                producer.produce(
                    record.topic,
                    value=record.body,
                    key=record.key,
                    headers=record.headers,
                    partition=record.partition,
                    on_delivery=reports.reporter(index),
                )
            except BufferError as error:
                # The library's own queue is full; reports make room in it.
                if time.monotonic() > deadline:
                    reports.done(index, error)
                    return
                self._closed.wait(0.005)
            except KafkaException as error:
                reports.done(index, error)
                return
            else:
                return

    def _error(self, error: Any, record: Outgoing) -> TransportError | None:
        if error is None:
            self.health.well()
            return None
        if isinstance(error, BufferError):
            return Unavailable(f"too much waits to be sent to {self._settings.shown}: {error}")
        code = code_of(error)
        if code in UNKNOWN_TOPIC:
            self.forget(record.topic)
        if code in TIMED_OUT:
            problem = self.health.problem(error, record.queue)
            if isinstance(problem, Refused):
                return problem
            return NotConfirmed(
                f"{self._settings.shown} has not confirmed a message to {record.queue!r} in {self._timeout:g} s, and "
                f"may have taken it; send it again: {words_of(error)}"
            )
        return self.health.problem(error, record.queue)

    # -- the client --------------------------------------------------------------------------------------------------

    def _client(self) -> Any:
        with self._lock:
            if self._producer is None or self.health.fatal:
                # A producer with a fatal error takes nothing any more; the next one starts afresh.
                self.health.fatal = False
                self._producer = self._open()
                if self._poller is None:
                    self._poller = threading.Thread(target=self._poll, name="milepost-kafka-producer", daemon=True)
                    self._poller.start()
            return self._producer

    def _open(self) -> Any:
        limit = self._settings.max_message_bytes + BATCH_OVERHEAD
        try:
            return Producer(
                {
                    **self._settings.client,
                    "error_cb": self.health.note,
                    "enable.idempotence": True,
                    "message.timeout.ms": int(self._timeout * 1000),
                    "request.timeout.ms": max(int(self._timeout * 1000), 1000),
                    "message.max.bytes": max(limit, 1000),
                    "linger.ms": 1,
                    # Java's way to choose by key, and any partition for what has none.
                    "partitioner": "murmur2_random",
                    "sticky.partitioning.linger.ms": 0,
                    "topic.metadata.propagation.max.ms": 500,
                    "retry.backoff.ms": 50,
                    "retry.backoff.max.ms": 500,
                    # A member of a share group gets what was sent together whole, however little it asks for.
                    **({"batch.num.messages": SHARE_RECORDS} if self._settings.shares else {}),
                }
            )
        except (KafkaException, ValueError) as error:
            raise Refused(f"a client for {self._settings.shown} cannot be set up: {words_of(error)}") from error

    def _poll(self) -> None:
        while not self._closed.is_set():
            try:
                self._producer.poll(_POLL_SECONDS)
            except KafkaException as error:
                # A fatal error is raised here again and again, until somebody has use for a new producer.
                self.health.note(kafka_error(error))
                self._closed.wait(_POLL_SECONDS)

    def close(self) -> None:
        """Let go of the broker. What still waits to be sent was not confirmed to anybody."""
        self._closed.set()
        with self._lock:
            producer, poller = self._producer, self._poller
        if producer is not None:
            # One with a fatal error answers with that again.
            with contextlib.suppress(KafkaException):
                producer.purge()
            if poller is not None:
                poller.join()
            with contextlib.suppress(KafkaException):
                producer.flush(0)
            # Its connections end with the last reference to it.
            self._producer = None
