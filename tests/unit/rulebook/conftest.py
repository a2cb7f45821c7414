from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.rulebook.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A store of rules, which is empty when the test begins."""
    made = Shop(tmp_path)
    yield made
    made.database.close()
