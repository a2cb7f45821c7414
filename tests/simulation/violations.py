"""What a simulation ends with when an invariant does not hold (see docs/architecture.md)."""

from __future__ import annotations

I1 = "I1 nothing stuck"
I2 = "I2 one checkpoint"
I3 = "I3 terminal is frozen"
I4 = "I4 fenced"
I5 = "I5 together"
I6 = "I6 no rerun"
I7 = "I7 progress"
ROWS = "rows in order"
"""The columns of a row do not say the same as its state."""
ERROR = "unexpected error"
"""No invariant by name: the engine raised, or was refused, what it should not have been."""


class Violation(Exception):
    """An invariant does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant
