"""The entities of a namespace by their paths. Paths are the same in upper and lower case, as in the service."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.servers.servicebus.clock import milliseconds, now_ms
from tests.servers.servicebus.payloads import Payload
from tests.servers.servicebus.queues import DEFAULTS, Queue

DEAD_LETTERS = "/$deadletterqueue"
MAX_MESSAGE_BYTES = 256 * 1024
"""The limit of the standard tier, for one message and for one batch."""
_FOREVER = 10**17


@dataclass(eq=False)
class Topic:
    """Copies what is sent to it to each of its subscriptions."""

    path: str
    description: dict[str, str]
    subscriptions: dict[str, Queue] = field(default_factory=dict[str, Queue])


class Namespace:
    """All queues and topics. One thread uses it."""

    def __init__(self) -> None:
        self.queues: dict[str, Queue] = {}
        """Queues, subscriptions, and the dead letters of each."""
        self.topics: dict[str, Topic] = {}
        self._numbers = itertools.count(1)
        self.changed: Callable[[Queue], None] = lambda _queue: None
        self.removed: Callable[[str], None] = lambda _path: None
        """Called with the path of an entity that is gone."""

    # -- entities ----------------------------------------------------------------------------------------------------

    def exists(self, path: str) -> bool:
        return path.lower() in self.queues or path.lower() in self.topics

    def queue(self, path: str) -> Queue | None:
        """Return what messages can be received from at this path."""
        return self.queues.get(path.lower())

    def add_queue(self, path: str, description: Mapping[str, str]) -> Queue:
        """Make a queue, or the queue of a subscription."""
        key = path.lower()
        whole = {**DEFAULTS, **description}
        dead_letters = Queue(
            key + DEAD_LETTERS, {**whole, "RequiresSession": "false", "MaxDeliveryCount": "2000000000"}, None
        )
        queue = Queue(key, whole, dead_letters)
        for made in (queue, dead_letters):
            made.changed = self._tell
            made.used_ms = now_ms()
            self.queues[made.path] = made
        return queue

    def _tell(self, queue: Queue) -> None:
        # Who is told may change after the queue was made.
        self.changed(queue)

    def add_topic(self, path: str, description: Mapping[str, str]) -> Topic:
        topic = Topic(path.lower(), dict(description))
        self.topics[topic.path] = topic
        return topic

    def add_subscription(self, topic: Topic, name: str, description: Mapping[str, str]) -> Queue:
        queue = self.add_queue(f"{topic.path}/subscriptions/{name}", description)
        topic.subscriptions[name.lower()] = queue
        return queue

    def remove(self, path: str) -> bool:
        """Remove a queue, topic or subscription; tell whether it was there."""
        key = path.lower()
        if topic := self.topics.pop(key, None):
            for queue in topic.subscriptions.values():
                self._remove_queue(queue.path)
            self.removed(key)
            return True
        for topic in self.topics.values():
            topic.subscriptions = {name: queue for name, queue in topic.subscriptions.items() if queue.path != key}
        return self._remove_queue(key)

    def _remove_queue(self, key: str) -> bool:
        there = self.queues.pop(key, None) is not None
        self.queues.pop(key + DEAD_LETTERS, None)
        self.removed(key)
        return there

    def wipe(self, prefix: str = "") -> None:
        """Forget every entity whose path begins so, and every message in it."""
        for path in [*self.topics, *self.queues]:
            if path.startswith(prefix.lower()) and not path.endswith(DEAD_LETTERS):
                self.remove(path)

    # -- messages ----------------------------------------------------------------------------------------------------

    def send(self, path: str, payloads: Sequence[Payload]) -> bool:
        """Take messages for a queue or topic, all of them or none; False if there is no such entity."""
        key = path.lower()
        if topic := self.topics.get(key):
            targets = [*topic.subscriptions.values()]
        elif queue := self.queues.get(key):
            targets = [queue]
        else:
            return False
        for target in targets:
            for payload in payloads:
                target.put(next(self._numbers), payload, now_ms())
            self.changed(target)
        return True

    def tick(self, attended: Callable[[str], bool]) -> None:
        """Do what time asks for: locks end, and what nobody attends is deleted where it says so."""
        now = now_ms()
        for queue in [*self.queues.values()]:
            queue.expire_locks(now)
            if attended(queue.path):
                queue.used_ms = now
            elif queue.used_ms + self._idle_ms(queue) <= now:
                self.remove(queue.path)

    @staticmethod
    def _idle_ms(queue: Queue) -> int:
        idle = queue.description["AutoDeleteOnIdle"]
        return _FOREVER if queue.dead_letters is None or idle.startswith("P106") else milliseconds(idle)

    def subscription(self, path: str) -> tuple[Topic, str] | None:
        """Return the topic that a path names and the name of a subscription to it, which may not exist."""
        topic, mark, name = path.lower().partition("/subscriptions/")
        found = self.topics.get(topic)
        return (found, name) if mark and found is not None else None

    def all_paths(self) -> Iterator[str]:
        yield from self.queues
        yield from self.topics
