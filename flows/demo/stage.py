"""The directory that the demo runs in: configuration, store, ledger, letters and logs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from flows.flights.desk import VARIABLE, Desk

CONCURRENCY = 8
_CONFIGURATION = """\
# Written by the demo. Both workers use it, and so may `engine --config`.
flows = ["flows.flights.flow"]

[store]
url = "sqlite:///{store}"

[worker]
concurrency = {concurrency}

[logging]
format = "json"
"""
_OURS = ("engine.toml", "*.db", "*.db-wal", "*.db-shm", "letters/*.txt", "letters/.*.txt.*", "logs/*.log")


@dataclass(frozen=True)
class Stage:
    """All paths of one run, below one directory."""

    directory: Path

    @property
    def configuration(self) -> Path:
        """The ``engine.toml`` of the workers."""
        return self.directory / "engine.toml"

    @property
    def store_url(self) -> str:
        """The URL of the store."""
        return f"sqlite:///{self.directory / 'milepost.db'}"

    @property
    def desk(self) -> Desk:
        """What the steps work on."""
        return Desk(self.directory)

    def log(self, worker: int) -> Path:
        """Return where the worker with this number writes its log."""
        return self.directory / "logs" / f"worker-{worker}.log"

    def environment(self) -> dict[str, str]:
        """Return the environment of the workers: this one's, without settings for another engine."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ENGINE_")}
        return kept | {VARIABLE: str(self.directory)}


def set_stage(directory: Path) -> Stage:
    """Make the directory ready for a run. Of an earlier run's files, those that the demo writes are removed."""
    stage = Stage(directory.resolve())
    for part in ("letters", "logs"):
        (stage.directory / part).mkdir(parents=True, exist_ok=True)
    for pattern in _OURS:
        for path in stage.directory.glob(pattern):
            path.unlink()
    # Nothing in here belongs into anybody's repository.
    (stage.directory / ".gitignore").write_text("*\n", encoding="utf-8")
    text = _CONFIGURATION.format(store=stage.directory / "milepost.db", concurrency=CONCURRENCY)
    stage.configuration.write_text(text, encoding="utf-8")
    stage.desk.ledger.create()
    return stage
