"""What a URL and options say about SQS: where it is, who asks, and how."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from transports.errors import Refused
from transports.options import COMMON, count, seconds, take_options, yes_or_no
from transports.sqs.names import foreign_name, queue_name

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES = 1 << 20
"""What SQS takes in one message, attributes included, and in one batch.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""
ENVELOPE_BYTES = 4096
"""Kept free for what a message is wrapped in."""
_LONGEST_POLL = 20
_LONGEST_VISIBILITY = 12 * 3600
_PREFIX = re.compile(r"[A-Za-z0-9_-]{0,30}")
_REGION = re.compile(r"[a-z0-9-]{1,40}")


_OPTIONS = {
    "endpoint_url": str,
    "profile": str,
    "visibility_seconds": count,
    "poll_seconds": count,
    "request_seconds": seconds,
    "retention_seconds": count,
    "threads": count,
    "limit_bytes": count,
    "broadcasts": yes_or_no,
    "stale_seconds": seconds,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Where SQS is and how it is used; the options are described in :class:`transports.sqs.SqsTransport`."""

    region: str | None = None
    key: str | None = None
    secret: str | None = field(default=None, repr=False)
    prefix: str = "milepost-"
    passive: bool = False
    """Queues are other programs': nothing is made, names are as they are, and messages are such as others read."""
    endpoint_url: str | None = None
    profile: str | None = None
    visibility_seconds: int = 30
    poll_seconds: int = 2
    request_seconds: float = 5.0
    retention_seconds: int | None = None
    threads: int = 8
    limit_bytes: int = MAX_BYTES
    broadcasts: bool = True
    stale_seconds: float = 3600.0

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise Refused(f"prefix={self.prefix!r} cannot begin the names of queues: use up to 30 of A-Z a-z 0-9 _ -")
        if not 1 <= self.poll_seconds <= _LONGEST_POLL:
            raise Refused(f"poll_seconds={self.poll_seconds} is not one of 1 to {_LONGEST_POLL}, as SQS polls")
        if not 1 <= self.visibility_seconds <= _LONGEST_VISIBILITY:
            raise Refused(f"visibility_seconds={self.visibility_seconds} is not one of 1 to {_LONGEST_VISIBILITY}")
        if not 2 * ENVELOPE_BYTES <= self.limit_bytes <= MAX_BYTES:
            raise Refused(f"limit_bytes={self.limit_bytes} is not one of {2 * ENVELOPE_BYTES} to {MAX_BYTES}")
        if self.endpoint_url is not None:
            _check_endpoint(self.endpoint_url)

    @property
    def where(self) -> str:
        """Name the service for messages to people, without secrets."""
        return f"SQS at {self.endpoint_url}" if self.endpoint_url else f"SQS in {self.region or 'the default region'}"

    def queue_name(self, name: str) -> str:
        """Return what a queue is called at AWS. Raises Refused for what none can be called, where it is not ours."""
        return (foreign_name if self.passive else queue_name)(self.prefix, name)

    @property
    def has_broadcasts(self) -> bool:
        """Whether there are broadcasts: a subscriber needs a queue of its own, and passive ones make none."""
        return self.broadcasts and not self.passive

    @property
    def max_message_bytes(self) -> int:
        """The largest message that always fits: bytes that are no text take a third more in base64."""
        return (self.limit_bytes - ENVELOPE_BYTES) // 4 * 3


def read_settings(url: str, keywords: Mapping[str, Any]) -> Settings:
    """Read a URL such as ``sqs://eu-central-1?prefix=orders-``. Raises Refused, without showing the URL's secrets."""
    address, options = take_options(url, keywords, _OPTIONS)
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise Refused("the URL of SQS cannot be read: write sqs://REGION?option=value") from None
    if strange := sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}):
        raise Refused(f"sqs:// has no option {strange[0]!r}; there are {', '.join(sorted({*COMMON, *_OPTIONS}))}")
    region = parts.hostname
    if port is not None or parts.path not in {"", "/"} or parts.fragment or not _REGION.fullmatch(region or "default"):
        raise Refused(
            "the URL of SQS is sqs://REGION, with options after a question mark, and no port and path: an address "
            "goes into the option endpoint_url"
        )
    if bool(parts.username) != bool(parts.password):
        raise Refused("the URL of SQS holds one half of an access key: write sqs://KEY:SECRET@REGION, or neither")
    key = unquote(parts.username) if parts.username else None
    secret = unquote(parts.password) if parts.password else None
    return Settings(region=region, key=key, secret=secret, **options)


def _check_endpoint(url: str) -> None:
    try:
        parts = urlsplit(url)
        # Reading the port is what checks it.
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    # The address is shown in messages, so it must hold no secrets.
    if not fine or "@" in url or "?" in url:
        raise Refused("endpoint_url is the address of an SQS server, like http://127.0.0.1:9324, without credentials")
