from __future__ import annotations

import pytest

BATCH = 2000
"""So many cases at a time: what Hypothesis remembers of those it has tried grows with them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tables", "decision tables against the naive reference")
    group.addoption(
        "--table-cases", type=int, default=None,
        help="the long form of tests/unit/rules/tables: so many tables at random, each decided in every way",
    )  # fmt: skip
    group.addoption("--table-replay", default=None, metavar="CASE", help="run one case, as a failure has printed it")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "batch" in metafunc.fixturenames:
        # A run of everything reads this file too late to know its options.
        cases = metafunc.config.getoption("--table-cases", default=None)
        sizes = [min(BATCH, cases - begun) for begun in range(0, cases, BATCH)] if cases else [None]
        metafunc.parametrize("batch", sizes, ids=[f"batch{place}" for place in range(1, len(sizes) + 1)])


@pytest.fixture
def replayed(request: pytest.FixtureRequest) -> str | None:
    """The case that alone is to be run."""
    return request.config.getoption("--table-replay", default=None)
