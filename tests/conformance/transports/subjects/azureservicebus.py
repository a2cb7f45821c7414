"""The transport over Azure Service Bus, on the project's own test server."""

from __future__ import annotations

import secrets
import socket
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus._base_handler import ServiceBusSharedKeyCredential
from azure.servicebus.management import ServiceBusAdministrationClient

from tests.conformance.transports.helpers import SECONDS
from tests.conformance.transports.proxy import Proxy
from tests.conformance.transports.subject import Foreign, Mistake, Native, Outage, Subject
from transports import Capabilities, Unavailable, UnknownQueue, open_transport

SERVICE_BUS = Capabilities(
    durable=True,
    shared=True,
    redelivers=True,
    settles_singly=True,
    releases=True,
    broadcasts=True,
    priorities=False,
    depth=True,
    checks_queues=True,
    max_message_bytes=240 * 1024,
)
PATIENCE_SECONDS = "30"
"""How long a service on a busy machine may take for an answer. That a connection is cut is noticed at once."""
PROMPT_SECONDS = "3"
SHORTEST_LOCK = timedelta(seconds=5)
"""That the service can give: so long a message that a dead consumer held is given to nobody else."""


class PlainHttp(RequestsTransport):
    """Asks a server without TLS for its administration."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def send(self, request: Any, **options: Any) -> Any:
        path = request.url.partition("://")[2].partition("/")[2]
        request.url = f"http://127.0.0.1:{self._port}/{path}"
        return super().send(request, **options)


class Server:
    """A server that tests share, and what one test does on it under a prefix of its own."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        assert address.port is not None
        assert address.username is not None
        assert address.password is not None
        self.port = address.port
        self.policy = address.username
        self.key = address.password
        self.prefix = f"t{secrets.token_hex(5)}."

    def url(self, *, port: int | None = None, policy: str | None = None, key: str | None = None, **options: str) -> str:
        """Return the URL of a transport."""
        port = port or self.port
        chosen = {
            "emulator": "true",
            "management_port": str(port),
            "prefix": self.prefix,
            "timeout_seconds": PATIENCE_SECONDS,
            **options,
        }
        who = f"{policy or self.policy}:{quote(key or self.key, safe='')}"
        return f"azureservicebus://{who}@127.0.0.1:{port}/?{urlencode(chosen)}"

    def connection_string(self) -> str:
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName={self.policy};SharedAccessKey={self.key};"
            "UseDevelopmentEmulator=true"
        )

    def administration(self) -> ServiceBusAdministrationClient:
        return ServiceBusAdministrationClient.from_connection_string(
            self.connection_string(), transport=PlainHttp(self.port), retry_total=0
        )

    def client(self) -> ServiceBusClient:
        return ServiceBusClient.from_connection_string(self.connection_string(), retry_total=0)

    def ask(self, path: str) -> None:
        """Make one of the test server's own requests."""
        token = ServiceBusSharedKeyCredential(self.policy, self.key).get_token(f"https://127.0.0.1:{self.port}").token
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/$test/{path}", method="POST", headers={"Authorization": token}
        )
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - a fixed address

    def wipe(self) -> None:
        self.ask(f"wipe?{quote(self.prefix)}")

    @contextmanager
    def restart(self) -> Iterator[None]:
        """Drop all connections, as the service does when it moves a namespace to another machine."""
        self.ask("restart")
        yield

    def conflict(self) -> None:
        """Meet a queue that requires sessions, as somebody made it for something else."""
        self.administration().create_queue(f"{self.prefix}sessions", requires_session=True)
        use(self.url(), "sessions")


class Program:
    """Another program, which uses azure-servicebus."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.queue = f"{server.prefix}Orders_In/v1"

    def make(self) -> None:
        self._server.administration().create_queue(self.queue, lock_duration=SHORTEST_LOCK)

    def send(self, body: bytes, headers: Mapping[str, str], name: str) -> str:
        message = ServiceBusMessage(body, application_properties=dict(headers), message_id=name)
        with self._server.client() as client, client.get_queue_sender(self.queue) as sender:
            sender.send_messages(message)
        return name

    def receive(self) -> Native:
        with self._server.client() as client, client.get_queue_receiver(self.queue) as receiver:
            [message] = receiver.receive_messages(1, SECONDS)
            receiver.complete_message(message)
        headers = {name.decode(): value.decode() for name, value in (message.application_properties or {}).items()}
        return Native(b"".join(message.body), headers, message.message_id)


def use(url: str, queue: str = "work", **options: Any) -> None:
    """Open a transport and do the first thing that anybody does with it."""
    transport = open_transport(url, **options)
    try:
        transport.declare([queue])
    finally:
        transport.close()


def mistakes(server: Server) -> list[Mistake]:
    def silent() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            use(server.url(port=listener.getsockname()[1], timeout_seconds="2"))

    def silent_without_administration() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            use(server.url(port=listener.getsockname()[1], timeout_seconds="2", passive="yes"))

    def closed() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            use(server.url(port=unused.getsockname()[1], timeout_seconds=PROMPT_SECONDS))

    def subscribe_without_rights() -> None:
        transport = open_transport(server.url(policy="worker"))
        try:
            transport.subscribe()
        finally:
            transport.close()

    url = server.url()
    elsewhere = server.url(timeout_seconds=PROMPT_SECONDS).replace("127.0.0.1", "host.invalid")
    return [
        Mistake("wrong key", lambda: use(server.url(key="secret"))),
        Mistake("wrong key, without administration", lambda: use(server.url(key="secret", passive="yes"))),
        Mistake("no such policy", lambda: use(server.url(policy="stranger"))),
        Mistake("missing rights", lambda: use(server.url(policy="nobody"))),
        Mistake(
            "a queue that is not there and may not be made", lambda: use(server.url(policy="worker")), UnknownQueue
        ),
        Mistake("subscribing without the right to", subscribe_without_rights),
        Mistake("nobody listens", closed, Unavailable),
        Mistake("no such host", lambda: use(elsewhere), Unavailable),
        Mistake("no such host, without administration", lambda: use(f"{elsewhere}&passive=yes"), Unavailable),
        Mistake("a server that says nothing", silent, Unavailable),
        Mistake("one that says nothing, without administration", silent_without_administration, Unavailable),
        Mistake("no namespace", lambda: open_transport("azureservicebus:///?emulator=true")),
        Mistake("a policy without its key", lambda: open_transport("azureservicebus://secret@a.example/")),
        Mistake("a path", lambda: open_transport("azureservicebus://a.example/queue")),
        Mistake("a port", lambda: open_transport("azureservicebus://a.example:1234/")),
        Mistake("no credentials for an emulator", lambda: open_transport("azureservicebus://localhost/?emulator=true")),
        Mistake("no connection string", lambda: open_transport("azureservicebus://?connection_string=secret")),
        Mistake(
            "one for a single queue",
            lambda: open_transport(
                "azureservicebus://", connection_string=server.connection_string() + ";EntityPath=a"
            ),
        ),
        Mistake("no such option", lambda: open_transport(f"{url}&colour=red")),
        Mistake("no such keyword", lambda: open_transport(url, colour="red")),
        Mistake("no duration", lambda: open_transport(server.url(lock_seconds="soon"))),
        Mistake("no truth", lambda: open_transport(server.url(passive="perhaps"))),
        Mistake("no prefix for queues", lambda: open_transport(server.url(prefix="/a"))),
    ]


@contextmanager
def azureservicebus(request: pytest.FixtureRequest) -> Iterator[Subject]:
    server = Server(request.getfixturevalue("servicebus_url"))
    proxy = Proxy("127.0.0.1", server.port)
    program = Program(server)
    try:
        yield Subject(
            url=server.url(port=proxy.port),
            hasty_url=server.url(port=proxy.port, lock_seconds="2"),
            capabilities=SERVICE_BUS,
            outages=[
                Outage("connections cut", proxy.cut),
                Outage("restart", server.restart, total=False),
            ],
            mistakes=mistakes(server),
            conflict=server.conflict,
            wipe=server.wipe,
            foreign=Foreign(
                url=server.url(port=proxy.port),
                queue=program.queue,
                make=program.make,
                send=program.send,
                receive=program.receive,
                impossible="à la carte",
            ),
        )
    finally:
        proxy.close()
        server.wipe()
