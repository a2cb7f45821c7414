"""Broadcasts: a topic of one partition, which every subscriber reads from its end, without a group."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from transports.errors import Refused, TransportError
from transports.kafka.inbox import Inbox, Probe
from transports.kafka.library import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from transports.kafka.records import read_record
from transports.kafka.settings import BATCH_OVERHEAD
from transports.kafka.troubles import UNKNOWN_TOPIC, Health, code_of, words_of

if TYPE_CHECKING:
    import random

    from transports.kafka.settings import Settings
    from transports.kafka.topics import Topics
    from transports.protocol import Delivery

_POLL_SECONDS = 0.1
_PAUSE_SECONDS = 0.1


class Listener:
    """A subscriber. Its client belongs to its thread from when it has subscribed."""

    def __init__(self, settings: Settings, topics: Topics, inbox: Inbox, rng: random.Random) -> None:
        self._settings = settings
        self._topics = topics
        self._inbox = inbox
        self._health = Health(settings.shown)
        self._probe = Probe(self._health, rng)
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def subscribe(self) -> None:
        """Hear broadcasts from now on. Raises TransportError."""
        if self._thread is not None:
            return
        self._topics.declare_broadcasts()
        consumer = self._open()
        try:
            place = TopicPartition(self._topics.broadcasts, 0)
            _, end = consumer.get_watermark_offsets(place, timeout=self._settings.timeout)
            consumer.assign([TopicPartition(place.topic, 0, end)])
        except KafkaException as error:
            consumer.close()
            raise self._health.problem(error) from error
        self._thread = threading.Thread(
            target=self._listen, args=(consumer,), name="milepost-kafka-broadcasts", daemon=True
        )
        self._thread.start()

    def _open(self) -> Any:
        try:
            return Consumer(
                {
                    **self._settings.client,
                    "error_cb": self._health.note,
                    # Never joined: the partition is assigned by hand, and nothing is committed.
                    "group.id": self._settings.group,
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "auto.offset.reset": "earliest",
                    "fetch.wait.max.ms": 500,
                    "fetch.error.backoff.ms": 100,
                    "fetch.message.max.bytes": self._settings.max_message_bytes + BATCH_OVERHEAD,
                    "topic.metadata.refresh.interval.ms": 30_000,
                }
            )
        except (KafkaException, ValueError) as error:
            raise Refused(f"a client for {self._settings.shown} cannot be set up: {words_of(error)}") from error

    def _listen(self, consumer: Any) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._turn(consumer)
                except (KafkaException, TransportError):
                    self._stop.wait(_PAUSE_SECONDS)
        finally:
            consumer.close()

    def _turn(self, consumer: Any) -> None:
        record = consumer.poll(_POLL_SECONDS)
        if record is None:
            if self._health.lost:
                with self._inbox.changed:
                    self._inbox.changed.notify_all()
                self._probe.look(consumer, self._topics.broadcasts)
        elif record.error() is None:
            self._health.well()
            self._inbox.hear(read_record(record, self._topics.broadcasts).message)
        elif code_of(record.error()) in UNKNOWN_TOPIC:
            # The topic was removed: the next one is read from its beginning.
            self._topics.declare_broadcasts()
            consumer.assign([TopicPartition(self._topics.broadcasts, 0, OFFSET_BEGINNING)])
        else:
            self._health.note(record.error())

    # -- as a source -------------------------------------------------------------------------------------------------

    def take(self, limit: int) -> list[Delivery]:
        """Return nothing: broadcasts are no deliveries."""
        return []

    def problem(self) -> TransportError | None:
        """Return nothing: what is wrong for good was said when subscribing."""
        return None

    def lost(self) -> TransportError | None:
        """Return why the broker cannot be reached, if so."""
        return self._health.problem() if self._thread is not None and self._health.lost else None

    def close(self) -> None:
        """Hear no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
