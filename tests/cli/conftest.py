from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from engine import Client, ExecutionFailed, load_modules
from engine.store.migrations import migrate
from tests.cli.desk import Desk
from tests.client.client_flows import approval, broken, counting, failing, paying, recovering, sums
from tests.worker.serving import serving, wait_until

MODULE = "tests.client.client_flows"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Commands set up logging for their process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()


class Past:
    """A store in which executions of every kind have been, and no worker is any more."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = f"sqlite:///{directory / 'past.db'}"
        self.config = directory / "engine.toml"
        self.config.write_text(f'flows = ["{MODULE}"]\n\n[store]\nurl = "{self.url}"\n')
        self.ids: dict[str, str] = {}

    def fill(self) -> None:
        with Client(self.url, registry=load_modules([MODULE])) as client:
            migrate(client.database)
            with serving(self.url, client.registry):
                blue = client.options(attributes={"team": "blue"}, key="the-key")
                started = {
                    "finished": blue.start(sums, 3),
                    "failed": client.start(failing, "no \x1b[31mgood"),
                    "broken": client.start(broken),
                    "continued": client.start(counting, 0),
                    "wide": client.start(sums, 300),
                    "caught": client.start(recovering, "bad"),
                    "dead": client.start(paying, -1),
                    "waiting": client.start(approval),
                    "paused": client.start(approval),
                }
                self.ids = {name: handle.id for name, handle in started.items()}
                client.results([started["finished"], started["continued"], started["wide"]], "30s")
                for name in ("failed", "broken"):
                    with pytest.raises(ExecutionFailed):
                        started[name].result("30s")
                for name, seq, state in (("caught", 3, "waiting"), ("dead", 1, "dead"), ("waiting", 1, "waiting")):
                    handle = started[name]
                    wait_until(lambda h=handle, s=seq, t=state: (s, t) in [(x.seq, x.state) for x in h.history()], name)
                started["paused"].pause()
            later = client.options(queue="nobody-serves-this", delay="3d").start(sums, 1)
            self.ids |= {"later": later.id, "ready": client.options(queue="nobody").start(sums, 1).id}


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    """Look at it, and change nothing."""
    made = Past(tmp_path_factory.mktemp("past"))
    made.fill()
    return made


@pytest.fixture
def fresh(tmp_path: Path) -> Past:
    """An empty store, with the same flows."""
    made = Past(tmp_path)
    with Client(made.url) as client:
        migrate(client.database)
    return made


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A store without rules, and files of some."""
    return Desk(tmp_path)
