"""Making topics, looking at their kind, and counting what waits in them."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import TimeoutError as TookTooLong
from typing import TYPE_CHECKING, Any

from transports.errors import Refused, TransportError, Unavailable, UnknownQueue
from transports.kafka.library import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConsumerGroupTopicPartitions,
    KafkaException,
    NewTopic,
    OffsetSpec,
    ResourceType,
    TopicCollection,
    TopicPartition,
)
from transports.kafka.names import BROADCASTS, foreign_topic, topic_of
from transports.kafka.progress import from_metadata
from transports.kafka.settings import BATCH_OVERHEAD
from transports.kafka.troubles import EXISTS, RIGHTS, UNKNOWN_TOPIC, Health, code_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from transports.kafka.producing import Sender
    from transports.kafka.settings import Settings

_log = logging.getLogger(__name__)
_APPEAR_SECONDS = 0.02
"""How often to look whether a topic that was made is there for everybody."""


class Topics:
    """The topics of queues and of broadcasts. Safe to use from any thread."""

    def __init__(self, settings: Settings, sender: Sender) -> None:
        self._settings = settings
        self._sender = sender
        self._health = Health(settings.shown)
        self._lock = threading.Lock()
        self._admin: Any = None
        self._of_kind: set[str] = set()
        self._pause = threading.Event()
        self.broadcasts = settings.prefix + BROADCASTS

    def of(self, queue: str) -> str:
        """Return the topic of a queue. Raises Refused for a name that no topic can have, where it is not ours."""
        name = foreign_topic if self._settings.passive else topic_of
        return name(self._settings.prefix, queue)

    def declare(self, queues: Iterable[str]) -> None:
        """Make the topics of these queues, unless they are there and can serve. Raises TransportError.

        Those of other programs are not made, and serve whatever they keep.
        """
        wanted = {self.of(queue): queue for queue in queues}
        if self._settings.passive:
            for topic, queue in wanted.items():
                if self._sender.partitions(topic, fresh=True) == 0:
                    raise self.no_queue(queue)
            return
        self._declare(dict.fromkeys(wanted, self._settings.partitions), {})

    def declare_broadcasts(self) -> None:
        """Make the topic of broadcasts, unless it is there. Raises TransportError."""
        if self._settings.passive:
            if self._sender.partitions(self.broadcasts, fresh=True) == 0:
                raise UnknownQueue(
                    f"{self._settings.shown} has no topic {self.broadcasts!r} for broadcasts, and with passive=yes "
                    "none is made: make one of a single partition"
                )
            return
        keep = {"retention.ms": str(int(self._settings.broadcast * 1000))}
        self._declare({self.broadcasts: 1}, keep)

    def identities(self, queues: Iterable[str]) -> tuple[str, ...]:
        """Return what tells the queues' topics from others that had their names before. Raises UnknownQueue."""
        topics = {self.of(queue): queue for queue in queues}
        if not topics:
            return ()
        timeout = self._settings.timeout
        asked = self._client().describe_topics(TopicCollection(list(topics)), request_timeout=timeout)
        found: list[str] = []
        for topic, queue in topics.items():
            try:
                found.append(str(self._result(asked[topic], queue).topic_id))
            except KafkaException as error:
                self._sender.forget(topic)
                if code_of(error) in UNKNOWN_TOPIC:
                    raise self.no_queue(queue) from error
                raise self._problem(error, queue) from error
        return tuple(found)

    def no_queue(self, queue: str) -> UnknownQueue:
        """Return the error for a queue that has no topic."""
        topic = self.of(queue)
        return UnknownQueue(f"{self._settings.shown} has no topic {topic!r} for queue {queue!r}; declare it first")

    def _declare(self, wanted: Mapping[str, int], config: Mapping[str, str]) -> None:
        missing: list[str] = []
        for topic in wanted:
            if self._sender.partitions(topic, fresh=True) == 0:
                missing.append(topic)
                self._of_kind.discard(topic)
            else:
                self._check_kind(topic)
        if missing:
            self._create({topic: wanted[topic] for topic in missing}, config)
        deadline = time.monotonic() + self._settings.timeout
        for topic in missing:
            while self._sender.partitions(topic, fresh=True) == 0:
                if time.monotonic() > deadline:
                    raise Unavailable(f"topic {topic!r} was made and does not appear on {self._settings.shown}")
                self._pause.wait(_APPEAR_SECONDS)

    def _create(self, wanted: Mapping[str, int], config: Mapping[str, str]) -> None:
        limit = {"max.message.bytes": str(self._settings.max_message_bytes + BATCH_OVERHEAD)}
        copies = self._settings.replication
        new = [
            NewTopic(topic, num_partitions=partitions, replication_factor=copies, config={**limit, **config})
            for topic, partitions in wanted.items()
        ]
        timeout = self._settings.timeout
        made = self._client().create_topics(new, request_timeout=timeout, operation_timeout=timeout)
        for topic, future in made.items():
            try:
                self._result(future, topic)
            except KafkaException as error:
                if code_of(error) not in EXISTS:
                    raise self._problem(error, topic) from error

    def _check_kind(self, topic: str) -> None:
        """Refuse a topic from which messages vanish before they are read."""
        if topic in self._of_kind:
            return
        resource = ConfigResource(ResourceType.TOPIC, topic)
        asked = self._client().describe_configs([resource], request_timeout=self._settings.timeout)
        try:
            config = self._result(asked[resource], topic)
        except KafkaException as error:
            if code_of(error) not in RIGHTS:
                raise self._problem(error, topic) from error
            # Whoever may not look has to believe.
        else:
            policy = config["cleanup.policy"].value if "cleanup.policy" in config else "delete"
            if "compact" in policy:
                raise Refused(
                    f"topic {topic!r} on {self._settings.shown} is compacted (cleanup.policy={policy}), which drops "
                    "all but the last message of a key: use another prefix, or remove the topic"
                )
        self._of_kind.add(topic)

    def begin_group(self) -> None:
        """Have the share group begin with the oldest message of a topic. Raises TransportError."""
        entry = ConfigEntry("share.auto.offset.reset", "earliest", incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.GROUP, self._settings.group, incremental_configs=[entry])
        asked = self._client().incremental_alter_configs([resource], request_timeout=self._settings.timeout)
        try:
            self._result(asked[resource], self._settings.group)
        except KafkaException as error:
            if code_of(error) not in RIGHTS:
                raise self._problem(error, self._settings.group) from error
            _log.warning(
                "%s does not let this user configure share group %r: unless share.auto.offset.reset=earliest was set "
                "for it, what is sent before its first member joins is passed over",
                self._settings.shown, self._settings.group,
            )  # fmt: skip

    def waiting(self, queue: str) -> int:
        """Count what is not acknowledged in a queue. Raises TransportError."""
        topic = self.of(queue)
        partitions = self._sender.partitions(topic, fresh=True)
        if partitions == 0:
            raise self.no_queue(queue)
        places = [TopicPartition(topic, number) for number in range(partitions)]
        client, timeout = self._client(), self._settings.timeout
        group = ConsumerGroupTopicPartitions(self._settings.group, places)
        asked = client.list_consumer_group_offsets([group], request_timeout=timeout)
        ends = client.list_offsets({place: OffsetSpec.latest() for place in places}, request_timeout=timeout)
        starts = client.list_offsets({place: OffsetSpec.earliest() for place in places}, request_timeout=timeout)
        (topic_id,) = self.identities([queue])
        try:
            found = self._result(asked[self._settings.group], queue).topic_partitions
            committed = {place.partition: place for place in found}
            total = 0
            for place in places:
                end = self._result(ends[place], queue).offset
                start = self._result(starts[place], queue).offset
                at = committed.get(place.partition)
                done = from_metadata(topic_id, at.offset, at.metadata) if at is not None and at.offset >= 0 else None
                first = max(done.offset, start) if done else start
                total += max(end - first - len(done.settled if done else ()), 0)
        except KafkaException as error:
            raise self._problem(error, queue) from error
        return total

    def _problem(self, error: Exception, about: str) -> TransportError:
        # An error event of the same moment says more, such as that the password is wrong.
        self._client().poll(0)
        return self._health.problem(error, about)

    def _result(self, future: Any, about: str) -> Any:
        try:
            return future.result(self._settings.timeout + 1)
        except TookTooLong:
            raise Unavailable(f"{self._settings.shown} has not answered about {about!r}; it is tried again") from None

    def _client(self) -> Any:
        with self._lock:
            if self._admin is None:
                try:
                    self._admin = AdminClient({**self._settings.client, "error_cb": self._health.note})
                except (KafkaException, ValueError) as error:
                    raise Refused(f"a client for {self._settings.shown} cannot be set up: {words_of(error)}") from error
            return self._admin

    def close(self) -> None:
        """Let go of the broker."""
        with self._lock:
            self._admin = None
