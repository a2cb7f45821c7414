"""The table of capabilities is made from what the transports declare, and up to date."""

from __future__ import annotations

import dataclasses
import re
import socket
from importlib.metadata import entry_points
from pathlib import Path
from typing import NoReturn

import pytest

from transports.loading import EXTRAS, GROUP
from transports.protocol import Capabilities
from transports.reference import COLUMNS, KINDS, Kind, reference

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_page_is_up_to_date() -> None:
    page = DOCS / "reference" / "capabilities.md"
    assert page.read_text() == reference(), "python -m transports.reference > docs/reference/capabilities.md"


def test_every_capability_has_a_column_and_a_meaning() -> None:
    assert list(COLUMNS) == [field.name for field in dataclasses.fields(Capabilities)]
    assert all(column.meaning.endswith(".") for column in COLUMNS.values())


def test_every_transport_of_this_package_is_there() -> None:
    offered = {point.name: point.value for point in entry_points(group=GROUP) if point.value.startswith("transports.")}
    assert {offered[kind.scheme.partition("+")[0]] for kind in KINDS} == set(offered.values())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_nothing_is_connected_to(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_arguments: object, **_options: object) -> NoReturn:
        raise AssertionError("a reference needs no server")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    assert isinstance(kind.capabilities(), Capabilities)


def test_a_yes_that_depends_on_something_says_so() -> None:
    (row,) = re.findall(r"^\| Azure Service Bus \| (.*) \|$", reference(), re.MULTILINE)
    cells = dict(zip(COLUMNS, row.split(" | "), strict=True))
    assert (cells["depth"], cells["broadcasts"], cells["durable"]) == ("yes (1)", "yes (1)", "yes")
    assert "\n1. With the right Manage." in reference()


def test_each_broker_has_its_page_and_its_extra_in_the_list_of_brokers() -> None:
    listed = (DOCS / "brokers" / "README.md").read_text()
    for kind in KINDS:
        assert (DOCS / "brokers" / f"{kind.page}.md").exists()
        if extra := EXTRAS.get(kind.scheme.partition("+")[0]):
            assert f"`milepost[{extra}]` | [{kind.page}.md]({kind.page}.md)" in listed
