"""Every mistake in a configuration is one line: which setting, where, what to do; and never a password."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path
from typing import Any

import pytest

from engine.config import load_settings
from engine.errors import ConfigError

FLAG = "(on the command line)"


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def problem(
    overrides: dict[str, Any] | None = None, environment: dict[str, str] | None = None, path: Path | None = None
) -> str:
    """Load settings that cannot be loaded, and return the message."""
    with pytest.raises(ConfigError) as caught:
        load_settings(path, overrides, environment=environment or {})
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    "key, value, says",
    [
        ("worker.concurrency", "many", "must be a whole number, not 'many' (the default is 100)"),
        ("worker.concurrency", True, "must be a whole number"),
        ("worker.concurrency", 1.5, "must be a whole number, not 1.5"),
        ("worker.concurrency", 0, "must be at least 1, not 0"),
        ("worker.concurrency", 10_001, "must be at most 10000, not 10001"),
        ("worker.threads", "x", "must be a whole number, not 'x' (the default is that of concurrency)"),
        ("worker.queues", [], "must name at least one queue"),
        ("worker.queues", ["a", "a"], "must not name 'a' twice"),
        ("worker.queues", ["two words"], "'two words' is not a queue name"),
        ("worker.queues", [1], 'must be a list of names, such as ["one", "two"]'),
        ("worker.queues", 5, "must be a list of names"),
        ("worker.lease", "soon", "'soon'"),
        ("worker.lease", "500ms", 'must be at least "1s"'),
        ("worker.lease", ["1s"], "must be a duration such as"),
        ("worker.poll_interval", 0, "must be longer than nothing"),
        ("store.auto_migrate", "perhaps", "must be \"auto\", true or false, not 'perhaps'"),
        ("logging.level", "loud", "must be 'debug', 'info', 'warning' or 'error', not 'loud'"),
        ("flows", "a,,b", "must not hold an empty name"),
        ("store.url", 5, "must be a URL"),
        ("store.url", "", "must be a URL"),
        ("broker.url", "sqll", "did you mean 'sql'?"),
        ("broker.url", "amqp:/host", "or a URL such as amqp://"),
    ],
)
def test_a_value_that_is_not_usable(key: str, value: object, says: str) -> None:
    text = problem({key: value})
    assert text.startswith(f"{key} {FLAG} ")
    assert says in text


@pytest.mark.parametrize(
    "url, says",
    [
        ("shop.db", "'://'"),
        ("oracle://u:SECRET@h/d", "not on 'oracle'"),
        ("postgre://u:SECRET@h/d", "did you mean 'postgresql'?"),
        ("postgresql://u:SECRET@h", "must name a database"),
        ("postgresql://u:SECRET@h:port/d", "can be read"),
        ("postgresql://u:SEC:RET@SECRET@h:5432/d", "percent-encode"),
        ("postgresql://u:x@SECRET@h/d", "percent-encode"),
        ("postgresql:u:SECRET@h/d", "'://'"),
    ],
)
def test_a_store_url_that_is_not_usable_is_not_quoted(url: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides={"store": url}, environment={})
    assert says in str(caught.value)
    # Neither the message nor anything that travels with the error may hold a part of it.
    error: BaseException | None = caught.value
    while error is not None:
        assert "SEC" not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__
    assert "SECRET" not in "".join(traceback.format_exception_only(caught.value))


def test_a_url_in_the_wrong_place_is_masked() -> None:
    assert "SECRET" not in problem({"worker.concurrency": "postgresql://u:SECRET@h/d"})
    assert "SECRET" not in problem({"logging.level": "postgresql://u:SECRET@h/d"})
    assert "SECRET" not in problem({"store.auto_migrate": "postgresql://u:SECRET@h/d"})


@pytest.mark.parametrize(
    "url, extra", [("postgresql://u@h/d", "postgresql"), ("mysql://u@h/d", "mysql"), ("mariadb://u@h/d", "mysql")]
)
def test_a_missing_driver_names_the_extra(url: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert f"pip install 'milepost[{extra}]'" in problem({"store": url})


def test_a_driver_that_is_named_is_left_to_the_user() -> None:
    settings = load_settings(overrides={"store": "postgresql+psycopg2://u@h/d"}, environment={})
    assert settings.store.backend == "postgresql"


@pytest.mark.parametrize(
    "key, says",
    [
        ("worker.concurency", "did you mean 'worker.concurrency'?"),
        ("wroker.concurrency", "did you mean 'worker.concurrency'?"),
        ("concurrency", "did you mean 'worker.concurrency'?"),
        ("store.lease", "did you mean 'worker.lease'?"),
        ("xyzzy", "remove it"),
        ("flows.a", "no setting 'flows.a'"),
    ],
)
def test_a_key_that_does_not_exist(key: str, says: str) -> None:
    assert says in problem({key: "1"})


def test_a_variable_that_does_not_exist() -> None:
    text = problem(environment={"ENGINE_WORKER__CONCURENCY": "5"})
    assert "ENGINE_WORKER__CONCURENCY" in text
    assert "did you mean 'ENGINE_WORKER__CONCURRENCY'?" in text
    assert "did you mean 'ENGINE_STORE'?" in problem(environment={"ENGINE_STOER": "x"})
    assert "unset it" in problem(environment={"ENGINE_XYZZY": "1"})


def test_where_a_value_came_from_is_named(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[worker]\nconcurrency = 'many'\nprocesses = 2\n")
    assert f"worker.concurrency (in {file})" in problem(path=file)
    variable = {"ENGINE_WORKER__CONCURRENCY": "lots"}
    assert "(environment variable ENGINE_WORKER__CONCURRENCY)" in problem(path=file, environment=variable)
    assert FLAG in problem({"worker.concurrency": "all"}, path=file, environment=variable)


def test_a_table_is_no_value_and_a_value_is_no_table(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("worker = 5")
    assert f"worker (in {file}) is a table" in problem(path=file)
    file.write_text("[flows]\na = 1")
    assert f"flows (in {file}) must be a list of names" in problem(path=file)
    file.write_text("[[worker]]\nlease = '5s'")
    assert f"worker (in {file}) is a table" in problem(path=file)
    assert "ENGINE_WORKER) is a table" in problem(environment={"ENGINE_WORKER": "5"})


def test_two_spellings_of_one_variable_must_agree() -> None:
    text = problem(environment={"ENGINE_STORE": "sqlite:///a", "ENGINE_STORE__URL": "sqlite:///b"})
    assert "ENGINE_STORE " in text
    assert "ENGINE_STORE__URL" in text
    assert "keep one" in text


@pytest.mark.parametrize(
    "content, says",
    [
        (b"[worker\nconcurrency = 1", "line 1, column 8"),
        (b"[worker]\nlease = 10s", "line 2"),
        (b"a = 1\na = 2", "is not valid TOML"),
        (b"flows = ['\xff']", "is not UTF-8 text (byte 10)"),
    ],
)
def test_a_file_that_cannot_be_parsed(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "my.toml"
    file.write_bytes(content)
    text = problem(path=file)
    assert str(file) in text
    assert says in text


def test_a_file_that_is_not_there_says_who_named_it(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert f"no configuration file {missing} (named on the command line)" in problem(path=missing)
    by_variable = problem(environment={"ENGINE_CONFIG": str(missing)})
    assert f"{missing} (named by the environment variable ENGINE_CONFIG)" in by_variable
    assert "cannot be read: Is a directory" in problem(path=tmp_path)


@pytest.mark.parametrize(
    "overrides, environment, says",
    [
        ({"brokers.Shop": "kafka://h"}, {}, "in lower case"),
        ({"brokers.a__b": "kafka://h"}, {}, "single underscores"),
        ({"brokers.shop": "kafka:SECRET@h"}, {}, "must be the URL of a broker, such as kafka://host:9092"),
        ({"brokers.shop": "sql"}, {}, "must be the URL of a broker"),
        ({"brokers.shop": "broker://other"}, {}, "a name cannot stand for another name"),
        ({"brokers.shop": 5}, {}, "must be a URL"),
        ({"brokers.shop.url": "kafka://u:SECRET@h"}, {}, "there is no setting 'brokers.shop.url'"),
        ({"brokers": "kafka://u:SECRET@h"}, {}, "is a table, not a value: set one of its keys (names of your own)"),
        ({"broker.shop": "kafka://u:SECRET@h"}, {}, "did you mean 'brokers.shop'?"),
        (None, {"ENGINE_BROKERS": "kafka://u:SECRET@h"}, "is a table, not a value"),
        (None, {"ENGINE_BROKERS__A__B": "kafka://u:SECRET@h"}, "did you mean 'ENGINE_BROKERS__NAME'?"),
        (None, {"ENGINE_BROKERS__SHOP": "shop:SECRET"}, "must be the URL of a broker"),
    ],
)
def test_a_named_broker_that_is_not_usable(
    overrides: dict[str, Any] | None, environment: dict[str, str], says: str
) -> None:
    text = problem(overrides, environment)
    assert says in text
    assert "SECRET" not in text
