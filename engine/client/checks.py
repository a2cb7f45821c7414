"""Checks on what callers give, made before anything is sent: databases differ in what they refuse, and how."""

from __future__ import annotations

from typing import Final

from engine.definitions.options import check_queue
from engine.errors import ArgumentsError, DefinitionError, ExecutionNotFound
from engine.model.ids import ID_LENGTH
from engine.model.states import CANCEL_SEQ

LONGEST_WORD: Final = 190
"""Names, keys and attributes are kept in columns of this length."""
LONGEST_REASON: Final = 1000
_SHOWN: Final = 40
_HIGHEST: Final = 2**31 - 1


def whole_id(execution_id: object) -> str:
    """Accept a whole id of an execution. Raises ExecutionNotFound for anything that cannot be one."""
    if isinstance(execution_id, str) and len(execution_id) == ID_LENGTH and _is_plain(execution_id):
        return execution_id
    shown = repr(execution_id)[:_SHOWN]
    if isinstance(execution_id, str) and 0 < len(execution_id) < ID_LENGTH:
        raise ExecutionNotFound(
            f"{shown} is not a whole id, which has {ID_LENGTH} characters: client.find_id({shown}) completes it"
        )
    raise ExecutionNotFound(f"{shown} is no id of an execution; ids are texts of {ID_LENGTH} letters and digits")


def is_beginning(text: str, shortest: int) -> bool:
    """Tell whether an id can begin so, and enough of it is given to look for it."""
    return shortest <= len(text) <= ID_LENGTH and _is_plain(text)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isalnum()


def word(what: str, value: object) -> str:
    """Accept a text of 1 to 190 printable characters. Raises DefinitionError; ``what`` is what it is for."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise DefinitionError(f"{what} is {_short(value)}; give a text of printable characters that is not empty")
    if len(value) > LONGEST_WORD:
        raise DefinitionError(f"{what} has {len(value)} characters, and at most {LONGEST_WORD} are stored")
    return value


def queue_name(what: str, value: object) -> str:
    """Accept the name of a queue. Raises DefinitionError; ``what`` is what it is for."""
    name = check_queue(what, "" if value is None else value)
    assert name is not None, "a name was given"
    return name


def reason_text(value: object) -> str:
    """Accept a reason: 1 to 1000 printable characters. Raises DefinitionError."""
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > LONGEST_REASON:
        raise DefinitionError(
            f"the reason is {_short(value)}; give a text of 1 to {LONGEST_REASON} printable characters, or none"
        )
    return value


def attribute(what: str, value: object) -> str:
    """Return the value of an attribute as it is stored. Raises DefinitionError."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        value = str(value)
    if value == "":
        return ""
    return word(what, value)


def whole_number(what: str, value: object) -> int:
    """Accept a whole number from 0. Raises ArgumentsError."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _HIGHEST:
        raise ArgumentsError(f"{what} is {_short(value)}; give a whole number from 0")
    return value


def step_number(what: str, value: object) -> int:
    """Accept what can be the number of a step, or stand before one. Raises ArgumentsError."""
    if isinstance(value, bool) or not isinstance(value, int) or not CANCEL_SEQ <= value <= _HIGHEST:
        raise ArgumentsError(f"{what} is {_short(value)}, which is no number of a step")
    return value


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."
