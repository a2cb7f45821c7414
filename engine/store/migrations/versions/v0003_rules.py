"""Versions of rules, since when each is active, and their tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from engine.store.columns import long_text, short_text

if TYPE_CHECKING:
    from engine.store.migrations.operations import Repeatable

revision = "0003"
down_revision = "0002"

_MYSQL = {"mysql_charset": "utf8mb4", "mysql_engine": "InnoDB"}


def upgrade(op: Repeatable) -> None:
    """Create the tables and their indexes."""
    op.create_table(
        "milepost_rule_versions",
        sa.Column("name", short_text(190), nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("hash", short_text(64), nullable=False),
        sa.Column("state", short_text(10), nullable=False),
        sa.Column("content", long_text(), nullable=False),
        sa.Column("author", short_text(190)),
        sa.Column("remark", long_text()),
        sa.Column("effective_from_us", sa.BigInteger),
        sa.Column("effective_until_us", sa.BigInteger),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_milepost_rule_versions"),
        **_MYSQL,
    )
    op.create_index("ux_milepost_rule_versions_hash", "milepost_rule_versions", ["name", "hash"], unique=True)
    op.create_table(
        "milepost_rule_activations",
        sa.Column("name", short_text(190), nullable=False),
        sa.Column("position", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("is_rollback", sa.SmallInteger, nullable=False),
        sa.Column("author", short_text(190)),
        sa.Column("remark", long_text()),
        sa.Column("from_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "position", name="pk_milepost_rule_activations"),
        **_MYSQL,
    )
    op.create_table(
        "milepost_rule_tags",
        sa.Column("name", short_text(190), nullable=False),
        sa.Column("tag", short_text(190), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", "tag", name="pk_milepost_rule_tags"),
        **_MYSQL,
    )
