"""One channel, with calls that are awaited."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pika import exceptions

from transports.errors import TransportError, Unavailable
from transports.rabbitmq.problems import channel_problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from transports.rabbitmq.link import Link


class Lane:
    """A channel of a link, for the link's own thread. Once it has closed, every call raises the reason."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.channel: Any = None
        """A :class:`WorkChannel`."""
        self.problem: TransportError | None = None
        """Why it is closed, once it is."""
        self.on_closed: Callable[[], None] = lambda: None
        self._asked: set[asyncio.Future[Any]] = set()

    @classmethod
    async def open(cls, link: Link) -> Lane:
        """Open a channel."""
        lane = cls(link)
        lane.channel = await lane.ask(link.channel)
        lane.channel.add_on_close_callback(lane._closed)
        return lane

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self.problem is None and self.channel.is_open

    async def ask(self, call: Callable[[Callable[[Any], None]], object]) -> Any:
        """Make a call that is given what it calls with the broker's answer; return that.

        Raises the transport's error if the channel closes instead, and Unavailable if there is no answer in time: then
        the connection is given up.
        """
        answer = self.start(call)
        return await self.finish(answer)

    def start(self, call: Callable[[Callable[[Any], None]], object]) -> asyncio.Future[Any]:
        """Make a call without waiting for its answer, which ``finish`` does."""
        answer: asyncio.Future[Any] = self.link.loop.create_future()
        if self.problem is not None:
            answer.set_exception(self.problem)
            return answer
        self._asked.add(answer)
        answer.add_done_callback(self._asked.discard)
        try:
            call(lambda frame: None if answer.done() else answer.set_result(frame))
        except (exceptions.ChannelWrongStateError, exceptions.ConnectionWrongStateError) as error:
            answer.set_exception(self.link.lost or channel_problem(error, self.link.place))
        return answer

    async def finish(self, *answers: asyncio.Future[Any]) -> Any:
        """Wait for answers; return the last. Raises like ``ask``."""
        seconds = self.link.settings.timeout_seconds
        frame: Any = None
        try:
            async with asyncio.timeout(seconds):
                for answer in answers:
                    frame = await answer
        except TimeoutError:
            problem = Unavailable(f"RabbitMQ at {self.link.place} did not answer in {seconds:g} s")
            self.link.abort(problem)
            raise problem from None
        finally:
            # Nobody hears of the others' errors, which have the same reason.
            for answer in answers:
                answer.cancel()
                answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        return frame

    def close(self) -> None:
        """Close the channel, if it is open."""
        if self.is_open:
            self.channel.close()

    def lose(self, problem: TransportError) -> None:
        """Take note that it is of no more use."""
        if self.problem is None:
            self.problem = problem
            for answer in list(self._asked):
                if not answer.done():
                    answer.set_exception(problem)
            self.on_closed()

    def _closed(self, _channel: object, reason: BaseException) -> None:
        self.lose(self.link.lost or channel_problem(reason, self.link.place))
