"""The names of queues and topics at AWS, which takes fewer characters than ours may have."""

from __future__ import annotations

import hashlib
import re

from transports.errors import Refused

MAX_CHARACTERS = 80
_PLAIN = re.compile(r"(?!.*--)[A-Za-z0-9_-]+(?<!-)")
_POSSIBLE = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_CHARACTERS}}}")
_STRANGE = re.compile(r"[^A-Za-z0-9_]+")
_DIGEST_CHARACTERS = 20


def queue_name(prefix: str, name: str) -> str:
    """Return what a queue is called at AWS: 1 to 80 letters, digits, ``-`` and ``_``, different for different names.

    A name that fits is kept. Any other is given a digest behind ``--``, which no name that is kept has in it.
    """
    if _PLAIN.fullmatch(name) and len(prefix) + len(name) <= MAX_CHARACTERS:
        return prefix + name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    room = MAX_CHARACTERS - len(prefix) - len(digest) - 2
    return f"{prefix}{_STRANGE.sub('-', name).strip('-')[:room].strip('-')}--{digest}"


def foreign_name(prefix: str, name: str) -> str:
    """Return the name of a queue of another program, as it is. Raises Refused if no standard queue can have it."""
    whole = prefix + name
    if whole.endswith(".fifo"):
        raise Refused(f"{whole!r} is a FIFO queue, and those are not used here: use a standard queue")
    if _POSSIBLE.fullmatch(whole) is None:
        raise Refused(
            f"{whole!r} cannot be the name of a queue at SQS: it has up to {MAX_CHARACTERS} letters, digits, '-' and "
            "'_'; with passive=yes, a name is not changed into one that can"
        )
    return whole


def topic_name(prefix: str) -> str:
    """Return the name of the SNS topic for broadcasts."""
    return f"{prefix}broadcasts"


def subscriber_prefix(prefix: str) -> str:
    """Return how the queues of subscribers begin; ``---`` is in no name that :func:`queue_name` returns."""
    return f"{prefix}subscriber---"
