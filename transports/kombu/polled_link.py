"""Any of kombu's transports, asked for one message at a time.

kombu's consumers fetch ahead of what is asked for; ``basic_get`` takes one message, and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from transports.errors import Closed, NotConfirmed, Refused, TransportError, Unavailable
from transports.kombu.contents import from_parts, to_payload, was_redelivered
from transports.protocol import Delivery

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Sequence

    from transports.kombu.address import Address
    from transports.kombu.kinds import Traits
    from transports.protocol import Message

_OPTION = "option."
_MOST_NAME_BYTES = 180
_SET_UP_WRONG = (PermissionError, NotADirectoryError, IsADirectoryError)


@dataclass(frozen=True, slots=True)
class PolledSettings:
    """How to reach the broker, and how often to ask it. Times in seconds. ``url`` may hold a password."""

    address: Address
    url: str
    prefix: str
    passive: bool
    """Queues are other programs': kombu is told to look for them only, and their names are as they are."""
    timeout_seconds: float
    poll_seconds: float
    traits: Traits


@dataclass(frozen=True, slots=True)
class _Token:
    """A tag means something to the channel that it came from only."""

    channel: object
    tag: Any


class PolledLink:
    """One channel, used by one thread at a time."""

    def __init__(self, settings: PolledSettings) -> None:
        self._settings = settings
        self._using = threading.Lock()
        self._woken = threading.Event()
        self._connection: Any = _connection(settings)
        self._established: Any = None
        self._channel: Any = None
        self._closed = False
        self._queues: Sequence[str] = ()
        self._turn = 0
        self._held: dict[Any, _Token] = {}

    def declare(self, queues: Sequence[str]) -> None:
        """Declare queues to kombu; most of its transports cannot tell whether one is there."""
        names = [self.name(queue) for queue in queues]
        with self._open() as channel:
            for name in names:
                channel.queue_declare(name, passive=self._settings.passive)

    def name(self, queue: str) -> str:
        """Return the queue's name there: quoted, as it may become the name of a file or of a path in a URL."""
        name = quote(f"{self._settings.prefix}{queue}", safe="")
        if self._settings.passive and name != f"{self._settings.prefix}{queue}":
            raise Refused(
                f"{self._settings.prefix + queue!r} cannot be the name of a queue here: use letters, digits, '.', '-', "
                "'_' and '~'; with passive=yes, a name is not changed into one that can"
            )
        if len(name) > _MOST_NAME_BYTES:
            raise Refused(f"the queue {queue!r} would have a name of more than {_MOST_NAME_BYTES} characters here")
        return name

    def put(self, messages: Sequence[Message]) -> None:
        """Put messages into their queues, one by one: kombu has no batches for these transports."""
        with self._open() as channel:
            for index, message in enumerate(messages):
                try:
                    channel.basic_publish(to_payload(message), exchange="", routing_key=self.name(message.queue))
                except Exception as error:
                    if index == 0:
                        raise
                    raise NotConfirmed(
                        f"{self._settings.address} took {index} messages of {len(messages)} and then no more: {error}"
                    ) from error

    def consume(self, queues: Sequence[str]) -> None:
        """Choose the queues."""
        for queue in queues:
            self.name(queue)
        self._queues = tuple(queues)

    def take(self, limit: int) -> list[Delivery]:
        """Take messages one by one, from each queue as far as it goes."""
        taken: list[Delivery] = []
        with self._open() as channel:
            for queue in self._next_order():
                while len(taken) < limit:
                    try:
                        message = channel.basic_get(self.name(queue), no_ack=False)
                    except Exception:
                        if not taken:
                            raise
                        # What was taken before must not be lost; the next call will meet the error again.
                        return taken
                    if message is None:
                        break
                    taken.append(self._delivery(channel, queue, message))
        return taken

    def _next_order(self) -> Sequence[str]:
        """Return the queues, each time with another one first, so that a full one does not starve the others."""
        if not self._queues:
            return ()
        self._turn = (self._turn + 1) % len(self._queues)
        return [*self._queues[self._turn :], *self._queues[: self._turn]]

    def _delivery(self, channel: Any, queue: str, message: Any) -> Delivery:
        token = _Token(channel, message.delivery_tag)
        self._held[token.tag] = token
        raw: dict[str, Any] = getattr(message, "_raw", None) or {}
        redelivered = was_redelivered(raw, message.properties) or was_redelivered({"headers": message.headers}, {})
        return Delivery(from_parts(message.body, message.headers, message.properties, queue), token, redelivered)

    def settle(self, deliveries: Collection[Delivery]) -> None:
        """Acknowledge what came from this channel; what an older one had taken is gone with it."""
        with self._open() as channel:
            for delivery in deliveries:
                token = delivery.token
                if isinstance(token, _Token) and token.channel is channel and token.tag in self._held:
                    channel.basic_ack(token.tag)
                    del self._held[token.tag]

    def publish(self, message: Message) -> None:
        """Ask for a sign of life, and send nothing: there are no broadcasts here."""
        self.ping()

    def subscribe(self) -> None:
        """Do nothing: there are no broadcasts here."""

    def heard(self) -> list[Message]:
        """Return nothing: there are no broadcasts here."""
        return []

    def wait(self, seconds: float) -> None:
        """Wait until it is time to ask again."""
        self._woken.wait(min(seconds, self._settings.poll_seconds))

    def wake(self) -> None:
        """End every wait."""
        self._woken.set()

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait, where kombu's count was found to be right."""
        if not self._settings.traits.depth:
            return None
        name = self.name(queue)
        with self._open() as channel:
            return int(channel.queue_declare(name, passive=self._settings.passive).message_count)

    def ping(self) -> None:
        """Look for a queue, which every kind of broker can be asked for."""
        name = self.name(self._queues[0] if self._queues else "ping")
        with self._open() as channel:
            channel.queue_declare(name, passive=self._settings.passive)

    def close(self) -> None:
        """Put back what was not settled, and close the connection."""
        with self._using:
            self._closed = True
            if self._channel is None:
                return
            try:
                # The last one first, where putting back means putting in front.
                for tag in reversed(self._held):
                    self._channel.basic_reject(tag, requeue=True)
            finally:
                self._let_go()

    # -- the connection ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _open(self) -> Generator[Any]:
        with self._using:
            if self._closed:
                raise Closed(f"this transport to {self._settings.address} has been closed; open another one")
            if self._channel is None:
                # Below kombu's own handling of connections, which would try again and again.
                transport = self._connection.transport
                self._established = transport.establish_connection()
                self._channel = transport.create_channel(self._established)
                # What is held is put back when this closes. kombu would do so too, and write a file if it cannot.
                self._channel.do_restore = False
            try:
                yield self._channel
            except Exception as error:
                if self._settings.traits.connected and isinstance(self.problem(error), Unavailable):
                    with contextlib.suppress(Exception):
                        self._let_go()
                    self._connection = _connection(self._settings)
                raise

    def _let_go(self) -> None:
        self._channel, self._held = None, {}
        self._connection.transport.close_connection(self._established)

    def problem(self, error: Exception) -> Exception:
        """Return the transport's error for one of kombu's or of the client below it."""
        if isinstance(error, TransportError):
            return error
        where = self._settings.address
        causes = list(_causes(error))
        text = next((" ".join(str(cause).split()) for cause in reversed(causes) if str(cause)), type(error).__name__)
        if any(isinstance(cause, _SET_UP_WRONG) for cause in causes):
            return Refused(f"{where} cannot be used: {text}")
        transport = self._connection.transport
        if isinstance(error, tuple(transport.connection_errors)) or any(isinstance(each, OSError) for each in causes):
            return Unavailable(f"{where} is not available: {text}")
        if isinstance(error, (*transport.channel_errors, TypeError, ValueError)):
            return Refused(f"{where} refuses: {text}")
        return error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _connection(settings: PolledSettings) -> Any:
    """Return one of kombu's connections, which connects later."""
    address, query = settings.url.partition("?")[::2]
    options: dict[str, Any] = {}
    left: list[tuple[str, str]] = []
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name.startswith(_OPTION):
            options[name.removeprefix(_OPTION)] = _value(text)
        else:
            left.append((name, text))
    given: dict[str, Any] = {"connect_timeout": settings.timeout_seconds, "transport_options": options}
    if settings.address.scheme == "filesystem":
        if left:
            raise Refused(f"there is no option {', '.join(name for name, _ in left)} for files in a directory")
        folder = f"{settings.address.host}/{settings.address.path}"
        options |= {"data_folder_in": folder, "data_folder_out": folder}
        transport = import_module("transports.kombu.filesystem").Transport
        return import_module("kombu").Connection(hostname="localhost", transport=transport, **given)
    url = address.removeprefix("kombu+") + (f"?{urlencode(left)}" if left else "")
    try:
        connection = import_module("kombu").Connection(url, **given)
        # Finds out whether there is such a transport, and whether its client is installed.
        _ = connection.transport
    except (KeyError, TypeError, ValueError) as error:
        # The error may quote the URL, and so a password.
        raise Refused(
            f"kombu has no transport for {settings.address.scheme}://, or cannot read its URL "
            f"({type(error).__name__}): see its documentation, and write options of the transport as option.NAME=value"
        ) from None
    return connection


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
