"""The compose files: checked by Docker's own parser where it is installed, and by its schema and the essentials
everywhere. No image is fetched or run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from engine.config import Duration, load_settings
from engine.definitions.loading import load_modules
from engine.messaging import Broker
from tests.house.sources import ROOT

COMPOSE = ROOT / "compose"
FILES = sorted(COMPOSE.glob("*.yaml"))
SCHEMA: dict[str, Any] = json.loads((ROOT / "tests" / "house" / "compose-spec" / "compose-spec.json").read_text())
# What keeps nothing, by design or because somebody else keeps it.
WITHOUT_DATA = {"elasticmq", "servicebus", "servicebus-health"}
# Its image has no shell and nothing else to look with.
WATCHED_BY = {"servicebus": "servicebus-health"}
SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def read(path: Path) -> dict[str, Any]:
    """Read a compose file with the defaults of its variables filled in."""
    return yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", path.read_text()))


SERVICES = [(path, name) for path in FILES for name in read(path)["services"]]
each_service = pytest.mark.parametrize("path, name", SERVICES, ids=[f"{path.stem}-{name}" for path, name in SERVICES])


def test_there_is_something_to_check() -> None:
    assert {path.name for path in FILES} == {"brokers.yaml", "cluster.yaml", "databases.yaml"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_docker_accepts_the_file(path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode != 0:
        pytest.skip("docker compose is not installed here")
    done = subprocess.run([docker, "compose", "-f", str(path), "config", "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_file_is_as_the_compose_specification_says(path: Path) -> None:
    jsonschema.validate(read(path), SCHEMA)


@pytest.mark.parametrize(
    "service",
    [
        {"imege": "redis:8"},
        {"image": "redis:8", "healthcheck": {"test": ["CMD", "true"], "intervall": "2s"}},
        {"image": "redis:8", "ports": {"6379": "6379"}},
        {"image": "redis:8", "depends_on": {"other": {"condition": "service_well"}}},
    ],
)
def test_the_schema_sees_a_mistake(service: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"it": service}}, SCHEMA)


@each_service
def test_images_are_of_a_fixed_major_version(path: Path, name: str) -> None:
    service = read(path)["services"][name]
    if "build" not in service:
        assert re.fullmatch(r"[\w./-]+:\d+(\.\d+)*(-(management|latest))?", service["image"])


@each_service
def test_a_server_of_others_has_a_health_check_and_keeps_its_data(path: Path, name: str) -> None:
    document = read(path)
    service = document["services"][name]
    if "build" in service:
        return
    if name in WATCHED_BY:
        assert set(document["services"][WATCHED_BY[name]]["depends_on"]) == {name}
    else:
        kind, program, *_ = service["healthcheck"]["test"]
        assert kind == "CMD"
        assert program
        assert service["healthcheck"]["retries"] > 0
    kept = {volume.partition(":")[0] for volume in service.get("volumes", []) if volume[0] != "."}
    assert kept <= document.get("volumes", {}).keys()
    assert bool(kept) == (name not in WITHOUT_DATA)


@each_service
def test_files_that_a_container_sees_are_there(path: Path, name: str) -> None:
    for volume in read(path)["services"][name].get("volumes", []):
        source, inside, *mode = volume.split(":")
        assert inside.startswith("/")
        if source.startswith("."):
            assert (COMPOSE / source).is_file()
            assert mode == ["ro"]


@each_service
def test_durations_can_be_read(path: Path, name: str) -> None:
    service = read(path)["services"][name]
    health = service.get("healthcheck", {})
    given = [health.get(key, "1s") for key in ("interval", "timeout", "start_period")]
    assert all(int(Duration.parse(text)) > 0 for text in [*given, service.get("stop_grace_period", "1s")])


@each_service
def test_ports_are_open_to_this_machine_only(path: Path, name: str) -> None:
    for port in read(path)["services"][name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_all_servers_for_development_may_run_at_once() -> None:
    services = [service for path in FILES for service in read(path)["services"].values()]
    ports = [port.split(":")[1] for service in services for port in service.get("ports", [])]
    assert len(ports) == len(set(ports))


@each_service
def test_nothing_starts_before_what_it_needs_is_healthy(path: Path, name: str) -> None:
    services = read(path)["services"]
    for needed, how in services[name].get("depends_on", {}).items():
        watches = WATCHED_BY.get(needed) == name
        assert how == {"condition": "service_started" if watches else "service_healthy"}
        assert watches or "healthcheck" in services[needed]
        assert services[needed].get("profiles") == services[name].get("profiles")


def test_the_cluster_has_workers_with_settings_that_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    services = read(COMPOSE / "cluster.yaml")["services"]
    worker = services["worker"]
    assert worker["deploy"]["replicas"] == 3
    assert set(worker["depends_on"]) == {"postgresql", "rabbitmq"}
    assert worker["command"][0] in SCRIPTS
    settings = load_settings(environment=worker["environment"])
    assert settings.store.backend == "postgresql"
    assert settings.store.migrates_itself
    assert load_modules(settings.flows).flows, "the sample cluster has flows to run"
    database = services["postgresql"]["environment"]
    login = f"{database['POSTGRES_USER']}:{database['POSTGRES_PASSWORD']}"
    assert settings.store.url.reveal() == f"postgresql://{login}@postgresql:5432/{database['POSTGRES_DB']}"
    broker = services["rabbitmq"]["environment"]
    login = f"{broker['RABBITMQ_DEFAULT_USER']}:{broker['RABBITMQ_DEFAULT_PASS']}"
    assert settings.broker.url.reveal() == f"amqp://{login}@rabbitmq:5672/{broker['RABBITMQ_DEFAULT_VHOST']}"
    assert Duration.parse(worker["stop_grace_period"]) > settings.worker.drain_grace


def test_the_databases_are_where_the_comment_says() -> None:
    text = (COMPOSE / "databases.yaml").read_text()
    services = read(COMPOSE / "databases.yaml")["services"]
    postgresql, mariadb = services["postgresql"], services["mariadb"]
    account = postgresql["environment"]
    url = f"postgresql://{account['POSTGRES_USER']}:{account['POSTGRES_PASSWORD']}@127.0.0.1:5432/"
    assert f"MILEPOST_TEST_POSTGRESQL={url}{account['POSTGRES_DB']}" in text
    account = mariadb["environment"]
    url = f"mysql://root:{account['MARIADB_ROOT_PASSWORD']}@127.0.0.1:3306/{account['MARIADB_DATABASE']}"
    assert f"MILEPOST_TEST_MYSQL={url}" in text
    assert postgresql["image"] == "postgres:16"
    assert mariadb["image"].startswith("mariadb:11")


def broker_urls() -> dict[str, str]:
    """Return the URL that the comment before each broker gives."""
    found: dict[str, str] = {}
    url = ""
    for line in (COMPOSE / "brokers.yaml").read_text().splitlines():
        if match := re.fullmatch(r"  # (\w+://\S+)", line):
            url = match[1]
        elif (match := re.fullmatch(r"  ([\w-]+):", line)) and url:
            found[match[1]] = url
            url = ""
    return found


def test_the_brokers_are_where_the_comments_say() -> None:
    services = read(COMPOSE / "brokers.yaml")["services"]
    urls = broker_urls()
    assert set(urls) == {"rabbitmq", "kafka", "redis", "elasticmq", "servicebus"}
    for name, url in urls.items():
        host, port, _ = services[name]["ports"][0].split(":")
        assert f"{host}:{port}" in url
        # The options too: a transport refuses what it does not know, and connects to nothing yet.
        Broker(url).close()
    account = services["rabbitmq"]["environment"]
    login = f"{account['RABBITMQ_DEFAULT_USER']}:{account['RABBITMQ_DEFAULT_PASS']}"
    assert f"//{login}@" in urls["rabbitmq"]
    assert urls["rabbitmq"].endswith(f"/{account['RABBITMQ_DEFAULT_VHOST']}")


def test_the_emulator_of_service_bus_has_what_its_url_asks_for() -> None:
    configured = json.loads((COMPOSE / "servicebus.json").read_text())["UserConfig"]
    (namespace,) = configured["Namespaces"]
    assert [queue["Name"] for queue in namespace["Queues"]] == ["milepost.default"]
    (topic,) = namespace["Topics"]
    assert topic["Name"] == "milepost.__broadcasts"
    options = dict(pair.split("=") for pair in broker_urls()["servicebus"].partition("?")[2].split("&"))
    assert options["passive"] == "yes"
    assert options["subscription"] in {subscription["Name"] for subscription in topic["Subscriptions"]}


def instructions() -> list[tuple[str, list[str]]]:
    text = (COMPOSE / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, shlex.split(rest)) for name, rest in lines]


def test_the_image_is_built_from_what_there_is_and_runs_as_nobody_special() -> None:
    build = read(COMPOSE / "cluster.yaml")["services"]["worker"]["build"]
    assert (COMPOSE / build["context"] / build["dockerfile"]).resolve() == COMPOSE / "Dockerfile"
    ignored = (COMPOSE / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [word for name, words in instructions() if name == "COPY" and words[0][0] != "-" for word in words[:-1]]
    for source in copied:
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored
    extras = {words[0].partition("=")[2] for name, words in instructions() if name == "ARG"}
    assert extras == {"postgresql,mysql,rabbitmq"}, (
        "the drivers of both databases, and the client of the sample's broker"
    )
    names = [name for name, _ in instructions()]
    assert names.index("USER") < names.index("CMD")
    assert ["[engine-worker]"] in [words for name, words in instructions() if name == "CMD"]
