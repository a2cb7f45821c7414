"""The transport over RabbitMQ."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

from transports.checks import checked_names
from transports.errors import Closed
from transports.protocol import Capabilities, NotTaken, SendOutcome
from transports.rabbitmq.amqp import quieten
from transports.rabbitmq.connector import Connector
from transports.rabbitmq.messages import objection_to
from transports.rabbitmq.publishing import BroadcastPublisher, Publisher
from transports.rabbitmq.queues import Queues
from transports.rabbitmq.receiving import Receiver
from transports.rabbitmq.settings import CLASSIC, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from transports.errors import TransportError
    from transports.protocol import Delivery, Message
    from transports.rabbitmq.link import Link


class RabbitTransport:
    """Queues of RabbitMQ 3.8 or later: ``amqp://user:password@host:5672/vhost``, or ``amqps://`` for TLS.

    Messages go through two connections, one for sending and one for receiving, each made when it is first needed: a
    broker that is short of memory stops reading from those who send, and what was received can still be acknowledged.

    Options, as keywords or in the URL's query:

    - ``prefix``: what comes before the names of all queues and of the exchange on the broker (default: nothing)
    - ``queue_type``: ``quorum`` (default) or ``classic``; classic queues are declared with priorities
    - ``passive``: ``yes`` declares nothing, and only looks whether queues and exchange are there (default ``no``)
    - ``timeout_seconds``: how long the broker may take for an answer (default 10)
    - ``connect_seconds``: how long connecting may take (default 5)
    - ``heartbeat_seconds``: a connection that is silent for longer is given up (default 30)
    - ``max_message_bytes``: the largest message (default 1 MiB); the broker has a limit of its own
    - ``connection_name``: what the broker's own pages call the connections (default ``milepost``)
    - ``ca_file``, ``cert_file``, ``key_file``, ``server_name``: for TLS, the certificates to trust, those to show, and
      the name in the server's certificate, where it is not the host of the URL
    """

    def __init__(self, url: str, **options: Any) -> None:
        quieten()
        self._settings = read_settings(url, options)
        self._sending = Connector(self._settings)
        self._taking = Connector(self._settings)
        # Seeded by the system: every transport pauses in its own way.
        self._receiver = Receiver(self._taking, random.Random())
        self._capabilities = Capabilities(
            durable=True,
            shared=True,
            redelivers=True,
            settles_singly=True,
            releases=True,
            broadcasts=True,
            priorities=self._settings.queue_type == CLASSIC,
            depth=True,
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
        """Make sure that these queues exist."""
        self._check_open()
        names = checked_names(queues)
        self._asking.ask(lambda link: link.kept(Queues).declare(names))
        self._receiver.refresh()

    def send(self, messages: Sequence[Message]) -> SendOutcome:
        """Send a batch; return with the messages that were not taken."""
        self._check_open()
        errors = [objection_to(message, self._settings) for message in messages]
        fit = [index for index, error in enumerate(errors) if error is None]
        if fit:
            batch = [messages[index] for index in fit]
            keys = [self._settings.native(message.queue) for message in batch]
            # What is raised as Unavailable has not been sent, so it may be sent on another connection.
            answers = self._sending.ask(lambda link: link.kept(Publisher).send("", keys, batch, mandatory=True))
            for index, answer in zip(fit, answers, strict=True):
                errors[index] = answer
        return SendOutcome(
            tuple(NotTaken(index, messages[index], error) for index, error in enumerate(errors) if error is not None)
        )

    def consume(self, queues: Iterable[str]) -> None:
        """Choose the queues that ``receive`` takes from."""
        self._check_open()
        names = checked_names(queues)
        self._asking.ask(lambda link: link.kept(Queues).check(names))
        self._receiver.consume(names)

    def receive(self, max_messages: int, max_wait: float) -> list[Delivery]:
        """Take up to ``max_messages``, waiting up to ``max_wait`` seconds for the first."""
        self._check_open()
        return self._receiver.receive(max_messages, max_wait)

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Settle deliveries."""
        self._check_open()
        self._receiver.acknowledge(deliveries)

    def broadcast(self, message: Message) -> None:
        """Send a message to every subscriber."""
        self._check_open()
        error = objection_to(message, self._settings)
        if error is not None:
            raise error
        [answer] = self._sending.ask(lambda link: self._broadcast(link, message))
        if answer is not None:
            raise answer

    async def _broadcast(self, link: Link, message: Message) -> list[TransportError | None]:
        await link.kept(Queues).declare_exchange()
        publisher = link.kept(BroadcastPublisher)
        return await publisher.send(self._settings.exchange, [message.queue], [message], mandatory=False)

    def subscribe(self) -> None:
        """Collect broadcasts from now on."""
        self._check_open()
        self._receiver.subscribe()

    def broadcasts(self) -> list[Message]:
        """Take the broadcasts that ``receive`` has collected."""
        self._check_open()
        return self._receiver.broadcasts()

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait in the queue."""
        self._check_open()
        return self._asking.ask(lambda link: link.kept(Queues).depth(queue))

    def ping(self) -> None:
        """Ask the broker for an answer."""
        self._check_open()
        self._asking.ask(lambda link: link.kept(Queues).ping())

    def close(self) -> None:
        """Give back what was not acknowledged, and close both connections."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._receiver.close()
            self._taking.close()
            self._sending.close()

    @property
    def _asking(self) -> Connector:
        """The connection for questions: whichever there is, so that a transport that only sends has one."""
        return self._taking if self._taking.is_connected or not self._sending.is_connected else self._sending

    def _check_open(self) -> None:
        if self._closed:
            raise Closed(f"this transport to {self._settings.place} has been closed; open another one")
