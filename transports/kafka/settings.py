"""The URL and the options of the transport, and the clients' configuration that follows from them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from transports.errors import Refused
from transports.kafka.names import is_topic
from transports.options import COMMON, count, seconds, take_options

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEME = "kafka://"
_DEFAULT_PORT = 9092
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_ASSIGNORS = ("cooperative-sticky", "range", "roundrobin")
_GROUP_PROTOCOLS = ("classic", "consumer", "share")
_NOT_SHARED = ("assignment", "session_seconds", "heartbeat_seconds", "handover_seconds")
"""Options that mean nothing where a partition belongs to no single consumer."""
BATCH_OVERHEAD = 1 << 16
"""What a record may need beyond ``Message.size``: the frame of its batch, and lengths."""
SESSION_SECONDS = 6.0
"""The shortest that brokers allow where they are not told otherwise. A member that is given up too soon costs second
deliveries and nothing else; one that is given up late has what is in its partitions wait."""
SHARE_RECORDS = 10
"""How many records a member of a share group takes at a time: what nobody asks for soon was taken from others."""

_OPTIONS = {
    "group": str,
    "partitions": count,
    "replication": count,
    "group_protocol": str,
    "assignment": str,
    "timeout_seconds": seconds,
    "session_seconds": seconds,
    "heartbeat_seconds": seconds,
    "idle_seconds": seconds,
    "hold_seconds": seconds,
    "handover_seconds": seconds,
    "broadcast_seconds": seconds,
    "max_message_bytes": count,
    "client_id": str,
    "security_protocol": str,
    "sasl_mechanism": str,
    "ssl_ca": str,
    "ssl_certificate": str,
    "ssl_key": str,
    "ssl_key_password": str,
}
_TLS_FILES = {
    "ssl_ca": "ssl.ca.location",
    "ssl_certificate": "ssl.certificate.location",
    "ssl_key": "ssl.key.location",
    "ssl_key_password": "ssl.key.password",
}


@dataclass(frozen=True)
class Settings:
    """What the transport goes by. Times are in seconds."""

    shown: str
    """The brokers' addresses as a URL without credentials, for messages."""
    client: Mapping[str, Any]
    """What every client is configured with; it holds the password, so it is never shown."""
    prefix: str
    passive: bool
    """Topics are other programs': nothing is made or passed on, and a topic is called as its queue is."""
    group: str
    partitions: int
    replication: int
    shares: bool
    """Whether the group is a share group (KIP-932)."""
    modern: bool
    """Whether the group uses the protocol of KIP-848."""
    assignment: str
    timeout: float
    session: float
    heartbeat: float
    idle: float
    hold: float
    handover: float
    broadcast: float
    max_message_bytes: int

    @property
    def cooperative(self) -> bool:
        """Whether partitions are added and removed one by one, or all at once."""
        return self.modern or self.assignment == "cooperative-sticky"


def read_settings(url: str, keywords: Mapping[str, Any]) -> Settings:
    """Read a URL and options. Raises Refused for what cannot be used."""
    address, options = take_options(url, keywords, _OPTIONS)
    address, mark, unknown = address.partition("?")
    if mark:
        names = ", ".join(sorted(part.partition("=")[0] for part in unknown.split("&")))
        raise Refused(f"kafka:// has no option {names}; there are {', '.join(sorted({*COMMON, *_OPTIONS}))}")
    login, _, hosts = address.removeprefix(_SCHEME).rpartition("@")
    brokers = _brokers(hosts.rstrip("/"))
    prefix = options.get("prefix", "milepost.")
    if prefix and not is_topic(prefix + "x"):
        raise Refused(f"prefix={prefix!r} cannot begin the name of a topic: use letters, digits, '.', '_' and '-'")
    group_protocol = _one_of("group_protocol", options.get("group_protocol", "classic"), _GROUP_PROTOCOLS)
    shares = group_protocol == "share"
    _check_shared(options, shares=shares)
    session = options.get("session_seconds", SESSION_SECONDS)
    return Settings(
        shown=_SCHEME + ",".join(brokers),
        client=_client(brokers, login, options),
        prefix=prefix,
        passive=options.get("passive", False),
        group=options.get("group", _group(prefix, shares=shares)),
        partitions=options.get("partitions", 1 if shares else 12),
        replication=options.get("replication", -1),
        shares=shares,
        modern=group_protocol == "consumer",
        assignment=_one_of("assignment", options.get("assignment", _ASSIGNORS[0]), _ASSIGNORS),
        timeout=options.get("timeout_seconds", 10.0),
        session=session,
        heartbeat=options.get("heartbeat_seconds", min(1.0, session / 3)),
        idle=options.get("idle_seconds", 10.0),
        hold=options.get("hold_seconds", 20.0 if shares else 300.0),
        handover=options.get("handover_seconds", 2.0),
        broadcast=options.get("broadcast_seconds", 600.0),
        max_message_bytes=options.get("max_message_bytes", 1 << 20),
    )


def _check_shared(options: Mapping[str, Any], *, shares: bool) -> None:
    wrong = [name for name in _NOT_SHARED if name in options]
    if shares and wrong:
        raise Refused(f"{wrong[0]} means nothing with group_protocol=share: leave it out")


def _group(prefix: str, *, shares: bool) -> str:
    """Name the group; one that shares cannot have the name of one that does not."""
    if shares:
        return f"{prefix}sharing" if prefix else "milepost-sharing"
    return f"{prefix}workers" if prefix else "milepost"


def _brokers(hosts: str) -> list[str]:
    brokers: list[str] = []
    for host in hosts.split(","):
        name, colon, port = host.strip().rpartition(":")
        if not colon or port.endswith("]"):
            name, port = host.strip(), str(_DEFAULT_PORT)
        if not name or not port.isdecimal() or "/" in name:
            raise Refused(f"{host!r} is no address of a broker: a URL looks like kafka://host:9092,host:9092")
        brokers.append(f"{name}:{port}")
    return brokers


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise Refused(f"{name}={value!r} is none of {', '.join(allowed)}")
    return value


def _client(brokers: list[str], login: str, options: dict[str, Any]) -> dict[str, Any]:
    # A password is not sent in the clear unless that is asked for.
    protocol = options.get("security_protocol", "SASL_SSL" if login else "PLAINTEXT").upper()
    _one_of("security_protocol", protocol, _PROTOCOLS)
    timeout_ms = int(options.get("timeout_seconds", 10.0) * 1000)
    client: dict[str, Any] = {
        "bootstrap.servers": ",".join(brokers),
        "client.id": options.get("client_id", "milepost"),
        "security.protocol": protocol,
        # No topic appears because its name was mistyped.
        "allow.auto.create.topics": False,
        "socket.timeout.ms": max(timeout_ms, 1000),
        "socket.connection.setup.timeout.ms": max(timeout_ms, 1000),
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1000,
        # Whatever goes wrong is raised; the library's own lines about it add nothing.
        "log_level": 2,
        "logger": logging.getLogger("transports.kafka"),
    }
    if "SASL" in protocol:
        user, _, password = login.partition(":")
        client["sasl.mechanism"] = options.get("sasl_mechanism", "PLAIN")
        if login:
            client |= {"sasl.username": unquote(user), "sasl.password": unquote(password)}
    return client | {key: options[name] for name, key in _TLS_FILES.items() if name in options}
