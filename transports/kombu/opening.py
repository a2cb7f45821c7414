"""From a URL and options to the connection that they ask for."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transports.errors import NoTransport, Refused
from transports.kombu.address import Address, read_address
from transports.kombu.kinds import DEFAULT_PREFIX, REFUSED, traits_of
from transports.options import COMMON, count, seconds, take_options, yes_or_no
from transports.protocol import Capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transports.kombu.link import Link

DEFAULT_MAX_MESSAGE_BYTES = 1 << 20
_REDIS_SCHEMES = ("redis", "rediss", "sentinel")


def prefix(text: str) -> str:
    """Read what names begin with."""
    if not text.isprintable() or text != text.strip():
        raise ValueError(text)
    return text


_COMMON = {"prefix": prefix, "timeout_seconds": seconds, "poll_seconds": seconds, "max_message_bytes": count}
_REDIS = _COMMON | {
    "visibility_seconds": seconds,
    "durable": yes_or_no,
    "client_name": str,
    "sentinel_master": str,
    "ssl_ca_certs": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_check_hostname": yes_or_no,
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that will be made, what can be expected of it, and its address without secrets."""

    link: Link
    capabilities: Capabilities
    where: str


def open_link(url: str, options: Mapping[str, Any]) -> Opened:
    """Return the connection. Raises Refused for what cannot be used, NoTransport for a client that is missing."""
    scheme = url.partition("://")[0].removeprefix("kombu+")
    if scheme == "kombu" or not scheme:
        raise Refused("kombu:// names no broker: write redis://host, or kombu+SCHEME:// for one of kombu's transports")
    if (reason := REFUSED.get(scheme.partition("+")[0].lower())) is not None:
        raise Refused(f"kombu+{scheme}:// is not used here: {reason}")
    try:
        return _open_redis(url, options) if scheme in _REDIS_SCHEMES else _open_polled(url, options)
    except ImportError as error:
        # kombu tells of some clients that are missing with its own words, and without the module's name.
        if (error.name or "").partition(".")[0] == "transports":
            raise
        extra = "milepost[redis]" if scheme in _REDIS_SCHEMES else f"kombu[{scheme}]"
        raise NoTransport(
            f"{scheme}:// needs a client library that is not installed ({error}): pip install '{extra}'"
        ) from error


def _open_redis(url: str, options: Mapping[str, Any]) -> Opened:
    from transports.kombu.redis_channel import RedisSettings
    from transports.kombu.redis_link import RedisLink

    rest, taken = take_options(url, options, _REDIS)
    address = read_address(rest)
    _refuse_unknown(rest)
    if address.path and not address.path.isdecimal():
        raise Refused(f"{address.path!r} is no database of Redis: they have numbers, as in {address.scheme}://host/0")
    master = taken.get("sentinel_master")
    if (address.scheme == "sentinel") != (master is not None):
        raise Refused("kombu+sentinel:// and the option sentinel_master, the name of what it watches, need each other")
    settings = RedisSettings(
        address=address,
        prefix=taken.get("prefix", DEFAULT_PREFIX),
        passive=taken.get("passive", False),
        timeout_seconds=taken.get("timeout_seconds", 4.0),
        visibility_seconds=taken.get("visibility_seconds", 60.0),
        poll_seconds=taken.get("poll_seconds", 1.0),
        client_name=taken.get("client_name", "milepost"),
        durable=taken.get("durable", False),
        tls=_tls(address, taken),
        sentinel_master=master,
    )
    capabilities = Capabilities(
        durable=settings.durable,
        shared=True,
        redelivers=True,
        settles_singly=True,
        releases=True,
        broadcasts=True,
        priorities=not settings.passive,
        depth=True,
        checks_queues=False,
        max_message_bytes=taken.get("max_message_bytes", DEFAULT_MAX_MESSAGE_BYTES),
    )
    return Opened(RedisLink(settings), capabilities, str(address))


def _tls(address: Address, taken: Mapping[str, Any]) -> dict[str, Any] | None:
    given = {name: taken[name] for name in _REDIS if name.startswith("ssl_") and name in taken}
    if address.scheme != "rediss":
        if given:
            raise Refused(f"{', '.join(given)} mean something for TLS only: write rediss:// for it")
        return None
    try:
        # Read here, so that a file that is missing is a clear error before anything is sent.
        context = ssl.create_default_context(cafile=given.get("ssl_ca_certs"))
        if "ssl_certfile" in given:
            context.load_cert_chain(given["ssl_certfile"], given.get("ssl_keyfile"))
    except (OSError, ssl.SSLError, ValueError) as error:
        raise Refused(f"the files for TLS cannot be used: {error}") from error
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True} | given


def _open_polled(url: str, options: Mapping[str, Any]) -> Opened:
    from transports.kombu.polled_link import PolledLink, PolledSettings

    rest, taken = take_options(url, options, _COMMON)
    address = read_address(rest.partition("?")[0])
    traits = traits_of(address.scheme)
    settings = PolledSettings(
        address=address,
        url=rest,
        prefix=taken.get("prefix", DEFAULT_PREFIX),
        passive=taken.get("passive", False),
        timeout_seconds=taken.get("timeout_seconds", 4.0),
        poll_seconds=taken.get("poll_seconds", 0.2),
        traits=traits,
    )
    capabilities = traits.capabilities(taken.get("max_message_bytes", DEFAULT_MAX_MESSAGE_BYTES))
    return Opened(PolledLink(settings), capabilities, str(address))


def _refuse_unknown(rest: str) -> None:
    query = rest.partition("?")[2]
    if query:
        # A value may be a secret; the names are not.
        names = ", ".join(part.partition("=")[0] for part in query.split("&"))
        raise Refused(f"there is no option {names} for Redis; there are {', '.join(sorted({*COMMON, *_REDIS}))}")
