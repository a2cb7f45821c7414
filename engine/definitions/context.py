"""What a step can know about the attempt that is running it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from engine.errors import NotInStep
from engine.model.outgoing import Outgoing
from engine.model.rulebook import Answer, Question


@dataclass(frozen=True, slots=True)
class Mail:
    """How messages for other programs leave a step. For the engine's own use: steps call ``publish``."""

    outbox: list[str] | None = None
    """What a transactional step has published: the arguments of flows that are started with its result. None in other
    steps."""
    send: Callable[[Outgoing], None] | None = None
    """Sends a message and waits for the broker's word; None where nothing is sent."""


_NO_MAIL = Mail()

Decide = Callable[[Question], Answer]
"""Has rules in the store decide. For the engine's own use: flows call ``rules.decide``."""


class StepContext:
    """One attempt at one step, as the step's own code sees it.

    ``execution_id`` and ``seq`` name the step, ``attempt`` counts from 1, ``step`` is the step's name. ``progress`` is
    what the latest ``heartbeat(details)`` of an earlier attempt recorded, or None. ``idempotency_key`` is the same for
    every attempt at this step and different for every other step: give it to services that drop duplicates.
    """

    __slots__ = (
        "_connection",
        "_is_cancelled",
        "_on_heartbeat",
        "attempt",
        "decide",
        "execution_id",
        "mail",
        "progress",
        "seq",
        "step",
    )

    def __init__(  # noqa: PLR0913 - all that a step's code reaches
        self,
        *,
        execution_id: str,
        seq: int,
        attempt: int,
        step: str,
        progress: Any = None,
        connection: Any = None,
        mail: Mail = _NO_MAIL,
        decide: Decide | None = None,
        on_heartbeat: Callable[[Any], None] | None = None,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self.execution_id = execution_id
        self.seq = seq
        self.attempt = attempt
        self.step = step
        self.progress = progress
        self.mail = mail
        self.decide = decide
        self._connection = connection
        self._on_heartbeat = on_heartbeat
        self._is_cancelled = is_cancelled

    @property
    def idempotency_key(self) -> str:
        """The same text for every attempt at this step, and for no other step."""
        return f"{self.execution_id}-{self.seq}"

    @property
    def connection(self) -> Any:
        """The SQLAlchemy connection whose transaction also records the step's result.

        Raises ``NotInStep`` in a step that was not declared ``transactional=True``.
        """
        if self._connection is None:
            raise NotInStep(
                f"step {self.step!r} has no database connection of its own; declare it with @step(transactional=True)"
            )
        return self._connection

    @property
    def cancelled(self) -> bool:
        """Whether the flow gave this step up; a long step looks at it now and then, and stops early."""
        return self._is_cancelled is not None and self._is_cancelled()

    def heartbeat(self, details: Any = None) -> None:
        """Say that the step is alive, and record ``details`` (any JSON value) for the next attempt to find.

        Restarts the clock of ``heartbeat_timeout``.
        """
        if self._on_heartbeat is not None:
            self._on_heartbeat(details)


_context: ContextVar[StepContext | None] = ContextVar("milepost_step_context", default=None)


def step_context() -> StepContext:
    """Return the context of the step that is running. Raises ``NotInStep`` anywhere else, also in a flow."""
    context = _context.get()
    if context is None:
        raise NotInStep(
            "step_context() was called where no step is running; call it in the body of a step, and in a thread that "
            "the step started itself only through contextvars.copy_context().run(...)"
        )
    return context


@contextmanager
def running_step(context: StepContext) -> Generator[StepContext]:
    """Make ``context`` the one that ``step_context()`` returns, for the time of the ``with`` block."""
    token = _context.set(context)
    try:
        yield context
    finally:
        _context.reset(token)
