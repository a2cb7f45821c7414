"""The sender's side: batches of what SQS takes at once, and word of each message that it did not take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transports.checks import objection
from transports.errors import NotConfirmed, Refused, TooLarge, TransportError, UnknownQueue
from transports.protocol import NotTaken, SendOutcome
from transports.sqs.envelope import wire_size, wrap
from transports.sqs.native import write_native

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from transports.protocol import Message
    from transports.sqs.clients import Clients
    from transports.sqs.register import Register

ENTRIES = 10
"""The most that SQS takes in one batch, of whatever kind."""


@dataclass(frozen=True, slots=True)
class _Packed:
    index: int
    text: str
    attributes: dict[str, Any]
    size: int


@dataclass(frozen=True, slots=True)
class _Batch:
    queue: str
    entries: Sequence[_Packed]


class Sender:
    """Sends batches. Safe to use from several threads."""

    def __init__(self, clients: Clients, register: Register) -> None:
        self._clients = clients
        self._register = register
        self._limit = clients.settings.limit_bytes

    def send(self, messages: Sequence[Message]) -> SendOutcome:
        """Send messages; see :meth:`transports.protocol.Transport.send`."""
        errors: dict[int, TransportError] = {}
        batches = list(self._batches(messages, errors))
        failures = self._clients.each(lambda batch: self._send(batch, errors), batches)
        if batches and len(messages) > len(errors) and all(failures):
            # Nothing is known to be taken of all that could be.
            raise next(error for error in failures if error is not None)
        for batch, failure in zip(batches, failures, strict=True):
            if failure is not None:
                errors.update((entry.index, failure) for entry in batch.entries)
        return SendOutcome(tuple(NotTaken(index, messages[index], errors[index]) for index in sorted(errors)))

    def _batches(self, messages: Sequence[Message], errors: dict[int, TransportError]) -> Iterator[_Batch]:
        """Sort messages into batches of one queue each; what cannot be sent at all goes to ``errors``."""
        waiting: dict[str, list[_Packed]] = {}
        sizes: dict[str, int] = {}
        for index, message in enumerate(messages):
            packed = self._pack(index, message)
            if isinstance(packed, TransportError):
                errors[index] = packed
                continue
            queue = message.queue
            entries = waiting.setdefault(queue, [])
            if len(entries) == ENTRIES or sizes.get(queue, 0) + packed.size > self._limit:
                yield _Batch(queue, entries)
                waiting[queue] = entries = []
                sizes[queue] = 0
            entries.append(packed)
            sizes[queue] = sizes.get(queue, 0) + packed.size
        for queue, entries in waiting.items():
            if entries:
                yield _Batch(queue, entries)

    def _pack(self, index: int, message: Message) -> _Packed | TransportError:
        settings = self._clients.settings
        wrong = objection(message, settings.max_message_bytes)
        if wrong is not None:
            return wrong
        try:
            settings.queue_name(message.queue)
            text, attributes = write_native(message) if settings.passive else wrap(message)
        except Refused as error:
            return error
        size = wire_size(text, attributes)
        if size > self._limit:
            return TooLarge(
                f"a message to {message.queue!r} has {size} bytes as SQS carries it, and {self._limit} are carried: "
                "headers of many special characters take several times their size; send a pointer to the data instead"
            )
        return _Packed(index, text, attributes, size)

    def _send(self, batch: _Batch, errors: dict[int, TransportError]) -> None:
        """Send one batch. What SQS says of single messages goes to ``errors``; raises what it says of them all."""
        doing = f"sending to queue {batch.queue!r}"
        try:
            answer = self._clients.call(
                doing,
                self._clients.sqs.send_message_batch,
                lost=NotConfirmed,
                QueueUrl=self._register.url(batch.queue),
                Entries=[
                    {"Id": str(place), "MessageBody": entry.text, "MessageAttributes": entry.attributes}
                    for place, entry in enumerate(batch.entries)
                ],
            )
        except UnknownQueue:
            self._register.forget(batch.queue)
            errors.update((entry.index, self._register.no_queue(batch.queue)) for entry in batch.entries)
        except TooLarge as error:
            # The queue takes less than it could: find out which of them it takes.
            if len(batch.entries) == 1:
                errors[batch.entries[0].index] = error
                return
            for entry in batch.entries:
                self._send(_Batch(batch.queue, [entry]), errors)
        else:
            for failed in answer.get("Failed", []):
                errors[batch.entries[int(failed["Id"])].index] = self._failure(failed, doing)

    def _failure(self, failed: dict[str, Any], doing: str) -> TransportError:
        said = f"{failed.get('Code')}: {failed.get('Message', 'without a word')}"
        where = self._clients.settings.where
        if not failed.get("SenderFault", False):
            return NotConfirmed(f"{where} did not take a message while {doing} ({said}): send it again")
        if "TooLong" in said or "must be shorter than" in said:
            return TooLarge(
                f"{where} takes no message of this size, while {doing} ({said}): send a pointer to the data"
            )
        return Refused(f"{where} refuses a message while {doing} ({said})")
