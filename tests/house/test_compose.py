"""The compose files: checked by Docker's own parser where it is installed, and against the essentials everywhere."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.config import Duration, load_settings
from engine.definitions.loading import load_modules
from tests.house.sources import ROOT

COMPOSE = ROOT / "compose"
FILES = sorted(COMPOSE.glob("*.yaml"))
SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def read(path: Path) -> dict[str, Any]:
    """Read a compose file with the defaults of its variables filled in."""
    return yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", path.read_text()))


SERVICES = [(path, name) for path in FILES for name in read(path)["services"]]
each_service = pytest.mark.parametrize("path, name", SERVICES, ids=[f"{path.stem}-{name}" for path, name in SERVICES])


def test_there_is_something_to_check() -> None:
    assert {path.name for path in FILES} >= {"databases.yaml", "cluster.yaml"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_docker_accepts_the_file(path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode != 0:
        pytest.skip("docker compose is not installed here")
    done = subprocess.run([docker, "compose", "-f", str(path), "config", "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@each_service
def test_images_are_of_a_fixed_major_version(path: Path, name: str) -> None:
    service = read(path)["services"][name]
    if "build" not in service:
        assert re.fullmatch(r"[\w./-]+:\d+(\.\d+)*", service["image"])


@each_service
def test_a_server_of_others_has_a_health_check_and_keeps_its_data(path: Path, name: str) -> None:
    document = read(path)
    service = document["services"][name]
    if "build" in service:
        return
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["healthcheck"]["retries"] > 0
    for volume in service["volumes"]:
        assert volume.partition(":")[0] in document["volumes"]


@each_service
def test_ports_are_open_to_this_machine_only(path: Path, name: str) -> None:
    for port in read(path)["services"][name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@each_service
def test_nothing_starts_before_what_it_needs_is_healthy(path: Path, name: str) -> None:
    services = read(path)["services"]
    for needed, how in services[name].get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert "healthcheck" in services[needed]


def test_the_cluster_has_workers_with_settings_that_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    services = read(COMPOSE / "cluster.yaml")["services"]
    worker = services["worker"]
    assert worker["deploy"]["replicas"] == 2
    assert worker["command"][0] in SCRIPTS
    settings = load_settings(environment=worker["environment"])
    assert settings.store.backend == "postgresql"
    assert settings.store.migrates_itself
    assert load_modules(settings.flows).flows, "the sample cluster has flows to run"
    database = services["postgresql"]["environment"]
    login = f"{database['POSTGRES_USER']}:{database['POSTGRES_PASSWORD']}"
    assert settings.store.url.reveal() == f"postgresql://{login}@postgresql:5432/{database['POSTGRES_DB']}"
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
    names = [name for name, _ in instructions()]
    assert names.index("USER") < names.index("CMD")
    assert ["[engine-worker]"] in [words for name, words in instructions() if name == "CMD"]
