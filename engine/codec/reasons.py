"""Why a value could not be written or read, in one line for a message."""

from __future__ import annotations

from typing import Any, cast


def explain(error: BaseException) -> str:
    """Return what an error of a library, or of the user's own checks, says: one line, and the place if it has one."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply, or contains itself"
    if isinstance(error, UnicodeEncodeError):
        return "it has text that is no valid Unicode (half of a surrogate pair)"
    found = _first_of_pydantic(error)
    if found is not None:
        return found
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[1] if lines[0].endswith(":") and len(lines) > 1 else lines[0]


def _first_of_pydantic(error: BaseException) -> str | None:
    if not type(error).__module__.startswith("pydantic") or not hasattr(error, "errors"):
        return None
    listed: list[dict[str, Any]] = cast(Any, error).errors(
        include_url=False, include_context=False, include_input=False
    )
    place = ".".join(str(part) for part in listed[0]["loc"])
    return f"{listed[0]['msg']} - at `$.{place}`" if place else str(listed[0]["msg"])
