"""A subscriber: takes the broadcasts of its subscription as they come, on a thread of its own."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from typing import TYPE_CHECKING

from transports.azureservicebus import contents
from transports.azureservicebus.troubles import NoRight, problem
from transports.errors import Refused, TransportError, Unavailable, UnknownQueue
from transports.pacing import Pacing
from transports.protocol import BROADCAST_BACKLOG

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from transports.azureservicebus.administration import Administration
    from transports.azureservicebus.clients import Clients
    from transports.azureservicebus.links import ReceivingLink
    from transports.azureservicebus.settings import Settings
    from transports.protocol import Message

_AT_ONCE = 100
_WAIT_SECONDS = 0.2


class Listening:
    """Hears broadcasts from ``start`` on. ``on_news`` is called when one has come, or when something is wrong."""

    def __init__(
        self,
        made: Clients,
        administration: Administration,
        settings: Settings,
        rng: random.Random,
        on_news: Callable[[], None],
    ) -> None:
        self._clients = made
        self._administration = administration
        self._settings = settings
        self._own = settings.subscription is None
        self._name = settings.subscription or f"w-{uuid.uuid4().hex}"
        self._pacing = Pacing(rng)
        self._on_news = on_news
        self._heard: deque[Message] = deque(maxlen=BROADCAST_BACKLOG)
        self._stop = threading.Event()
        self._tried = threading.Event()
        self._receiver: ReceivingLink | None = None
        self._thread: threading.Thread | None = None
        self.trouble: TransportError | None = None
        """What keeps us from hearing just now."""

    def start(self) -> None:
        """Make the subscription, and listen. Raises TransportError if that cannot be done."""
        self._make()
        self._thread = threading.Thread(target=self._run, name="milepost-servicebus-subscriber", daemon=True)
        self._thread.start()
        if not self._own:
            # Nobody has looked yet whether it is there.
            self._tried.wait(2 * self._settings.timeout_seconds)
            if self.trouble is not None:
                self._stop.set()
                raise self.trouble

    def _make(self) -> None:
        if not self._own:
            return
        try:
            self._administration.ensure_subscription(self._settings.topic, self._name)
        except NoRight as error:
            raise Refused(
                f"a subscription for broadcasts cannot be made on {self._settings.host}: {error}; name one that is "
                "there, which no other process uses, with the option subscription"
            ) from error

    @property
    def waiting(self) -> bool:
        """Whether something was heard that nobody has taken."""
        return bool(self._heard)

    def take(self) -> list[Message]:
        """Take what was heard."""
        heard: list[Message] = []
        while self._heard:
            heard.append(self._heard.popleft())
        return heard

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
                self._pacing.succeeded()
                self.trouble = None
                self._tried.set()
            except Exception as error:  # noqa: BLE001 - it is told to whoever receives, and tried again
                self._drop()
                if not self._stop.is_set():
                    self._recover(problem(error, self._settings.host, self._settings.topic))
        self._drop()

    def _listen(self) -> None:
        if self._receiver is None:
            self._receiver = self._clients.subscriber(self._settings.topic, self._name)
        got = self._receiver.receive(_AT_ONCE, _WAIT_SECONDS)
        if got:
            self._heard.extend(contents.read(message, self._settings.topic) for message in got)
            self._on_news()

    def _recover(self, error: TransportError) -> None:
        if isinstance(error, UnknownQueue) and self._own and self._pacing.remaining_seconds() == 0:
            # The broker was wiped, or nobody attended for too long.
            try:
                self._make()
            except TransportError as again:
                error = again
            else:
                self._pacing.failed()
                return
        self.trouble = error
        self._tried.set()
        self._pacing.failed()
        self._on_news()
        self._stop.wait(self._pacing.remaining_seconds())

    def _drop(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.close()

    def close(self) -> None:
        """Stop listening, and remove the subscription that was made."""
        self._stop.set()
        if self._thread is not None:
            # Before the subscription goes: whoever listens would make it again.
            self._thread.join(2 * self._settings.timeout_seconds)
        if self._own and not isinstance(self.trouble, Unavailable):
            self._administration.remove_subscription(self._settings.topic, self._name)
