"""Running Alembic from within the package: no ini file, no env.py, and nothing of Alembic's that is global.

An application may use Alembic for its own tables in the same database, even at this very moment: so the revisions are
recorded in a table of another name, are given their operations as an argument instead of by ``alembic.op``, and logging
stays as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from engine.store.migrations.operations import Repeatable
from engine.store.migrations.revisions import VERSION_TABLE, refuse_newer

if TYPE_CHECKING:
    from typing import TextIO

    from sqlalchemy import Connection

_HERE = Path(__file__).parent


def revisions() -> ScriptDirectory:
    """Return the revisions of this release."""
    return ScriptDirectory(_HERE, version_locations=[_HERE / "versions"])


def upgrade(connection: Connection) -> None:
    """Run what is missing, within the transaction that is open on the connection."""
    _run(MigrationContext.configure(connection, opts=_options()))


def write_sql(dialect_name: str, output: TextIO) -> None:
    """Write the SQL of all revisions for a database, without one at hand."""
    options = _options() | {"as_sql": True, "output_buffer": output}
    _run(MigrationContext.configure(dialect_name=dialect_name, opts=options))


def _options() -> dict[str, Any]:
    scripts = revisions()

    def missing(current: tuple[str, ...], _context: MigrationContext) -> list[RevisionStep]:
        found = current[0] if current else None
        refuse_newer(found)
        scripts_missing = list(scripts.iterate_revisions("head", found or "base"))
        return [RevisionStep.upgrade_from_script(scripts.revision_map, one) for one in reversed(scripts_missing)]

    return {"fn": missing, "version_table": VERSION_TABLE, "script": scripts}


def _run(context: MigrationContext) -> None:
    context.run_migrations(op=Repeatable(context))
