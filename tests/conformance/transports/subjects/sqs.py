"""The transport over SQS: on ElasticMQ, which is the stricter about SQS, and on moto, which has SNS and IAM too."""

from __future__ import annotations

import json
import secrets
import socket
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import boto3
import pytest

from tests.conformance.transports.helpers import until
from tests.conformance.transports.proxy import Proxy
from tests.conformance.transports.subject import Foreign, Mistake, Native, Outage, Subject
from tests.servers.recipes.elasticmq import LIMIT_BYTES
from transports import Capabilities, Unavailable, open_transport

PATIENCE = {"poll_seconds": "1", "request_seconds": "30"}
"""A busy machine may take long for an answer. That a connection is cut is noticed at once all the same."""


def capabilities(limit_bytes: int, *, broadcasts: bool) -> Capabilities:
    return Capabilities(
        durable=True,
        shared=True,
        redelivers=True,
        settles_singly=True,
        releases=True,
        broadcasts=broadcasts,
        priorities=False,
        depth=True,
        checks_queues=True,
        max_message_bytes=(limit_bytes - 4096) // 4 * 3,
    )


class Server:
    """A server that tests share, and what one test does on it under a prefix of its own."""

    def __init__(self, url: str, **options: str) -> None:
        address = urlsplit(url)
        self._login, _, self._region = address.netloc.partition("@")
        self.endpoint = parse_qs(address.query)["endpoint_url"][0]
        self.prefix = f"t{secrets.token_hex(5)}-"
        self._options = {"prefix": self.prefix, **PATIENCE, **options}

    def url(self, *, login: str | None = None, region: str | None = None, **options: str) -> str:
        """Return the URL of a transport; an empty login leaves the credentials to the environment."""
        chosen = {"endpoint_url": self.endpoint, **self._options, **options}
        who = self._login if login is None else login
        where = self._region if region is None else region
        return f"sqs://{who + '@' if who else ''}{where}?{urlencode(chosen)}"

    def client(self, service: str) -> Any:
        key, _, secret = self._login.partition(":")
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=self._region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )

    def wipe(self) -> None:
        """Delete all queues of this test, and the topic."""
        sqs = self.client("sqs")
        for url in sqs.list_queues(QueueNamePrefix=self.prefix).get("QueueUrls", []):
            sqs.delete_queue(QueueUrl=url)
        if self._options.get("broadcasts") != "false":
            sns = self.client("sns")
            for topic in sns.list_topics()["Topics"]:
                if topic["TopicArn"].rpartition(":")[2].startswith(self.prefix):
                    for each in sns.list_subscriptions_by_topic(TopicArn=topic["TopicArn"])["Subscriptions"]:
                        sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])
                    sns.delete_topic(TopicArn=topic["TopicArn"])

    def conflict(self) -> None:
        """Meet a queue that holds messages back, as somebody made it for something else."""
        name = f"{self.prefix}slow"
        self.client("sqs").create_queue(QueueName=name, Attributes={"DelaySeconds": "30"})
        use(self.url(), "slow")


class Program:
    """Another program, which uses boto3."""

    def __init__(self, server: Server) -> None:
        self._sqs = server.client("sqs")
        self.queue = f"{server.prefix}orders--in_"

    def make(self) -> None:
        self._sqs.create_queue(QueueName=self.queue)

    def _url(self) -> str:
        return str(self._sqs.get_queue_url(QueueName=self.queue)["QueueUrl"])

    def send(self, body: bytes, headers: Mapping[str, str], name: str) -> str:
        attributes = {header: {"DataType": "String", "StringValue": value} for header, value in headers.items()}
        answer = self._sqs.send_message(QueueUrl=self._url(), MessageBody=body.decode(), MessageAttributes=attributes)
        return str(answer["MessageId"])

    def receive(self) -> Native:
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found.extend(
                self._sqs.receive_message(QueueUrl=self._url(), WaitTimeSeconds=5, MessageAttributeNames=["All"]).get(
                    "Messages", []
                )
            )
            return bool(found)

        until(look, "a message comes")
        [message] = found
        self._sqs.delete_message(QueueUrl=self._url(), ReceiptHandle=message["ReceiptHandle"])
        headers = {name: each["StringValue"] for name, each in message.get("MessageAttributes", {}).items()}
        return Native(message["Body"].encode(), headers, headers.get("milepost-id"))


def use(url: str, queue: str = "work") -> None:
    """Open a transport and do the first thing that anybody does with it."""
    transport = open_transport(url)
    try:
        transport.declare([queue])
    finally:
        transport.close()


def without_credentials(call: Callable[[], None]) -> Callable[[], None]:
    """Return what makes a call where AWS's usual places hold no credentials and no region."""

    def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"):
                patch.delenv(name, raising=False)
            patch.delenv("AWS_DEFAULT_REGION", raising=False)
            patch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
            patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
            # Without this, a machine is asked that is only there at AWS.
            patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            call()

    return run


def mistakes(server: Server) -> list[Mistake]:
    def silent() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            use(server.url(endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}", request_seconds="2"))

    def closed() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            use(server.url(endpoint_url=f"http://127.0.0.1:{unused.getsockname()[1]}"))

    url = server.url()
    return [
        Mistake("no credentials", without_credentials(lambda: use(server.url(login="")))),
        Mistake("no region", without_credentials(lambda: use(server.url(region="")))),
        Mistake("no such profile", without_credentials(lambda: use(server.url(login="", profile="stranger")))),
        Mistake("half an access key", lambda: open_transport(server.url(login="key"))),
        Mistake("nobody listens", closed, Unavailable),
        Mistake("no such host", lambda: use(server.url(endpoint_url="http://host.invalid:9324")), Unavailable),
        Mistake("a server that says nothing", silent, Unavailable),
        Mistake("no address", lambda: open_transport(server.url(endpoint_url="localhost"))),
        Mistake(
            "a secret in the address", lambda: open_transport(server.url(endpoint_url="http://a:secret@localhost"))
        ),
        Mistake("no such option", lambda: open_transport(f"{url}&colour=red")),
        Mistake("no such keyword", lambda: open_transport(url, colour="red")),
        Mistake("a poll that is too long", lambda: open_transport(server.url(poll_seconds="21"))),
        Mistake("no duration", lambda: open_transport(server.url(visibility_seconds="soon"))),
        Mistake("no prefix for queues", lambda: open_transport(server.url(prefix="a.b"))),
        Mistake("a path", lambda: open_transport("sqs://eu-central-1/queue")),
    ]


class Identities:
    """moto's own switch for checking signatures and rights, and users to check."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._iam = server.client("iam")

    def login(self, *allowed: str) -> str:
        """Make a user who may do this much, and return the login."""
        name = f"u{secrets.token_hex(5)}"
        self._iam.create_user(UserName=name)
        statements = [{"Effect": "Allow", "Action": list(allowed or ["s3:ListBucket"]), "Resource": "*"}]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self._iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy)
        key = self._iam.create_access_key(UserName=name)["AccessKey"]
        quoted = urllib.parse.quote(key["SecretAccessKey"], safe="")
        return f"{key['AccessKeyId']}:{quoted}"

    @contextmanager
    def checked(self) -> Iterator[None]:
        self._set("0")
        try:
            yield
        finally:
            self._set("inf")

    def _set(self, unchecked: str) -> None:
        # As plain text: moto looks for a form in a body of no declared type.
        url, headers = f"{self._server.endpoint}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        request = urllib.request.Request(url, unchecked.encode(), headers)  # noqa: S310 - on the loopback
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310


def mistakes_of_rights(server: Server) -> list[Mistake]:
    identities = Identities(server)

    def using(login: str, call: Callable[[str], None] = use) -> None:
        with identities.checked():
            call(server.url(login=login))

    def subscribing(url: str) -> None:
        transport = open_transport(url)
        try:
            transport.subscribe()
        finally:
            transport.close()

    return [
        Mistake("wrong password", lambda: using(f"{identities.login('sqs:*').partition(':')[0]}:wrong")),
        Mistake("no such user", lambda: using("AKIASTRANGER:secret")),
        Mistake("missing rights", lambda: using(identities.login())),
        Mistake("only the right to look", lambda: using(identities.login("sqs:GetQueueUrl"))),
        Mistake("no right to broadcast", lambda: using(identities.login("sqs:*"), subscribing)),
    ]


@contextmanager
def _subject(server: Server, limit_bytes: int, more: list[Mistake], *, broadcasts: bool) -> Iterator[Subject]:
    address = urlsplit(server.endpoint)
    assert address.hostname is not None
    assert address.port is not None
    proxy = Proxy(address.hostname, address.port)
    program = Program(server)
    through = f"http://127.0.0.1:{proxy.port}"
    try:
        yield Subject(
            url=server.url(endpoint_url=through),
            hasty_url=server.url(endpoint_url=through, visibility_seconds="1"),
            capabilities=capabilities(limit_bytes, broadcasts=broadcasts),
            outages=[Outage("connections cut", proxy.cut)],
            mistakes=[*mistakes(server), *more],
            conflict=server.conflict,
            wipe=server.wipe,
            foreign=Foreign(
                url=server.url(endpoint_url=through),
                queue=program.queue,
                make=program.make,
                send=program.send,
                receive=program.receive,
                impossible="orders.fifo",
                bytes=False,
            ),
        )
    finally:
        proxy.close()
        server.wipe()


@contextmanager
def elasticmq(request: pytest.FixtureRequest) -> Iterator[Subject]:
    options = {"broadcasts": "false", "limit_bytes": str(LIMIT_BYTES)}
    server = Server(request.getfixturevalue("elasticmq_url"), **options)
    with _subject(server, LIMIT_BYTES, [], broadcasts=False) as subject:
        yield subject


@contextmanager
def moto(request: pytest.FixtureRequest) -> Iterator[Subject]:
    server = Server(request.getfixturevalue("moto_url"))
    with _subject(server, 1 << 20, mistakes_of_rights(server), broadcasts=True) as subject:
        yield subject
