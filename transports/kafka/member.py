"""The client that is a member of a consumer group, or of a share group: its configuration, and its callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transports.errors import Refused
from transports.kafka.library import Consumer, KafkaException, ShareConsumer
from transports.kafka.settings import BATCH_OVERHEAD, SHARE_RECORDS
from transports.kafka.troubles import Health, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from transports.kafka.settings import Settings


def open_member(settings: Settings, health: Health) -> Any:
    """Return a client that may join the group. Raises Refused if it cannot be configured so."""
    membership: dict[str, Any] = {"group.protocol": "consumer"}
    if not settings.modern:
        membership = {
            "partition.assignment.strategy": settings.assignment,
            "session.timeout.ms": int(settings.session * 1000),
            "heartbeat.interval.ms": int(settings.heartbeat * 1000),
        }
    try:
        return Consumer(
            {
                **settings.client,
                **membership,
                "error_cb": health.note,
                "group.id": settings.group,
                # Offsets are committed one by one, by name, and never as far as was read.
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "max.poll.interval.ms": int(max(settings.handover * 4, settings.session, 60.0) * 1000),
                "fetch.wait.max.ms": 500,
                "fetch.error.backoff.ms": 100,
                "fetch.message.max.bytes": settings.max_message_bytes + BATCH_OVERHEAD,
                "queued.min.messages": 1000,
                "fetch.queue.backoff.ms": 20,
                "queued.max.messages.kbytes": 16_384,
                "topic.metadata.refresh.interval.ms": 30_000,
            }
        )
    except (KafkaException, ValueError) as error:
        raise Refused(f"a client for {settings.shown} cannot be set up: {words_of(error)}") from error


def open_sharer(settings: Settings, health: Health) -> Any:
    """Return a client that may join a share group. Raises Refused if it cannot be configured so."""
    if ShareConsumer is None:
        raise Refused("group_protocol=share needs a newer client: pip install 'confluent-kafka>=2.16'")
    # The library makes no topics for share groups, and does not take being told so.
    client = {name: value for name, value in settings.client.items() if name != "allow.auto.create.topics"}
    try:
        return ShareConsumer(
            {
                **client,
                "error_cb": health.note,
                "group.id": settings.group,
                "share.acknowledgement.mode": "explicit",
                "max.poll.records": SHARE_RECORDS,
                "max.poll.interval.ms": int(max(settings.hold * 2, 60.0) * 1000),
                "fetch.wait.max.ms": 500,
                "topic.metadata.refresh.interval.ms": 30_000,
            }
        )
    except (KafkaException, ValueError) as error:
        raise Refused(f"a client for {settings.shown} cannot be set up: {words_of(error)}") from error


def calmly(work: Callable[[Any, list[Any]], None], failed: list[KafkaException]) -> Callable[[Any, list[Any]], None]:
    """Return a callback for a rebalance that raises none of the library's errors, and adds them to ``failed``.

    Whatever calls back, be it ``poll`` or ``close``, raises the ``KafkaError`` that is within one that comes out of a
    callback. That is no exception that ``except Exception`` catches: it would end the member's thread.
    """

    def called_back(consumer: Any, places: list[Any]) -> None:
        try:
            work(consumer, places)
        except KafkaException as error:
            failed.append(error)

    return called_back
