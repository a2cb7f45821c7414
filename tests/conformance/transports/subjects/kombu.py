"""The transport over kombu's: Redis, and files in a directory."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import kombu
import pytest
import redis as client

from tests.conformance.transports.helpers import SECONDS
from tests.conformance.transports.proxy import Proxy
from tests.conformance.transports.subject import Foreign, Mistake, Native, Outage, Subject
from tests.servers.running import RunningServer
from transports import Capabilities, NoTransport, Unavailable, open_transport

MiB = 1 << 20
REDIS = Capabilities(
    durable=True,
    shared=True,
    redelivers=True,
    settles_singly=True,
    releases=True,
    broadcasts=True,
    priorities=True,
    depth=True,
    checks_queues=False,
    max_message_bytes=MiB,
)
FILES = Capabilities(
    durable=True,
    shared=True,
    redelivers=False,
    settles_singly=True,
    releases=True,
    broadcasts=False,
    priorities=False,
    depth=True,
    checks_queues=False,
    max_message_bytes=MiB,
)
_numbers = itertools.count(1)


class Program:
    """Another program, which uses kombu."""

    queue = "orders_in.v1"

    def __init__(self, url: str, **options: str) -> None:
        self._url = url
        self._options = options

    @contextmanager
    def _connection(self) -> Iterator[kombu.Connection]:
        with kombu.Connection(self._url, transport_options=self._options) as connection:
            yield connection

    def make(self) -> None:
        """There is nothing to make: the queue is there with its first message."""

    def send(self, body: bytes, headers: Mapping[str, str], name: str) -> str:
        form = {"content_type": "application/octet-stream", "content_encoding": "binary"}
        with self._connection() as connection:
            connection.Producer().publish(body, self.queue, headers=dict(headers), message_id=name, **form)
        return name

    def receive(self) -> Native:
        taken: list[kombu.Message] = []
        with self._connection() as connection:
            queue = kombu.Queue(self.queue, no_declare=True)
            with connection.Consumer([queue], on_message=taken.append, no_ack=True, prefetch_count=1):
                connection.drain_events(timeout=SECONDS)
        [message] = taken
        assert isinstance(message.body, bytes)
        return Native(message.body, message.headers, message.properties.get("message_id"))

    def foreign(self, url: str, impossible: str | None) -> Foreign:
        return Foreign(url, self.queue, self.make, self.send, self.receive, impossible)


def use(url: str) -> None:
    """Open a transport and do the first thing that anybody does with it."""
    with closing(open_transport(url)) as transport:
        transport.declare(["work"])


def changed(url: str, **parts: object) -> str:
    """Return a Redis URL with another ``host``, ``port``, ``user``, ``password`` or ``database``."""
    split = urlsplit(url)
    at = {"user": split.username or "", "password": split.password, "host": split.hostname, "port": split.port}
    at |= {"database": split.path.removeprefix("/")} | parts
    return "redis://{user}:{password}@{host}:{port}/{database}".format(**at)


def redis_mistakes(url: str) -> list[Mistake]:
    """Return what may be wrong with the address of Redis."""

    def silent() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            use(changed(url, port=server.getsockname()[1]) + "?timeout_seconds=0.5")

    def closed() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            use(changed(url, port=unused.getsockname()[1]))

    def other_protocol() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            use(f"rediss://127.0.0.1:{server.getsockname()[1]}/0?timeout_seconds=0.5")

    return [
        Mistake("wrong password", lambda: use(changed(url, password="wrong-secret"))),
        Mistake("no password", lambda: use(changed(url, password=""))),
        Mistake("no such user", lambda: use(changed(url, user="stranger"))),
        Mistake("missing rights", lambda: use(changed(url, user="nobody", password="secret"))),
        Mistake("no such database", lambda: use(changed(url, database=100000))),
        Mistake("a database without a number", lambda: open_transport(changed(url, database="work"))),
        Mistake("nobody listens", closed, Unavailable),
        Mistake("no such host", lambda: use(changed(url, host="host.invalid")), Unavailable),
        Mistake("a server that says nothing", silent, Unavailable),
        Mistake("a server that knows no TLS", other_protocol, Unavailable),
        Mistake("no such certificate", lambda: open_transport("rediss://localhost/0?ssl_ca_certs=/missing.pem")),
        Mistake("TLS options without TLS", lambda: open_transport(url + "?ssl_check_hostname=no")),
        Mistake("no such option in the URL", lambda: open_transport(url + "?colour=secret")),
        Mistake("no such keyword", lambda: open_transport(url, colour="red")),
        Mistake("no duration", lambda: open_transport(url + "?visibility_seconds=soon")),
        Mistake("no port", lambda: open_transport("redis://:secret@localhost:many/0")),
        Mistake("sentinel without a name", lambda: open_transport("kombu+sentinel://localhost")),
        *(
            Mistake(f"{scheme} by kombu", lambda scheme=scheme: open_transport(f"kombu+{scheme}://me:secret@host"))
            for scheme in (
                "sqs",
                "SQS",
                "kafka",
                "confluentkafka",
                "azureservicebus",
                "pyamqp",
                "memory",
                "sqla+sqlite",
            )
        ),
        Mistake("no such transport", lambda: open_transport("kombu+carrierpigeon://me:secret@host")),
        Mistake("no client", lambda: open_transport("kombu+etcd://me:secret@host"), NoTransport),
        Mistake("kombu alone", lambda: open_transport("kombu://me:secret@host")),
    ]


def redis_subject(url: str, outages: list[Outage], through: str) -> Subject:
    def conflict() -> None:
        with client.Redis.from_url(url) as direct:
            direct.set("milepost.work", "a string")
        use(url)

    def wipe() -> None:
        with client.Redis.from_url(url) as direct:
            direct.flushdb()

    # A busy machine may take long for an answer. That a connection is cut is noticed at once all the same.
    options = "durable=yes&timeout_seconds=30"
    return Subject(
        url=f"{through}?{options}",
        hasty_url=f"{through}?{options}&visibility_seconds=1",
        capabilities=REDIS,
        outages=outages,
        mistakes=redis_mistakes(url),
        conflict=conflict,
        wipe=wipe,
        foreign=Program(url).foreign(f"{through}?{options}", None),
    )


@contextmanager
def fresh_database(url: str) -> Iterator[str]:
    """Give the URL of a database of Redis that is empty, and empty it afterwards."""
    with client.Redis.from_url(url) as server:
        databases = int(server.config_get("databases")["databases"])
        server.acl_setuser("nobody", enabled=True, passwords=["+secret"], keys=["other*"], commands=["+@connection"])
    url = changed(url, database=next(_numbers) % databases)
    with client.Redis.from_url(url) as database:
        database.flushdb()
        try:
            yield url
        finally:
            database.flushdb()


@contextmanager
def redis(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with fresh_database(request.getfixturevalue("redis_url")) as url:
        address = urlsplit(url)
        assert address.hostname is not None
        assert address.port is not None
        with closing(Proxy(address.hostname, address.port)) as proxy:
            through = changed(url, host="127.0.0.1", port=proxy.port)
            yield redis_subject(url, [Outage("connections cut", proxy.cut)], through)


@contextmanager
def crashing_redis(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """A Redis of the suite's own, which crashes and reads its log again as often as a test wants."""
    server: RunningServer = request.getfixturevalue("private_redis")
    with fresh_database(server.url) as url:

        @contextmanager
        def crash() -> Iterator[None]:
            with client.Redis.from_url(url) as direct, suppress(client.ConnectionError):
                direct.execute_command("DEBUG", "CRASH-AND-RECOVER", "0")
            yield

        yield redis_subject(url, [Outage("crash and recovery", crash, total=False)], url)


@contextmanager
def filesystem(request: pytest.FixtureRequest) -> Iterator[Subject]:
    directory: Path = request.getfixturevalue("tmp_path") / "queues"
    directory.mkdir()
    url = f"kombu+filesystem://{directory}"
    text_file = directory.with_name("letter.txt")
    text_file.write_text("This is not a directory.")

    @contextmanager
    def away() -> Iterator[None]:
        elsewhere = directory.with_name("elsewhere")
        directory.rename(elsewhere)
        try:
            yield
        finally:
            elsewhere.rename(directory)

    def wipe() -> None:
        for message in directory.iterdir():
            message.unlink(missing_ok=True)

    yield Subject(
        url=f"{url}?poll_seconds=0.02",
        capabilities=FILES,
        outages=[Outage("the directory is away", away)],
        mistakes=[
            Mistake("no such directory", lambda: use(f"kombu+filesystem://{directory}/missing"), Unavailable),
            Mistake("not a directory", lambda: use(f"kombu+filesystem://{text_file}")),
            Mistake("no such option", lambda: open_transport(f"{url}?colour=secret")),
            Mistake("no such keyword", lambda: open_transport(url, colour="red")),
            Mistake("no such duration", lambda: open_transport(f"{url}?poll_seconds=never")),
        ],
        conflict=lambda: use(f"kombu+filesystem://{text_file}"),
        wipe=wipe,
        foreign=Program("filesystem://", data_folder_in=str(directory), data_folder_out=str(directory)).foreign(
            f"{url}?poll_seconds=0.02", "à la carte"
        ),
    )
