"""Messages that this consumer has been handed and has not settled."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transports.errors import TransportError, Unavailable, UnknownQueue
from transports.sqs.sending import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from transports.sqs.clients import Clients
    from transports.sqs.register import Register

_SURE = 0.9
"""For this part of the visibility timeout, a message that was handed out is surely still ours."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a delivery is settled with. ``until`` is when, by this process's monotonic clock, others may have it."""

    queue: str
    handle: str
    until: float


class Holding:
    """What is held, and settling it. Safe to use from several threads.

    SQS does not promise that a receipt of an earlier delivery settles nothing: it may delete a message that has
    meanwhile gone to another consumer. So a receipt is not used any more once that may have happened.
    """

    def __init__(self, clients: Clients, register: Register) -> None:
        self._clients = clients
        self._register = register
        self._lock = threading.Lock()
        self._held: dict[str, Receipt] = {}

    def hold(self, queue: str, handles: Iterable[str]) -> list[Receipt]:
        """Take note of messages that have just been handed out."""
        until = time.monotonic() + self._clients.settings.visibility_seconds * _SURE
        receipts = [Receipt(queue, handle, until) for handle in handles]
        with self._lock:
            self._held.update((receipt.handle, receipt) for receipt in receipts)
        return receipts

    def settle(self, receipts: Iterable[Receipt]) -> None:
        """Delete messages. Passes over what is no longer held; raises what SQS says if any stays held."""
        self._each_batch(receipts, self._delete)

    def give_back(self, receipts: Iterable[Receipt]) -> None:
        """Make messages available to others at once. Raises nothing: they become so in any case, only later."""
        with contextlib.suppress(TransportError):
            self._each_batch(receipts, self._release)

    def give_back_all(self) -> None:
        """Make everything that is held available to others."""
        with self._lock:
            held = list(self._held.values())
        self.give_back(held)

    def _each_batch(self, receipts: Iterable[Receipt], work: Callable[[Sequence[Receipt]], None]) -> None:
        queues: dict[str, list[Receipt]] = {}
        for receipt in self._still_held(receipts):
            queues.setdefault(receipt.queue, []).append(receipt)
        batches = [held[first : first + ENTRIES] for held in queues.values() for first in range(0, len(held), ENTRIES)]
        for error in self._clients.each(work, batches):
            if error is not None:
                raise error

    def _still_held(self, receipts: Iterable[Receipt]) -> list[Receipt]:
        now = time.monotonic()
        with self._lock:
            ours = {receipt.handle: receipt for receipt in receipts if receipt.handle in self._held}
            for receipt in ours.values():
                if receipt.until < now:
                    del self._held[receipt.handle]
        return [receipt for receipt in ours.values() if receipt.until >= now]

    def _delete(self, batch: Sequence[Receipt]) -> None:
        entries = [{"Id": str(place), "ReceiptHandle": receipt.handle} for place, receipt in enumerate(batch)]
        self._settle(batch, "acknowledging messages of", self._clients.sqs.delete_message_batch, entries)

    def _release(self, batch: Sequence[Receipt]) -> None:
        entries = [
            {"Id": str(place), "ReceiptHandle": receipt.handle, "VisibilityTimeout": 0}
            for place, receipt in enumerate(batch)
        ]
        self._settle(batch, "giving back to", self._clients.sqs.change_message_visibility_batch, entries)

    def _settle(
        self, batch: Sequence[Receipt], doing: str, method: Callable[..., Any], entries: list[dict[str, Any]]
    ) -> None:
        queue = batch[0].queue
        try:
            answer = self._clients.call(
                f"{doing} queue {queue!r}", method, QueueUrl=self._register.url(queue), Entries=entries
            )
        except UnknownQueue:
            # Gone, and its messages with it.
            self._register.forget(queue)
            answer = {}
        failed = {int(entry["Id"]): entry for entry in answer.get("Failed", []) if not entry.get("SenderFault", False)}
        with self._lock:
            for place, receipt in enumerate(batch):
                # A receipt that SQS does not accept has been used, or is too old: there is nothing left to settle.
                if place not in failed:
                    self._held.pop(receipt.handle, None)
        for entry in failed.values():
            said = f"{entry.get('Code')}: {entry.get('Message', 'without a word')}"
            raise Unavailable(f"{self._clients.settings.where} failed at {doing} queue {queue!r} ({said}): try again")
