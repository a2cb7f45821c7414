"""Which steps of a history are drawn, and which share a line or are left out, so that it fits a few screens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from engine.model.states import StepKind, StepState

if TYPE_CHECKING:
    from engine.model.views import StepView

MOST: Final = 40
"""Up to so many steps are drawn one by one."""
ALIKE: Final = 4
"""Beyond that, so many steps that are alike and come together share a line."""
HEAD: Final = 8
TAIL: Final = 16
NOTABLE: Final = 16
"""Of the lines between the head and the tail, so many that need somebody's eye are kept."""
_KINDS: Final = {StepKind.EVENT: "signal ", StepKind.CHILD: "flow ", StepKind.MARKER: "patch "}
_SETTLED: Final = (StepState.COMPLETED, StepState.CANCELLED)


class Row(msgspec.Struct, frozen=True):
    """A line: one step, or several that are alike."""

    steps: Sequence[StepView]

    @property
    def step(self) -> StepView:
        """The first of them."""
        return self.steps[0]

    @property
    def numbers(self) -> str:
        """Their numbers."""
        first, last = self.steps[0].seq, self.steps[-1].seq
        return str(first) if first == last else f"{first}-{last}"

    @property
    def label(self) -> str:
        """What they are, and how many."""
        name = label_of(self.step)
        return name if len(self.steps) == 1 else f"{name} x{len(self.steps)}"

    @property
    def created_us(self) -> int:
        """When the first was asked for."""
        return min(step.created_us for step in self.steps)

    @property
    def started_us(self) -> int | None:
        """When the first began to run, if any has."""
        return min((step.started_us for step in self.steps if step.started_us is not None), default=None)

    @property
    def finished_us(self) -> int | None:
        """When the last had ended; None if one has not."""
        ends = [step.finished_us for step in self.steps]
        return None if None in ends else max(end for end in ends if end is not None)

    def took_us(self, now_us: int) -> int | None:
        """Return for how long they ran, or waited for their event; None if none has begun."""
        if self.started_us is None and self.finished_us is None:
            return None
        begun = self.created_us if self.started_us is None else self.started_us
        return (self.finished_us or now_us) - begun

    @property
    def settled(self) -> bool:
        """Whether nobody needs to look at it."""
        return self.step.state in _SETTLED


class Gap(msgspec.Struct, frozen=True):
    """Steps that are left out."""

    text: str


def label_of(step: StepView) -> str:
    """Return what a step is called in the drawing."""
    return _KINDS.get(step.kind, "") + step.name


def arrange(steps: Sequence[StepView], *, everything: bool = False) -> list[Row | Gap]:
    """Return what is drawn of these steps, in their order."""
    if everything or len(steps) <= MOST:
        return [Row([step]) for step in steps]
    rows = _together(steps)
    if len(rows) <= MOST:
        return [*rows]
    middle = range(HEAD, len(rows) - TAIL)
    kept = {*range(HEAD), *range(len(rows) - TAIL, len(rows))}
    kept.update([index for index in middle if not rows[index].settled][:NOTABLE])
    drawn: list[Row | Gap] = []
    left_out: list[StepView] = []
    for index, row in enumerate(rows):
        if index not in kept:
            left_out += row.steps
            continue
        if left_out:
            drawn.append(_gap(left_out))
            left_out = []
        drawn.append(row)
    return drawn


def _together(steps: Sequence[StepView]) -> list[Row]:
    rows: list[Row] = []
    begin = 0
    for end in range(1, len(steps) + 1):
        if end < len(steps) and _alike(steps[begin], steps[end]):
            continue
        part = steps[begin:end]
        rows += [Row(part)] if len(part) >= ALIKE else [Row([step]) for step in part]
        begin = end
    return rows


def _alike(one: StepView, other: StepView) -> bool:
    return (one.kind, one.name, one.state) == (other.kind, other.name, other.state)


def _gap(steps: Sequence[StepView]) -> Gap:
    count = Counter(step.state for step in steps)
    states = ", ".join(f"{number:,} {state}" for state, number in sorted(count.items()))
    what = f"{states} steps more" if len(count) == 1 else f"{len(steps):,} steps more: {states}"
    return Gap(f"... {what}; --all draws them")
