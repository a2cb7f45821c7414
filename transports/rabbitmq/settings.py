"""The URL and the options: where the broker is, and how it is to be used."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

import pika

from transports.errors import Refused
from transports.options import COMMON, count, seconds, take_options

if TYPE_CHECKING:
    from collections.abc import Mapping

QUORUM, CLASSIC = "quorum", "classic"
_PORT, _TLS_PORT = 5672, 5671
_MAX_SHORT = 255
"""AMQP 0-9-1 gives names one byte for their length."""


def queue_type(text: str) -> str:
    """Read a kind of queue."""
    if text not in (QUORUM, CLASSIC):
        raise ValueError(f"{text!r} is neither {QUORUM} nor {CLASSIC}")
    return text


_OPTIONS = {
    "queue_type": queue_type,
    "timeout_seconds": seconds,
    "connect_seconds": seconds,
    "heartbeat_seconds": count,
    "max_message_bytes": count,
    "connection_name": str,
    "ca_file": str,
    "cert_file": str,
    "key_file": str,
    "server_name": str,
}
_TLS_OPTIONS = ("ca_file", "cert_file", "key_file", "server_name")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that is fixed for the life of a transport."""

    parameters: pika.ConnectionParameters
    place: str
    """Where the broker is, for texts: without the password."""
    prefix: str
    """Comes before the name of every queue, and of the exchange."""
    queue_type: str
    passive: bool
    """Nothing is declared; what is needed must be there."""
    timeout_seconds: float
    """How long the broker may take for an answer."""
    connect_seconds: float
    max_message_bytes: int

    @property
    def exchange(self) -> str:
        """The exchange that broadcasts go through."""
        return f"{self.prefix}milepost-broadcasts"

    def native(self, queue: str) -> str:
        """Return a queue's name on the broker. Raises Refused for one that is too long there."""
        name = self.prefix + queue
        if len(name.encode()) > _MAX_SHORT:
            raise Refused(
                f"{queue!r} cannot be the name of a queue on RabbitMQ: with its prefix it has more than {_MAX_SHORT} "
                "bytes in UTF-8"
            )
        return name


def read_settings(url: str, keywords: Mapping[str, Any]) -> Settings:
    """Read the URL and the options. Raises Refused for what cannot be used."""
    address, taken = take_options(url, keywords, _OPTIONS)
    parts, port = _split(address)
    if parts.query or parts.fragment:
        name = parts.query.partition("=")[0] or "#"
        raise Refused(f"there is no option {name!r} for RabbitMQ; there are {', '.join(sorted({*COMMON, *_OPTIONS}))}")
    host = unquote(parts.hostname or "localhost")
    user = unquote(parts.username or "guest")
    vhost = unquote(parts.path[1:]) or "/"
    tls = parts.scheme == "amqps"
    port = port or (_TLS_PORT if tls else _PORT)
    try:
        kind = queue_type(taken.get("queue_type", QUORUM))
        parameters = pika.ConnectionParameters(
            host=host,
            port=port,
            virtual_host=vhost,
            credentials=pika.PlainCredentials(user, unquote(parts.password or "guest")),
            heartbeat=taken.get("heartbeat_seconds", 30),
            ssl_options=_tls(host, taken) if tls else _no_tls(taken),
            socket_timeout=taken.get("connect_seconds", 5.0),
            stack_timeout=taken.get("connect_seconds", 5.0),
            connection_attempts=1,
            client_properties={"connection_name": taken.get("connection_name", "milepost")},
        )
    except (TypeError, ValueError) as error:
        raise Refused(f"an option for RabbitMQ cannot be used: {error}") from error
    return Settings(
        parameters=parameters,
        place=f"{parts.scheme}://{user}@{host}:{port}/{'' if vhost == '/' else vhost}",
        prefix=taken.get("prefix", ""),
        queue_type=kind,
        passive=taken.get("passive", False),
        timeout_seconds=taken.get("timeout_seconds", 10.0),
        connect_seconds=taken.get("connect_seconds", 5.0),
        max_message_bytes=taken.get("max_message_bytes", 1 << 20),
    )


def _split(address: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or parts.scheme not in ("amqp", "amqps") or "/" in parts.path[1:]:
        # The URL may hold a password, so it is not shown.
        raise Refused("the URL of RabbitMQ cannot be read: it looks like amqp://user:password@host:5672/vhost")
    return parts, port


def _no_tls(taken: Mapping[str, Any]) -> None:
    for name in _TLS_OPTIONS:
        if name in taken:
            raise Refused(f"{name} is of use with amqps:// only, and this URL begins with amqp://")


def _tls(host: str, taken: Mapping[str, Any]) -> pika.SSLOptions:
    try:
        context = ssl.create_default_context(cafile=taken.get("ca_file"))
        if "cert_file" in taken:
            context.load_cert_chain(taken["cert_file"], taken.get("key_file"))
    except (OSError, ValueError) as error:
        # An ssl.SSLError is an OSError: a file that is missing, or that holds something else.
        raise Refused(f"the TLS files for {host} cannot be used: {error}") from error
    return pika.SSLOptions(context, taken.get("server_name", host))
