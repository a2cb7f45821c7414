"""Errors: one line that says which, where and what to do, and a code that scripts can use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.calling import engine
from tests.cli.conftest import Past

FLOW = "from engine import flow\n\n\n@flow\nasync def twice() -> None: ...\n"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(os.sys.path))  # type: ignore[attr-defined]
    for name in ("cli_one", "cli_two"):
        (tmp_path / f"{name}.py").write_text(FLOW)
    (tmp_path / "cli_empty.py").write_text("")
    (tmp_path / "cli_wrong.py").write_text("import no_such_module_at_all\n")
    return tmp_path


@pytest.mark.parametrize(
    "toml, environment, words, said",
    [
        ("[store]\nurll = 1\n", {}, [], ["store.urll", "in engine.toml", "did you mean 'store.url'?"]),
        ("[worker]\nconcurrency = 0\n", {}, [], ["worker.concurrency", "in engine.toml", "at least 1"]),
        ("flows = [\n", {}, [], ["engine.toml", "not valid TOML"]),
        ("", {"ENGINE_STOER": "x"}, [], ["ENGINE_STOER", "did you mean 'ENGINE_STORE'?"]),
        ("", {"ENGINE_STORE": "postgres//x"}, [], ["store.url", "ENGINE_STORE", "'://'"]),
        ("", {}, ["--store", "oracle://u:secret@h/d"], ["store.url", "on the command line", "postgresql"]),
        ("", {}, ["--store", "mysql://u:secret@h"], ["store.url", "must name a database"]),
        ("", {}, ["--config", "nowhere.toml"], ["nowhere.toml", "named on the command line", "create it"]),
        ("", {}, ["--flows", "no_such_flows"], ["no_such_flows", "check its name"]),
        ("", {}, ["--flows", "missing.py"], ["missing.py", "check the path"]),
        ("", {}, ["--flows", "cli_empty.py"], ["cli_empty.py", "no flow and no step"]),
        ("", {}, ["--flows", "cli_wrong.py"], ["cli_wrong.py:1", "no_such_module_at_all"]),
        ("", {}, ["--flows", "cli_one.py,cli_two.py"], ["'twice'", "cli_one.py:", "cli_two.py:", "rename one"]),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(
    directory: Path, toml: str, environment: dict[str, str], words: list[str], said: list[str]
) -> None:
    (directory / "engine.toml").write_text(toml)
    done = engine("start", "twice", *words, **environment)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1), done.err
    assert done.err.startswith("engine: ")
    for part in said:
        assert part in done.err
    assert "secret" not in done.err
    assert not list(directory.glob("*.db")), "nothing was made"


@pytest.mark.parametrize(
    "words, said",
    [
        (["lst"], "engine: no such command 'lst'"),
        (["shwo"], "engine: no such command 'shwo'; did you mean 'show'? see engine --help"),
        (["list", "--limt", "3"], "engine: no such option: --limt; possible are: --limit; see engine list --help"),
        (["list", "--nope"], "engine: no such option: --nope"),
        (["list", "--limit", "many"], "engine: invalid value for '--limit': it must be a valid integer"),
        (["list", "--limit", "0"], "engine: invalid value for '--limit'"),
        (["list", "extra"], "engine: got unexpected extra argument"),
        (["show"], "engine: missing argument 'execution'"),
        (["show", "--store"], "engine: option '--store' requires an argument"),
        (["--store", "x"], "engine: missing command"),
    ],
)
def test_what_was_typed_wrong_is_said_in_one_line(words: list[str], said: str) -> None:
    done = engine(*words)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1), done.err
    assert done.err.lower().startswith(said.lower())
    assert done.err.rstrip().endswith("--help")


def test_a_store_that_is_not_there_is_not_made_by_looking(directory: Path) -> None:
    for words in (["list"], ["show", "01abcdef"], ["queues"], ["cancel", "01abcdef"], ["result", "01abcdef"]):
        done = engine(*words, "--store", "sqlite:///typo.db")
        assert (done.code, len(done.err.splitlines())) == (2, 1)
        assert "typo.db" in done.err
    assert not (directory / "typo.db").exists()


def test_a_server_that_cannot_be_reached_is_said_without_its_password() -> None:
    done = engine("list", "--store", "postgresql://me:secret@127.0.0.1:1/nothing")
    assert (done.code, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert "127.0.0.1" in done.err
    assert "secret" not in done.err


def test_flags_after_the_command_go_before_those_in_front_of_it(past: Past, tmp_path: Path) -> None:
    id = past.ids["finished"]
    config, wrong = str(past.config), f"sqlite:///{tmp_path}/wrong.db"
    for words in (
        ["--config", config, "show", id],
        ["show", id, "--config", config],
        ["show", "--config", config, id],
        ["--store", past.url, "show", id],
        ["--store", wrong, "show", id, "--store", past.url],
        ["--config", config, "show", id, "--store", past.url],
    ):
        assert engine(*words, "--json").json["id"] == id, words
    assert engine("show", id, ENGINE_STORE=past.url).code == 0
    assert engine("show", id, "--store", past.url, ENGINE_STORE=wrong).code == 0
    assert engine("show", id, "--config", config, ENGINE_STORE=wrong).code == 2, "a variable goes before the file"
