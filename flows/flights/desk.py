"""Where the steps find what they work on: the directory that the environment names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from flows.flights.ledger import Ledger

VARIABLE = "MILEPOST_DEMO_DIRECTORY"
DEFAULT_DIRECTORY = "demo-run"


@dataclass(frozen=True)
class Desk:
    """The files of the compensation desk, all below one directory."""

    directory: Path

    @property
    def letters(self) -> Path:
        """Where the letters go."""
        return self.directory / "letters"

    @property
    def ledger(self) -> Ledger:
        """The ledger of payments."""
        return Ledger(self.directory / "ledger.db")


def desk() -> Desk:
    """Return the desk of this process."""
    return Desk(Path(os.environ.get(VARIABLE, DEFAULT_DIRECTORY)))
