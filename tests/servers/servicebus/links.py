"""One AMQP connection: its links, what comes in on them, and what goes out.

Links to an entity name it as ``amqps://host/entity``, those for requests as ``$cbs`` or ``entity/$management``.
"""

from __future__ import annotations

import uuid
from typing import Any

from proton import Condition, Delivery, Endpoint, Event, Handler, Link, Message, int32, symbol

from tests.servers.servicebus import management, payloads
from tests.servers.servicebus.consumers import Consumer, Consumers
from tests.servers.servicebus.namespace import MAX_MESSAGE_BYTES, Namespace
from tests.servers.servicebus.payloads import owned
from tests.servers.servicebus.tokens import LISTEN, SEND, Grant, InvalidTokenError, grant_of

CBS = "$cbs"
MANAGEMENT = "/$management"
_CREDIT = 500


class Links(Handler):
    """What happens on one connection. ``flush`` writes what is waiting."""

    def __init__(self, namespace: Namespace, consumers: Consumers, key: str) -> None:
        super().__init__()
        self._namespace = namespace
        self._consumers = consumers
        self._key = key
        self._grants: list[Grant] = []
        self._mine: list[Consumer] = []
        self.flush = lambda: None

    # -- opening and closing -----------------------------------------------------------------------------------------

    def on_connection_remote_open(self, event: Event) -> None:
        event.connection.container = "milepost-test-server"
        event.connection.open()

    def on_connection_remote_close(self, event: Event) -> None:
        self.drop()
        event.connection.close()

    def on_session_remote_open(self, event: Event) -> None:
        event.session.open()

    def on_session_remote_close(self, event: Event) -> None:
        event.session.close()

    def on_link_remote_open(self, event: Event) -> None:
        link = event.link
        path = _path(link)
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        link.snd_settle_mode = link.remote_snd_settle_mode
        link.rcv_settle_mode = link.remote_rcv_settle_mode
        link.max_message_size = MAX_MESSAGE_BYTES
        # Opened even if it is refused: a client reads why only after the link is there.
        link.open()
        refusal = self._refusal(link, path)
        if refusal is not None:
            link.condition = refusal
            link.close()
        elif link.is_receiver:
            link.flow(_CREDIT)
        elif path != CBS and not path.endswith(MANAGEMENT):
            queue = self._namespace.queue(path)
            assert queue is not None
            consumer = Consumer(self, link, queue)
            self._mine.append(consumer)
            self._consumers.add(consumer)

    def _refusal(self, link: Link, path: str) -> Condition | None:
        if path == CBS:
            return None
        entity = path.removesuffix(MANAGEMENT)
        wanted = SEND if link.is_receiver and entity == path else LISTEN
        if not any(grant.allows(wanted, entity) for grant in self._grants):
            return Condition("amqp:unauthorized-access", f"Unauthorized access. '{wanted}' claim(s) are required.")
        queue = self._namespace.queue(entity)
        if queue is None and not (link.is_receiver and self._namespace.exists(entity)):
            return Condition("amqp:not-found", f"The messaging entity '{entity}' could not be found.")
        if queue is not None and queue.needs_sessions and link.is_sender:
            return Condition("amqp:not-allowed", "It is not possible for an entity that requires sessions.")
        return None

    def on_link_remote_close(self, event: Event) -> None:
        self._forget(event.link)
        event.link.close()

    def on_link_remote_detach(self, event: Event) -> None:
        self.on_link_remote_close(event)

    def _forget(self, link: Link) -> None:
        for consumer in [consumer for consumer in self._mine if consumer.link == link]:
            self._mine.remove(consumer)
            self._consumers.remove(consumer)

    def drop(self) -> None:
        """Forget all links. What their receivers hold stays locked for as long as it was."""
        for consumer in self._mine:
            self._consumers.remove(consumer)
        self._mine.clear()

    def entity_removed(self, connection: Any, path: str) -> None:
        """Detach the links to an entity that is gone."""
        link = connection.link_head(Endpoint.LOCAL_ACTIVE)
        while link is not None:
            following = link.next(Endpoint.LOCAL_ACTIVE)
            if _path(link).removesuffix(MANAGEMENT) == path:
                self._forget(link)
                link.condition = Condition("amqp:not-found", f"The messaging entity '{path}' has been deleted.")
                link.close()
            link = following
        self.flush()

    # -- messages ----------------------------------------------------------------------------------------------------

    def on_link_flow(self, event: Event) -> None:
        for consumer in self._mine:
            if consumer.link == event.link:
                self._consumers.serve(consumer.queue)
        if event.link.is_sender:
            # Does something only where the receiver asked for it.
            event.link.drained()

    def on_delivery(self, event: Event) -> None:
        delivery, link = event.delivery, event.link
        if link.is_receiver:
            if delivery.readable and not delivery.partial and link.state & Endpoint.LOCAL_ACTIVE:
                self._incoming(link, delivery)
        elif delivery.updated and delivery.remote_state:
            for consumer in self._mine:
                if consumer.link == link:
                    consumer.settle(delivery)
                    return
            delivery.settle()

    def _incoming(self, link: Link, delivery: Delivery) -> None:
        raw = bytes(link.recv(delivery.pending) or b"")
        link.advance()
        path = _path(link)
        if len(raw) > MAX_MESSAGE_BYTES:
            delivery.local.condition = _rejection("amqp:link:message-size-exceeded", f"{len(raw)} bytes are too many.")
            delivery.update(Delivery.REJECTED)
        elif path == CBS:
            self._put_token(link, raw)
            delivery.update(Delivery.ACCEPTED)
        elif path.endswith(MANAGEMENT):
            self._manage(link, path, raw)
            delivery.update(Delivery.ACCEPTED)
        elif self._namespace.send(path, payloads.unbatch(raw)):
            delivery.update(Delivery.ACCEPTED)
        else:
            delivery.local.condition = _rejection(
                "amqp:not-found", f"The messaging entity '{path}' could not be found."
            )
            delivery.update(Delivery.REJECTED)
        delivery.settle()
        link.flow(max(_CREDIT - link.credit, 0))

    # -- requests ----------------------------------------------------------------------------------------------------

    def _put_token(self, link: Link, raw: bytes) -> None:
        request = Message()
        request.decode(raw)
        try:
            self._grants.append(grant_of(str(request.body), self._key))
        except InvalidTokenError as problem:
            self._reply(link, CBS, request, {"status-code": int32(401), "status-description": str(problem)})
        else:
            self._reply(link, CBS, request, {"status-code": int32(202), "status-description": "Accepted"})

    def _manage(self, link: Link, path: str, raw: bytes) -> None:
        request = Message()
        request.decode(raw)
        queue = self._namespace.queue(path.removesuffix(MANAGEMENT))
        operation = str((request.properties or {}).get("operation"))
        if queue is None:
            answer = management.Answer(404, {}, "entity-not-found")
        else:
            answer = management.answer(queue, operation, owned(request.body) or {})
        properties: dict[str, Any] = {"statusCode": int32(answer.code), "statusDescription": answer.condition or "OK"}
        if answer.condition:
            properties["errorCondition"] = symbol(f"com.microsoft:{answer.condition}")
        self._reply(link, path, request, properties, answer.body)

    def _reply(self, link: Link, path: str, request: Message, properties: dict[str, Any], body: Any = None) -> None:
        reply = Message(body=body, properties=properties, correlation_id=request.id)
        outgoing = link.connection.link_head(Endpoint.LOCAL_ACTIVE | Endpoint.REMOTE_ACTIVE)
        while outgoing is not None:
            if outgoing.is_sender and outgoing.session == link.session and _path(outgoing) == path:
                delivery = outgoing.delivery(uuid.uuid4().bytes)
                outgoing.stream(reply.encode())
                outgoing.advance()
                delivery.settle()
                return
            outgoing = outgoing.next(Endpoint.LOCAL_ACTIVE | Endpoint.REMOTE_ACTIVE)


def _rejection(name: str, description: str) -> Condition:
    # The client waits for ever for a rejection that carries no further information.
    return Condition(name, description, {symbol("server"): "test"})


def _path(link: Link) -> str:
    address = str((link.remote_source if link.is_sender else link.remote_target).address or "")
    return address.partition("://")[2].partition("/")[2].lower() if "://" in address else address.lower()
