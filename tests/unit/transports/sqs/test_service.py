"""What is particular to SQS and SNS, on moto's server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.transports.helpers import batch, bodies, hear, take, until
from tests.conformance.transports.subjects.sqs import Identities, Server
from transports import Message, TooLarge, Transport, open_transport
from transports.sqs.subscription import SEEN

pytestmark = pytest.mark.servers


@pytest.fixture
def server(moto_url: str) -> Iterator[Server]:
    server = Server(moto_url)
    try:
        yield server
    finally:
        server.wipe()


@pytest.fixture
def transport(server: Server) -> Iterator[Transport]:
    transport = open_transport(server.url())
    try:
        yield transport
    finally:
        transport.close()


@pytest.fixture
def sqs(server: Server) -> Any:
    return server.client("sqs")


def subscriber_queues(server: Server, sqs: Any) -> list[str]:
    prefix = f"{server.prefix}subscriber---"
    return list(sqs.list_queues(QueueNamePrefix=prefix).get("QueueUrls", []))


def subscriptions(server: Server) -> list[str]:
    found = server.client("sns").list_subscriptions()["Subscriptions"]
    return [each["Endpoint"] for each in found if f":{server.prefix}" in each["Endpoint"]]


def test_messages_of_other_programs_arrive(server: Server, transport: Transport, sqs: Any) -> None:
    transport.declare(["work"])
    transport.consume(["work"])
    url = sqs.get_queue_url(QueueName=f"{server.prefix}work")["QueueUrl"]
    attributes = {
        "kind": {"DataType": "String", "StringValue": "größer"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = sqs.send_message(QueueUrl=url, MessageBody='{"ü": 1}', MessageAttributes=attributes)
    [delivery] = take(transport, 1)
    assert delivery.message == Message("work", '{"ü": 1}'.encode(), {"kind": "größer"}, id=sent["MessageId"])


def test_a_queue_that_takes_less_than_sqs_says_which_messages_it_does_not_take(
    server: Server, transport: Transport, sqs: Any
) -> None:
    sqs.create_queue(QueueName=f"{server.prefix}work", Attributes={"MaximumMessageSize": "1024"})
    transport.declare(["work"])
    transport.consume(["work"])
    outcome = transport.send([*batch([1]), Message("work", b"x" * 2000), *batch([2])])
    assert [(missed.index, type(missed.error)) for missed in outcome.not_taken] == [(1, TooLarge)]
    assert sorted(bodies(take(transport, 2))) == ["1", "2"]


def test_headers_that_grow_beyond_the_limit_are_too_large(transport: Transport) -> None:
    transport.declare(["work"])
    outcome = transport.send([Message("work", b"", {"bells": "\a" * 300_000}), *batch([1])])
    assert [(missed.index, type(missed.error)) for missed in outcome.not_taken] == [(0, TooLarge)]


def test_a_broadcast_is_smaller_than_a_message(transport: Transport) -> None:
    with pytest.raises(TooLarge, match="262144"):
        transport.broadcast(Message("rules", b"x" * 270_000))


def test_closing_removes_what_subscribing_made(server: Server, sqs: Any) -> None:
    transport = open_transport(server.url())
    transport.subscribe()
    assert len(subscriber_queues(server, sqs)) == len(subscriptions(server)) == 1
    transport.close()
    assert subscriber_queues(server, sqs) == subscriptions(server) == []


def test_whoever_subscribes_removes_what_the_dead_left(server: Server, transport: Transport, sqs: Any) -> None:
    dead, living = open_transport(server.url()), open_transport(server.url())
    dead.subscribe()
    [grave] = subscriber_queues(server, sqs)
    living.subscribe()
    # An hour and a day ago, by the clock of the service, the dead was last seen.
    seen = int(sqs.list_queue_tags(QueueUrl=grave)["Tags"][SEEN])
    sqs.tag_queue(QueueUrl=grave, Tags={SEEN: str(seen - 90_000)})
    transport.subscribe()
    left = subscriber_queues(server, sqs)
    assert grave not in left
    assert len(left) == len(subscriptions(server)) == 2
    # It was only asleep: it notices, and subscribes anew.
    until(lambda: dead.receive(0, 0) or len(subscriber_queues(server, sqs)) == 3, "it subscribes anew")
    transport.broadcast(Message("rules", b"changed"))
    for each in (dead, living, transport):
        assert [message.body for message in hear(each, 1)] == [b"changed"]
    dead.close()
    living.close()


def test_a_subscriber_marks_its_queue_as_long_as_it_receives(server: Server, sqs: Any) -> None:
    transport = open_transport(server.url(stale_seconds="6"))
    transport.subscribe()
    [url] = subscriber_queues(server, sqs)
    sqs.tag_queue(QueueUrl=url, Tags={SEEN: "17"})

    def marked() -> bool:
        transport.receive(0, 0.2)
        return bool(sqs.list_queue_tags(QueueUrl=url)["Tags"][SEEN] != "17")

    until(marked, "it is marked")
    transport.close()


def test_a_poll_that_nobody_waits_for_any_more_gives_back_what_it_brings(server: Server, transport: Transport) -> None:
    transport.declare(["work"])
    transport.consume(["work"])
    # Its poll goes on for a second.
    assert transport.receive(5, 0.05) == []
    other = open_transport(server.url())
    other.consume(["work"])
    other.send(batch([1])).raise_if_any()
    assert bodies(take(other, 1)) == ["1"]
    other.close()


def documented_rights() -> list[str]:
    page = (Path(__file__).resolve().parents[4] / "docs" / "brokers" / "sqs.md").read_text()
    [policy] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    actions = [statement["Action"] for statement in json.loads(policy)["Statement"]]
    return [right for each in actions for right in ([each] if isinstance(each, str) else each)]


def do_everything(url: str) -> None:
    transport = open_transport(url)
    try:
        transport.ping()
        transport.declare(["work"])
        transport.consume(["work"])
        transport.subscribe()
        transport.send(batch([1, 2])).raise_if_any()
        transport.broadcast(Message("rules", b"changed"))
        transport.acknowledge(take(transport, 2, acknowledge=False)[:1])
        hear(transport, 1)
        assert transport.depth("work") is not None
    finally:
        transport.close()


def test_the_documented_rights_are_enough(server: Server, sqs: Any) -> None:
    identities = Identities(server)
    rights = documented_rights()
    # At AWS the right to an action is that to a batch of it too; moto looks for the batch's own name.
    batches = [f"{right}Batch" for right in rights if right.endswith(("SendMessage", "DeleteMessage", "Visibility"))]
    login = identities.login(*rights, *batches)
    grave = f"{server.prefix}subscriber---dead"
    sqs.create_queue(QueueName=grave, tags={SEEN: "17"})
    with identities.checked():
        do_everything(server.url(login=login))
    # The dead are removed, and so is what was made just now.
    assert subscriber_queues(server, sqs) == subscriptions(server) == []
