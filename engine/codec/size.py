"""The limit on the size of a stored value."""

from __future__ import annotations

from engine.errors import ValueTooLarge


def check_size(text: str, limit_bytes: int, what: str) -> None:
    """Raise ``ValueTooLarge`` if ``text`` is longer than ``limit_bytes`` bytes of UTF-8; ``what`` is what it holds."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > limit_bytes:
        raise ValueTooLarge(
            f"{what}: the value takes {size:,} bytes, and at most {limit_bytes:,} bytes are stored; keep it in a file "
            f"or an object store and pass a reference to it, or raise the limit in the settings"
        )
