"""What is particular to Azure Service Bus, against the project's own test server."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage, ServiceBusReceiver
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType

from tests.conformance.transports.helpers import SECONDS, Background, batch, bodies, hear, take, texts
from tests.conformance.transports.subjects.azureservicebus import Server
from transports import Message, Refused, Transport, UnknownQueue, open_transport

pytestmark = pytest.mark.servers

Open = Callable[..., Transport]


@pytest.fixture
def server(servicebus_url: str) -> Iterator[Server]:
    server = Server(servicebus_url)
    try:
        yield server
    finally:
        server.wipe()


@pytest.fixture
def open_one(server: Server) -> Iterator[Open]:
    opened: list[Transport] = []

    def open_one(**options: str) -> Transport:
        opened.append(open_transport(server.url(**options)))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def consumer(open_one: Open, **options: str) -> Transport:
    transport = open_one(**options)
    transport.declare(["work"])
    transport.consume(["work"])
    return transport


def one(receiver: ServiceBusReceiver) -> ServiceBusReceivedMessage:
    [message] = receiver.receive_messages(1, SECONDS)
    return message


# -- other programs --------------------------------------------------------------------------------------------------


def test_messages_of_other_programs_are_received(server: Server, open_one: Open) -> None:
    transport = consumer(open_one)
    name = uuid.uuid4()
    plain = ServiceBusMessage(
        b"data",
        application_properties={"count": 3, "sure": True, "share": 0.5, "name": name},
        content_type="text/plain",
        subject="s",
        correlation_id="c",
        message_id="m",
    )
    value = AmqpAnnotatedMessage(value_body="text ü")
    sequence = AmqpAnnotatedMessage(sequence_body=[1, 2])
    assert value.body_type is AmqpMessageBodyType.VALUE
    with server.client() as client, client.get_queue_sender(f"{server.prefix}work") as sender:
        for foreign in (plain, value, sequence):
            sender.send_messages(foreign)
    first, second, third = (delivery.message for delivery in take(transport, 3))
    assert (first.body, first.id) == (b"data", "m")
    assert dict(first.headers) == {
        "count": "3",
        "sure": "true",
        "share": "0.5",
        "name": str(name),
        "content-type": "text/plain",
        "subject": "s",
        "correlation-id": "c",
    }
    assert second.body == "text ü".encode()
    assert b"1" in third.body
    # They came without an id, and have the service's number for it.
    assert second.id
    assert third.id not in (None, second.id)


def test_a_message_that_comes_again_has_the_id_that_it_had(server: Server, open_one: Open) -> None:
    transport = consumer(open_one)
    with server.client() as client, client.get_queue_sender(f"{server.prefix}work") as sender:
        sender.send_messages(AmqpAnnotatedMessage(data_body=b"x"))
    [first] = take(transport, 1, acknowledge=False)
    transport.close()
    [second] = take(consumer(open_one), 1)
    assert second.redelivered
    assert first.message.id == second.message.id is not None


def test_a_message_is_plain_to_other_programs(server: Server, open_one: Open) -> None:
    consumer(open_one).send([Message("work", b"body", {"a": "b"}, id="i")]).raise_if_any()
    with server.client() as client, client.get_queue_receiver(f"{server.prefix}work") as receiver:
        message = one(receiver)
        assert b"".join(message.body) == b"body"
        assert message.application_properties == {b"a": b"b"}
        assert message.message_id == "i"
        receiver.complete_message(message)


def test_a_subscription_of_another_program_is_a_queue(server: Server) -> None:
    topic = f"{server.prefix}Orders"
    administration = server.administration()
    administration.create_topic(topic)
    administration.create_subscription(topic, "Billing")
    queue = f"{topic}/subscriptions/Billing"
    with closing(open_transport(server.url(prefix="", policy="worker"), passive=True)) as transport:
        transport.declare([queue, topic])
        transport.consume([queue])
        transport.send([Message(topic, b"1", {"a": "b"}, id="i")]).raise_if_any()
        [delivery] = take(transport, 1, acknowledge=False)
        assert (delivery.message.queue, delivery.message.body, delivery.message.id) == (queue, b"1", "i")
        [not_taken] = transport.send([Message(queue, b"2")]).not_taken
        assert isinstance(not_taken.error, Refused)
        with pytest.raises(UnknownQueue):
            transport.declare([f"{topic}/subscriptions/missing"])
    with closing(open_transport(server.url(prefix=""), passive=True)) as transport:
        transport.consume([queue])
        [delivery] = take(transport, 1)
        assert delivery.redelivered
        transport.ping()
    assert administration.get_subscription_runtime_properties(topic, "Billing").active_message_count == 0


# -- rights ----------------------------------------------------------------------------------------------------------


def test_without_the_right_to_manage_queues_are_used_that_are_there(server: Server, open_one: Open) -> None:
    open_one().declare(["work"])
    for options in ({}, {"passive": "yes"}):
        worker = consumer(open_one, policy="worker", **options)
        worker.declare(["work"])
        worker.send(batch([1])).raise_if_any()
        assert bodies(take(worker, 1)) == texts([1])
        assert worker.depth("work") is None
        worker.ping()
        with pytest.raises(UnknownQueue, match="manage"):
            worker.declare(["other"])


def test_one_right_is_enough_for_a_queue_of_another_program(server: Server) -> None:
    queue = f"{server.prefix}orders"
    server.administration().create_queue(queue)
    with closing(open_transport(server.url(prefix="", policy="sender", passive="yes"))) as sender:
        sender.declare([queue])
        sender.ping()
        sender.send([Message(queue, b"1")]).raise_if_any()
    with closing(open_transport(server.url(prefix="", policy="listener", passive="yes"))) as listener:
        listener.declare([queue])
        listener.consume([queue])
        assert bodies(take(listener, 1)) == texts([1])


def test_broadcasts_without_the_right_to_manage(server: Server, open_one: Open) -> None:
    administration = server.administration()
    administration.create_topic(f"{server.prefix}news")
    options = {"policy": "worker", "passive": "yes", "topic": f"{server.prefix}news"}
    unready = open_one(**options, subscription="one")
    with pytest.raises(UnknownQueue):
        unready.subscribe()
    for name in ("one", "two"):
        administration.create_subscription(f"{server.prefix}news", name)
    subscribers = [open_one(**options, subscription=name) for name in ("one", "two")]
    for each in subscribers:
        assert each.capabilities.broadcasts
        each.subscribe()
    subscribers[0].broadcast(Message("rules", b"changed"))
    for each in subscribers:
        assert [message.body for message in hear(each, 1)] == [b"changed"]
        each.close()
    # They were there before, and stay.
    assert len(list(administration.list_subscriptions(f"{server.prefix}news"))) == 2
    assert not open_one(policy="worker", passive="yes").capabilities.broadcasts


# -- what is made ----------------------------------------------------------------------------------------------------


def test_what_is_made_and_when_it_goes(server: Server, open_one: Open) -> None:
    administration = server.administration()
    transport = open_one()
    transport.declare(["work"])
    made = administration.get_queue(f"{server.prefix}work")
    assert (made.lock_duration, made.max_delivery_count) == (timedelta(seconds=60), 2000)
    transport.subscribe()
    topic = f"{server.prefix}__broadcasts"
    [subscription] = administration.list_subscriptions(topic)
    assert subscription.auto_delete_on_idle == timedelta(minutes=5)
    transport.close()
    assert list(administration.list_subscriptions(topic)) == []


def test_the_time_that_a_delivery_is_held_can_be_changed(server: Server, open_one: Open) -> None:
    open_one(lock_seconds="20").declare(["work"])
    open_one().declare(["work"])
    administration = server.administration()
    assert administration.get_queue(f"{server.prefix}work").lock_duration == timedelta(seconds=20)
    open_one(lock_seconds="30").declare(["work"])
    assert administration.get_queue(f"{server.prefix}work").lock_duration == timedelta(seconds=30)


def test_a_subscription_that_was_removed_is_made_again(server: Server, open_one: Open) -> None:
    transport = open_one()
    transport.subscribe()
    administration = server.administration()
    administration.delete_topic(f"{server.prefix}__broadcasts")
    heard: list[Message] = []
    while not heard:
        transport.broadcast(Message("rules", b"changed"))
        transport.receive(0, 0.2)
        heard = transport.broadcasts()


# -- receiving and settling ------------------------------------------------------------------------------------------


def test_nothing_is_kept_from_others_by_one_who_stopped_asking(open_one: Open) -> None:
    idle, busy = consumer(open_one), consumer(open_one)
    assert idle.receive(50, 0.3) == []
    busy.send(batch(range(20))).raise_if_any()
    assert len(take(busy, 20)) == 20


def test_a_batch_that_is_larger_than_one_transfer_arrives(open_one: Open) -> None:
    transport = consumer(open_one)
    large = [Message("work", bytes([number]) * 100_000) for number in range(10)]
    transport.send(large).raise_if_any()
    assert sorted(d.message.body[0] for d in take(transport, 10)) == list(range(10))


def test_messages_are_settled_while_their_receiver_waits(open_one: Open) -> None:
    transport = consumer(open_one)
    transport.send(batch(range(5))).raise_if_any()
    held = take(transport, 5, acknowledge=False)
    waiting = Background(lambda: transport.receive(1, 600.0))
    transport.acknowledge(held)
    assert transport.depth("work") == 0
    assert waiting.running
    transport.send(batch([9])).raise_if_any()
    assert bodies(waiting.join()) == texts([9])


def test_what_was_lost_among_others_does_not_keep_them_from_being_settled(open_one: Open) -> None:
    hasty = consumer(open_one, lock_seconds="1")
    hasty.send(batch([1])).raise_if_any()
    lost = take(hasty, 1, acknowledge=False)
    # Its lock ends, and somebody else has it. Locks of what is handed out from now on do not end.
    open_one(lock_seconds="60").declare(["work"])
    assert bodies(take(consumer(open_one), 1)) == texts([1])
    hasty.send(batch([2, 3])).raise_if_any()
    held = take(hasty, 2, acknowledge=False)
    hasty.acknowledge([*lost, *held])
    hasty.close()
    assert consumer(open_one).receive(5, 1.5) == []


def test_more_queues_than_messages_wanted_are_all_looked_at(open_one: Open) -> None:
    names = [f"queue-{number}" for number in range(4)]
    transport = open_one()
    transport.declare(names)
    transport.consume(names)
    transport.send(batch([1], names[3])).raise_if_any()
    assert bodies(take(transport, 1)) == texts([1])


# -- the test server itself ------------------------------------------------------------------------------------------


def test_the_test_server_defers_and_buries_and_renews(server: Server, open_one: Open) -> None:
    open_one().declare(["work"])
    entity = f"{server.prefix}work"
    with server.client() as client, client.get_queue_sender(entity) as sender, client.get_queue_receiver(entity) as own:
        sender.send_messages([ServiceBusMessage(b"later"), ServiceBusMessage(b"bad")])
        later, bad = one(own), one(own)
        number = later.sequence_number
        assert number is not None
        own.defer_message(later)
        own.dead_letter_message(bad, reason="unreadable", error_description="it is")
        assert [str(message) for message in own.peek_messages(5, sequence_number=1)] == ["later"]
        [again] = own.receive_deferred_messages(number)
        ends = again.locked_until_utc
        threading.Event().wait(0.05)
        renewed = own.renew_message_lock(again)
        assert ends is not None
        assert renewed > ends
        own.complete_message(again)
        with client.get_queue_receiver(entity, sub_queue="deadletter") as graves:
            buried = one(graves)
            assert (str(buried), buried.dead_letter_reason) == ("bad", "unreadable")
            graves.complete_message(buried)
