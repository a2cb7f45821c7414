"""Settling: by lock tokens, in one request for many messages, on a thread and on connections of its own.

So a message can be settled while its receiver waits for others, and after the connection that it came on was lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from azure.servicebus.exceptions import MessageLockLostError

from transports.azureservicebus.desk import Desk
from transports.azureservicebus.troubles import problem
from transports.errors import TransportError, UnknownQueue

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from transports.azureservicebus.clients import Clients
    from transports.azureservicebus.links import ManagingLink

T = TypeVar("T")

COMPLETED, ABANDONED = "completed", "abandoned"
_AT_ONCE = 500


class Settling:
    """Clients that settle, by queue, and the thread that they are used on."""

    def __init__(self, made: Clients, seconds: float) -> None:
        self._clients = made
        self._settlers: dict[str, ManagingLink] = {}
        self._desk = Desk("milepost-servicebus-settler", 2 * seconds, forget=self._forget, upkeep=self._upkeep)

    def settle(self, entity: str, outcome: str, tokens: Sequence[uuid.UUID]) -> None:
        """Settle messages of a queue; those whose locks were lost are passed over. Raises TransportError."""
        for start in range(0, len(tokens), _AT_ONCE):
            part = tokens[start : start + _AT_ONCE]
            self._desk.call(lambda part=part: self._settle(entity, outcome, part))

    def check(self, entity: str) -> Future[object]:
        """Begin to ask the service for a sign of a queue, which ``finish`` waits for."""
        return self._desk.start(lambda: self._do(entity, lambda settler: settler.ask()))

    def finish(self, check: Future[object]) -> None:
        """Wait for what was asked for. Raises UnknownQueue if there is no such queue, or another TransportError."""
        self._desk.finish(check)

    def _settle(self, entity: str, outcome: str, tokens: Sequence[uuid.UUID]) -> None:
        try:
            self._do(entity, lambda settler: settler.settle(outcome, tokens))
        except UnknownQueue:
            # The queue is gone, and the messages with it.
            return
        except MessageLockLostError:
            if len(tokens) > 1:
                # One of them was lost, and nobody says which, or what became of the others.
                for token in tokens:
                    self._settle(entity, outcome, [token])

    def _do(self, entity: str, work: Callable[[ManagingLink], T]) -> T:
        """Do something with a client, again on a new connection if the old one did not last."""
        for fresh in (False, True):
            old = entity in self._settlers
            try:
                return work(self._ready(entity))
            except MessageLockLostError:
                raise
            except Exception as error:
                settler = self._settlers.get(entity)
                said = error if settler is None else settler.told(error)
                self._drop(entity)
                if fresh or not old:
                    raise problem(said, self._clients.host, entity) from error
        raise AssertionError("unreachable")

    def _ready(self, entity: str) -> ManagingLink:
        settler = self._settlers.get(entity)
        if settler is None:
            settler = self._settlers[entity] = self._clients.manager(entity)
        while settler.has_news:
            # Above all that there is no such queue, which the library would make much ado about.
            settler.look_after()
        return settler

    def _drop(self, entity: str) -> None:
        settler = self._settlers.pop(entity, None)
        if settler is not None:
            settler.close()

    def _upkeep(self) -> None:
        for entity, settler in [*self._settlers.items()]:
            try:
                settler.look_after()
            except Exception:  # noqa: BLE001 - it is opened again when it is needed
                self._drop(entity)

    def _forget(self) -> None:
        settlers, self._settlers = self._settlers, {}
        for settler in settlers.values():
            settler.cut()

    def release(self, held: dict[str, list[uuid.UUID]]) -> Future[None] | None:
        """Give back what is still held, close every client, and end; returns where that will be said."""
        return self._desk.close(lambda: self._release(held))

    def _release(self, held: dict[str, list[uuid.UUID]]) -> None:
        try:
            for entity, tokens in held.items():
                for start in range(0, len(tokens), _AT_ONCE):
                    self._settle(entity, ABANDONED, tokens[start : start + _AT_ONCE])
        except TransportError:
            # The service is away: they come back when their locks end.
            pass
        finally:
            for entity in [*self._settlers]:
                self._drop(entity)
