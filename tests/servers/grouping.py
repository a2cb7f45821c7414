"""Which tests share a process where several processes run them side by side (``pytest -n 2 --dist loadgroup``).

All tests of one broker are run by one process, so that the broker is started once, and nobody else is at it. Of all
other tests a file is the unit: what its tests share, and what they measure, is not divided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

BROKERS = {
    "azureservicebus": "servicebus",
    "kafka": "kafka",
    "kombu-filesystem": "filesystem",
    "rabbitmq": "rabbitmq",
    "redis": "redis",
    "sqs-elasticmq": "elasticmq",
    "sqs-moto": "moto",
}
"""Beginnings of the names that the conformance suite gives transports, and the server that each of them needs."""


def server_of(fixtures: Iterable[str], parameters: Iterable[object]) -> str | None:
    """Return the broker's server that a test needs, from its fixtures and parameters; None where it needs none."""
    asked = {name.removesuffix("_url") for name in fixtures if name.endswith("_url")}
    servers = [*(BROKERS[name] for name in BROKERS if BROKERS[name] in asked), *_named(parameters)]
    return servers[0] if servers else None


def _named(parameters: Iterable[object]) -> Iterator[str]:
    for value in parameters:
        # Where there are two brokers, the first one decides.
        name = value[0] if isinstance(value, tuple) and value else value
        if isinstance(name, str):
            yield from (server for beginning, server in BROKERS.items() if name.startswith(beginning))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tell the distributor of tests which of them belong together."""
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        call = getattr(item, "callspec", None)
        server = server_of(getattr(item, "fixturenames", ()), call.params.values() if call else ())
        item.add_marker(pytest.mark.xdist_group(server or str(item.path.relative_to(config.rootpath))))
