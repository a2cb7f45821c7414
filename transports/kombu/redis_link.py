"""Redis: queues in kombu's lists, broadcasts over its fan-out."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any

from transports.errors import NotConfirmed, Refused
from transports.kombu.contents import from_bytes, to_bytes
from transports.kombu.redis_channel import PRIORITY_STEPS, RedisChannel, RedisSettings
from transports.kombu.redis_listener import Listener
from transports.kombu.redis_scripts import GIVE_BACK, PUT, SETTLE, TAKE
from transports.kombu.redis_troubles import lost_answer, redis_problem
from transports.protocol import Delivery

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator, Sequence

    from transports.protocol import Message

_MESSAGES = 1000
"""The most messages that one script moves: nobody else is served meanwhile."""
_BYTES = 8 << 20
"""The most bytes that one script moves, give or take one message."""
_MOST_HELD = 10_000
"""Beyond so many unsettled messages, those are forgotten that are no longer held."""


class RedisLink:
    """One channel for the thread that receives, and one for all others, each used by one thread at a time."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._incoming = RedisChannel(settings)
        self._outgoing = RedisChannel(settings)
        self._taking = threading.Lock()
        self._sending = threading.Lock()
        self._listener = Listener(self._incoming, settings.poll_seconds, settings.timeout_seconds)
        self._queues: Sequence[str] = ()
        self._turn = 0
        self._held: dict[str, float] = {}
        self._doubtful: deque[tuple[str, int]] = deque(maxlen=100)

    # -- sending -----------------------------------------------------------------------------------------------------

    def declare(self, queues: Sequence[str]) -> None:
        """Make sure that nothing else has the names of these queues; Redis makes a list when it gets something."""
        with self._sending:
            keys = [key for queue in queues for key in self._outgoing.lists(queue)]
            for key, kind in zip(keys, self._outgoing.ask("type", keys), strict=True):
                if kind not in (b"none", b"list"):
                    raise Refused(
                        f"the key {key!r} of Redis at {self._settings.address} holds a {bytes(kind).decode()} and no "
                        "list, so it cannot be a queue: use another database or the option prefix"
                    )

    def name(self, queue: str) -> str:
        """Return the key of a queue's first list."""
        return self._settings.prefix + queue

    def put(self, messages: Sequence[Message]) -> None:
        """Put messages into their lists."""
        with self._sending, self._confirming():
            for queue, items in self._by_queue(messages).items():
                for part in _parts(items):
                    keys, news = self._outgoing.lists(queue), self._outgoing.news(queue)
                    self._outgoing.run(PUT, keys, [news, *(word for item in part for word in item)])

    def _by_queue(self, messages: Iterable[Message]) -> dict[str, list[tuple[int, bytes]]]:
        """Return the messages by their queues, each with the number of its list, counted from 1."""
        queues: dict[str, list[tuple[int, bytes]]] = {}
        for message in messages:
            # kombu's consumers have no lists for some priorities, and others look into the first list only.
            number = 1 if self._settings.passive else message.priority + 1
            queues.setdefault(message.queue, []).append((number, to_bytes(message)))
        return queues

    @contextlib.contextmanager
    def _confirming(self) -> Generator[None]:
        """Tell an error before Redis was asked from one that leaves open what it did."""
        self._outgoing.check_connection()
        try:
            yield
        except Exception as error:
            if not lost_answer(error):
                raise
            raise NotConfirmed(
                f"the connection to Redis at {self._settings.address} was lost while it took messages, so it may have "
                f"taken them or not: {error}"
            ) from error

    def publish(self, message: Message) -> None:
        """Publish a broadcast through kombu's fan-out."""
        with self._sending, self._confirming():
            data = to_bytes(message, self._outgoing.exchange)
            self._outgoing.client.publish(self._outgoing.broadcasts, data)

    def depth(self, queue: str) -> int | None:
        """Count what waits in the lists of a queue."""
        with self._sending:
            return sum(map(int, self._outgoing.ask("llen", self._outgoing.lists(queue))))

    def ping(self) -> None:
        """Ask for a sign of life."""
        with self._sending:
            self._outgoing.client.ping()

    # -- receiving ---------------------------------------------------------------------------------------------------

    def consume(self, queues: Sequence[str]) -> None:
        """Choose the queues."""
        self._queues = tuple(queues)
        self._listener.hear_of(self._queues)

    def take(self, limit: int) -> list[Delivery]:
        """Take messages off their lists, and write down that they are handed out, in one step."""
        with self._taking:
            if limit <= 0 or not self._queues:
                return []
            self._release_doubtful()
            queues = self._next_order()
            lists = [self._incoming.lists(queue) for queue in queues]
            # By priority first, so that a queue's less urgent messages do not go before another's urgent ones.
            keys = [each[step] for step in range(len(PRIORITY_STEPS)) for each in lists]
            tags, limit = uuid.uuid4().hex, min(limit, _MESSAGES)
            arguments = [tags, limit, _BYTES, self._settings.visibility_seconds]
            arguments += [self._incoming.separator, self._incoming.channels]
            self._doubtful.append((tags, limit))
            answer: list[Any] = self._incoming.run(TAKE, [*self._incoming.unacknowledged, *keys], arguments)
            self._doubtful.pop()
            return list(self._deliveries(answer, queues))

    def _release_doubtful(self) -> None:
        """Give back what was handed out in answers that did not arrive."""
        while self._doubtful:
            tags, limit = self._doubtful[0]
            self._give_back(self._incoming, [f"{tags}:{number}" for number in range(1, limit + 1)])
            self._doubtful.popleft()

    def _next_order(self) -> Sequence[str]:
        """Return the queues, each time with another one first, so that a full one does not starve the others."""
        self._turn = (self._turn + 1) % len(self._queues)
        return [*self._queues[self._turn :], *self._queues[: self._turn]]

    def _deliveries(self, answer: Sequence[Any], queues: Sequence[str]) -> Iterator[Delivery]:
        now = time.monotonic()
        if len(self._held) > _MOST_HELD:
            # Those that nobody settled in time have gone to others.
            since = now - self._settings.visibility_seconds
            self._held = {tag: taken for tag, taken in self._held.items() if taken > since}
        for tag, number, item in zip(answer[::3], answer[1::3], answer[2::3], strict=True):
            token = bytes(tag).decode("ascii")
            self._held[token] = now
            message, redelivered = from_bytes(bytes(item), queues[int(number) % len(queues)])
            yield Delivery(message, token, redelivered)

    def settle(self, deliveries: Collection[Delivery]) -> None:
        """Forget what was handed out."""
        tags = [delivery.token for delivery in deliveries if isinstance(delivery.token, str)]
        with self._sending:
            for first in range(0, len(tags), _MESSAGES):
                self._outgoing.run(SETTLE, self._outgoing.unacknowledged, tags[first : first + _MESSAGES])
        for tag in tags:
            self._held.pop(tag, None)

    def _give_back(self, channel: RedisChannel, tags: Sequence[str]) -> None:
        # The last one first, as each goes to the head of its list.
        for first in range(0, len(tags), _MESSAGES):
            part = tags[::-1][first : first + _MESSAGES]
            channel.run(GIVE_BACK, channel.unacknowledged, [channel.separator, channel.channels, *part])

    # -- waiting and broadcasts --------------------------------------------------------------------------------------

    def subscribe(self) -> None:
        """Hear broadcasts."""
        with self._taking:
            self._listener.subscribe()

    def heard(self) -> list[Message]:
        """Read what was published."""
        with self._taking:
            return [from_bytes(data, None)[0] for data in self._listener.heard()]

    def wait(self, seconds: float) -> None:
        """Wait for news."""
        self._listener.wait(seconds)

    def wake(self) -> None:
        """End a wait."""
        self._listener.wake()

    # -- ending ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Give back what was not settled, and close both channels."""
        with self._taking, self._sending, contextlib.ExitStack() as ending:
            ending.callback(self._incoming.close)
            ending.callback(self._outgoing.close)
            ending.callback(self._listener.close)
            doubtful = [f"{tags}:{number}" for tags, limit in self._doubtful for number in range(1, limit + 1)]
            tags = [*doubtful, *self._held]
            self._held = {}
            if tags:
                self._give_back(self._outgoing, tags)

    def problem(self, error: Exception) -> Exception:
        """Return the transport's error for one of Redis or its client."""
        return redis_problem(error, str(self._settings.address))


def _parts(items: Sequence[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Return the items in parts that one script may move."""
    part: list[tuple[int, bytes]] = []
    size = 0
    for item in items:
        if part and (len(part) >= _MESSAGES or size + len(item[1]) > _BYTES):
            yield part
            part, size = [], 0
        part.append(item)
        size += len(item[1])
    if part:
        yield part
