"""The pipeline without I/O: what it sends to the store, and asks of it, while queues are paused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.model.work import Claimed, Flush, Flushed, Pointer, Reschedule
from engine.worker.flusher import FlushReply
from engine.worker.pipeline import Outlets, Pipeline, Serving
from engine.worker.receiving import Arrival

NOW_US = 1_000_000


class Nothing:
    """Stages that have nothing to record and run nothing."""

    busy = False

    def __len__(self) -> int:
        return 0

    def fill(self, flush: Flush) -> dict[str, int]:
        return {}

    def left(self, *_: Any) -> None: ...
    def settle(self, *_: Any) -> None: ...
    def forget(self) -> None: ...
    def abandon_all(self) -> None: ...
    def begin(self, claim: Claimed) -> None: ...

    def release(self, *, only_waiting: bool = False) -> list[Reschedule]:
        return []


class Line:
    """A pipeline with its outlets in the test's hands."""

    def __init__(self, *, embedded: bool) -> None:
        self.sent: list[Flush] = []
        self.settled: list[Arrival] = []
        nothing: Any = Nothing()
        self.pipeline = Pipeline(
            Serving(("default", "gpu"), 10, 30_000_000, embedded, None if embedded else 10_000_000),
            nothing,
            nothing,
            Outlets(
                self._submit, self._settle, lambda: None, lambda _seconds: None, lambda _worker: None,
                lambda call: call(),
            ),
            lambda: NOW_US,
        )  # fmt: skip
        self.pipeline.resume(1)

    def _submit(self, flush: Flush, _reload: Mapping[str, int]) -> None:
        self.sent.append(flush)

    def _settle(self, arrivals: Sequence[Arrival]) -> None:
        self.settled += arrivals

    def answer(self) -> None:
        """Answer the flush that is under way: nothing was to be had."""
        self.pipeline.replied(FlushReply(self.sent[-1], Flushed(NOW_US)))


def arrival(queue: str, seq: int = 1) -> Arrival:
    delivery: Any = f"delivery {queue} {seq}"
    return Arrival(Pointer("x" * 26, seq, 0, queue), delivery)


def test_nothing_is_claimed_from_a_paused_queue() -> None:
    line = Line(embedded=True)
    assert (line.sent[0].claim_due, line.sent[0].queues) == (True, ("default", "gpu"))
    line.answer()
    line.pipeline.pause(["gpu", "not served here"])
    line.pipeline.hint()
    assert (line.sent[1].claim_due, line.sent[1].queues) == (True, ("default",))
    assert line.pipeline.queues == ("default",)


def test_where_all_is_paused_nobody_asks() -> None:
    line = Line(embedded=True)
    line.answer()
    line.pipeline.pause(["gpu", "default"])
    for _ in range(3):
        line.pipeline.hint()
    assert len(line.sent) == 1


def test_a_resumed_queue_is_looked_at_at_once() -> None:
    line = Line(embedded=True)
    line.answer()
    line.pipeline.pause(["gpu"])
    assert len(line.sent) == 1
    line.pipeline.pause([])
    assert line.sent[1].queues == ("default", "gpu")


def test_a_message_of_a_paused_queue_is_dropped_and_its_step_is_put_off() -> None:
    line = Line(embedded=False)
    wanted, paused = arrival("default"), arrival("gpu", 2)
    line.pipeline.pause(["gpu"])
    line.pipeline.arrived([wanted, paused])
    (flush,) = line.sent
    assert (flush.pointers, flush.postponed) == ([wanted.pointer], [paused.pointer])
    assert line.settled == []
    line.answer()
    assert line.settled == [wanted, paused], "only once that is committed"


def test_messages_that_wait_for_a_flush_when_the_pause_comes_are_put_off_too() -> None:
    line = Line(embedded=False)
    line.pipeline.arrived([arrival("default")])
    line.pipeline.arrived([arrival("gpu", 2), arrival("default", 3)])
    line.pipeline.pause(["gpu"])
    line.answer()
    assert [pointer.seq for pointer in line.sent[1].pointers] == [3]
    assert [pointer.seq for pointer in line.sent[1].postponed] == [2]


def test_a_flow_that_was_woken_on_a_paused_queue_is_left_to_the_store() -> None:
    line = Line(embedded=False)
    line.pipeline.arrived([arrival("default")])
    line.pipeline.woken([arrival("gpu").pointer])
    line.pipeline.pause(["gpu"])
    line.answer()
    assert all(flush.pointers == [] for flush in line.sent[1:])


def test_another_identity_knows_of_the_pause() -> None:
    line = Line(embedded=True)
    line.answer()
    line.pipeline.pause(["default"])
    line.pipeline.suspend()
    line.pipeline.resume(2)
    assert (line.sent[-1].worker_id, line.sent[-1].queues) == (2, ("gpu",))
