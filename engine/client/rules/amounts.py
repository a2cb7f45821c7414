"""How much is tried anew, and how much of it is kept, where the caller does not say."""

from __future__ import annotations

from typing import Final

MOST_DECISIONS: Final = 10_000
KEPT: Final = 100
"""So many decisions that would change are in the tally."""
