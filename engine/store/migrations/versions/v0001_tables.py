"""The tables of the first release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from engine.store.columns import identity, long_text, short_text

if TYPE_CHECKING:
    from engine.store.migrations.operations import Repeatable

revision = "0001"
down_revision = None

_MYSQL = {"mysql_charset": "utf8mb4", "mysql_engine": "InnoDB"}


def upgrade(op: Repeatable) -> None:
    """Create every table and its indexes."""
    _create_executions(op)
    _create_steps(op)
    _create_signals(op)
    _create_attributes(op)
    _create_workers(op)


def _create_executions(op: Repeatable) -> None:
    op.create_table(
        "milepost_executions",
        sa.Column("id", short_text(26), nullable=False),
        sa.Column("flow", short_text(190), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("queue", short_text(100), nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("state", short_text(10), nullable=False),
        sa.Column("advanced", sa.Integer, nullable=False),
        sa.Column("unread", sa.Integer, nullable=False),
        sa.Column("parent_id", short_text(26)),
        sa.Column("parent_seq", sa.Integer),
        sa.Column("idempotency_key", short_text(190)),
        sa.Column("continued_to", short_text(26)),
        sa.Column("rerun_of", short_text(26)),
        sa.Column("seed_id", short_text(26)),
        sa.Column("error", long_text()),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("finished_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_milepost_executions"),
        postgresql_with={"fillfactor": 70},
        **_MYSQL,
    )
    op.create_index("ix_milepost_executions_state_id", "milepost_executions", ["state", "id"])
    op.create_index("ix_milepost_executions_flow_id", "milepost_executions", ["flow", "id"])
    op.create_index(
        "ux_milepost_executions_idempotency_key",
        "milepost_executions",
        ["idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
        mssql_where=sa.text("idempotency_key IS NOT NULL"),
    )


def _create_steps(op: Repeatable) -> None:
    op.create_table(
        "milepost_steps",
        sa.Column("execution_id", short_text(26), nullable=False),
        sa.Column("seq", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("kind", short_text(8), nullable=False),
        sa.Column("name", short_text(190), nullable=False),
        sa.Column("queue", short_text(100), nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("state", short_text(10), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("dead_letter", sa.SmallInteger, nullable=False),
        sa.Column("retry", long_text()),
        sa.Column("timeout_us", sa.BigInteger),
        sa.Column("owner", sa.BigInteger),
        sa.Column("ready_queue", short_text(100)),
        sa.Column("ready_us", sa.BigInteger),
        sa.Column("due_at_us", sa.BigInteger),
        sa.Column("held_due_us", sa.BigInteger),
        sa.Column("position", sa.Integer),
        sa.Column("issued", sa.Integer),
        sa.Column("child_id", short_text(26)),
        sa.Column("child_version", sa.Integer),
        sa.Column("input", long_text()),
        sa.Column("output", long_text()),
        sa.Column("progress", long_text()),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("started_us", sa.BigInteger),
        sa.Column("finished_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("execution_id", "seq", name="pk_milepost_steps"),
        **_MYSQL,
    )
    op.create_index(
        "ix_milepost_steps_ready",
        "milepost_steps",
        ["ready_queue", "priority", "ready_us"],
        postgresql_where=sa.text("ready_queue IS NOT NULL"),
        sqlite_where=sa.text("ready_queue IS NOT NULL"),
        mssql_where=sa.text("ready_queue IS NOT NULL"),
    )
    op.create_index(
        "ix_milepost_steps_due",
        "milepost_steps",
        ["due_at_us"],
        postgresql_where=sa.text("due_at_us IS NOT NULL"),
        sqlite_where=sa.text("due_at_us IS NOT NULL"),
        mssql_where=sa.text("due_at_us IS NOT NULL"),
    )
    op.create_index(
        "ix_milepost_steps_owner",
        "milepost_steps",
        ["owner"],
        postgresql_where=sa.text("owner IS NOT NULL"),
        sqlite_where=sa.text("owner IS NOT NULL"),
        mssql_where=sa.text("owner IS NOT NULL"),
    )


def _create_signals(op: Repeatable) -> None:
    op.create_table(
        "milepost_signals",
        sa.Column("id", identity(), sa.Identity(), autoincrement=True, nullable=False),
        sa.Column("execution_id", short_text(26), nullable=False),
        sa.Column("name", short_text(190), nullable=False),
        sa.Column("signal_key", short_text(190)),
        sa.Column("payload", long_text(), nullable=False),
        sa.Column("sent_us", sa.BigInteger, nullable=False),
        sa.Column("taken_by_seq", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_milepost_signals"),
        **_MYSQL,
    )
    op.create_index("ix_milepost_signals_execution_id", "milepost_signals", ["execution_id", "name"])
    op.create_index(
        "ux_milepost_signals_signal_key",
        "milepost_signals",
        ["execution_id", "signal_key"],
        unique=True,
        postgresql_where=sa.text("signal_key IS NOT NULL"),
        sqlite_where=sa.text("signal_key IS NOT NULL"),
        mssql_where=sa.text("signal_key IS NOT NULL"),
    )


def _create_attributes(op: Repeatable) -> None:
    op.create_table(
        "milepost_attributes",
        sa.Column("execution_id", short_text(26), nullable=False),
        sa.Column("name", short_text(190), nullable=False),
        sa.Column("value", short_text(190), nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "name", name="pk_milepost_attributes"),
        **_MYSQL,
    )
    op.create_index("ix_milepost_attributes_name_value", "milepost_attributes", ["name", "value", "execution_id"])


def _create_workers(op: Repeatable) -> None:
    op.create_table(
        "milepost_workers",
        sa.Column("id", identity(), sa.Identity(), autoincrement=True, nullable=False),
        sa.Column("name", short_text(190), nullable=False),
        sa.Column("host", short_text(190), nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("process_token", short_text(80), nullable=False),
        sa.Column("queues", long_text(), nullable=False),
        sa.Column("state", short_text(10), nullable=False),
        sa.Column("flushes", sa.BigInteger, nullable=False),
        sa.Column("started_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_milepost_workers"),
        **_MYSQL,
    )
    op.create_index("ix_milepost_workers_state", "milepost_workers", ["state"])
