"""What people type, read: arguments, attributes, payloads, times."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import msgspec

from engine.config.suggestions import did_you_mean
from engine.errors import ConfigError, InvalidDuration
from engine.model.durations import parse_duration

STATES: Final = ("running", "paused", "parked", "completed", "failed", "cancelled", "continued")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def pair(text: str, option: str) -> tuple[str, str]:
    """Split ``name=value``."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"{option} {text!r} is not written name=value")
    return name.strip(), value


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """Read every ``name=value``; each name once."""
    found: dict[str, str] = {}
    for text in texts:
        name, value = pair(text, option)
        if name in found:
            raise ConfigError(f"{option} gives {name!r} twice")
        found[name] = value
    return found


def states(text: str | None) -> str | list[str] | None:
    """Read states of executions, separated by commas."""
    found = [state.strip() for state in (text or "").split(",") if state.strip()]
    for state in found:
        if state not in STATES:
            hint = did_you_mean(state, STATES) or f"; choose from {', '.join(STATES)}"
            raise ConfigError(f"--state {state!r} is no state of executions{hint}")
    return found or None


def json_or_text(text: str) -> Any:
    """Read JSON; what is no JSON is a text, so that ``--arg name=Ann`` needs no quotes."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def json_value(text: str, option: str) -> Any:
    """Read JSON; ConfigError if it is none."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{option} is no JSON: {error}; quote texts, as in '\"yes\"'") from None


def arguments(input: str | None, args: Iterable[str]) -> dict[str, Any]:
    """Return a flow's arguments by name, from one JSON object, from single values, or both."""
    values: Any = {} if input is None else json_value(input, "--input")
    if not isinstance(values, dict):
        raise ConfigError("--input must be a JSON object that names the arguments, as in '{\"order_id\": 17}'")
    single = {name: json_or_text(text) for name, text in pairs(args, "--arg").items()}
    return cast("dict[str, Any]", values) | single


def moment(text: str | None, option: str, now_us: int) -> datetime | None:
    """Read a time: ISO 8601 (UTC where no zone is given), or how long ago, as in ``2h``."""
    if text is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=now_us - parse_duration(text))
    except InvalidDuration:
        pass
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{option} {text!r} is no time: write how long ago, as in 2h, or a time, as in 2026-05-01T12:00:00+02:00"
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
