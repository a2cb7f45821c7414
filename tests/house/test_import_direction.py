"""Imports go one way: cli, worker and client, rulebook, store, driver, config, then definitions, codec, model, errors.

The engine imports no transport and no broker's client; transports import nothing of the engine.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping

import pytest

from tests.house.sources import Module, modules

# A part of the engine may import its own modules and parts of a lower level; parts of one level know nothing of each
# other. What is at the top of ``engine`` itself, its public names, stands just below the commands.
LEVELS = {
    "cli": 8,
    "": 7,
    "client": 6,
    "doctor": 6,
    "worker": 6,
    "rulebook": 5,
    "config": 4,
    "driver": 4,
    "messaging": 4,
    "rules": 4,
    "store": 4,
    "definitions": 3,
    "codec": 2,
    "logs": 2,
    "model": 1,
    "errors": 0,
    "exports": 0,
    "masking": 0,
}
# What the engine may know of transports: how to find one, the protocol and its errors.
OPEN_TRANSPORTS = {"errors", "loading", "protocol"}
TRANSPORTS = {"memory", "sql"} | {name.split(".")[1] for name in modules("transports") if "." in name}
BROKER_CLIENTS = {
    "aiobotocore",
    "aiokafka",
    "amqp",
    "azure",
    "boto3",
    "botocore",
    "confluent_kafka",
    "kafka",
    "kombu",
    "pika",
    "proton",
    "redis",
}
# The parts that decide are pure: no input, no output, no clock, no waiting.
PURE_PARTS = {"codec", "driver", "model", "rules"}
IMPURE = {
    "asyncio",
    "concurrent",
    "http",
    "logging",
    "multiprocessing",
    "selectors",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "ssl",
    "structlog",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
}
# The driver takes asyncio's running loop out of sight while it drives a flow, so that no flow can use it by accident.
EXCEPTIONS = {
    ("engine.driver.run", "asyncio.events._get_running_loop"),
    ("engine.driver.run", "asyncio.events._set_running_loop"),
}


def part_of(name: str, parts: Collection[str] = LEVELS) -> str:
    """Return the part of its package a module is in; the package itself is the part without a name."""
    part = name.partition(".")[2].partition(".")[0]
    return part if part in parts else ""


def violations(known: Mapping[str, Module]) -> list[str]:
    """Name every import that goes against the direction."""
    return [
        f"{module.name}:{imported.line} imports {imported.target}: {reason}"
        for module in known.values()
        for imported in module.imports
        if (reason := _reason(module.name, imported.target))
    ]


def _reason(importer: str, target: str) -> str | None:
    top, target_top = importer.partition(".")[0], target.partition(".")[0]
    if top == "transports":
        return "transports know nothing of the engine" if target_top in {"engine", "flows", "tests"} else None
    part = part_of(importer)
    if target_top in BROKER_CLIENTS:
        return "the engine knows no broker's client"
    if target_top in {"flows", "tests"}:
        return "the engine does not depend on its examples and tests"
    if target_top == "transports":
        is_closed = part_of(target, TRANSPORTS) in TRANSPORTS - OPEN_TRANSPORTS
        return "the engine finds transports by their scheme" if is_closed else None
    if part in PURE_PARTS and target_top in IMPURE and (importer, target) not in EXCEPTIONS:
        return f"{part} is pure"
    if target_top != "engine":
        return None
    target_part = part_of(target)
    if target_part != part and LEVELS[target_part] >= LEVELS[part]:
        return f"{part or 'engine'} is no higher than {target_part or 'engine'}"
    return None


def cycles(known: Mapping[str, Module]) -> list[list[str]]:
    """Return the circles of modules that import each other while they are being imported."""
    edges = {name: sorted(set(_targets(module, known))) for name, module in known.items()}
    found: list[list[str]] = []
    finished: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            found.append([*path[path.index(name) :], name])
            return
        if name in finished:
            return
        for target in edges[name]:
            visit(target, [*path, name])
        finished.add(name)

    for name in edges:
        visit(name, [])
    return found


def _targets(module: Module, known: Mapping[str, Module]) -> Iterable[str]:
    for imported in module.imports:
        if imported.at_import:
            target = imported.target if imported.target in known else imported.target.rpartition(".")[0]
            if target in known and target != module.name:
                yield target


def test_imports_go_one_way() -> None:
    assert violations(modules("engine", "transports")) == []


def test_no_module_is_imported_in_a_circle() -> None:
    assert cycles(modules("engine", "transports")) == []


def test_every_part_of_the_engine_has_a_level() -> None:
    parts = {name.split(".")[1] for name in modules("engine") if "." in name}
    assert parts <= set(LEVELS), "a new part of the engine needs a place in the direction of imports"


@pytest.mark.parametrize(
    "name, source",
    [
        ("engine.model.states", "from engine.store import claim"),
        ("engine.store.claim", "import engine.worker.pipeline"),
        ("engine.store.claim", "from engine import flow"),
        ("engine.store.claim", "def f():\n    from engine.driver.run import drive"),
        ("engine.worker.pipeline", "from engine.client import Client"),
        ("engine.worker.pipeline", "from engine.cli.main import main"),
        ("engine.worker.pipeline", "import pika"),
        ("engine.worker.pipeline", "from azure.servicebus import ServiceBusClient"),
        ("engine.worker.pipeline", "from transports.sql import SqlTransport"),
        ("engine.worker.pipeline", "import transports.memory"),
        ("engine.worker.pipeline", "from tests.servers import running"),
        ("engine.driver.run", "import asyncio"),
        ("engine.driver.run", "if TYPE_CHECKING:\n    from sqlalchemy import Connection"),
        ("engine.codec.types", "import time"),
        ("transports.sql.queue", "from engine.errors import MilepostError"),
    ],
)
def test_the_check_sees_an_import_against_the_direction(name: str, source: str) -> None:
    assert len(violations({name: Module(name, source)})) == 1


@pytest.mark.parametrize(
    "name, source",
    [
        ("engine.cli.main", "from engine.worker.pipeline import Worker\nfrom engine import Client"),
        ("engine.worker.pipeline", "from transports.protocol import Transport\nfrom transports import open_transport"),
        (
            "engine.store.claim",
            "import sqlalchemy\nfrom engine.model import states\nfrom engine.errors import StoreError",
        ),
        ("engine.driver.run", "from engine.definitions.flow import Flow\nimport random"),
        ("transports.sql.queue", "from transports.protocol import Message\nimport sqlalchemy, time"),
    ],
)
def test_the_check_accepts_the_direction(name: str, source: str) -> None:
    assert violations({name: Module(name, source)}) == []


def test_the_check_sees_a_circle() -> None:
    sources = {
        "a": "from b import x",
        "b": "import c",
        "c": "from a import y",
        "d": "def later():\n    import e",
        "e": "import d",
    }
    found = cycles({name: Module(name, source) for name, source in sources.items()})
    assert found == [["a", "b", "c", "a"]]


def test_relative_imports_are_understood() -> None:
    assert violations({"engine.model.x": Module("engine.model.x", "from ..store import claim")})
    assert (
        Module("engine.model.x", "from .states import StepState").imports[0].target == "engine.model.states.StepState"
    )
    package = Module("engine.model", "from .states import StepState", is_package=True)
    assert package.imports[0].target == "engine.model.states.StepState"


def test_names_of_the_standard_library_are_not_mistaken() -> None:
    assert not BROKER_CLIENTS & set(sys.stdlib_module_names)


def test_every_exception_is_still_needed() -> None:
    used = {(module.name, imported.target) for module in modules("engine").values() for imported in module.imports}
    assert used >= EXCEPTIONS
