"""What the simulation found that can be said shortly."""

from __future__ import annotations

from engine.errors import RefusedByStore
from engine.model.states import FLOW_SEQ, StepState
from engine.model.work import Checkpoint, Flush, Reschedule, StepOutcome
from engine.worker.refusals import given_up


def test_a_flows_step_that_is_given_back_with_a_refused_result_is_no_dead_letter() -> None:
    """Its worker does not know the flow, and has run one of its steps: what the store refuses is the result alone."""
    part = Flush(1, 1, ("default",), 0)
    part.checkpoints = [Checkpoint("id", (StepOutcome("id", 3, 1, StepState.COMPLETED, "refused", 0),))]
    back = Reschedule("id", FLOW_SEQ, 2, 5_000_000, refund=True)
    part.reschedules = [back]
    kept, letter = given_up(part, RefusedByStore()).reschedules
    assert kept == back
    assert (letter.seq, letter.dead) == (3, True)
