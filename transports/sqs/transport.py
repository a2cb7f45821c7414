"""The transport over SQS and SNS."""

from __future__ import annotations

import contextlib
import random
import threading
from typing import TYPE_CHECKING, Any

from transports.checks import checked_names, objection
from transports.errors import Closed, UnknownQueue
from transports.protocol import Capabilities
from transports.sqs.clients import Clients
from transports.sqs.holding import Receipt
from transports.sqs.receiving import Receiver
from transports.sqs.register import Register
from transports.sqs.sending import Sender
from transports.sqs.settings import read_settings
from transports.sqs.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from transports.protocol import Delivery, Message, SendOutcome

_PING = "milepost---ping"
"""A queue that nobody has: that SQS says so is a sign of life."""


class SqsTransport:
    """Standard queues of Amazon SQS, and broadcasts over Amazon SNS: ``sqs://REGION?prefix=orders-``.

    Without a region (``sqs://``), and without an access key (``sqs://KEY:SECRET@REGION``, percent-encoded), both come
    from where AWS's own tools take them: environment, profile, or the role of the machine. A message that is handed
    out is hidden from others until it is acknowledged, its consumer closes, or ``visibility_seconds`` have passed.

    Options, as keywords or in the URL's query:

    ``prefix``: how the names of queues and of the topic begin at AWS (default ``milepost-``; may be empty);
    ``passive`` (default no): yes makes nothing, has no broadcasts, takes the names of queues as they are, and sends
    messages in a form that any program can read;
    ``endpoint_url``: the address of a server other than AWS's;
    ``profile``: a profile of the AWS configuration files;
    ``visibility_seconds`` (default 30): how long a message is hidden once it is handed out;
    ``poll_seconds`` (1 to 20, default 2): how long a poll of an empty queue waits. Longer is cheaper, and closing may
    take as long;
    ``request_seconds`` (default 5): how long any other request may take; it is tried twice;
    ``retention_seconds``: how long queues that are made keep messages (AWS's default is four days);
    ``threads`` (default 8): how many requests may be under way at once for one call;
    ``limit_bytes`` (default and at most 1 MiB): what the queues take in one message and in one batch. Three quarters
    of that, less a little, are ``max_message_bytes``, since bytes that are no text travel as base64;
    ``broadcasts`` (default true): false where there is no SNS, and then broadcasts reach nobody;
    ``stale_seconds`` (default 3600): when the queue of a subscriber that gives no sign of life is removed by others.
    """

    def __init__(self, url: str = "sqs://", **options: Any) -> None:
        self._settings = read_settings(url, options)
        self._clients = Clients(self._settings)
        self._register = Register(self._clients)
        self._sender = Sender(self._clients, self._register)
        self._subscription = Subscription(self._clients)
        # Seeded by the system: every transport pauses in its own way.
        self._receiver = Receiver(self._clients, self._register, self._subscription, random.Random())
        self._capabilities = Capabilities(
            durable=True,
            shared=True,
            redelivers=True,
            settles_singly=True,
            releases=True,
            broadcasts=self._settings.has_broadcasts,
            priorities=False,
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
        self._register.declare(checked_names(queues))

    def send(self, messages: Sequence[Message]) -> SendOutcome:
        """Send a batch; return with the messages that were not taken."""
        self._check_open()
        return self._sender.send(messages)

    def consume(self, queues: Iterable[str]) -> None:
        """Choose the queues that ``receive`` takes from."""
        self._check_open()
        names = checked_names(queues)
        for name in names:
            self._register.url(name)
        self._receiver.consume(names)

    def receive(self, max_messages: int, max_wait: float) -> list[Delivery]:
        """Take up to ``max_messages``, waiting up to ``max_wait`` seconds for the first."""
        self._check_open()
        return self._receiver.receive(max_messages, max_wait)

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Settle deliveries."""
        self._check_open()
        self._receiver.acknowledge([each.token for each in deliveries if isinstance(each.token, Receipt)])

    def broadcast(self, message: Message) -> None:
        """Send a message to every subscriber; to nobody, but with the same checks, where there are no broadcasts."""
        self._check_open()
        wrong = objection(message, self._capabilities.max_message_bytes)
        if wrong is not None:
            raise wrong
        if self._settings.has_broadcasts:
            self._subscription.publish(message)
        else:
            self.ping()

    def subscribe(self) -> None:
        """Collect broadcasts from now on, where there are any."""
        self._check_open()
        if self._settings.has_broadcasts:
            self._subscription.open()

    def broadcasts(self) -> list[Message]:
        """Take the broadcasts that ``receive`` has collected."""
        self._check_open()
        return self._receiver.broadcasts()

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait in the queue, as SQS estimates it."""
        self._check_open()
        try:
            answer = self._clients.call(
                f"counting the messages of queue {queue!r}",
                self._clients.sqs.get_queue_attributes,
                QueueUrl=self._register.url(queue),
                AttributeNames=["ApproximateNumberOfMessages"],
            )
        except UnknownQueue:
            self._register.forget(queue)
            raise self._register.no_queue(queue) from None
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def ping(self) -> None:
        """Ask SQS for an answer, whatever it is."""
        self._check_open()
        with contextlib.suppress(UnknownQueue):
            self._clients.call(
                "asking for a sign of life", self._clients.sqs.get_queue_url, QueueName=self._settings.prefix + _PING
            )

    def close(self) -> None:
        """Give back what was not acknowledged, and remove the subscription; polls that wait end first."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._receiver.stop()
            self._subscription.close()
            self._receiver.close()
            self._clients.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Closed(f"this transport to {self._settings.where} has been closed; open another one")
