"""``engine rules import``, ``list``, ``show`` and ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.text import Text

from engine.cli.commands import add
from engine.cli.exits import say
from engine.cli.flags import AsJson
from engine.cli.rules.comparing import told
from engine.cli.rules.exports import Force, write_files
from engine.cli.rules.flags import Author, Comment, Name, Version, plain, user, version_of
from engine.cli.rules.roles import Role, roles_of
from engine.cli.session import Session, print_json
from engine.cli.sheets import fitting, sheet, sheet_console
from engine.cli.texts import ago, clean, stamp
from engine.errors import ConfigError, RuleNotFound

if TYPE_CHECKING:
    from datetime import datetime

    from engine.model.rulebook import RuleVersion, Shelf
    from engine.rules.files import RuleFileError
    from engine.rules.model import Model

SHORT_HASH = 8
Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="The files.")]


def register(group: typer.Typer) -> None:
    """Add the commands of this module."""
    add(group, import_rules, name="import")
    add(group, list_rules, name="list")
    for function in (show, export):
        add(group, function)


def import_rules(  # noqa: PLR0917 - the flags of a command
    session: Session,
    files: Files,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What to call it; else as its model or file.")
    ] = None,
    author: Author = None,
    comment: Comment = None,
    effective_from: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="The first date it is for; else since its activation.")
    ] = None,
    effective_until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="The first date it is not for; else it has no end.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring in versions of rules, as drafts. What is there already stays as it is.

    Nothing is brought in from files of which one is wrong: each problem is on standard error, with its row and cell.

    Models that one imports are stored within it: those of the other files given here, or of DMN files next to it.

    engine rules import credit.xlsx --comment "new limits"

    engine rules import rates.csv --name rates --from 2027-01-01 --until 2028-01-01

    engine rules import lending.dmn shared/types.dmn
    """
    from engine.client.rules.decisions import usable_model
    from engine.client.rules.imports import roots
    from engine.rules.files import RuleFileError

    given, files = files, roots(files)
    if name is not None and len(files) > 1:
        raise ConfigError("--name is for one file: rules of several are called as their files")
    begins, ends = _date("--from", effective_from), _date("--until", effective_until)
    if begins and ends and ends <= begins:
        raise ConfigError(f"--until {effective_until} is not after --from {effective_from}: it would be for no date")
    dates: dict[str, Any] = {"effective_from": begins, "effective_until": ends}
    models: list[Model] = []
    failed = False
    for file in files:
        try:
            models.append(usable_model(file, name, given))
        except RuleFileError as error:
            failed = True
            _complain(error)
    if failed:
        raise typer.Exit(1)
    with session.client(making=True) as client:
        done = client.import_all_rules(models, name, author=author or user(), comment=comment, **dates)
    if as_json:
        print_json([{"done": "import", "is_new": is_new, **plain(version)} for version, is_new in done])
        return
    for version, is_new in done:
        print(f"{'imported' if is_new else 'there already'}: {version.name} version {version.number}")


def list_rules(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The rules; leave it out for all there are.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List rules with the versions that decide, or all versions of one.

    engine rules list

    engine rules list credit --json
    """
    with session.client() as client:
        shelves, now_us = client.rules(), client.now_us()
    if name is not None:
        if name not in shelves:
            raise RuleNotFound(f"there are no rules {name!r}; `engine rules list` shows those there are")
        shelves = {name: shelves[name]}
    shown = [one for shelf in shelves.values() for one in _listed(shelf, now_us, everything=name is not None)]
    if as_json:
        print_json([plain(version) | role.plain() for version, role in shown])
        return
    out = sheet_console()
    if not shown:
        out.print("no rules", style="dim")
        return
    rows = [
        {
            "rules": fitting(out, one.name, 32),
            "version": str(one.number),
            "state": one.state,
            "decides": role.text,
            "hash": one.hash[:SHORT_HASH],
            "tags": ", ".join(one.tags),
            "for": _dates(one),
            "author": fitting(out, one.author, 16),
            "imported": ago(one.created_us, now_us),
            "comment": fitting(out, one.comment, 60),
        }
        for one, role in shown
    ]
    out.print(sheet(rows, wraps=("rules", "tags", "for", "author", "comment")))


def show(session: Session, name: Name, version: Version = None, as_json: AsJson = False) -> None:
    """Show a version: its tables as they decide, and its other decisions as text.

    engine rules show credit

    engine rules show credit --version 3 --json
    """
    with session.client() as client:
        found = client.rule_version(name, version_of(version))
        model = client.rule_model(name, found.number)
        role = roles_of(client.rules()[name], client.now_us()).get(found.number, Role())
    if as_json:
        print_json(plain(found) | role.plain() | {"content": msgspec.json.decode(found.content or "{}")})
        return
    from engine.cli.rules.tables import draw_table
    from engine.rules import model as models
    from engine.rules.changes.models import described

    out = sheet_console()
    lines = {
        "rules": f"{found.name} version {found.number}, {found.state}", "decides": role.text or None,
        "hash": found.hash,
        "imported": f"{stamp(found.created_us)} UTC", "author": found.author, "comment": found.comment,
        "for": _dates(found) or None, "tags": ", ".join(found.tags) or None,
    }  # fmt: skip
    for label, value in lines.items():
        if value is not None:
            out.print(Text(f"{label:<10}", style="dim").append(clean(value), style="not dim"))
    for one in (model, *model.imported):
        if one is not model:
            out.print()
            out.print(Text(f"imported: {clean(one.name)} ({clean(one.namespace)})"), soft_wrap=True)
        for element in one.elements:
            if isinstance(element, models.Decision) and isinstance(element.expression, models.DecisionTable):
                out.print()
                out.print(draw_table(element.name, element.expression))
            elif not isinstance(element, models.InputData):
                out.print()
                for part in told(described(one, element)):
                    out.print(part, soft_wrap=isinstance(part, Text))


def export(
    session: Session,
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to, as .csv, .xlsx, .dmn or .json.")],
    version: Version = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a version to a file, to be changed and brought in again. A file that is there is not written over.

    engine rules export credit credit.xlsx

    engine rules export credit credit.dmn --version 3 --force

    Models that it imports are in the same .json file, and in files next to it for .dmn: credit-import-1.dmn.
    """
    from engine.client.rules.imports import BESIDE
    from engine.rules.files import write_rules

    with session.client() as client:
        found = client.rule_version(name, version_of(version))
        model = client.rule_model(name, found.number)
    written = {file: write_rules(file.name, model)}
    if file.suffix.lower() in BESIDE:
        # What is imported has a file of its own in DMN, next to the one that imports it.
        for number, one in enumerate(model.imported, 1):
            other = file.with_name(f"{file.stem}-import-{number}{file.suffix}")
            written[other] = write_rules(other.name, one, model.imported)
    write_files(written, force=force)
    if as_json:
        print_json({"done": "export", "file": str(file), "files": [*map(str, written)], **plain(found)})
    else:
        print(f"exported: {found.name} version {found.number} to {', '.join(map(str, written))}")


def _listed(shelf: Shelf, now_us: int, *, everything: bool) -> list[tuple[RuleVersion, Role]]:
    roles = roles_of(shelf, now_us)
    if everything:
        numbers = sorted(shelf.versions, reverse=True)
    else:
        # Where nothing decides, the latest one stands for the rules.
        deciding = any(role.share for role in roles.values())
        numbers = [*roles] if deciding else list({max(shelf.versions): None, **dict.fromkeys(roles)})
    return [(shelf.versions[number], roles.get(number, Role())) for number in numbers]


def _dates(version: RuleVersion) -> str:
    """Return the dates that a version is for, the last one not included."""
    bounds = (version.effective_from_us, version.effective_until_us)
    texts = ["" if bound is None else stamp(bound).removesuffix(" 00:00:00") for bound in bounds]
    return "..".join(texts) if any(texts) else ""


def _date(flag: str, text: str | None) -> datetime | None:
    from datetime import UTC, datetime

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{flag} {text}: write a date as 2027-01-01, or a moment as 2027-01-01T06:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _complain(error: RuleFileError) -> None:
    for problem in error.problems:
        say("engine", f"{error.file}: {problem}")
