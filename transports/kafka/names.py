"""The topic that stands for a queue.

A topic's name has up to 249 of the characters ``a-z A-Z 0-9 . _ -``. A queue that has such a name keeps it, so that
other programs find it. Any other character is written as ``_x``, its code point in hexadecimal, and ``_``.
"""

from __future__ import annotations

import hashlib
import re

from transports.errors import Refused

MAX_TOPIC_CHARACTERS = 249
BROADCASTS = "_x_broadcasts"
"""What follows the prefix in the name of the topic of broadcasts; no queue's topic is called so."""
_DIGEST_CHARACTERS = 32
_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]|_(?=x[0-9a-f]*_)")


def topic_of(prefix: str, queue: str) -> str:
    """Return the name of a queue's topic; two queues never share one."""
    topic = prefix + _UNUSUAL.sub(lambda found: f"_x{ord(found[0]):x}_", queue)
    if len(topic) <= MAX_TOPIC_CHARACTERS:
        return topic
    digest = hashlib.sha256(queue.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{topic[: MAX_TOPIC_CHARACTERS - _DIGEST_CHARACTERS - 2]}_x{digest}"


def foreign_topic(prefix: str, queue: str) -> str:
    """Return the name of a topic of another program, which is that of the queue. Raises Refused if none can have it."""
    if not is_topic(prefix + queue):
        raise Refused(
            f"{prefix + queue!r} cannot be the name of a topic of Kafka: it has up to {MAX_TOPIC_CHARACTERS} letters, "
            "digits, '.', '_' and '-'; with passive=yes, the name of a queue is not changed into one that can"
        )
    return prefix + queue


def is_topic(name: str) -> bool:
    """Tell whether a topic can have this name."""
    return re.fullmatch(r"[A-Za-z0-9._-]{1,249}", name) is not None and name not in {".", ".."}
