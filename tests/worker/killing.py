"""Killing a worker in the middle of a decision."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.worker import rule_flows
from tests.worker.processes import Processes
from tests.worker.serving import wait_until

FLOWS: Final = rule_flows.__name__


def kill_one_that_decides(url: str, said: Path) -> None:
    """Have a worker in a process of its own decide, and kill it in the middle of that; ``said`` is a file to make."""
    with Processes(url, ENGINE_FLOWS=FLOWS, **{rule_flows.HOLD: str(said)}) as processes:
        (worker,) = processes.start()
        wait_until(said.exists, "a worker being in the middle of its decision")
        worker.kill()
