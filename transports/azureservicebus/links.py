"""Links of Azure's library, open: each is used, looked after and closed by the one thread that opened it.

Some of what a transport needs is not in the library's public interface. It is here, in one place:

* opening, without the library's pauses of 50 ms for each frame, and with an end to it;
* credit that was given for messages and is not used up is taken back (AMQP 1.0, part 2.6.7: drain), so that no message
  is locked for a consumer that does not ask for it;
* several messages are settled in one request, by their lock tokens (Microsoft, "AMQP 1.0 in Azure Service Bus:
  request-response-based operations", update-disposition), which any client may send;
* a receiver waits no further 0.2 s for a second message, and no thread of the library's own reads beside ours.
"""

# ruff: noqa: SLF001 - this is the module for what is private in the library

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from azure.servicebus import ServiceBusMessageBatch
from azure.servicebus._common import utils
from azure.servicebus._pyamqp.error import AMQPException

from transports.azureservicebus.troubles import problem

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Sequence

    from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
    from azure.servicebus._base_handler import BaseHandler

_utils: Any = utils
_LOGGER = logging.getLogger(__name__)

_DRAIN_SECONDS = 2.0
_CREDIT_SECONDS = 2.0
"""How long a service that opened a link may take to say that we may send."""
_STANDARD_BATCH_BYTES = 256 * 1024
_PREMIUM_BATCH_BYTES = 1024 * 1024
_BEYOND_ALL = 1 << 62
"""A number that no message has."""


class Link:
    """A client of the library's, with its connection. Opening raises TransportError."""

    def __init__(self, client: BaseHandler, host: str, entity: str, seconds: float) -> None:
        self._inner: Any = client
        self._host = host
        self._entity = entity
        self._seconds = seconds
        self._handler: Any = None
        self._wire: Any = None
        try:
            self._open()
            self._opened()
        except Exception as error:
            said = self.told(error)
            self.close()
            raise problem(said, host, entity) from error

    def _open(self) -> None:
        inner = self._inner
        inner._create_handler(_utils.create_authentication(inner))
        handler = self._handler = inner._handler
        deadline = time.monotonic() + self._seconds
        with self._bounded(handler):
            try:
                handler.open()
            finally:
                self._wire = getattr(handler._connection, "_transport", None)
            while not handler.client_ready():
                if time.monotonic() > deadline:
                    raise TimeoutError("the service did not open a link in time")
        inner._running = True

    @contextlib.contextmanager
    def _bounded(self, handler: Any) -> Any:
        """Cut the connection if this lasts too long: the library waits for ever for a server that says nothing."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(self._seconds):
                _cut(getattr(handler._connection, "_transport", None))

        watching = threading.Thread(target=watch, name="milepost-servicebus-watch", daemon=True)
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()

    def _opened(self) -> None:
        """Do what comes first on an open link."""

    @property
    def has_news(self) -> bool:
        """Whether something was received that nobody has read, such as the end of the connection."""
        sock: socket.socket | None = self._wire.sock
        return sock is None or bool(select.select([sock], [], [], 0)[0])

    def look_after(self) -> None:
        """Read what has come, show the service that we live, and renew the token before it expires."""
        # Tokens are seen to wherever a client is asked whether it is authenticated.
        self._handler.auth_complete()
        self._handler._connection.listen(wait=False)
        self._handler._link.get_state()

    def told(self, error: Exception) -> Exception:
        """Return what the service said when it closed the link, where it did; else the error that came of it."""
        said = getattr(getattr(self._handler, "_link", None), "_error", None) or error
        if not isinstance(said, AMQPException):
            return said
        return self._inner._amqp_transport.create_servicebus_exception(_LOGGER, said)

    def close(self) -> None:
        """Close the client, whatever state it is in."""
        with contextlib.suppress(Exception):
            self._inner.close()
        if self._wire is not None:
            # After an error, the library leaves the socket open.
            with contextlib.suppress(Exception):
                self._wire.close()

    def cut(self) -> None:
        """End the connection that another thread is stuck with."""
        _cut(self._wire)


def _cut(wire: Any) -> None:
    with contextlib.suppress(AttributeError, OSError):
        wire.sock.shutdown(socket.SHUT_RDWR)


class SendingLink(Link):
    """Sends to a queue or topic."""

    def _opened(self) -> None:
        """Wait until the service lets us send: only after a link is open does it say what is wrong with an entity."""
        flows: list[Sequence[Any]] = []
        with _flows(self._handler._link, flows.append):
            deadline = time.monotonic() + _CREDIT_SECONDS
            while not flows and time.monotonic() < deadline:
                self._handler.do_work()

    def batch(self) -> ServiceBusMessageBatch:
        """Return a new batch, as large as the service takes."""
        transport = self._inner._amqp_transport
        told: int | None = transport.get_remote_max_message_batch_size(self._handler)
        largest: int = transport.get_remote_max_message_size(self._handler) or _STANDARD_BATCH_BYTES
        usual = _PREMIUM_BATCH_BYTES if largest >= _PREMIUM_BATCH_BYTES else _STANDARD_BATCH_BYTES
        return ServiceBusMessageBatch(told or min(largest, usual))

    def send(self, batch: ServiceBusMessageBatch | ServiceBusMessage) -> None:
        """Send, and wait for the service's word that it has it. Raises what the library raises."""
        self._inner.send_messages(batch, timeout=self._seconds)


class ReceivingLink(Link):
    """Receives from a queue or subscription."""

    def _opened(self) -> None:
        self._inner._further_pull_receive_timeout = 0.0
        # That thread never reads, and closing does not wait for it; it ends within a second of that.
        self._handler._keep_alive_interval = float("inf")
        self._handler._keep_alive_thread = None

    def receive(self, limit: int, seconds: float) -> list[ServiceBusReceivedMessage]:
        """Wait for messages. Those that were asked for and did not come may still come."""
        return self._inner.receive_messages(limit, seconds)

    def take_back_credit(self) -> list[ServiceBusReceivedMessage]:
        """Tell the service that no more messages are wanted; return those that were on their way."""
        link = self._handler._link
        drained: list[bool] = []

        def flow(frame: Sequence[Any]) -> None:
            # Fields of the flow performative: 5 is the sender's delivery-count, 6 its credit.
            if not frame[6] and frame[5] is not None:
                link.delivery_count = frame[5]
                link.current_link_credit = 0
                drained.append(True)

        deadline = time.monotonic() + _DRAIN_SECONDS
        # Only while this is set does the library keep what arrives.
        self._inner._receive_context.set()
        try:
            with _flows(link, flow):
                if link.current_link_credit > 0:
                    link.flow(link_credit=link.current_link_credit, drain=True)
                while link.current_link_credit > 0 and not drained:
                    if time.monotonic() > deadline:
                        raise TimeoutError("the service did not say that it has nothing more to send")
                    self._handler._connection.listen(wait=False)
                    link.get_state()
        finally:
            self._inner._receive_context.clear()
        return self._take_waiting()

    def _take_waiting(self) -> list[ServiceBusReceivedMessage]:
        waiting = self._handler._received_messages
        got: list[ServiceBusReceivedMessage] = []
        while not waiting.empty():
            got.append(self._inner._build_received_message(waiting.get()))
            waiting.task_done()
        return got


class ManagingLink(ReceivingLink):
    """Settles messages of a queue, and never receives any."""

    def settle(self, outcome: str, tokens: Sequence[uuid.UUID]) -> None:
        """Settle messages by their lock tokens, all in one request: ``completed`` or ``abandoned``."""
        self._inner._settle_message_via_mgmt_link(outcome, list(tokens))

    def ask(self) -> None:
        """Ask for something that is not there, as a sign of life."""
        self._inner.peek_messages(1, sequence_number=_BEYOND_ALL, timeout=self._seconds)


@contextlib.contextmanager
def _flows(link: Any, on_flow: Callable[[Sequence[Any]], None]) -> Any:
    """Hear of the service's flow frames for a link."""
    known = link._incoming_flow

    def flow(frame: Sequence[Any]) -> None:
        known(frame)
        on_flow(frame)

    link._incoming_flow = flow
    try:
        yield
    finally:
        del link._incoming_flow
