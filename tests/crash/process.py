"""A worker in a process of its own, until a signal: what a :class:`tests.crash.fleet.Member` runs."""

from __future__ import annotations

import asyncio
import os
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engine.config import load_settings
from engine.logs import configure_logging
from tests.crash import crash_flows, failpoints
from tests.worker.process import serve


def run(says: Connection, settings: dict[str, Any], log: Path) -> None:
    """Serve with these settings; what is said goes to a file."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    configure_logging("info", "console")
    failpoints.install()
    asyncio.run(serve(says, load_settings(None, settings | {"flows": [crash_flows.__name__]}, environment={})))
