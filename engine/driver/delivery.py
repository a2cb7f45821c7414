"""How a recorded event becomes a value, or an error, in the flow."""

from __future__ import annotations

from engine.codec import decode_error
from engine.driver.ledger import CommandFuture
from engine.errors import ChildFailed, FlowTimeout, StepFailed
from engine.model.history import ErrorInfo, Event
from engine.model.states import StepKind, StepState


def deliver(future: CommandFuture, event: Event) -> None:
    """Finish the future with what the event brings. A result that cannot be read is an error in the flow."""
    if event.state != StepState.COMPLETED:
        future.fail(_failure(future, event))
    elif event.output is None:
        if future.kind == StepKind.EVENT:
            future.fail(FlowTimeout(f"the event {future.name!r} did not come in time"))
        else:
            future.resolve(None)
    elif future.codec is None:
        future.resolve(None)
    else:
        try:
            value = future.codec.decode(event.output)
        except Exception as error:  # noqa: BLE001 - the flow gets it
            future.fail(error)
        else:
            future.resolve(value)


def _failure(future: CommandFuture, event: Event) -> StepFailed:
    if event.output is None:
        info = ErrorInfo(type="FlowCancelled", message=f"it was {event.state}")
    else:
        info = decode_error(event.output)
    error = ChildFailed if future.kind == StepKind.CHILD else StepFailed
    return error(future.name, info.type, info.message, attempts=info.attempts, details=info.details)
