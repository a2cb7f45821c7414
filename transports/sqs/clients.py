"""The clients of AWS that one transport uses, and the threads that wait for their answers.

They are botocore's clients, as boto3's are. They may be shared by threads; sessions may not, so whatever needs one
is done under a lock.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar, cast

import botocore.session  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]

from transports.errors import Closed, TransportError, Unavailable
from transports.sqs.problems import Failure, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transports.sqs.settings import Settings

T = TypeVar("T")

CONNECT_SECONDS = 3.0
MOST_POLLS = 200
"""Threads are only made when they are needed."""


class Clients:
    """Calls to SQS and SNS. Safe to use from several threads.

    Raises Refused when made if there is no region, or no profile of that name; credentials are looked for when the
    first call is made.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._making = threading.Lock()
        self._made: dict[str, Any] = {}
        self._workers = ThreadPoolExecutor(settings.threads, "milepost-sqs")
        self._pollers = ThreadPoolExecutor(MOST_POLLS, "milepost-sqs-poll")
        self._session = _new_session(settings.profile)
        _ = self.sqs

    @property
    def sqs(self) -> Any:
        """The client for everything that is answered at once."""
        return self._client("sqs", "sqs", self.settings.request_seconds, attempts=2)

    @property
    def polling(self) -> Any:
        """The client for polls, whose answers may take as long as a poll lasts."""
        # One attempt: whoever receives hears of an outage at once, and paces itself.
        longest = self.settings.poll_seconds + self.settings.request_seconds
        return self._client("polling", "sqs", longest, attempts=1)

    @property
    def sns(self) -> Any:
        """The client of SNS."""
        return self._client("sns", "sns", self.settings.request_seconds, attempts=2)

    def _client(self, name: str, service: str, read_seconds: float, attempts: int) -> Any:
        with self._making:
            if name not in self._made:
                config = Config(
                    connect_timeout=min(CONNECT_SECONDS, self.settings.request_seconds),
                    read_timeout=read_seconds,
                    retries={"mode": "standard", "total_max_attempts": attempts},
                    max_pool_connections=MOST_POLLS if name == "polling" else self.settings.threads + 8,
                    tcp_keepalive=True,
                )
                try:
                    self._made[name] = self._session.create_client(
                        service,
                        region_name=self.settings.region,
                        endpoint_url=self.settings.endpoint_url,
                        aws_access_key_id=self.settings.key,
                        aws_secret_access_key=self.settings.secret,
                        config=config,
                    )
                except (*Failure, ValueError) as error:
                    if isinstance(error, ValueError):
                        raise Unavailable(f"{self.settings.where} has no usable address: {error}") from error
                    raise problem(error, self.settings.where, "opening it") from error
            return self._made[name]

    def call(
        self, doing: str, method: Callable[..., Any], *, lost: type[TransportError] = Unavailable, **request: Any
    ) -> dict[str, Any]:
        """Call a client's method; its failure becomes one of this package's errors."""
        try:
            return cast("dict[str, Any]", method(**request))
        except Failure as error:
            raise problem(error, self.settings.where, doing, lost=lost) from error

    def each(self, work: Callable[[T], None], parts: Sequence[T]) -> list[TransportError | None]:
        """Do the parts of some work side by side; return the error of each."""

        def attempt(part: T) -> TransportError | None:
            try:
                work(part)
            except TransportError as error:
                return error
            return None

        if len(parts) <= 1:
            return [attempt(part) for part in parts]
        try:
            return list(self._workers.map(attempt, parts))
        except RuntimeError as error:
            # Another thread has closed the transport just now.
            raise Closed(f"this transport to {self.settings.where} has been closed; open another one") from error

    def poll(self, work: Callable[..., None], *arguments: Any) -> Future[None]:
        """Do something that waits for long on a thread of its own."""
        return self._pollers.submit(work, *arguments)

    def close(self) -> None:
        """Let go of all connections and threads; polls that are still under way end by themselves."""
        self._workers.shutdown(wait=True)
        self._pollers.shutdown(wait=False, cancel_futures=True)
        with self._making:
            for client in self._made.values():
                client.close()


_sharing = threading.Lock()
_loaders: list[Any] = []


def _new_session(profile: str | None) -> Any:
    """Return a session that reads AWS's descriptions of its services once for all sessions of this process."""
    session = cast("Any", botocore.session).Session(profile=profile)
    with _sharing:
        if _loaders:
            session.register_component("data_loader", _loaders[0])
        else:
            _loaders.append(session.get_component("data_loader"))
    return session
