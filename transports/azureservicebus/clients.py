"""Opening links to the entities of one namespace."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from azure.servicebus import ServiceBusClient, ServiceBusReceiveMode, ServiceBusReceiver

from transports.azureservicebus.links import ManagingLink, ReceivingLink, SendingLink
from transports.azureservicebus.names import subscription_in

if TYPE_CHECKING:
    from transports.azureservicebus.settings import Settings

GLANCE_SECONDS = 0.1
"""How long a receiver waits for the network before it looks whether it should go on."""
_SENT_AHEAD = 200
"""How many broadcasts a subscriber is sent before it asks for them."""


class Clients:
    """Opens links. Safe to use from several threads. Everything raises TransportError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._made: ServiceBusClient | None = None

    @property
    def host(self) -> str:
        """The namespace, for errors."""
        return self._settings.host

    def sender(self, entity: str, *, topic: bool) -> SendingLink:
        """Open a link that sends to a queue or topic."""
        client = self._client()
        # The library's own thread for idle connections is left out: whoever owns the link looks after it.
        options: dict[str, Any] = {"keep_alive": 0, **self._options()}
        if topic:
            return SendingLink(client.get_topic_sender(entity, **options), *self._place(entity))
        return SendingLink(client.get_queue_sender(entity, **options), *self._place(entity))

    def receiver(self, queue: str) -> ReceivingLink:
        """Open a link that locks messages of a queue, and takes none before it is asked."""
        return ReceivingLink(self._receiver_of(queue, socket_timeout=GLANCE_SECONDS), *self._place(queue))

    def manager(self, queue: str) -> ManagingLink:
        """Open a link that settles messages of a queue."""
        return ManagingLink(self._receiver_of(queue), *self._place(queue))

    def _receiver_of(self, entity: str, **options: Any) -> ServiceBusReceiver:
        subscription = subscription_in(entity)
        if subscription is None:
            return self._client().get_queue_receiver(entity, **options, **self._options())
        return self._client().get_subscription_receiver(*subscription, **options, **self._options())

    def subscriber(self, topic: str, subscription: str) -> ReceivingLink:
        """Open a link that takes the messages of a subscription for good."""
        receiver = self._client().get_subscription_receiver(
            topic,
            subscription,
            receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE,
            prefetch_count=_SENT_AHEAD,
            socket_timeout=GLANCE_SECONDS,
            **self._options(),
        )
        return ReceivingLink(receiver, *self._place(f"{topic}/Subscriptions/{subscription}"))

    def _place(self, entity: str) -> tuple[str, str, float]:
        return self._settings.host, entity, self._settings.timeout_seconds

    def _options(self) -> dict[str, Any]:
        seconds = self._settings.timeout_seconds
        return {"auth_timeout": seconds, "timeout": seconds, "client_identifier": self._settings.connection_name}

    def _client(self) -> ServiceBusClient:
        with self._lock:
            if self._made is None:
                settings = self._settings
                # Tried once: what failed is tried again by whoever asked for it, with pauses.
                options: dict[str, Any] = {
                    "retry_total": 0,
                    "try_timeout": settings.timeout_seconds,
                    "connection_verify": settings.ca_file,
                }
                if settings.connection_string is not None:
                    self._made = ServiceBusClient.from_connection_string(settings.connection_string, **options)
                else:
                    self._made = ServiceBusClient(settings.host, default_credential(), **options)
            return self._made


def default_credential() -> Any:
    """Return Azure's usual chain of credentials."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
