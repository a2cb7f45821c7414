"""The long form of the tests of this directory, and the table of what it measures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.transports.engine.carriers import CARRIERS, Carrier, opened
from tests.conformance.transports.engine.working import Form

SHORT_FORM_EXECUTIONS = 40
_MEASURED = "going on"
_COLUMNS = ("goes_on_s", "made_up_s", "all_ended_s")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("going on", "the engine over each broker")
    group.addoption(
        "--executions", type=int, default=None,
        help="the long form of tests/conformance/transports/engine: so many executions in each test, with the "
        "settings that users have by default, and a table of how soon work goes on",
    )  # fmt: skip
    group.addoption("--going-on-json", type=Path, default=None, help="the file to write what was measured to, as JSON")


@pytest.fixture
def form(request: pytest.FixtureRequest) -> Form:
    # A run of everything reads this file too late to know its options.
    executions = request.config.getoption("--executions", default=None)
    if executions is None:
        return Form(SHORT_FORM_EXECUTIONS, {"worker.concurrency": 20, "broker.resend_after": "2s"}, long=False)
    # What is not said is the default, and not the short wait of crash tests.
    return Form(executions, {"broker.resend_after": "10s"}, long=True)


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str, str, dict[str, float | None]], None]:
    """Keep what was measured for the table."""

    def keep(broker: str, what: str, figures: dict[str, float | None]) -> None:
        line = {"broker": broker, "what": what, **figures}
        print(json.dumps(line))
        request.node.user_properties.append((_MEASURED, line))

    return keep


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.servers) for name in CARRIERS])
def carrier(request: pytest.FixtureRequest) -> Iterator[Carrier]:
    """A transport that worker processes meet over, on a broker that is fresh for this test."""
    with opened(request.param, request) as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--executions", default=None) is None:
        return
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    lines: list[dict[str, Any]] = [
        value for report in reports if report.when == "call" for name, value in report.user_properties
        if name == _MEASURED
    ]  # fmt: skip
    lines.sort(key=lambda line: line["broker"])
    terminalreporter.section("how soon work goes on, in seconds")
    terminalreporter.write_line(f"{'broker':<18}{'what':<32}" + "".join(f"{name:>13}" for name in _COLUMNS))
    for line in lines:
        cells = ["-" if line[name] is None else f"{line[name]:.2f}" for name in _COLUMNS]
        shown = "".join(f"{cell:>13}" for cell in cells)
        terminalreporter.write_line(f"{line['broker']:<18}{line['what']:<32}{shown}")
    if file := config.getoption("--going-on-json"):
        file.write_text(json.dumps(lines, indent=2) + "\n")
