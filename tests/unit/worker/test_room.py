"""The pipeline without I/O: how much room it tells the thread that receives from a broker, at every moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.model.states import StepKind, StepState
from engine.model.work import Checkpoint, Claimed, Flush, Flushed, Reschedule, StepOutcome
from engine.worker.flusher import FlushReply
from engine.worker.pipeline import Outlets, Pipeline, Serving

NOW_US = 1_000_000
EXECUTION = "x" * 26
CONCURRENCY = 3


class Stages:
    """What the pipeline drives and runs; looks for room whenever it is called."""

    busy = False

    def __init__(self) -> None:
        self.pipeline: Pipeline | None = None
        self.begun = 0
        self.seen: list[int] = []
        self._ended: list[StepOutcome] = []

    def __len__(self) -> int:
        return self.begun

    def add(self, outcome: StepOutcome) -> None:
        self._ended.append(outcome)

    def fill(self, flush: Flush) -> dict[str, int]:
        flush.checkpoints += [Checkpoint(EXECUTION, (ended,)) for ended in self._ended]
        self._ended.clear()
        return {}

    def left(self, *_: Any) -> None:
        self.look()

    def settle(self, *_: Any) -> None:
        self.look()

    def forget(self) -> None: ...
    def abandon_all(self) -> None: ...

    def begin(self, claim: Claimed) -> None:
        self.look()
        self.begun += 1

    def release(self, *, only_waiting: bool = False) -> list[Reschedule]:
        return []

    def look(self) -> None:
        assert self.pipeline is not None
        self.seen.append(self.pipeline.room())


def test_room_that_a_claim_takes_up_is_never_told_of() -> None:
    """A worker that received something for it would run more than it may."""
    sent: list[Flush] = []
    stages: Any = Stages()

    def submit(flush: Flush, _reload: Mapping[str, int]) -> None:
        sent.append(flush)
        stages.look()

    pipeline = stages.pipeline = Pipeline(
        Serving(("default",), CONCURRENCY, 30_000_000, False, 10_000_000),
        stages,
        stages,
        Outlets(
            submit, lambda _arrivals: None, lambda: None, lambda _seconds: None, lambda _worker: None,
            lambda call: call(),
        ),
        lambda: NOW_US,
    )  # fmt: skip
    pipeline.resume(1)
    # A step has ended, and the one that follows it is claimed with its result.
    pipeline.ended(StepOutcome(EXECUTION, 1, 1, StepState.COMPLETED, "1", NOW_US))
    following = Claimed(EXECUTION, 2, 1, StepKind.STEP, "add", "default", 5, "{}", 3)
    pipeline.replied(FlushReply(sent[0], Flushed(NOW_US, [following])))
    assert (stages.begun, len(sent)) == (1, 1)
    assert max(stages.seen) == CONCURRENCY - 1
    assert pipeline.room() == CONCURRENCY - 1
