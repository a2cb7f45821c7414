"""Exit codes, and errors as one line on standard error."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer

from engine.errors import (
    CodecError,
    ConfigError,
    DefinitionError,
    ExecutionFailed,
    ExecutionNotFound,
    MessageNotFound,
    MilepostError,
    ResultTimeout,
    RuleNotFound,
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
INTERRUPTED: Final = 130
CLOSED_PIPE: Final = 141

_CODES: Final[Mapping[type[MilepostError], int]] = {
    ConfigError: USAGE,
    CodecError: USAGE,
    DefinitionError: USAGE,
    SchemaMismatch: USAGE,
    ExecutionNotFound: NOT_FOUND,
    MessageNotFound: NOT_FOUND,
    RuleNotFound: NOT_FOUND,
    ExecutionFailed: EXECUTION_FAILED,
    ResultTimeout: TIMEOUT,
}
EXITS: Final = (
    "0 ok, 1 error or refused, 2 wrong usage or settings, 3 not found, 4 the execution failed or was cancelled, "
    "5 timeout, 130 interrupted"
)


def is_expected(error: BaseException) -> bool:
    """Whether an error is told in one line: one of the engine's, of the database's or of the system's."""
    return isinstance(error, MilepostError | OSError) or _is_of_the_database(error)


def _is_of_the_database(error: BaseException) -> bool:
    # What raises an error of SQLAlchemy's has imported it, which takes too long for commands that do without.
    known: Any = sys.modules.get("sqlalchemy.exc")
    return known is not None and isinstance(error, known.SQLAlchemyError)


def code_of(error: BaseException) -> int:
    """Return the exit code that stands for an error."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), ERROR)


def complain(program: str, error: BaseException) -> int:
    """Write an error as one line to standard error; return its exit code."""
    text = str(error)
    if _is_of_the_database(error):
        text = f"the database refused: {text.split('[SQL:', maxsplit=1)[0].split('(Background on', maxsplit=1)[0]}"
    say(program, mask_secrets(text) or type(error).__name__)
    return code_of(error)


_POINTED_AT: Final = re.compile(r"\n[ \t]*([^\n]*?)[ \t]*\n[ \t]*\^[ \t]*(?=\n|\Z)")


def say(program: str, text: str) -> None:
    """Write one line to standard error."""
    # In one line, the caret under a place points at nothing, and what it stands under has to be told apart.
    line = " ".join(_POINTED_AT.sub(r", in: \1 ", text).split())
    print(f"{program}: {''.join(sign if sign.isprintable() else '?' for sign in line)}", file=sys.stderr)


@contextmanager
def ended(program: str) -> Generator[None]:
    """Turn errors of what is done inside into one line and the exit code that stands for it."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough. What is left in the buffer must not be complained of at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(CLOSED_PIPE) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        if not is_expected(error):
            raise
        raise typer.Exit(complain(program, error)) from None


def usage_error(program: str, error: Exception) -> int | None:
    """Say in one line what was typed wrong, and where to read more; None if that is not what the error is about."""
    wrong: Any = error
    if not hasattr(error, "format_message"):
        return None
    text = " ".join(str(wrong.format_message()).split()).rstrip(".")
    text = text.replace("Input should be", "it must be").partition(", unable to parse")[0]
    text = text.replace(" (Possible options: ", "; possible are: ").replace(". Did you mean", "; did you mean")
    text = text.rstrip(")") if "; possible are: " in text else text
    context = getattr(error, "ctx", None)
    path = program if context is None else context.command_path
    end = "" if text.endswith("?") else ";"
    say(program, f"{text[:1].lower()}{text[1:]}{end} see {path} --help")
    return USAGE
