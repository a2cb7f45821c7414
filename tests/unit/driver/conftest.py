from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.unit.driver.executions import opened


@pytest.fixture(autouse=True)
def nothing_is_left_to_the_collector() -> Iterator[None]:
    """Collect what a test left, so that a coroutine that complains does so in the test that made it."""
    yield
    while opened:
        opened.pop().close()
    gc.collect()
