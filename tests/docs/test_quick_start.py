"""The quick start and the client's examples do what they say, files and commands as printed."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Registry, load_modules
from engine.config import load_settings
from tests.docs.pages import Block, all_blocks, blocks
from tests.docs.running import worker_beside
from tests.house.sources import ROOT

README = ROOT / "README.md"
# The pages on rules have a test of their own.
PYTHON = [block for block in all_blocks("python") if block.page.parent.name != "rules"]
CLIENTS = [block for block in PYTHON if "Client(" in block.text]


def my_flow() -> str:
    """Return the flow of the quick start, which sleeps for a shorter time here."""
    (block,) = [block for block in blocks(README, "python") if "@flow" in block.text]
    assert 'sleep("10s")' in block.text
    return block.text.replace('sleep("10s")', 'sleep("50ms")')


@pytest.fixture
def quick_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The two files of the quick start in the current directory, and the flows they load."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (toml,) = blocks(README, "toml")
    Path("my_flow.py").write_text(my_flow())
    Path("engine.toml").write_text(toml.text)
    settings = load_settings(environment={})
    assert settings.store.url.reveal() == "sqlite:///milepost.db"
    yield load_modules(settings.flows)
    for name in [name for name in sys.modules if name == "my_flow" or name.startswith("client_")]:
        del sys.modules[name]


@pytest.mark.parametrize("block", CLIENTS, ids=lambda block: block.name)
def test_the_client_example_runs(block: Block, quick_start: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    with worker_beside("sqlite:///milepost.db", quick_start, ["my_flow.py"]):
        # Running the example is importing it.
        Path(f"client_{block.name}.py").write_text(block.text)
        sys.path.insert(0, str(Path.cwd()))
        importlib.import_module(f"client_{block.name}")
    assert "Hello, Ada!" in capsys.readouterr().out


def test_every_python_block_is_a_flow_or_a_client_and_so_is_run() -> None:
    guide_and_readme = {ROOT / "docs" / "guide.md", README}
    assert {block.page for block in PYTHON} <= guide_and_readme
    assert [block.name for block in PYTHON if "@flow" not in block.text and block not in CLIENTS] == []
    assert len([block for block in blocks(README, "python") if "@flow" in block.text]) == 1
    assert CLIENTS


@pytest.mark.parametrize("block", all_blocks("toml"), ids=lambda block: block.name)
def test_settings_shown_are_settings_that_exist(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "engine.toml"
    file.write_text(block.text)
    settings = load_settings(file, environment={})
    shown = tomllib.loads(block.text)
    assert list(settings.flows) == shown.get("flows", [])
    assert set(settings.brokers) == set(shown.get("brokers", {}))
