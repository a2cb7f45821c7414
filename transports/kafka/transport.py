"""The transport over Apache Kafka."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

from transports.checks import checked_names, objection
from transports.errors import Closed, NotConfirmed, Refused, TransportError, Unavailable, UnknownQueue
from transports.kafka.group import GroupReceiver
from transports.kafka.inbox import Inbox
from transports.kafka.listening import Listener
from transports.kafka.producing import Outgoing, Sender
from transports.kafka.records import broadcast_headers, headers_of
from transports.kafka.settings import read_settings
from transports.kafka.sharing import ShareReceiver
from transports.kafka.topics import Topics
from transports.protocol import Capabilities, NotTaken, SendOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from transports.protocol import Delivery, Message


class KafkaTransport:
    """Queues as topics of Apache Kafka, read by one consumer or share group: ``kafka://user:password@host:port,host:port``.

    Options, as keywords or in the URL's query. Names: ``prefix`` of topics (default ``milepost.``), ``group`` (default
    the prefix and ``workers``), ``client_id``. New topics: ``partitions`` (12), ``replication`` (the broker's default).
    Security: ``security_protocol`` (``SASL_SSL`` with a user in the URL, else ``PLAINTEXT``), ``sasl_mechanism``
    (``PLAIN``), ``ssl_ca``, ``ssl_certificate``, ``ssl_key`` (files), ``ssl_key_password``. The group:
    ``group_protocol`` (``classic``, ``consumer`` for that of KIP-848, or ``share`` for a share group), ``assignment``
    (``cooperative-sticky``, ``range`` or ``roundrobin``), ``session_seconds`` (6), ``heartbeat_seconds`` (a third of
    that, 1 at most), ``idle_seconds`` without a request after which it leaves (10), ``hold_seconds`` in which a
    delivery has to be acknowledged (300), ``handover_seconds`` that a partition waits for acknowledgements before it
    moves (2). Others: ``timeout_seconds`` for the broker's answers (10), ``broadcast_seconds`` that broadcasts are kept
    (600) and ``max_message_bytes`` (1 MiB).
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._settings = read_settings(url, options)
        # Seeded by the system: every transport pauses in its own way.
        rng = random.Random()
        self._inbox = Inbox()
        self._sender = Sender(self._settings)
        self._topics = Topics(self._settings, self._sender)
        receiver = ShareReceiver if self._settings.shares else GroupReceiver
        self._receiver = receiver(self._settings, self._topics, self._sender, self._inbox, rng)
        self._listener = Listener(self._settings, self._topics, self._inbox, rng)
        self._sources = (self._receiver, self._listener)
        self._capabilities = Capabilities(
            durable=True,
            shared=True,
            redelivers=True,
            settles_singly=True,
            releases=True,
            broadcasts=True,
            priorities=False,
            # What of a share group is acknowledged, the client cannot ask for.
            depth=not self._settings.shares,
            checks_queues=True,
            max_message_bytes=self._settings.max_message_bytes,
        )
        self._closed = False
        self._closing = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """What this transport can do."""
        return self._capabilities

    def declare(self, queues: Iterable[str]) -> None:
        """Make sure that the topics of these queues exist, and that they keep what is in them."""
        self._check_open()
        self._topics.declare(checked_names(queues))

    def send(self, messages: Sequence[Message]) -> SendOutcome:
        """Send a batch; return once every message was confirmed, or was not."""
        self._check_open()
        errors: list[TransportError | None] = [self._objection(message) for message in messages]
        fit = [index for index, error in enumerate(errors) if error is None]
        answers = self._sender.send([self._outgoing(messages[index]) for index in fit])
        self._check_all(answers)
        for index, answer in zip(fit, answers, strict=True):
            errors[index] = answer
        return SendOutcome(
            tuple(NotTaken(index, messages[index], error) for index, error in enumerate(errors) if error is not None)
        )

    def _objection(self, message: Message) -> TransportError | None:
        wrong = objection(message, self._capabilities.max_message_bytes)
        if wrong is not None:
            return wrong
        try:
            topic = self._topics.of(message.queue)
        except Refused as error:
            return error
        return None if self._sender.partitions(topic) else self._topics.no_queue(message.queue)

    def _outgoing(self, message: Message) -> Outgoing:
        key = None if message.key is None else message.key.encode()
        return Outgoing(self._topics.of(message.queue), message.body, headers_of(message), key, message.queue)

    @staticmethod
    def _check_all(answers: Sequence[TransportError | None]) -> None:
        """Raise what concerns the whole batch: nothing was taken, or nobody knows."""
        first = answers[0] if answers else None
        if isinstance(first, (Unavailable, NotConfirmed)) and all(
            isinstance(answer, (Unavailable, NotConfirmed)) for answer in answers
        ):
            raise next((answer for answer in answers if isinstance(answer, NotConfirmed)), first)

    def consume(self, queues: Iterable[str]) -> None:
        """Choose the queues that ``receive`` takes from."""
        self._check_open()
        names = checked_names(queues)
        self._receiver.consume(names, self._topics.identities(names))

    def receive(self, max_messages: int, max_wait: float) -> list[Delivery]:
        """Take up to ``max_messages``, waiting up to ``max_wait`` seconds for the first."""
        self._check_open()
        return self._inbox.receive(self._sources, max_messages, max_wait)

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Settle deliveries."""
        self._check_open()
        self._receiver.acknowledge([delivery.token for delivery in deliveries])

    def broadcast(self, message: Message) -> None:
        """Send a message to every subscriber."""
        self._check_open()
        error = objection(message, self._capabilities.max_message_bytes)
        if error is not None:
            raise error
        topic = self._topics.broadcasts
        record = Outgoing(topic, message.body, broadcast_headers(message), None, message.queue)
        if self._sender.partitions(topic) == 0:
            self._topics.declare_broadcasts()
        [answer] = self._sender.send([record])
        if isinstance(answer, UnknownQueue):
            # The topic was removed since it was last used, and is made anew.
            self._topics.declare_broadcasts()
            [answer] = self._sender.send([record])
        if answer is not None:
            raise answer

    def subscribe(self) -> None:
        """Collect broadcasts from now on."""
        self._check_open()
        self._listener.subscribe()

    def broadcasts(self) -> list[Message]:
        """Take the broadcasts that have come."""
        self._check_open()
        return self._inbox.broadcasts()

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait in the queue, those included that were received and not acknowledged."""
        self._check_open()
        if self._settings.shares:
            if self._sender.partitions(self._topics.of(queue), fresh=True) == 0:
                raise self._topics.no_queue(queue)
            return None
        return self._topics.waiting(queue)

    def ping(self) -> None:
        """Ask the broker for an answer."""
        self._check_open()
        self._sender.ping(self._topics.broadcasts)

    def close(self) -> None:
        """Leave the group, give back what was not acknowledged, and close every connection."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._inbox.close()
            self._receiver.close()
            self._listener.close()
            self._topics.close()
            self._sender.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Closed(f"this transport to {self._settings.shown} has been closed; open another one")
