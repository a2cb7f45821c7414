"""Whom tests of messages ask rules of: nobody, or rules that need no store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from engine import rules
from engine.model.edge import Actions, Verdict
from engine.model.rulebook import Answer
from engine.rules.edge import actions_of, inputs_of, verdict_of
from engine.rules.recorded import read_value, write_value

VERSION = 3


class Nobody:
    """Where no rules are to be asked."""

    def verdict(self, guard: rules.Guard, subject: object, named: Mapping[str, object], key: str | None) -> NoReturn:
        raise AssertionError(f"{guard} was asked")

    def actions(self, route: rules.Route, subject: object, named: Mapping[str, object], key: str | None) -> NoReturn:
        raise AssertionError(f"{route} was asked")


class Canned:
    """Rules whose outcomes are given by their names; an error is raised, a function gets the inputs."""

    def __init__(self, **outcomes: Any) -> None:
        self._outcomes = outcomes
        self.asked: list[tuple[str, dict[str, Any], str | None]] = []

    def verdict(self, guard: rules.Guard, subject: object, named: Mapping[str, object], key: str | None) -> Verdict:
        return verdict_of(self._answer(guard.rule, subject, named, key))

    def actions(self, route: rules.Route, subject: object, named: Mapping[str, object], key: str | None) -> Actions:
        return actions_of(self._answer(route.rule, subject, named, key))

    def _answer(self, rule: str, subject: object, named: Mapping[str, object], key: str | None) -> Answer:
        inputs: dict[str, Any] = dict(inputs_of(subject, named))
        self.asked.append((rule, inputs, key))
        outcome = self._outcomes[rule]
        if isinstance(outcome, Exception):
            raise outcome
        return answer(outcome(inputs) if callable(outcome) else outcome, rule)


def answer(outcome: Any, rule: str = "intake") -> Answer:
    """What a version decided, with the second of its rules."""
    from engine.rules.feel.exchange import from_python

    written = write_value(from_python(outcome))
    assert read_value(written) == from_python(outcome)
    return Answer(
        rule=rule, version=VERSION, hash="h", decision=rule, outcome=msgspec.Raw(written), inputs_digest="d",
        matched=((rule, (2,)),), problems=("no rule matches",) if outcome is None else (),
    )  # fmt: skip
