"""The Technology Compatibility Kit of DMN, where a checkout of it is named by MILEPOST_TCK."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tck.kit import folders_of
from tests.tck.runner import run

KIT = os.environ.get("MILEPOST_TCK")
JAVA = {"0076-feel-external-java"}
"""Folders whose cases call functions of Java, which are known and not called."""


@pytest.mark.parametrize("level", [2, 3])
def test_every_case_of_the_kit_passes(level: int) -> None:
    if KIT is None:
        pytest.skip("NOT TRIED: DMN's compatibility kit, for MILEPOST_TCK names no checkout of github.com/dmn-tck/tck")
    folders = [folder for folder in folders_of(Path(KIT), (level,)) if folder.name not in JAVA]
    tally = run(folders)
    assert tally.total > 0
    assert tally.failures == []
