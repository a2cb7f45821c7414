"""The options that every transport has, where no server is needed to try them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from transports import Message, Refused, Transport, UnknownQueue, open_transport
from transports.memory.broker import forget_memory_broker

NAME = "foreign-queues"


@pytest.fixture(params=["memory", "sql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sql":
        yield f"sql+sqlite:///{tmp_path / 'queues.db'}"
        return
    yield f"memory://{NAME}"
    forget_memory_broker(NAME)


def taken(transport: Transport) -> list[Message]:
    deliveries = transport.receive(10, 0)
    transport.acknowledge(deliveries)
    return [delivery.message for delivery in deliveries]


def test_a_prefix_is_part_of_the_name_on_the_broker(url: str) -> None:
    with closing(open_transport(url, prefix="shop.")) as shop, closing(open_transport(f"{url}?passive=yes")) as other:
        shop.declare(["orders"])
        other.declare(["shop.orders"])
        shop.consume(["orders"])
        other.consume(["shop.orders"])
        other.send([Message("shop.orders", b"1", id="i")]).raise_if_any()
        assert shop.depth("orders") == other.depth("shop.orders") == 1
        assert [(message.queue, message.body) for message in taken(shop)] == [("orders", b"1")]
        shop.send([Message("orders", b"2")]).raise_if_any()
        assert [(message.queue, message.body) for message in taken(other)] == [("shop.orders", b"2")]
        with pytest.raises(UnknownQueue):
            shop.consume(["shop.orders"])
        lost = Message("missing", b"")
        assert [each.message for each in shop.send([lost]).not_taken] == [lost]
        with pytest.raises(Refused, match="name of a queue"):
            shop.declare(["o" * 200])


def test_subscribers_hear_broadcasts_of_their_prefix(url: str) -> None:
    with closing(open_transport(url, prefix="a.")) as one, closing(open_transport(url, prefix="b.")) as two:
        one.declare(["work"])
        for each in (one, two):
            each.subscribe()
        one.broadcast(Message("changes", b"x"))
        one.receive(0, 1.0)
        assert [(message.queue, message.body) for message in one.broadcasts()] == [("changes", b"x")]
        two.receive(0, 0)
        assert two.broadcasts() == []


def test_with_passive_nothing_is_made(url: str) -> None:
    with closing(open_transport(url, passive=True)) as transport:
        for _ in range(2):
            with pytest.raises(UnknownQueue):
                transport.declare(["orders"])
            with pytest.raises(UnknownQueue):
                transport.consume(["orders"])
    with closing(open_transport(url)) as owner, closing(open_transport(url, passive="yes")) as transport:
        owner.declare(["orders"])
        transport.declare(["orders"])
        with pytest.raises(UnknownQueue, match="missing"):
            transport.declare(["orders", "missing"])
        assert [type(each.error) for each in transport.send([Message("missing", b"")]).not_taken] == [UnknownQueue]


@pytest.mark.parametrize(
    "url",
    [
        "memory://foreign-queues",
        "sql+sqlite:///foreign-queues.db",
        "amqp://host",
        "kafka://host",
        "redis://host",
        "kombu+filesystem:///tmp",
        "sqs://eu-central-1",
        "azureservicebus://policy:key@ours.servicebus.windows.net",
    ],
)
def test_every_transport_has_the_options(url: str) -> None:
    for options in ("passive=yes&prefix=", "passive=no&prefix=a", "passive=TRUE&prefix=a"):
        open_transport(f"{url}?{options}").close()
    open_transport(url, passive=True, prefix="").close()
    with pytest.raises(Refused, match="passive"):
        open_transport(f"{url}?passive=perhaps")
    with pytest.raises(Refused, match="passive"):
        open_transport(url, passive="perhaps")
    forget_memory_broker(NAME)
