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


def test_what_is_there_is_written_over_only_if_that_is_said(desk: Desk) -> None:
    for name, text in (("lending", LENDING), ("risk", RISK), ("shared", SHARED)):
        desk.put(f"{name}.dmn", text)
    desk.said("import", "lending.dmn")
    (desk.path / "out").mkdir()
    desk.put("out/all-import-2.dmn", "mine")
    refused = desk.run("export", "lending", "out/all.dmn")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"engine: {desk.path / 'out/all-import-2.dmn'} exists already; nothing was written: choose another file, or "
        f"write over what is there with --force\n"
    )
    # All files of an export are written, or none.
    assert [(one.name, one.read_text()) for one in (desk.path / "out").iterdir()] == [("all-import-2.dmn", "mine")]
    desk.said("export", "lending", "out/all.dmn", "--force")
    assert desk.said("import", "out/all.dmn") == "there already: lending version 1\n"


def test_dates_that_leave_none_are_refused_by_their_flags(desk: Desk) -> None:
    desk.put("rates.csv", "x: number,->,y: number\n<5,,3\n>=5,,4\n")
    refused = desk.run("import", "rates.csv", "--from", "2027-01-01", "--until", "2027-01-01T00:00")
    assert refused.err == "engine: --until 2027-01-01T00:00 is not after --from 2027-01-01: it would be for no date\n"
    assert (refused.code, refused.out) == (2, "")


def test_of_several_files_all_are_brought_in_or_none(desk: Desk) -> None:
    desk.put("fees.csv", "x: number,->,y: number\n<5,,1\n>=5,,2\n")
    desk.put("rates.csv", "x: number,->,y: number\n<5,,3\n>=5,,4\n")
    desk.put(f"{'s' * 191}.csv", "x: number,->,y: number\n,,5\n")
    refused = desk.run("import", "fees.csv", f"{'s' * 191}.csv")
    assert refused.out == ""
    assert refused.err == "engine: the name of rules has 191 characters, and at most 190 are stored\n"
    assert desk.said("list") == "no rules\n"
    desk.said("import", "rates.csv", "--from", "2027-01-01")
    refused = desk.run("import", "fees.csv", "rates.csv")
    assert "are version 1 of 'rates' already, with other effective dates" in refused.err
    assert "fees" not in desk.said("list")
    assert desk.said("import", "fees.csv", "rates.csv", "--from", "2027-01-01") == (
        "imported: fees version 1\nthere already: rates version 1\n"
    )
