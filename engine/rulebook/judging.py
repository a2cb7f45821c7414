"""Asking rules of the store at the edge: by the versions of one moment, for a whole batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from engine.definitions.ruled import Route
from engine.errors import StoreUnavailable
from engine.model.rulebook import Question
from engine.model.shares import bucket_of
from engine.rules.edge import actions_of, inputs_of, verdict_of
from engine.rules.errors import Undecidable
from engine.rules.feel.exchange import NotAValue
from engine.rules.recorded import write_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.definitions.ruled import Guard
    from engine.model.edge import Actions, Verdict
    from engine.model.rulebook import Answer
    from engine.rulebook.rulebook import Rulebook


class RulebookJudge:
    """Asks a rulebook, which is looked at once, when it is first asked."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._at_us: int | None = None

    def verdict(self, guard: Guard, subject: object, named: Mapping[str, object], key: str | None) -> Verdict:
        """Return whether something is let in; see ``engine.messaging.judge.Judge``."""
        return verdict_of(self._ask(guard, subject, named, key))

    def actions(self, route: Route, subject: object, named: Mapping[str, object], key: str | None) -> Actions:
        """Return what an event does; see ``engine.messaging.judge.Judge``."""
        return actions_of(self._ask(route, subject, named, key))

    def _ask(self, asked: Guard | Route, subject: object, named: Mapping[str, object], key: str | None) -> Answer:
        try:
            inputs = write_value(inputs_of(subject, named, needs_entries=isinstance(asked, Route)))
        except NotAValue as error:
            raise Undecidable(f"the rules {asked.rule!r} cannot be asked: {error}") from error
        try:
            return self._answer(asked, inputs, key)
        except DBAPIError as error:
            # Whatever the database has against it: no message and no input is at fault where rules cannot be read.
            raise StoreUnavailable(f"the rules {asked.rule!r} cannot be read from the store: {error.orig}") from error

    def _answer(self, asked: Guard | Route, inputs: bytes, key: str | None) -> Answer:
        if self._at_us is None:
            self._at_us = self._rulebook.look()
        question = Question(
            rule=asked.rule, decision=asked.decision, binding=asked.binding, inputs=inputs, begun_us=self._at_us,
            now_us=self._at_us, bucket=None if key is None else bucket_of(asked.rule, key),
        )  # fmt: skip
        return self._rulebook.decide(question, is_fresh=True, with_shadow=False)
