"""Exit codes, and errors as one line on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import typer
from sqlalchemy.exc import SQLAlchemyError
from typer.core import TyperGroup

from engine.errors import (
    ArgumentsError,
    ConfigError,
    ExecutionFailed,
    ExecutionNotFound,
    InvalidDuration,
    MilepostError,
    ResultTimeout,
    SchemaMismatch,
)
from engine.masking import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
EXECUTION_FAILED: Final = 4
TIMEOUT: Final = 5

_CODES: Final[Mapping[type[MilepostError], int]] = {
    ConfigError: USAGE,
    ArgumentsError: USAGE,
    InvalidDuration: USAGE,
    SchemaMismatch: USAGE,
    ExecutionNotFound: NOT_FOUND,
    ExecutionFailed: EXECUTION_FAILED,
    ResultTimeout: TIMEOUT,
}
EPILOG: Final = (
    "Exit codes: 0 ok, 1 error, 2 usage or configuration, 3 not found, 4 the execution failed or was cancelled, "
    "5 timeout."
)


def code_of(error: BaseException) -> int:
    """Return the exit code that stands for an error."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), ERROR)


def complain(program: str, error: BaseException) -> int:
    """Write an error as one line to standard error; return its exit code."""
    text = " ".join(mask_secrets(str(error)).split()) or type(error).__name__
    if isinstance(error, SQLAlchemyError):
        text = f"the database refused: {text.split(' [SQL:')[0]}"
    print(f"{program}: {text}", file=sys.stderr)
    return code_of(error)


class Commands(TyperGroup):
    """The commands of ``engine``, which end with one line and a code instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (MilepostError, SQLAlchemyError, OSError) as error:
            raise typer.Exit(complain("engine", error)) from None
