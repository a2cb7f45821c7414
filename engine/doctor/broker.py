"""Looking at the broker: is it there, do the queues exist, and how far away is it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.doctor.findings import Finding, Verdict
from engine.doctor.store import round_trip
from engine.errors import ConfigError
from engine.messaging import Broker, is_embedded
from transports.errors import Refused, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.config import Settings

PART = "broker"


def look_at_broker(settings: Settings) -> Iterator[Finding]:
    """Check the broker. It declares the queues that workers with these settings serve, as workers do."""
    url = settings.broker.url.reveal()
    if is_embedded(url):
        yield Finding(PART, "kind", Verdict.GOOD, "none: steps are claimed from the store")
        return
    try:
        broker = Broker(url)
    except ConfigError as error:
        yield Finding(PART, "kind", Verdict.BAD, str(error), "mend broker.url")
        return
    try:
        yield from _look(broker, settings)
    finally:
        broker.close()


def _look(broker: Broker, settings: Settings) -> Iterator[Finding]:
    transport = broker.transport
    try:
        seconds = round_trip(transport.ping)
    except TransportError as error:
        yield Finding(PART, "reachable", Verdict.BAD, str(error), advice(error, "broker.url"))
        return
    yield Finding(PART, "reachable", Verdict.GOOD, f"{settings.broker.url.masked} answers")
    yield Finding(PART, "round trip", Verdict.GOOD, f"{seconds * 1000:.1f} ms")
    try:
        broker.declare(settings.worker.queues)
    except TransportError as error:
        yield Finding(PART, "queues", Verdict.BAD, str(error), advice(error, "broker.url"))
        return
    for queue in settings.worker.queues:
        try:
            depth = transport.depth(queue)
        except TransportError as error:
            yield Finding(PART, f"queue {queue!r}", Verdict.BAD, str(error), advice(error, "broker.url"))
            return
        waits = "the broker does not tell how many messages wait" if depth is None else f"{depth} messages wait"
        yield Finding(PART, f"queue {queue!r}", Verdict.GOOD, waits)


def advice(error: TransportError, where: str) -> str:
    """Return what to do about an error of a broker, whose URL stands ``where``."""
    if isinstance(error, Refused):
        return f"mend the user, the password, the rights or the options in {where}"
    return "see that the broker runs, and that nothing between here and there blocks its port"
