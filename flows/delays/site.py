"""The directory that the example runs in: settings, store, logs, and a copy of the workbook to edit."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

WORKBOOK = Path(__file__).with_name("delay-policy.xlsx")
SCENARIOS = Path(__file__).with_name("scenarios.json")
_CONFIGURATION = """\
# Written by the example. Both workers use it, and so may `engine --config`.
flows = ["flows.delays.flow"]

[store]
url = {store}

[worker]
concurrency = 8

[logging]
format = "json"
"""


@dataclass(frozen=True)
class Site:
    """All paths of one run, below one directory, and the URL of its store."""

    directory: Path
    store_url: str

    @property
    def configuration(self) -> Path:
        """The ``engine.toml`` of the workers."""
        return self.directory / "engine.toml"

    @property
    def workbook(self) -> Path:
        """The workbook that is edited."""
        return self.directory / WORKBOOK.name

    @property
    def scenarios(self) -> Path:
        """What the changed policy has to come to."""
        return self.directory / SCENARIOS.name

    def log(self, worker: int) -> Path:
        """Return where the worker with this number writes its log."""
        return self.directory / f"worker-{worker}.log"

    def environment(self) -> dict[str, str]:
        """Return the environment of the workers: this one's, without settings for another engine."""
        return {name: value for name, value in os.environ.items() if not name.startswith("ENGINE_")}


def set_site(directory: Path, store_url: str | None) -> Site:
    """Make the directory ready for a run. Without ``store_url``, the store is an SQLite file in it."""
    directory = directory.resolve()
    site = Site(directory, store_url or f"sqlite:///{directory / 'milepost.db'}")
    shutil.copyfile(WORKBOOK, site.workbook)
    shutil.copyfile(SCENARIOS, site.scenarios)
    # The URL may hold a password.
    site.configuration.touch(mode=0o600)
    site.configuration.write_text(_CONFIGURATION.format(store=json.dumps(site.store_url)), encoding="utf-8")
    return site
