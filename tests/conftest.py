"""What every test may use: fresh databases (``store_url`` and its kin), and settings for Hypothesis."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import settings

from tests.conformance.transports.chosen import VARIABLE, left_out

pytest_plugins = ["tests.servers.fixtures", "tests.servers.grouping"]


def pytest_collection_finish() -> None:
    """Keep Python's collector of garbage off the tests themselves.

    They are hundreds of thousands of objects, none of them garbage before the end. To look through them all again with
    every full collection takes 0.25 s of the processor, and the tests of the driver alone make hundreds of those.
    """
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which transports CI leaves out, beside the servers that are missing."""
    if missing := left_out():
        terminalreporter.section(f"NOT TRIED: transports {', '.join(missing)}", sep="!", red=True, bold=True)
        terminalreporter.write_line(f"CI has no time for them. To run them too, set {VARIABLE}=all.")


# pytest's processes are told how wide its terminal is; what the commands print there would depend on it.
os.environ.pop("COLUMNS", None)

# A busy machine is no failure. In CI, Hypothesis chooses its own repeatable profile.
settings.register_profile("milepost", deadline=None)
if settings.get_current_profile_name() == "default":
    settings.load_profile("milepost")
