"""Every error the engine raises on purpose, under one base.

An error says what happened, what it means, and what to do about it. The default message of an error is the first line
of its docstring.
"""

from __future__ import annotations

import shlex
from typing import Any


class MilepostError(Exception):
    """Something went wrong in the engine."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class ConfigError(MilepostError):
    """The configuration cannot be used as it stands."""


class DefinitionError(MilepostError):
    """A flow or a step is defined in a way that cannot work."""


class InvalidDuration(DefinitionError, ValueError):
    """A duration is not written in a way that can be understood."""


class UnknownDefinition(DefinitionError):
    """No flow or step of that name and version is registered in this process."""


class NotInFlow(MilepostError):
    """Only a running flow may do that: the call was made outside of one."""


class ForeignAwaitable(MilepostError):
    """A flow awaited something that is not the engine's, so it could not be resumed on another worker."""


class NeverAwaited(MilepostError):
    """A flow called a step and finished without awaiting it."""


class TooManySteps(MilepostError):
    """A flow asked for more steps than one execution may have."""


class AlreadyAwaited(MilepostError):
    """A flow awaited the same call twice; make a new call for each await."""


class NotInStep(MilepostError):
    """Only a running step may ask for that: the call was made outside of one."""


class DeterminismError(MilepostError):
    """The flow's code no longer matches the history of this execution."""

    def __init__(self, message: str, *, seq: int | None = None) -> None:
        super().__init__(message)
        self.seq = seq


class CodecError(MilepostError):
    """A value cannot be written as JSON, or cannot be read back as the type that is declared."""


class ArgumentsError(CodecError, TypeError):
    """The arguments of a call do not fit the parameters of the function."""


class ValueTooLarge(CodecError):
    """A value is larger than the store accepts."""


class StepFailed(MilepostError):
    """A step used up its attempts, or failed with an error that is not retried.

    Raised inside the flow where the step is awaited. ``error_type`` is the name of the exception class that the step
    raised, ``error_message`` its text.
    """

    def __init__(
        self, step: str, error_type: str, error_message: str, *, attempts: int = 1, details: Any = None
    ) -> None:
        super().__init__(f"step {step!r} failed after {attempts} attempt(s): {error_type}: {error_message}")
        self.step = step
        self.error_type = error_type
        self.error_message = error_message
        self.attempts = attempts
        self.details = details

    def is_a(self, error: type[BaseException]) -> bool:
        """Tell whether the step raised exactly this class, compared by its name."""
        return self.error_type == error.__name__


class ChildFailed(StepFailed):
    """A child flow failed, or was cancelled."""


class FlowTimeout(MilepostError, TimeoutError):
    """What the flow waited for did not come in time."""


class NonRetryable(MilepostError):
    """Raise this inside a step to fail it at once, whatever its retry policy says."""


class Undeliverable(NonRetryable):
    """A message can never be sent as it is: its URL, the settings, the broker or the message have to change."""


class RetryAfter(MilepostError):
    """Raise this inside a step to choose yourself how long the next attempt waits."""

    def __init__(self, delay: str | float, message: str | None = None) -> None:
        super().__init__(message or f"retry after {delay}")
        self.delay = delay


class StepTimeout(MilepostError, TimeoutError):
    """An attempt at a step ran longer than its timeout."""


class StoreError(MilepostError):
    """The store refused an operation."""


class StoreUnavailable(StoreError):
    """The database cannot be reached, or asked to try again; nothing was lost."""


class SchemaMismatch(StoreError):
    """The tables in the database are not of the version this release works with."""


class ExecutionNotFound(StoreError):
    """There is no execution of that id."""


class ExecutionFinished(StoreError):
    """The execution has finished, and what is finished never changes."""


class MessageNotFound(StoreError):
    """There is no dead message of that number."""


class RuleNotFound(StoreError):
    """There are no rules of that name, or no such version of them."""


class MessageRefused(MilepostError):
    """A message of another program still cannot be used; it stays where it is."""


class Unusable(MilepostError):
    """A message or an event cannot be used as it is, or by the rules as they are."""


class StartRefused(MilepostError):
    """Rules refused the input of a flow, so it was not started.

    ``flow`` is the flow's name; ``rule`` and ``version`` say which rules refused it. ``reason`` is what they say of it,
    or None; ``matched`` names for each table that was decided its decision, and the rules that matched, counted from 1.
    ``refusal`` says all that in a few words.
    """

    def __init__(
        self, flow: str, refusal: str, *, rule: str, version: int, reason: str | None,
        matched: tuple[tuple[str, tuple[int, ...]], ...],
    ) -> None:  # fmt: skip
        super().__init__(
            f"flow {flow!r} was not started, {refusal}; correct the input, or look at the rules: `engine rules show "
            f"{shlex.quote(rule)} --version {version}`"
        )
        self.flow = flow
        self.refusal = refusal
        self.rule = rule
        self.version = version
        self.reason = reason
        self.matched = matched


class ExecutionFailed(MilepostError):
    """The execution whose result was asked for failed, or was cancelled."""

    def __init__(self, execution_id: str, state: str, error_type: str, error_message: str) -> None:
        super().__init__(f"execution {execution_id} {state}: {error_type}: {error_message}")
        self.execution_id = execution_id
        self.state = state
        self.error_type = error_type
        self.error_message = error_message


class ResultTimeout(MilepostError, TimeoutError):
    """The execution did not finish within the time that the caller was ready to wait; it goes on."""


class NothingToRetry(StoreError):
    """There is no dead letter to retry."""


class RefusedByStore(StoreError):
    """The database refused for good what was to be recorded of an execution, so it waits for an operator."""


class LeaseLost(StoreError):
    """Peers declared this worker dead, so nothing it still holds may be written."""


class FlowCancelled(BaseException):
    """Thrown into a flow, or one branch of it, that is being cancelled.

    It is no ``Exception``, so that ``except Exception`` in user code does not swallow it; ``finally`` blocks and
    ``except FlowCancelled`` run, and may await steps to compensate.
    """


class FlowKeepsFailing(MilepostError):
    """Advancing a flow has ended its worker again and again, so the execution waits for an operator."""
