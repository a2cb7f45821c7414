"""The transport over Azure Service Bus."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any

from transports.azureservicebus import contents
from transports.azureservicebus.administration import Administration
from transports.azureservicebus.clients import Clients
from transports.azureservicebus.listening import Listening
from transports.azureservicebus.names import subscription_in
from transports.azureservicebus.receiving import Receiver, Token
from transports.azureservicebus.sending import Sending
from transports.azureservicebus.settings import read_settings
from transports.azureservicebus.settling import Settling
from transports.azureservicebus.troubles import NoRight
from transports.checks import checked_names
from transports.errors import Closed, NotConfirmed, Refused, Unavailable, UnknownQueue
from transports.protocol import Capabilities, NotTaken, SendOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from transports.errors import TransportError
    from transports.protocol import Delivery, Message

_REMEMBERED_SECONDS = 60.0
"""How long a queue that was seen is taken for granted: requests to the administration are slow, and rationed."""


class AzureServiceBusTransport:
    """Queues of a namespace, and a topic for broadcasts.

    ``azureservicebus://NAMESPACE.servicebus.windows.net/`` with Azure's usual chain of credentials, or
    ``azureservicebus://POLICY:KEY@NAMESPACE.servicebus.windows.net/``. Options, as keywords or in the URL's query:

    * ``connection_string``: a connection string for the namespace, in place of all that;
    * ``prefix``: what the names of queues begin with (default ``milepost.``);
    * ``passive``: yes makes and counts nothing, only looks whether queues are there, and takes their names as they are;
      ``TOPIC/subscriptions/NAME`` is a queue then, too (default no);
    * ``timeout_seconds``: how long the service may take to answer (default 10);
    * ``lock_seconds``: how long a delivery stays its consumer's, which the service allows to be 5 to 300 (60 for queues
      that are made here; where it is given, queues that are there are changed);
    * ``max_message_bytes``: default 240 KiB, which with its envelope fits the 256 KiB of the standard tier;
    * ``topic`` and ``subscription``: the topic for broadcasts, and a subscription that is there and that no other
      process uses, in place of one that is made for each subscriber;
    * ``connection_name``: by what the service's logs name this client;
    * ``ca_file``: certificates to trust, in place of those of certifi;
    * ``emulator``: yes for a server without TLS, with ``management_port`` (default 5300) for its administration.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._settings = settings = read_settings(url, options)
        # Seeded by the system: every transport pauses in its own way.
        self._rng = random.Random()
        self._clients = Clients(settings)
        self._administration = Administration(settings)
        self._manage = not settings.passive
        """Whether queues, topic and subscriptions may be made and counted, as far as is known."""
        self._sending = Sending(self._clients, settings.timeout_seconds, self._forget_queues)
        self._settling = Settling(self._clients, settings.timeout_seconds)
        self._receiver = Receiver(self._clients, self._settling, settings, self._rng, self._forget_queues)
        self._listening: Listening | None = None
        self._seen: dict[str, float] = {}
        self._closed = False
        self._closing = threading.Lock()
        self._capabilities = Capabilities(
            durable=True,
            shared=True,
            redelivers=True,
            settles_singly=True,
            releases=True,
            broadcasts=not settings.passive or settings.subscription is not None,
            priorities=False,
            depth=not settings.passive,
            checks_queues=True,
            max_message_bytes=settings.max_message_bytes,
        )

    @property
    def capabilities(self) -> Capabilities:
        """What this transport can do."""
        return self._capabilities

    # -- queues ------------------------------------------------------------------------------------------------------

    def declare(self, queues: Iterable[str]) -> None:
        """Make sure that these queues exist."""
        self._check_open()
        for name in checked_names(queues):
            seen = self._seen.get(name)
            if seen is None or time.monotonic() - seen > _REMEMBERED_SECONDS:
                self._declare(self._settings.entity(name))
                self._seen[name] = time.monotonic()

    def _declare(self, entity: str) -> None:
        if self._manage:
            try:
                self._administration.ensure_queue(entity)
            except NoRight as error:
                self._check_queue(entity, f": {error}")
                # It is there, and the credentials are good for sending: so it is the right that is missing.
                self._manage = False
        else:
            self._check_queue(entity, "")

    def _check_queue(self, entity: str, why: str) -> None:
        try:
            self._look_for(entity)
        except UnknownQueue:
            raise UnknownQueue(
                f"there is no queue {entity!r} on {self._settings.host}, and it is not made here{why}: have it made by "
                "somebody with the right to manage"
            ) from None

    def _look_for(self, entity: str) -> None:
        """Open a link to an entity, to send or to receive: who may do one of the two may not do the other as a rule."""
        if subscription_in(entity) is None:
            try:
                self._sending.check(entity)
            except UnknownQueue:
                raise
            except Refused:
                if not self._settings.passive:
                    raise
            else:
                return
        self._settling.finish(self._settling.check(entity))

    def _forget_queues(self) -> None:
        """One was found to be gone: others may be too."""
        self._seen = {}

    def depth(self, queue: str) -> int | None:
        """Return how many messages are in the queue, those that are held by consumers included."""
        self._check_open()
        if not self._manage:
            return None
        [name] = checked_names([queue])
        try:
            return self._administration.count(self._settings.entity(name))
        except NoRight:
            return None

    # -- sending -----------------------------------------------------------------------------------------------------

    def send(self, messages: Sequence[Message]) -> SendOutcome:
        """Send messages in batches, one queue after the other; return with those that were not taken."""
        self._check_open()
        errors: dict[int, TransportError] = {}
        groups: dict[str, list[int]] = {}
        for index, message in enumerate(messages):
            wrong = self._objection(message)
            if wrong is not None:
                errors[index] = wrong
            else:
                groups.setdefault(message.queue, []).append(index)
        lost: dict[int, TransportError] = {}
        for queue, places in groups.items():
            batch = [contents.written(messages[place]) for place in places]
            found = self._sending.send(self._settings.entity(queue), batch)
            for place, error in found.items():
                concerns_all = isinstance(error, (Unavailable, NotConfirmed)) or type(error) is Refused
                (lost if concerns_all else errors)[places[place]] = error
        if lost and len(lost) == sum(map(len, groups.values())):
            # None was taken. Where some may have been, that is what matters.
            raise min(lost.values(), key=lambda error: not isinstance(error, NotConfirmed))
        return SendOutcome(
            tuple(NotTaken(index, messages[index], error) for index, error in sorted((errors | lost).items()))
        )

    def _objection(self, message: Message) -> TransportError | None:
        wrong = contents.objection_to(message, self._settings.max_message_bytes)
        if wrong is not None:
            return wrong
        try:
            entity = self._settings.entity(message.queue)
        except Refused as error:
            return error
        if subscription_in(entity) is not None:
            return Refused(f"{entity!r} is a subscription, which only its topic is sent to: send to the topic")
        return None

    def broadcast(self, message: Message) -> None:
        """Send a message to every subscriber; to nobody, but with the same checks, where there are no broadcasts."""
        self._check_open()
        wrong = contents.objection_to(message, self._settings.max_message_bytes)
        if wrong is not None:
            raise wrong
        if not self._capabilities.broadcasts:
            self.ping()
            return
        error = self._broadcast(message)
        if isinstance(error, UnknownQueue) and self._manage:
            # Nobody has subscribed yet, or the broker was wiped.
            self._administration.ensure_topic(self._settings.topic)
            error = self._broadcast(message)
        if error is not None:
            raise error

    def _broadcast(self, message: Message) -> TransportError | None:
        return self._sending.send(self._settings.topic, [contents.written(message, topic=True)], topic=True).get(0)

    # -- receiving ---------------------------------------------------------------------------------------------------

    def consume(self, queues: Iterable[str]) -> None:
        """Choose the queues that ``receive`` takes from."""
        self._check_open()
        self._receiver.consume(checked_names(queues))

    def receive(self, max_messages: int, max_wait: float) -> list[Delivery]:
        """Take up to ``max_messages``, waiting up to ``max_wait`` seconds for the first."""
        self._check_open()
        return self._receiver.receive(max_messages, max_wait)

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Settle deliveries."""
        self._check_open()
        self._receiver.acknowledge(delivery.token for delivery in deliveries if isinstance(delivery.token, Token))

    def subscribe(self) -> None:
        """Collect broadcasts from now on, where there are any."""
        self._check_open()
        if self._listening is None and self._capabilities.broadcasts:
            listening = Listening(self._clients, self._administration, self._settings, self._rng, self._receiver.wake)
            listening.start()
            self._listening = self._receiver.listening = listening

    def broadcasts(self) -> list[Message]:
        """Take the broadcasts that have come."""
        self._check_open()
        return [] if self._listening is None else self._listening.take()

    # -- the connection ----------------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Ask for a sign of life: of a queue that is known, else of the administration, else of the host."""
        self._check_open()
        known = next(iter(self._seen), None)
        if known is not None:
            self._ask(self._settings.entity(known))
        elif self._manage:
            # That we may not ask is an answer too.
            with contextlib.suppress(NoRight):
                self._administration.ping()
        else:
            self._knock()

    def _ask(self, entity: str) -> None:
        try:
            self._settling.finish(self._settling.check(entity))
        except Refused:
            # That is an answer, where we may only send, or where it is a topic.
            if not self._settings.passive:
                raise
            self._sending.check(entity)

    def _knock(self) -> None:
        host, _, port = self._settings.host.partition(":")
        try:
            socket.create_connection((host, int(port or 5671)), self._settings.timeout_seconds).close()
        except OSError as error:
            raise Unavailable(f"{self._settings.host} cannot be reached: {error}") from error

    def close(self) -> None:
        """Give back what was not acknowledged, and close every connection."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            held = self._receiver.close()
            closing = [self._sending.close(), self._settling.release(held)]
            if self._listening is not None:
                self._listening.close()
            wait_for([future for future in closing if future is not None], timeout=self._settings.timeout_seconds)
            self._administration.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Closed(f"this transport to {self._settings.host} has been closed; open another one")
