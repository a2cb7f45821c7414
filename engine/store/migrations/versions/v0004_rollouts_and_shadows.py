"""Activations for a share of executions, and versions of rules that decide along without counting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from engine.store.columns import long_text, short_text

if TYPE_CHECKING:
    from engine.store.migrations.operations import Repeatable

revision = "0004"
down_revision = "0003"

_MYSQL = {"mysql_charset": "utf8mb4", "mysql_engine": "InnoDB"}


def upgrade(op: Repeatable) -> None:
    """Add a column and a table."""
    op.add_column("milepost_rule_activations", sa.Column("share", sa.Integer))
    op.create_table(
        "milepost_rule_shadows",
        sa.Column("name", short_text(190), nullable=False),
        sa.Column("position", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("share", sa.Integer, nullable=False),
        sa.Column("author", short_text(190)),
        sa.Column("remark", long_text()),
        sa.Column("from_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "position", name="pk_milepost_rule_shadows"),
        **_MYSQL,
    )
