"""Where settings come from, and which source goes before which."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.config import Duration, Settings, load_settings
from engine.config.loading import setting_origins


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_without_any_source_everything_is_its_default() -> None:
    settings = load_settings(environment={})
    assert settings == Settings()
    assert settings.store.url.reveal() == "sqlite:///milepost.db"
    assert settings.broker.url.reveal() == "sql"
    assert settings.worker.queues == ("default",)
    assert (settings.worker.concurrency, settings.worker.threads, settings.worker.processes) == (100, 100, 1)
    assert settings.worker.lease == 10_000_000
    assert settings.limits.max_value_bytes == 1024 * 1024


def test_a_file_sets_every_kind_of_value(tmp_path: Path) -> None:
    file = write(
        tmp_path / "my.toml",
        """
        flows = ["shop.orders", "mail.py"]
        [store]
        url = "postgresql://me:pw@db/shop"
        pool_size = 3
        auto_migrate = true
        [worker]
        queues = ["default", "mail"]
        concurrency = 7
        lease = "1m30s"
        drain_grace = 2.5
        [logging]
        level = "DEBUG"
        """,
    )
    settings = load_settings(file, environment={})
    assert settings.flows == ("shop.orders", "mail.py")
    assert settings.store.url.reveal() == "postgresql://me:pw@db/shop"
    assert settings.store.pool_size == 3
    assert settings.store.auto_migrate is True
    assert settings.worker.queues == ("default", "mail")
    assert settings.worker.threads == 7
    assert settings.worker.lease == 90_000_000
    assert settings.worker.drain_grace.seconds == 2.5
    assert settings.logging.level == "debug"


def test_environment_goes_before_the_file_and_flags_before_both(tmp_path: Path) -> None:
    file = write(tmp_path / "my.toml", "[worker]\nconcurrency = 1\nprocesses = 1\nthreads = 1\n")
    environment = {"ENGINE_WORKER__CONCURRENCY": "2", "ENGINE_WORKER__PROCESSES": "2"}
    worker = load_settings(file, {"worker.concurrency": 3}, environment=environment).worker
    assert (worker.concurrency, worker.processes, worker.threads) == (3, 2, 1)


def test_the_environment_holds_lists_and_short_urls() -> None:
    environment = {
        "ENGINE_STORE": "mysql://me@db/shop",
        "ENGINE_STORE__AUTO_MIGRATE": "false",
        "ENGINE_BROKER__URL": "memory://tests",
        "ENGINE_FLOWS": "shop.orders, shop.mail",
        "ENGINE_WORKER__QUEUES": "",
        "PATH": "/bin",
    }
    settings = load_settings(environment=environment)
    assert settings.store.backend == "mysql"
    assert settings.store.migrates_itself is False
    assert settings.broker.url.reveal() == "memory://tests"
    assert settings.flows == ("shop.orders", "shop.mail")
    assert settings.worker.queues == ("default",)


def test_variables_that_kubernetes_makes_for_services_are_passed_over() -> None:
    links = {
        "ENGINE_PORT": "tcp://10.0.0.1:80",
        "ENGINE_PORT_80_TCP_ADDR": "10.0.0.1",
        "ENGINE_SERVICE_HOST": "10.0.0.1",
        "ENGINE_SERVICE_PORT_HTTP": "80",
        "ENGINE_STORE_PORT": "tcp://10.0.0.2:5432",
        "ENGINE_STORE_SERVICE_HOST": "10.0.0.2",
    }
    assert load_settings(environment=links) == Settings()


def test_the_file_is_searched_for_in_order(tmp_path: Path) -> None:
    flags = write(tmp_path / "flag.toml", "flows = ['flag']")
    named = {"ENGINE_CONFIG": str(write(tmp_path / "named.toml", "flows = ['named']"))}
    assert load_settings(flags, environment=named).flows == ("flag",)
    assert load_settings(environment=named).flows == ("named",)
    assert load_settings(environment={}).flows == ()
    write(tmp_path / "engine.toml", "flows = ['here']")
    assert load_settings(environment={}).flows == ("here",)
    assert load_settings(environment=named).flows == ("named",)


def test_the_process_environment_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_WORKER__CONCURRENCY", "42")
    assert load_settings().worker.concurrency == 42
    assert Settings().worker.concurrency == 100


@pytest.mark.parametrize(
    "overrides",
    [
        {"store": "sqlite:///x.db", "worker.lease": "5s"},
        {"store.url": "sqlite:///x.db", "worker": {"lease": 5}},
        {"store": {"url": "sqlite:///x.db"}, "worker.lease": Duration(5_000_000), "broker": None, "flows": None},
    ],
)
def test_flags_may_be_dotted_or_nested_and_none_is_not_given(overrides: dict[str, object]) -> None:
    settings = load_settings(overrides=overrides, environment={"ENGINE_FLOWS": "a"})
    assert settings.store.url.reveal() == "sqlite:///x.db"
    assert settings.worker.lease == 5_000_000
    assert settings.broker.url.reveal() == "sql"
    assert settings.flows == ("a",)


@pytest.mark.parametrize(
    "store, choice, migrates",
    [
        ("sqlite:///x.db", "auto", True),
        ("postgresql://u@h/d", "auto", False),
        ("postgresql://u@h/d", "true", True),
        ("sqlite:///x.db", "false", False),
        ("mariadb+pymysql://u@h/d", "AUTO", False),
    ],
)
def test_who_migrates_itself(store: str, choice: str, migrates: bool) -> None:
    overrides = {"store.url": store, "store.auto_migrate": choice}
    assert load_settings(overrides=overrides, environment={}).store.migrates_itself is migrates


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.worker.concurrency = 5  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.flows = ("a",)  # type: ignore[misc]


def test_whatever_settings_print_they_print_no_password() -> None:
    store = "postgresql://me:hunter2@db/shop"
    settings = load_settings(overrides={"store": store, "broker": "amqp://:hunter2@mq"}, environment={})
    texts = [repr(settings), str(settings), f"{settings.store.url}", settings.store.masked_url, repr(settings.store)]
    for text in texts:
        assert "hunter2" not in text
        assert "postgresql://me:***@db/shop" in text
    assert settings.broker.masked_url == "amqp://:***@mq"
    assert settings.store.url.reveal() == store


def test_brokers_have_names_of_the_users_own(tmp_path: Path) -> None:
    file = write(tmp_path / "my.toml", '[brokers]\nshop = "kafka://u:pw@one"\nmail = "amqp://u:pw@one"\n')
    environment = {"ENGINE_BROKERS__SHOP": "kafka://u:pw@two", "ENGINE_BROKERS__OLD_SHOP": "kafka://old"}
    settings = load_settings(file, {"brokers.mail": "amqp://u:pw@three"}, environment=environment)
    assert {name: url.reveal() for name, url in settings.brokers.items()} == {
        "shop": "kafka://u:pw@two",
        "mail": "amqp://u:pw@three",
        "old_shop": "kafka://old",
    }
    assert "pw" not in repr(settings)
    assert setting_origins(file, environment=environment)["brokers", "mail"] == f"in {file}"
