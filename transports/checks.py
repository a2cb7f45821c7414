"""What every transport asks of a message before it goes to a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transports.errors import Refused, TooLarge, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transports.protocol import Message

MAX_QUEUE_CHARACTERS = 200
LOWEST_PRIORITY = 9


def objection(message: Message, max_message_bytes: int) -> TransportError | None:
    """Return why this message cannot be sent at all, or None if it can."""
    wrong_name = objection_to_name(message.queue)
    if wrong_name is not None:
        return wrong_name
    if not 0 <= message.priority <= LOWEST_PRIORITY:
        return Refused(f"priority {message.priority} of a message to {message.queue!r} is not one of 0 to 9")
    try:
        size = message.size
    except UnicodeEncodeError as error:
        return Refused(f"a header, the key or the id of a message to {message.queue!r} is not text: {error.reason}")
    if size > max_message_bytes:
        return TooLarge(
            f"a message to {message.queue!r} has {size} bytes with its headers, and {max_message_bytes} are carried: "
            "send a pointer to the data instead"
        )
    return None


def objection_to_name(queue: str) -> TransportError | None:
    """Return why a queue cannot have this name, or None if it can."""
    if queue and len(queue) <= MAX_QUEUE_CHARACTERS and queue.isprintable() and queue == queue.strip():
        return None
    return Refused(
        f"{queue[: MAX_QUEUE_CHARACTERS + 1]!r} cannot be the name of a queue: use 1 to {MAX_QUEUE_CHARACTERS} "
        "printable characters, without spaces at the ends"
    )


def checked_names(queues: Iterable[str]) -> list[str]:
    """Return the names, each once, in order. Raises Refused for one that no queue can have, or for a single string."""
    if isinstance(queues, str):
        raise Refused(f"queues must be several names, and {queues!r} is one: put it in a list")
    names = list(dict.fromkeys(queues))
    for name in names:
        wrong = objection_to_name(name)
        if wrong is not None:
            raise wrong
    return names
