"""Names of queues as names of entities, which know fewer characters and no difference between upper and lower case."""

from __future__ import annotations

import hashlib
import re

from transports.errors import Refused

_PLAIN = re.compile(r"[a-z0-9.-]")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PATH = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?")
_SUBSCRIPTION = re.compile(r"(.+)/subscriptions/([^/]+)", re.IGNORECASE)
_LONGEST = 260
"""In characters, of an entity's path. Microsoft, "Service Bus quotas and limits"."""


def is_prefix(prefix: str) -> bool:
    """Tell whether the names of entities can begin so."""
    return _PREFIX.fullmatch(prefix) is not None


def entity_of(prefix: str, queue: str) -> str:
    """Return the name of a queue's entity: what cannot stand in it becomes ``_`` and two hex digits for each byte."""
    name = "".join(char if _PLAIN.match(char) else _escaped(char) for char in queue)
    if name[-1] in ".-":
        # The service wants a name to end in a letter, a digit or an underscore.
        name = name[:-1] + _escaped(name[-1])
    if len(prefix) + len(name) > _LONGEST:
        # An underscore is never doubled in a name that was not shortened.
        digest = hashlib.sha256(queue.encode()).hexdigest()
        name = f"{name[: _LONGEST - len(prefix) - len(digest) - 2]}__{digest}"
    return prefix + name


def foreign_entity(prefix: str, queue: str) -> str:
    """Return the path of an entity of another program, which is the queue's name. Raises Refused if none can have it.

    ``TOPIC/subscriptions/NAME`` is a subscription, which messages are received from like from a queue.
    """
    path = prefix + queue
    if _PATH.fullmatch(path) is None or len(path) > _LONGEST:
        raise Refused(
            f"{path!r} cannot be the name of a queue or topic of Service Bus: it has up to {_LONGEST} letters, digits, "
            "'.', '-', '_' and '/', with a letter or a digit at both ends; with passive=yes, the name of a queue is "
            "not changed into one that can"
        )
    return path


def subscription_in(entity: str) -> tuple[str, str] | None:
    """Return the topic and the name of the subscription that an entity's path leads to; None for a queue or topic."""
    found = _SUBSCRIPTION.fullmatch(entity)
    return (found[1], found[2]) if found is not None else None


def topic_of(prefix: str) -> str:
    """Return the name of the topic for broadcasts, which no queue has."""
    return f"{prefix}__broadcasts"


def _escaped(char: str) -> str:
    return "".join(f"_{byte:02x}" for byte in char.encode())
