"""Rules at the edge of the engine (pure): what they are given, and what their outcome says."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from engine.definitions.options import FIRST_PRIORITY, LAST_PRIORITY, check_queue
from engine.errors import DefinitionError
from engine.model.durations import MAX_DURATION_US
from engine.model.edge import Action, Actions, Basis, Verdict
from engine.model.messages import KEY_LENGTH
from engine.rules.errors import RuleError
from engine.rules.feel.exchange import NotAValue, from_python, to_python
from engine.rules.feel.numbers import CONTEXT
from engine.rules.feel.timeline import SECOND
from engine.rules.feel.values import DaysTimeDuration
from engine.rules.recorded import read_value, write_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.model.rulebook import Answer
    from engine.rules.feel.values import Value

ACCEPT: Final = "accept"
REASON: Final = "reason"
ENTRIES: Final = ("flow", "signal", "input", "key", "queue", "priority", "delay")
LONGEST_SHOWN: Final = 200
MOST_ACTIONS: Final = 1000
"""That one event does: all of them are one transaction."""
_NANOSECONDS: Final = SECOND // 1_000_000
"""In a microsecond."""


def inputs_of(subject: object, named: Mapping[str, object], *, needs_entries: bool = False) -> dict[str, Value]:
    """Return what rules are given: values by name, and the entries of the subject, which go first.

    Values by name that rules have no values for are left out. Raises NotAValue if the subject has such entries, or no
    entries where it needs them.
    """
    inputs: dict[str, Value] = {}
    for name, value in named.items():
        with contextlib.suppress(NotAValue):
            inputs[name] = from_python(value)
    entries = None if isinstance(subject, bytes | bytearray) else from_python(subject)
    if isinstance(entries, dict):
        return inputs | entries
    if needs_entries:
        kind = type(subject).__qualname__
        raise NotAValue(f"a value of type {kind} has no entries by name: give a mapping, a dataclass or a model")
    return inputs


def basis_of(answer: Answer) -> Basis:
    """Return by what rules decided."""
    return Basis(answer.rule, answer.version, answer.matched)


def verdict_of(answer: Answer) -> Verdict:
    """Return whether an outcome lets something in: it is true, or has an entry ``accept`` that is true."""
    outcome = read_value(bytes(answer.outcome))
    accepted, reason = (outcome.get(ACCEPT), outcome.get(REASON)) if isinstance(outcome, dict) else (outcome, None)
    if isinstance(accepted, bool):
        return Verdict(
            basis_of(answer), accepted, reason if reason is None or isinstance(reason, str) else _shown(reason)
        )
    problems = "".join(f"; {problem}" for problem in answer.problems)
    said = f"they came to {_shown(outcome)}, and not to {ACCEPT}, true or false{problems}"
    return Verdict(basis_of(answer), False, said)


def actions_of(answer: Answer) -> Actions:
    """Return what an event does by an outcome. Raises RuleError for one that says nothing of the kind."""
    outcome = read_value(bytes(answer.outcome))
    wanted = outcome if isinstance(outcome, list) else [outcome]
    if len(wanted) > MOST_ACTIONS:
        raise RuleError(f"{basis_of(answer).text} came to {len(wanted)} actions; an event does {MOST_ACTIONS} at most")
    found: list[Action] = []
    for one in wanted:
        try:
            action = _action(one)
        except (RuleError, DefinitionError) as error:
            raise RuleError(f"{basis_of(answer).text} came to what is no action: {error}") from None
        if action is not None:
            found.append(action)
    return Actions(basis_of(answer), tuple(found))


def _action(outcome: Value) -> Action | None:
    """Return an action; None where there is none. Entries that are null are as good as left out."""
    if outcome is None:
        return None
    entries = {"flow": outcome} if isinstance(outcome, str) else outcome
    if not isinstance(entries, dict):
        raise RuleError(f"{_shown(outcome)}; it is a context with a flow or a signal, the name of a flow, or null")
    given = {name: value for name, value in entries.items() if value is not None}
    unknown = next((name for name in given if name not in ENTRIES), None)
    if unknown is not None:
        raise RuleError(f"it has an entry {unknown!r}; there are {', '.join(ENTRIES)}")
    if not {"flow", "signal"} & {*given}:
        if given:
            raise RuleError(f"{_shown(outcome)} names neither a flow nor a signal")
        return None
    if {"flow", "signal"} <= {*given}:
        raise RuleError(f"{_shown(outcome)} names both a flow and a signal: write two")
    return _checked(given)


def _checked(given: Mapping[str, Value]) -> Action:
    options = sorted({"queue", "priority", "delay"} & {*given})
    if "signal" in given and (options or "key" not in given):
        raise RuleError(
            f"a signal goes to the execution that was started with its key, which is missing: {_shown({**given})}"
            if not options
            else f"a signal has no {options[0]}: {_shown({**given})}"
        )
    if "flow" in given and not isinstance(given.get("input", {}), dict):
        raise RuleError(f"the input is {_shown(given['input'])}; it is a context of the flow's arguments by name")
    return Action(
        flow=_name("flow", given.get("flow")),
        signal=_name("signal", given.get("signal")),
        input=None if "input" not in given else write_plain(given["input"]).decode(),
        key=_key(given.get("key")),
        queue=check_queue("the action", _name("queue", given.get("queue"))),
        priority=_priority(given.get("priority")),
        delay_us=_delay_us(given.get("delay")),
    )


def _name(what: str, value: Value) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value or len(value) > KEY_LENGTH or not value.isprintable():
        raise RuleError(f"the {what} is {_shown(value)}, which is no name")
    return value


def _key(value: Value) -> str | None:
    """Return a key: a text, or a number without ends that make no difference, as 1.50 is 1.5 to rules."""
    if value is None or (isinstance(value, str) and value):
        return value
    if isinstance(value, bool | str | dict | list):
        raise RuleError(f"the key is {_shown(value)}; it is a text or a number")
    if isinstance(value, Decimal):
        return format(value.normalize(CONTEXT), "f")
    return str(to_python(value))


def _priority(value: Value) -> int | None:
    if value is None:
        return None
    number = to_python(value)
    if isinstance(number, bool) or not isinstance(number, int) or not FIRST_PRIORITY <= number <= LAST_PRIORITY:
        raise RuleError(f"the priority is {_shown(value)}; it is a whole number from 0, which goes first, to 9")
    return number


def _delay_us(value: Value) -> int | None:
    if value is None:
        return None
    delay_us = value.nanoseconds // _NANOSECONDS if isinstance(value, DaysTimeDuration) else -1
    if not 0 <= delay_us <= MAX_DURATION_US:
        raise RuleError(
            f'the delay is {_shown(value)}; it is a duration of days and time, such as duration("PT5M"), of a hundred '
            f"years at most"
        )
    return delay_us


def _shown(value: Value) -> str:
    text = write_plain(value).decode()
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."
