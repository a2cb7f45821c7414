"""Pages on rules that show sessions do what they say: definitions are a module, which the sessions are run with."""

from __future__ import annotations

import doctest
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.pages import blocks
from tests.house.sources import ROOT

PAGES = [page for page in sorted((ROOT / "docs" / "rules").glob("*.md")) if blocks(page, "pycon")]


@pytest.fixture(params=PAGES, ids=lambda page: page.stem)
def page(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    yield request.param
    sys.modules.pop(module_name(request.param), None)


def module_name(page: Path) -> str:
    return f"rules_page_{page.stem.replace('-', '_')}"


def definitions(page: Path, folder: Path) -> ModuleType:
    """Return the module that the page's Python is."""
    text = "\n".join(block.text for block in blocks(page, "python"))
    (folder / f"{module_name(page)}.py").write_text(text)
    return importlib.import_module(module_name(page))


def test_the_page_says_what_happens(page: Path, tmp_path: Path) -> None:
    names = dict(vars(definitions(page, tmp_path)))
    runner = doctest.DocTestRunner()
    said: list[str] = []
    for block in blocks(page, "pycon"):
        session = doctest.DocTestParser().get_doctest(block.text, names, page.name, str(page), block.line)
        runner.run(session, out=said.append, clear_globs=False)
        names = session.globs
    assert not runner.failures, "".join(said)


def test_rules_in_python_and_the_analyses_are_shown() -> None:
    assert {"analysis", "python"} <= {page.stem for page in PAGES}
