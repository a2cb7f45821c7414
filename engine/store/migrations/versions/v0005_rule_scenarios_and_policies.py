"""Scenarios of rules, and what is required of versions before they are activated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from engine.store.columns import long_text, short_text

if TYPE_CHECKING:
    from engine.store.migrations.operations import Repeatable

revision = "0005"
down_revision = "0004"

_MYSQL = {"mysql_charset": "utf8mb4", "mysql_engine": "InnoDB"}


def upgrade(op: Repeatable) -> None:
    """Create the tables."""
    op.create_table(
        "milepost_rule_scenarios",
        sa.Column("name", short_text(190), nullable=False),
        sa.Column("scenario", short_text(190), nullable=False),
        sa.Column("decision", short_text(190)),
        sa.Column("inputs", long_text(), nullable=False),
        sa.Column("expected", long_text(), nullable=False),
        sa.Column("now_us", sa.BigInteger, nullable=False),
        sa.Column("author", short_text(190)),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "scenario", name="pk_milepost_rule_scenarios"),
        **_MYSQL,
    )
    op.create_table(
        "milepost_rule_policies",
        sa.Column("name", short_text(190), nullable=False),
        sa.Column("required", long_text(), nullable=False),
        sa.Column("author", short_text(190)),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_milepost_rule_policies"),
        **_MYSQL,
    )
