"""What the store and the broker have counted: recorded steps, flushes, transactions, messages."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, inspect

from engine.store.database import Database

MESSAGES = "milepost_messages"
"""The table of the SQL transport."""

_LAST_ID = {
    "sqlite": f"SELECT seq FROM sqlite_sequence WHERE name = '{MESSAGES}'",
    "postgresql": f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {MESSAGES}_id_seq",
    "mysql": (
        "SELECT auto_increment - 1 FROM information_schema.tables "
        f"WHERE table_schema = database() AND table_name = '{MESSAGES}'"
    ),
}


@dataclass(frozen=True)
class Counts:
    """How much there has been so far; None where it cannot be told."""

    steps: int
    """Durable steps with a result; the flows' own are not among them."""
    flows: int
    """Executions that have ended."""
    flushes: int
    """Commits of workers that recorded or claimed something."""
    transactions: int | None
    """All that the database server has committed, as far as sessions have reported it: all that have ended have."""
    messages: int | None
    """All that were sent, whatever became of them."""

    def since(self, before: Counts) -> Counts:
        """Return how much there was since then."""
        return Counts(
            self.steps - before.steps,
            self.flows - before.flows,
            self.flushes - before.flushes,
            _difference(self.transactions, before.transactions),
            _difference(self.messages, before.messages),
        )


def counts_of(database: Database, messages: Engine | None) -> Counts:
    """Ask the store, and the database of the SQL transport if there is one."""
    with database.read() as tx:
        ask = tx.connection.exec_driver_sql
        steps = ask("SELECT count(*) FROM milepost_steps WHERE seq > 0 AND state = 'completed'").scalar_one()
        flows = ask("SELECT count(*) FROM milepost_executions WHERE finished_us IS NOT NULL").scalar_one()
        flushes = ask("SELECT coalesce(sum(flushes), 0) FROM milepost_workers").scalar_one()
    return Counts(
        steps, flows, int(flushes), transactions_of(database), None if messages is None else messages_sent(messages)
    )


def transactions_of(database: Database) -> int | None:
    """Return how many transactions PostgreSQL has committed in this database."""
    if database.dialect.name != "postgresql":
        return None
    query = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    with database.read() as tx:
        return tx.connection.exec_driver_sql(query).scalar_one()


def messages_sent(engine: Engine) -> int:
    """Return how many messages the SQL transport was given: their ids count up, and none is given out twice."""
    if not inspect(engine).has_table(MESSAGES):
        return 0
    name = {"mariadb": "mysql"}.get(engine.dialect.name, engine.dialect.name)
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(_LAST_ID[name]).scalar() or 0)


def _difference(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before
