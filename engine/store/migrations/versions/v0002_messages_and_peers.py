"""What peers tell each other of, queues that are paused, and messages that no trigger could take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from engine.store.columns import identity, long_text, short_text

if TYPE_CHECKING:
    from engine.store.migrations.operations import Repeatable

revision = "0002"
down_revision = "0001"

_MYSQL = {"mysql_charset": "utf8mb4", "mysql_engine": "InnoDB"}


def upgrade(op: Repeatable) -> None:
    """Create the tables and their indexes."""
    op.create_table(
        "milepost_generations",
        sa.Column("topic", short_text(190), nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("topic", name="pk_milepost_generations"),
        **_MYSQL,
    )
    op.create_table(
        "milepost_paused_queues",
        sa.Column("queue", short_text(100), nullable=False),
        sa.Column("reason", long_text()),
        sa.Column("paused_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("queue", name="pk_milepost_paused_queues"),
        **_MYSQL,
    )
    _create_dead_messages(op)


def _create_dead_messages(op: Repeatable) -> None:
    op.create_table(
        "milepost_dead_messages",
        sa.Column("id", identity(), sa.Identity(), autoincrement=True, nullable=False),
        sa.Column("trigger_name", short_text(190), nullable=False),
        sa.Column("source", long_text(), nullable=False),
        sa.Column("message_id", short_text(190)),
        sa.Column("message_key", long_text()),
        sa.Column("headers", long_text(), nullable=False),
        sa.Column("body", long_text(), nullable=False),
        sa.Column("reason", long_text(), nullable=False),
        sa.Column("received_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_milepost_dead_messages"),
        **_MYSQL,
    )
    op.create_index("ix_milepost_dead_messages_trigger_name", "milepost_dead_messages", ["trigger_name", "id"])
    op.create_index(
        "ux_milepost_dead_messages_message_id",
        "milepost_dead_messages",
        ["trigger_name", "message_id"],
        unique=True,
        postgresql_where=sa.text("message_id IS NOT NULL"),
        sqlite_where=sa.text("message_id IS NOT NULL"),
        mssql_where=sa.text("message_id IS NOT NULL"),
    )
