"""What is recorded of an execution is what its code decides: replayed by the real driver (I5)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.driver.run import FlowRun
from engine.errors import DeterminismError
from engine.model.decisions import Cancelled, Completed, Continued, Failed
from engine.model.history import ErrorInfo, Event, FlowStart, History, KnownCommand
from engine.model.states import FINISHED_STEP, FLOW_SEQ, TERMINAL, ExecutionState, StepState
from tests.simulation.flows import REGISTRY
from tests.simulation.rows import Execution, Step
from tests.simulation.violations import I5, Violation

RESULTS = (StepState.COMPLETED, StepState.FAILED)


def replayed(execution: Execution, steps: Mapping[int, Step]) -> None:
    """Drive the flow with the events that it has consumed: it issues the recorded steps, and ends as recorded."""
    flow_step = steps[FLOW_SEQ]
    start = FlowStart(
        execution.id, execution.flow, execution.version, flow_step.input or "{}", execution.queue, execution.priority,
        flow_step.created_us, execution.parent_id,
    )  # fmt: skip
    run = FlowRun(REGISTRY.flow(execution.flow, execution.version), start)
    try:
        run.replay(_history(execution, steps, start))
        if run.position != execution.advanced:
            raise Violation(I5, f"execution {execution.id} has advanced to {execution.advanced}, not to {run.position}")
        _compare(execution, steps, run)
    except DeterminismError as error:
        raise Violation(I5, f"what is recorded of {execution.id} is not what its code decides: {error}") from None
    finally:
        run.close()


def _history(execution: Execution, steps: Mapping[int, Step], start: FlowStart) -> History:
    known = tuple(
        KnownCommand(row.seq, row.kind, row.name, row.child_id, row.state == StepState.CANCELLED)
        for _, row in sorted(steps.items())
        if row.seq > FLOW_SEQ
    )
    placed = sorted(
        (row.position, Event(row.seq, row.state, row.output, row.finished_us or 0))
        for row in steps.values()
        if row.position and row.seq != FLOW_SEQ and row.state in RESULTS
    )
    beginning = [Event(FLOW_SEQ, StepState.COMPLETED, None, start.started_us)] if execution.advanced else []
    return History(start, known, tuple(beginning + [event for _, event in placed]))


def _compare(execution: Execution, steps: Mapping[int, Step], run: FlowRun) -> None:
    awaited = set(run._scope.ledger.open)
    unfinished = {seq for seq, row in steps.items() if seq > FLOW_SEQ and row.state not in FINISHED_STEP}
    unread = {seq for seq, row in steps.items() if row.state in RESULTS and row.position is None}
    if not unfinished <= awaited <= unfinished | unread:
        raise Violation(I5, f"{execution.id} awaits {awaited}; unfinished are {unfinished}, and unread {unread}")
    ending = run.ending
    if (ending is not None) != (execution.state in TERMINAL):
        raise Violation(I5, f"execution {execution.id} is {execution.state}, and its flow has come to {ending}")
    if execution.state not in TERMINAL:
        return
    output = steps[FLOW_SEQ].output
    match ending:
        case Completed(result):
            agree = execution.state == ExecutionState.COMPLETED and output == result
        case Failed(error):
            stored = msgspec.json.decode(output or "null", type=ErrorInfo)
            agree = execution.state == ExecutionState.FAILED and stored.type == error.type
        case Cancelled():
            agree = execution.state == ExecutionState.CANCELLED
        case Continued():
            agree = execution.state == ExecutionState.CONTINUED
        case None:
            agree = False
    if not agree:
        raise Violation(I5, f"execution {execution.id} is {execution.state} with {output}, not {ending}")
