"""Messages as AMQP carries them: sections, of which a broker writes the first ones and leaves the others as they are.

See the AMQP 1.0 standard, part 3 (messaging). Several messages in one transfer are a message whose data sections are
messages themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proton import Data, symbol, uint, ulong

HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES, BODY = range(0x70, 0x76)
_LAST_SECTION = 0x78


@dataclass(frozen=True)
class Payload:
    """A message as its sender wrote it. ``bare`` is what reaches its receiver byte for byte."""

    bare: bytes
    annotations: Mapping[str, Any] = field(default_factory=dict[str, Any])
    application_properties: bytes = b""
    ttl_ms: int | None = None

    def handed_out(
        self, deliveries: int, annotations: Mapping[str, Any], extra: Mapping[str, str] | None = None
    ) -> bytes:
        """Return the message with what the broker adds: how often it was handed out before, and annotations."""
        header = [None, None, None if self.ttl_ms is None else uint(self.ttl_ms), None, uint(deliveries)]
        marks = {symbol(name): value for name, value in {**self.annotations, **annotations}.items()}
        return _list(HEADER, header) + _map(ANNOTATIONS, marks) + self._with(extra)

    def _with(self, extra: Mapping[str, str]) -> bytes:
        if not extra:
            return self.bare
        merged = _described(self.application_properties) if self.application_properties else {}
        merged = {**merged, **extra}
        start = self.bare.find(self.application_properties) if self.application_properties else _body_at(self.bare)
        end = start + len(self.application_properties)
        return self.bare[:start] + _map(APPLICATION_PROPERTIES, merged) + self.bare[end:]


def sections(raw: bytes) -> list[tuple[int, bytes]]:
    """Take a message apart; raises ValueError if it is none."""
    found: list[tuple[int, bytes]] = []
    rest = raw
    while rest:
        data = Data()
        try:
            size = data.decode(rest)
        except Exception as error:
            raise ValueError("not a message") from error
        data.rewind()
        if data.next() != Data.DESCRIBED:
            raise ValueError("not a message")
        data.enter()
        data.next()
        code = data.get_object()
        if not isinstance(code, int) or not HEADER <= code <= _LAST_SECTION:
            raise ValueError("not a message")
        found.append((code, rest[:size]))
        rest = rest[size:]
    return found


def read(raw: bytes) -> Payload:
    """Read one message; raises ValueError if it is none."""
    parts = sections(raw)
    bare = b"".join(part for code, part in parts if code >= PROPERTIES)
    named = dict(parts)
    header = _described(named[HEADER]) if HEADER in named else []
    annotations = _described(named[ANNOTATIONS]) if ANNOTATIONS in named else {}
    ttl = header[2] if len(header) > 2 else None
    return Payload(
        bare,
        {str(name): value for name, value in annotations.items()},
        named.get(APPLICATION_PROPERTIES, b""),
        None if ttl is None else int(ttl),
    )


def unbatch(raw: bytes) -> list[Payload]:
    """Return the messages of a transfer. One whose data sections all are messages is taken for a batch of them."""
    bodies = [_described(part) for code, part in sections(raw) if code == BODY]
    try:
        if bodies and all(bodies):
            return [read(body) for body in bodies]
    except ValueError:
        # An ordinary message: its body is anything.
        pass
    return [read(raw)]


def _body_at(bare: bytes) -> int:
    at = 0
    for code, part in sections(bare):
        if code != PROPERTIES:
            break
        at += len(part)
    return at


def _described(part: bytes) -> Any:
    data = Data()
    data.decode(part)
    data.rewind()
    data.next()
    data.enter()
    data.next()
    data.next()
    return owned(data.get_object())


def owned(value: Any) -> Any:
    """Copy what was decoded: the binaries in it are views of memory that goes with the decoder."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, dict):
        return {owned(key): owned(item) for key, item in value.items()}
    return [owned(item) for item in value] if type(value) is list else value


def _list(code: int, values: list[Any]) -> bytes:
    data = Data()
    data.put_described()
    data.enter()
    data.put_object(ulong(code))
    data.put_object(values)
    return data.encode()


def _map(code: int, values: Mapping[Any, Any]) -> bytes:
    data = Data()
    data.put_described()
    data.enter()
    data.put_object(ulong(code))
    data.put_object(dict(values))
    return data.encode()
