"""The checks on options of flows and steps: each returns the accepted value or raises ``DefinitionError``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import FunctionType
from typing import Any, Final

from engine.errors import DefinitionError, InvalidDuration
from engine.model.durations import parse_duration

DEFAULT_QUEUE: Final = "default"
DEFAULT_PRIORITY: Final = 5
FIRST_PRIORITY: Final = 0
LAST_PRIORITY: Final = 9
NAME_LENGTH: Final = 190
QUEUE_LENGTH: Final = 100
MAX_VERSION: Final = 2**31 - 1

Duration = str | int | float | timedelta


def place(fn: Callable[..., Any]) -> str:
    """Return where ``fn`` is defined, as ``file:line``."""
    code = getattr(fn, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(fn)


def check_function(decorator: str, fn: object) -> FunctionType:
    """Accept a plain function written with ``def`` or ``async def``."""
    if not isinstance(fn, FunctionType):
        raise DefinitionError(
            f"@{decorator} was put on {fn!r}, which is not a function; put it directly above a def or async def"
        )
    names = fn.__code__.co_varnames[: fn.__code__.co_argcount]
    if names and names[0] in ("self", "cls") and "." in fn.__qualname__.rpartition("<locals>")[2].strip("."):
        raise DefinitionError(
            f"@{decorator} was put on the method {fn.__qualname__} ({place(fn)}); another worker could not rebuild its "
            f"{names[0]!r}: use a function and pass what it needs as arguments"
        )
    return fn


def check_name(what: str, name: object) -> str:
    """Accept a name of 1 to 190 printable characters."""
    if not isinstance(name, str) or not name or name != name.strip() or not name.isprintable():
        raise DefinitionError(f"{what}: the name {name!r} is not usable; give a non-empty printable string as name=")
    if name.startswith("<"):
        raise DefinitionError(f"{what}: {name} is no name to find it by on another worker; give one with name=")
    if len(name) > NAME_LENGTH:
        raise DefinitionError(f"{what}: the name has {len(name)} characters, and at most {NAME_LENGTH} are stored")
    return name


def check_queue(what: str, queue: object) -> str | None:
    """Accept a queue name of 1 to 100 printable characters without spaces, or None for the execution's queue."""
    if queue is None:
        return None
    if not isinstance(queue, str) or not queue or not queue.isprintable() or " " in queue:
        raise DefinitionError(f"{what}: queue={queue!r} is not a queue name; use printable characters without spaces")
    if len(queue) > QUEUE_LENGTH:
        raise DefinitionError(f"{what}: the queue name has {len(queue)} characters, at most {QUEUE_LENGTH} are allowed")
    return queue


def check_priority(what: str, priority: object) -> int | None:
    """Accept a priority from 0 (first) to 9 (last), or None for the execution's priority."""
    if priority is None:
        return None
    if isinstance(priority, bool) or not isinstance(priority, int) or not 0 <= priority <= LAST_PRIORITY:
        raise DefinitionError(
            f"{what}: priority={priority!r} is not a whole number from {FIRST_PRIORITY} (first) "
            f"to {LAST_PRIORITY} (last)"
        )
    return priority


def check_version(what: str, version: object) -> int:
    """Accept a version: a whole number from 1."""
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= MAX_VERSION:
        raise DefinitionError(f"{what}: version={version!r} is not a whole number from 1")
    return version


def check_duration(what: str, option: str, value: Duration | None) -> int | None:
    """Accept a duration longer than nothing, and return it in microseconds; None stays None."""
    if value is None:
        return None
    try:
        duration_us = parse_duration(value)
    except InvalidDuration as error:
        raise DefinitionError(f"{what}: {option}={value!r} is not a duration: {error}") from error
    if duration_us <= 0:
        raise DefinitionError(
            f"{what}: {option}={value!r} leaves no time at all; give a longer one, or None for no limit"
        )
    return duration_us


def check_flag(what: str, option: str, value: object) -> bool:
    """Accept True or False."""
    if not isinstance(value, bool):
        raise DefinitionError(f"{what}: {option}={value!r} is neither True nor False")
    return value
