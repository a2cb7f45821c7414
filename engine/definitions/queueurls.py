"""URLs of queues: the broker's URL, a slash and the queue's name. A query belongs to the broker."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote


class QueueUrl(NamedTuple):
    """A URL taken apart."""

    scheme: str
    broker: str
    """What stands between the scheme and the queue: nothing but hosts, or a path as well."""
    queue: str
    query: str


def split_queue_url(url: str) -> QueueUrl | None:
    """Take the URL of a queue apart; None if it names no queue."""
    address, _, query = url.partition("?")
    scheme, mark, rest = address.partition("://")
    # Nothing but a host is no queue; a broker may be without a host, as a file is.
    broker, slash, queue = rest.rpartition("/")
    if not (scheme and mark and slash and queue):
        return None
    return QueueUrl(scheme, broker, unquote(queue), query)
