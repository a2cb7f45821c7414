"""Shares of executions by a key: a key keeps its place, so that a share that grows keeps those that were in it."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from engine.errors import ArgumentsError

ALL: Final = 10_000
"""A share is a number of buckets, and there are so many: one bucket is 0.01%."""

_PERCENT: Final = ALL // 100
_SHARE: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%")


def bucket_of(name: str, key: str) -> int:
    """Return the bucket of a key, from 0, for the rules of a name. It is in every share that is larger.

    It is the first 8 bytes of the SHA-256 of ``name:key`` in UTF-8, as one number with the highest byte first, modulo
    10,000. Other programs may rely on that.
    """
    digest = hashlib.sha256(f"{name}:{key}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % ALL


def parse_share(text: object) -> int:
    """Return a share that is written in per cent, as ``"10%"`` or ``"0.5%"``, in buckets. Raises ArgumentsError."""
    found = _SHARE.fullmatch(text) if isinstance(text, str) else None
    share = 0 if found is None else int(found[1]) * _PERCENT + int((found[2] or "").ljust(2, "0"))
    if not 0 < share <= ALL:
        raise ArgumentsError(f"the share {text!r} is none: write 0.01% to 100%, such as 10% or 0.5%")
    return share


def format_share(share: int) -> str:
    """Return a share in per cent, to be read back as the same."""
    whole, part = divmod(share, _PERCENT)
    return f"{whole}.{part:02}".rstrip("0").rstrip(".") + "%" if part else f"{whole}%"
