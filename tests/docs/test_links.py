"""Links between the pages lead somewhere, and the pages speak of the project alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, prose
from tests.house.sources import ROOT

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|work|tmp|Users|mnt)/\w")
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted|index-url|artifactory|nexus|registry\.npmjs|proxy\.golang", re.IGNORECASE
)


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get."""
    headings = HEADING.findall(prose(page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path, text: str) -> list[str]:
    """Return the links of a page that lead to no file or to no heading."""
    found: list[str] = []
    for link in LINK.findall(prose(text)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    assert broken(page, page.read_text()) == []


def test_a_broken_link_is_found() -> None:
    text = "[a](docs/guide.md) [b](docs/no-such-page.md) [c](docs/guide.md#no-such-heading) [d](docs/guide.md#sagas)"
    assert broken(ROOT / "README.md", text) == ["docs/no-such-page.md", "docs/guide.md#no-such-heading"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_paths_of_a_machine_and_no_registries(page: Path) -> None:
    text = page.read_text()
    assert MACHINE_PATH.findall(text) == []
    assert REGISTRY.findall(text) == []


def test_files_that_the_pages_name_exist() -> None:
    named = re.compile(r"`((?:engine|tests|docs|compose|transports|flows|store|worker)/[\w./-]+)`")
    missing = {
        f"{page.name}: {path}"
        for page in PAGES
        for path in named.findall(prose(page.read_text()))
        if not (ROOT / path).exists() and not (ROOT / "engine" / path).exists()
    }
    assert missing == set()
