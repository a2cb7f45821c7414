"""What a URL says: which namespace, who we are there, and the options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from transports.azureservicebus.names import entity_of, foreign_entity, is_prefix, topic_of
from transports.errors import Refused
from transports.options import COMMON, count, seconds, take_options, yes_or_no

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME = "azureservicebus://"
EMULATOR_MANAGEMENT_PORT = 5300
"""Where Microsoft's emulator has its administration API."""
ENVELOPE_BYTES = 16 * 1024
"""What is left of a broker's limit for the parts of a message that ``Message.size`` does not count."""
STANDARD_BYTES = 256 * 1024 - ENVELOPE_BYTES


OPTIONS = {
    "timeout_seconds": seconds,
    "lock_seconds": seconds,
    "max_message_bytes": count,
    "topic": str,
    "subscription": str,
    "connection_name": str,
    "connection_string": str,
    "ca_file": str,
    "emulator": yes_or_no,
    "management_port": count,
}


@dataclass(frozen=True)
class Settings:
    """How to reach a namespace, and what to do there. It holds secrets and is never shown."""

    host: str
    """For errors and logs: where we go, without who we are."""
    connection_string: str | None
    """None where Azure's usual chain of credentials is asked."""
    prefix: str
    passive: bool
    """Nothing is made or counted, and the names of entities are as they are."""
    topic: str
    subscription: str | None
    timeout_seconds: float
    lock_seconds: float | None
    max_message_bytes: int
    connection_name: str | None
    ca_file: str | None
    emulator: bool
    management_port: int

    def entity(self, queue: str) -> str:
        """Return the path of a queue's entity. Raises Refused for a name that none can have, where it is not ours."""
        return (foreign_entity if self.passive else entity_of)(self.prefix, queue)

    def __repr__(self) -> str:
        return f"Settings({self.host!r})"


def read_settings(url: str, keywords: Mapping[str, Any]) -> Settings:
    """Read a URL and options; raises Refused for what cannot be used."""
    address, options = take_options(url, keywords, OPTIONS)
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise Refused(_looks_like("cannot be read")) from None
    if left := parse_qsl(parts.query, keep_blank_values=True):
        raise Refused(f"there is no option {left[0][0]!r} here; there are {', '.join(sorted({*COMMON, *OPTIONS}))}")
    emulator = bool(options.get("emulator", False))
    given = options.get("connection_string")
    if given is None:
        host = parts.hostname or ""
        if not host or parts.path.strip("/"):
            raise Refused(_looks_like("names no namespace, or more than one"))
        host = f"{host}:{port}" if port is not None else host
        given = _connection_string(host, parts.username, parts.password, emulator)
    else:
        if parts.hostname:
            raise Refused("there are a namespace and a connection string: give one of them")
        host, emulator = _endpoint(given)
    if port is not None and not emulator:
        raise Refused("only an emulator has a port of its own choice: leave the port out, or add emulator=true")
    return _settings(host, given, emulator, options)


def _settings(host: str, connection_string: str | None, emulator: bool, options: Mapping[str, Any]) -> Settings:
    prefix = options.get("prefix", "milepost.")
    passive = options.get("passive", False)
    # What is made without one could begin with a character that the service refuses there.
    if not is_prefix(prefix) and (prefix or not passive):
        raise Refused(
            f"prefix={prefix!r} cannot begin the name of a queue: use up to 100 letters, digits, '.', '-' and '_', "
            "beginning with a letter or a digit, or passive=yes to use queues without one that are there"
        )
    return Settings(
        host=host,
        connection_string=connection_string,
        prefix=prefix,
        passive=passive,
        topic=options.get("topic") or topic_of(prefix),
        subscription=options.get("subscription"),
        timeout_seconds=options.get("timeout_seconds", 10.0),
        lock_seconds=options.get("lock_seconds"),
        max_message_bytes=options.get("max_message_bytes", STANDARD_BYTES),
        connection_name=options.get("connection_name"),
        ca_file=options.get("ca_file"),
        emulator=emulator,
        management_port=options.get("management_port", EMULATOR_MANAGEMENT_PORT),
    )


def _connection_string(host: str, name: str | None, key: str | None, emulator: bool) -> str | None:
    if name is None and key is None:
        if emulator:
            raise Refused(
                "an emulator needs a policy and its key: azureservicebus://POLICY:KEY@localhost/?emulator=true"
            )
        return None
    name, key = unquote(name or ""), unquote(key or "")
    if not name or not key or ";" in name + key:
        raise Refused(
            "a policy and its key are both needed, as azureservicebus://POLICY:KEY@NAMESPACE, percent-encoded"
        )
    end = ";UseDevelopmentEmulator=true" if emulator else ""
    return f"Endpoint=sb://{host};SharedAccessKeyName={name};SharedAccessKey={key}{end}"


def _endpoint(connection_string: str) -> tuple[str, bool]:
    named: dict[str, str] = {}
    for part in connection_string.strip().rstrip(";").split(";"):
        name, _, value = part.partition("=")
        named[name.strip().lower()] = value.strip()
    if "entitypath" in named:
        raise Refused("the connection string is for one entity: use one for the namespace, without EntityPath")
    host = urlsplit(named.get("endpoint", "")).netloc
    signed = named.keys() & {"sharedaccesskey", "sharedaccesssignature"}
    if not host or not signed:
        raise Refused("the connection string names no Endpoint, or neither a SharedAccessKey nor a signature")
    return host, named.get("usedevelopmentemulator") == "true"


def _looks_like(what: str) -> str:
    # The URL itself may hold a key, so it is not shown.
    return (
        f"the URL {what}: it looks like azureservicebus://NAMESPACE.servicebus.windows.net/ or "
        "azureservicebus://POLICY:KEY@NAMESPACE.servicebus.windows.net/"
    )
