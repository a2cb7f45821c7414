"""How long one decision may take: rules are data, and data must not keep a worker's threads busy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

DECISION_SECONDS: Final = 10.0
"""Of processor time, so that a busy machine stops nothing that an idle one would not."""


def patience(seconds: float = DECISION_SECONDS) -> Callable[[], bool]:
    """Return what tells whether this thread has used up so many seconds of the processor from now on."""
    until = time.thread_time() + seconds
    return lambda: time.thread_time() > until
