"""What the workers of a cluster tell each other about: topics, which say where to look and nothing else."""

from __future__ import annotations

from typing import Final

QUEUES: Final = "queues"
"""Queues were paused or resumed."""
RULES: Final = "rules"
"""Versions of rules were added, activated, rolled back or tagged."""
STEPS: Final = "steps"
"""Steps were given up that workers run. Not a copy of anything, so it has no generation."""
