"""Execution ids: 26 characters, sortable by time of creation."""

from __future__ import annotations

import hashlib
import os

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARS = 10
_RANDOM_CHARS = 16
ID_LENGTH = _TIME_CHARS + _RANDOM_CHARS


def _encode(number: int, length: int) -> str:
    chars: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        chars.append(_ALPHABET[digit])
    return "".join(reversed(chars))


def new_execution_id(at_us: int, entropy: bytes | None = None) -> str:
    """Return a new id for an execution created at ``at_us`` (microseconds since 1970).

    The layout is that of a ULID in lower case: 48 bits of milliseconds, then 80 random bits, in Crockford's base 32.
    """
    random_bits = int.from_bytes(entropy or os.urandom(10), "big")
    return _encode(at_us // 1000, _TIME_CHARS) + _encode(random_bits, _RANDOM_CHARS)


def derived_execution_id(at_us: int, parent_id: str, seq: int) -> str:
    """Return the id of the execution that step ``seq`` of ``parent_id`` starts: always the same one."""
    digest = hashlib.sha256(f"{parent_id}/{seq}".encode()).digest()
    return new_execution_id(at_us, digest[:10])
