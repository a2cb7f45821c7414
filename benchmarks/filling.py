"""Filling a store with finished executions, by statements that the database runs by itself."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text

from engine.store.database import Database

STEPS_PER_EXECUTION = 10
CHUNK = 20_000
"""Executions per transaction."""

_NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT {low} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {high}) ",
    "postgresql": "WITH numbers(n) AS (SELECT generate_series({low}, {high} - 1)) ",
    "mysql": "WITH RECURSIVE numbers(n) AS (SELECT {low} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {high}) ",
}
_ID = {
    "sqlite": "printf('%026d', n)",
    "postgresql": "lpad(n::text, 26, '0')",
    "mysql": "lpad(n, 26, '0')",
}
_EXECUTIONS = (
    "INSERT INTO milepost_executions (id, flow, version, queue, priority, state, advanced, unread, created_us, "
    "finished_us) {numbers}SELECT {id}, 'old', 1, 'default', 5, 'completed', {steps}, 0, n, n FROM numbers"
)
_STEPS = (
    "INSERT INTO milepost_steps (execution_id, seq, kind, name, queue, priority, state, attempt, max_attempts, "
    "dead_letter, position, issued, input, output, created_us, started_us, finished_us) {numbers}SELECT {id}, {seq}, "
    "'{kind}', 'old', 'default', 5, 'completed', 1, 3, 0, {seq} + 1, {seq}, '{{\"order\":17}}', '\"done\"', n, n, n "
    "FROM numbers"
)


def fill(database: Database, steps_there: int, steps_wanted: int) -> Iterator[int]:
    """Add finished executions of ten steps each, until there are so many steps; yield how many each turn added."""
    low, end = steps_there // STEPS_PER_EXECUTION, steps_wanted // STEPS_PER_EXECUTION
    name = database.dialect.name
    while low < end:
        high = min(low + CHUNK, end)
        numbers = _NUMBERS[name].format(low=low, high=high)
        with database.write() as tx:
            if name == "mysql":
                variable = "max_recursive_iterations" if tx.connection.dialect.is_mariadb else "cte_max_recursion_depth"  # type: ignore[attr-defined]
                tx.connection.execute(text(f"SET SESSION {variable} = {CHUNK * 2}"))
            insert = _EXECUTIONS.format(numbers=numbers, id=_ID[name], steps=STEPS_PER_EXECUTION)
            tx.connection.exec_driver_sql(insert.replace("%", "%%") if name == "mysql" else insert)
            for seq in range(STEPS_PER_EXECUTION):
                kind = "step" if seq else "flow"
                insert = _STEPS.format(numbers=numbers, id=_ID[name], seq=seq, kind=kind)
                tx.connection.exec_driver_sql(insert.replace("%", "%%") if name == "mysql" else insert)
        yield (high - low) * STEPS_PER_EXECUTION
        low = high


def analyse(database: Database) -> None:
    """Bring the statistics up to date, as the database itself does in time."""
    statements = {
        "sqlite": ["ANALYZE"],
        "postgresql": ["VACUUM ANALYZE milepost_steps", "VACUUM ANALYZE milepost_executions"],
        "mysql": ["ANALYZE TABLE milepost_steps", "ANALYZE TABLE milepost_executions"],
    }
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements[database.dialect.name]:
            connection.exec_driver_sql(statement)
