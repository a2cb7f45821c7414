"""``engine rules`` with models that import others: what is given or next to a file goes into one version."""

from __future__ import annotations

from tests.cli.desk import Desk
from tests.unit.rules.dmn.lending import LENDING, RISK, SHARED


def test_files_that_another_imports_are_stored_within_it(desk: Desk) -> None:
    desk.put("lending.dmn", LENDING)
    desk.put("risk.dmn", RISK)
    missing = desk.run("import", "lending.dmn")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == (
        "engine: lending.dmn: model 'lending' imports 'urn:shared', and no file that was given or is next to it has "
        "this namespace: give the file of that model too\n"
    )
    assert not (desk.path / "rules.db").exists()
    desk.put("shared.dmn", SHARED)
    assert desk.said("import", "lending.dmn", "risk.dmn", "shared.dmn") == "imported: lending version 1\n"
    assert desk.said("import", "lending.dmn") == "there already: lending version 1\n"
    assert desk.said("import", "lending.dmn", "shared.dmn", "--name", "loans") == "imported: loans version 1\n"
    assert desk.said("check", "lending.dmn", "shared.dmn").count("lending.dmn") == 1
    shown = desk.said("show", "lending")
    assert "imported: risk (urn:risk)" in shown
    assert "│ 1 │ < 25" in shown
    desk.put("risk.dmn", RISK.replace("&lt; 25", "&lt; 21"))
    assert desk.said("import", "lending.dmn") == "imported: lending version 2\n"
    assert "< 21" in desk.said("diff", "lending", "1", "2")


def test_what_is_exported_is_the_same_when_it_comes_back(desk: Desk) -> None:
    for name, text in (("lending", LENDING), ("risk", RISK), ("shared", SHARED)):
        desk.put(f"{name}.dmn", text)
    desk.said("import", "lending.dmn")
    (desk.path / "out").mkdir()
    for file in ("out/all.json", "out/apart.dmn"):
        assert desk.said("export", "lending", file).startswith("exported: lending version 1 to ")
        assert desk.said("import", file) == "there already: lending version 1\n"
    assert {one.name for one in (desk.path / "out").iterdir()} == {
        "all.json", "apart.dmn", "apart-import-1.dmn", "apart-import-2.dmn",
    }  # fmt: skip
