"""The administration API of a namespace: what is made, looked at and removed there.

It needs the right to manage. Without it, queues are only looked for, by opening links to them.
"""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from azure.core.exceptions import ResourceExistsError
from azure.core.pipeline.transport import RequestsTransport

from transports.azureservicebus.clients import default_credential
from transports.azureservicebus.troubles import problem
from transports.errors import Refused, TransportError, UnknownQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.servicebus.management import QueueProperties, ServiceBusAdministrationClient

    from transports.azureservicebus.settings import Settings

T = TypeVar("T")

_LOCK = timedelta(seconds=60)
_MAX_DELIVERIES = 2000
"""Messages are not meant to become dead letters: what is acknowledged late is sent again by the engine in any case."""
_IDLE = timedelta(minutes=5)
"""When a subscription whose subscriber died is removed; the service allows no shorter time."""
_BROADCAST_LIFE = timedelta(minutes=5)


_Transport: Any = RequestsTransport


def _plain_http(base: str, options: dict[str, Any]) -> Any:
    """Return what asks an emulator, which has no TLS and a port of its own for this."""
    transport = _Transport(**options)
    send = transport.send

    def send_there(request: Any, **keywords: Any) -> Any:
        _, _, path = request.url.partition("://")[2].partition("/")
        request.url = f"{base}/{path}"
        return send(request, **keywords)

    transport.send = send_there
    return transport


class Administration:
    """Safe to use from several threads; one request at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._made: ServiceBusAdministrationClient | None = None

    def _client(self) -> ServiceBusAdministrationClient:
        from azure.servicebus.management import ServiceBusAdministrationClient

        if self._made is None:
            settings = self._settings
            options: dict[str, Any] = {
                "connection_timeout": settings.timeout_seconds,
                "read_timeout": settings.timeout_seconds,
                "connection_verify": settings.ca_file or True,
            }
            if settings.emulator:
                host = settings.host.rpartition(":")[0] or settings.host
                transport = _plain_http(f"http://{host}:{settings.management_port}", options)
            else:
                transport = _Transport(**options)
            if settings.connection_string is not None:
                self._made = ServiceBusAdministrationClient.from_connection_string(
                    settings.connection_string, transport=transport, retry_total=0
                )
            else:
                self._made = ServiceBusAdministrationClient(
                    settings.host, default_credential(), transport=transport, retry_total=0
                )
        return self._made

    def _ask(self, entity: str, request: Callable[[ServiceBusAdministrationClient], T]) -> T:
        with self._lock:
            try:
                return request(self._client())
            except ResourceExistsError:
                raise
            except Exception as error:
                raise problem(error, self._settings.host, entity) from error

    # -- queues ------------------------------------------------------------------------------------------------------

    def ensure_queue(self, entity: str) -> None:
        """Make a queue unless it is there. Raises NoRight without the right, Refused if it is of another kind."""
        try:
            found = self._ask(entity, lambda client: self._look(client, entity))
        except UnknownQueue:
            found = self._make_queue(entity)
        if found is not None:
            self._check(entity, found)

    def _look(self, client: ServiceBusAdministrationClient, entity: str) -> QueueProperties:
        try:
            return client.get_queue(entity)
        except AttributeError:
            # The library stumbles over the description of a topic.
            raise Refused(self._other_kind(entity, "is a topic")) from None

    def _make_queue(self, entity: str) -> QueueProperties | None:
        seconds = self._settings.lock_seconds
        lock = _LOCK if seconds is None else timedelta(seconds=seconds)
        try:
            self._ask(
                entity,
                lambda client: client.create_queue(entity, lock_duration=lock, max_delivery_count=_MAX_DELIVERIES),
            )
        except ResourceExistsError:
            # Another process was faster.
            return self._ask(entity, lambda client: self._look(client, entity))
        return None

    def _check(self, entity: str, found: QueueProperties) -> None:
        if found.requires_session:
            raise Refused(self._other_kind(entity, "requires sessions"))
        seconds = self._settings.lock_seconds
        if seconds is not None and found.lock_duration != timedelta(seconds=seconds):
            found.lock_duration = timedelta(seconds=seconds)
            self._ask(entity, lambda client: client.update_queue(found))

    def _other_kind(self, entity: str, what: str) -> str:
        return f"{entity!r} on {self._settings.host} {what}: remove it, or choose another prefix"

    def count(self, entity: str) -> int:
        """Return how many messages are in a queue, those that consumers hold included."""
        found = self._ask(entity, lambda client: client.get_queue_runtime_properties(entity))
        return int(found.active_message_count or 0)

    # -- the topic of broadcasts -------------------------------------------------------------------------------------

    def ensure_topic(self, topic: str) -> None:
        """Make a topic unless it is there."""
        with contextlib.suppress(ResourceExistsError):
            self._ask(topic, lambda client: client.create_topic(topic, default_message_time_to_live=_BROADCAST_LIFE))

    def ensure_subscription(self, topic: str, name: str) -> None:
        """Make a subscription, and its topic, unless they are there. It is removed when nobody attends it."""
        try:
            self._add_subscription(topic, name)
        except UnknownQueue:
            self.ensure_topic(topic)
            self._add_subscription(topic, name)

    def _add_subscription(self, topic: str, name: str) -> None:
        with contextlib.suppress(ResourceExistsError):
            self._ask(
                topic,
                lambda client: client.create_subscription(
                    topic, name, auto_delete_on_idle=_IDLE, default_message_time_to_live=_BROADCAST_LIFE
                ),
            )

    def remove_subscription(self, topic: str, name: str) -> None:
        """Remove a subscription; one that cannot be removed now is removed by the service when its time is up."""
        with contextlib.suppress(TransportError, ResourceExistsError):
            self._ask(topic, lambda client: client.delete_subscription(topic, name))

    # -- the namespace -----------------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Ask for a sign of life. Raises Refused if it comes but says that we may not ask."""
        self._ask("", lambda client: client.get_namespace_properties())

    def close(self) -> None:
        """Let go of the connections."""
        if self._made is not None:
            self._made.close()
