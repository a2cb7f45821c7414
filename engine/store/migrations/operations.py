"""What a revision is given to change tables with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.operations import Operations
from sqlalchemy import inspect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Table


class Repeatable(Operations):
    """Alembic's operations, made safe to repeat: what an interrupted migration has made already is passed over.

    MySQL, MariaDB and Oracle commit with every statement that changes a table, so a migration that is interrupted
    leaves its first half behind. A revision uses only what is defined here, or makes sure itself that it can be
    repeated. When SQL is only written out, there is nothing to look at, and all of it is written.
    """

    def create_table(self, table_name: str, *columns: Any, **options: Any) -> Table | None:  # type: ignore[override]
        """Create a table, unless it is there."""
        if self._online and inspect(self.get_bind()).has_table(table_name):
            return None
        return super().create_table(table_name, *columns, **options)

    def create_index(self, index_name: str, table_name: str, columns: Sequence[str], **options: Any) -> None:  # type: ignore[override]
        """Create an index, unless it is there."""
        if self._online:
            found = inspect(self.get_bind()).get_indexes(table_name)
            if index_name in {index["name"] for index in found}:
                return
        super().create_index(index_name, table_name, columns, **options)

    def add_column(self, table_name: str, column: Column[Any], **options: Any) -> None:
        """Add a column as the last one of a table, unless it is there."""
        if self._online:
            found = inspect(self.get_bind()).get_columns(table_name)
            if column.name in {one["name"] for one in found}:
                return
        super().add_column(table_name, column, **options)

    @property
    def _online(self) -> bool:
        return not self.get_context().as_sql
