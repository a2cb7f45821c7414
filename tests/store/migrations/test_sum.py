"""The schema equals the sum of its migrations, on every database; and the tests that say so can fail."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from engine.store.database import Database
from engine.store.migrations import migrate
from engine.store.migrations.revisions import REVISIONS, VERSION_TABLE
from engine.store.migrations.running import revisions, write_sql
from engine.store.schema import metadata
from tests.store.migrations.reading import snapshot

Another = Callable[[], Database]


def differences(migrated: Database, created: Database) -> list[str]:
    """What the migrations make and the schema does not, and the other way round."""
    metadata.create_all(created.engine)
    options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    with migrated.engine.connect() as one, created.engine.connect() as other:
        here, there = snapshot(one), snapshot(other)
        compared = compare_metadata(MigrationContext.configure(one, opts=options), metadata)
    # MySQL and SQLite number rows without the word, which Alembic takes for a difference.
    found = [one for one in map(str, compared) if migrated.dialect.name == "postgresql" or "Identity()" not in one]
    assert len(there) > 60, "the catalogue was read"
    only = [f"only migrated: {row}" for row in here - there] + [f"only in the schema: {row}" for row in there - here]
    return found + sorted(only)


def test_the_schema_equals_the_sum_of_its_migrations(database: Database, another: Another) -> None:
    migrate(database)
    assert differences(database, another()) == []


@pytest.mark.parametrize(
    "change",
    [
        "DROP INDEX {ix_milepost_attributes_name_value}",
        "ALTER TABLE milepost_steps ADD COLUMN surplus INTEGER",
        "ALTER TABLE milepost_steps DROP COLUMN issued",
        "CREATE TABLE milepost_surplus (id INTEGER)",
    ],
)
def test_a_difference_is_found(database: Database, another: Another, change: str) -> None:
    migrate(database)
    on = " ON milepost_attributes" if database.dialect.name == "mysql" else ""
    change = change.replace("{", "").replace("}", on)
    with database.engine.begin() as connection:
        connection.execute(text(change))
    assert differences(database, another()) != []


CHANGES = {
    "sqlite": ["DROP INDEX ix_milepost_steps_due", "CREATE INDEX ix_milepost_steps_due ON milepost_steps (due_at_us)"],
    "postgresql": [
        "DROP INDEX ix_milepost_steps_due",
        "CREATE INDEX ix_milepost_steps_due ON milepost_steps (due_at_us)",
    ],
    "mysql": ["ALTER TABLE milepost_steps MODIFY name VARCHAR(190) COLLATE utf8mb4_general_ci NOT NULL"],
}


def test_a_difference_in_what_alembic_does_not_compare_is_found(database: Database, another: Another) -> None:
    migrate(database)
    with database.engine.begin() as connection:
        for change in CHANGES[database.dialect.name]:
            connection.execute(text(change))
    found = differences(database, another())
    assert found
    assert all(difference.startswith("only") for difference in found)


@pytest.mark.servers
def test_a_lost_fillfactor_is_found(postgresql_url: str, postgresql_server: object) -> None:
    migrated = Database(postgresql_url)
    migrate(migrated)
    with migrated.engine.begin() as connection:
        before = snapshot(connection)
        connection.execute(text("ALTER TABLE milepost_executions RESET (fillfactor)"))
        assert len(before - snapshot(connection)) == 1
    migrated.close()


def test_the_names_of_the_revisions_are_those_of_the_files() -> None:
    """So that the check at every start needs no Alembic."""
    scripts = revisions()
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == REVISIONS
    assert scripts.get_current_head() == REVISIONS[-1]
    assert len(scripts.get_bases()) == 1


def test_no_revision_offers_a_downgrade() -> None:
    assert not [script.revision for script in revisions().walk_revisions() if hasattr(script.module, "downgrade")]


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "mariadb", "sqlite", "mssql", "oracle"])
def test_the_migrations_can_be_written_as_sql(dialect: str) -> None:
    """Also for databases that are not supported yet: nothing in the tables rules them out."""
    output = io.StringIO()
    write_sql(dialect, output)
    sql = output.getvalue()
    assert sql.count("CREATE TABLE milepost_") == len(metadata.tables) + 1
    assert f"INSERT INTO {VERSION_TABLE}" in sql
    if dialect == "mssql":
        assert "WHERE idempotency_key IS NOT NULL" in sql
    if dialect in ("mssql", "oracle"):
        assert "IDENTITY" in sql
