"""Telling workers what a client made ready, or changed: by hints of the store, or by messages of the broker."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import structlog

from engine.messaging import EMBEDDED, Broker, is_embedded
from engine.store.wakeups import READY_CHANNEL, send_change, send_hint
from transports.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.model.work import Pointer
    from engine.store.database import Database

log = structlog.get_logger(__name__)

DEFAULT_RESEND_US: Final = 10_000_000


class Announcer:
    """Announces steps once their transaction is committed. The broker is connected to when it is first needed."""

    def __init__(self, database: Database, broker_url: str = EMBEDDED, resend_us: int = DEFAULT_RESEND_US) -> None:
        self._database = database
        self._broker_url = broker_url
        self._broker: Broker | None = None
        self._lock = threading.Lock()
        self.resend_us = None if is_embedded(broker_url) else resend_us
        """When a step that was announced is offered again by the sweeper; None where that is not needed."""

    def announce(self, offered: Sequence[Pointer]) -> None:
        """Tell workers of these steps. A failure is logged at most: they are offered again."""
        if not offered:
            return
        if self.resend_us is None:
            send_hint(self._database, READY_CHANNEL, {pointer.queue for pointer in offered})
            return
        broker = self._opened()
        if broker is not None:
            broker.publish(offered)

    def tell(self, topic: str) -> None:
        """Tell workers that something changed. A failure is logged at most: they look by themselves."""
        if self.resend_us is None:
            send_change(self._database, topic)
            return
        broker = self._opened()
        if broker is not None:
            broker.tell(topic)

    def check(self) -> None:
        """Raise ConfigError if the broker's URL cannot be used: before something is committed that it is to carry."""
        if self.resend_us is not None:
            self._opened()

    def close(self) -> None:
        """Let go of the broker."""
        with self._lock:
            broker, self._broker = self._broker, None
        if broker is not None:
            broker.close()

    def _opened(self) -> Broker | None:
        """Return the broker; None if it cannot be reached just now, which is logged."""
        with self._lock:
            if self._broker is None:
                try:
                    self._broker = Broker(self._broker_url)
                except TransportError as error:
                    log.warning("the broker cannot be reached; workers find out by themselves", error=str(error))
            return self._broker
