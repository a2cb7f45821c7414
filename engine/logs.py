"""Logging: one stream for the engine, the user's code and every library, for people or as JSON, without secrets.

Log with ``structlog.get_logger()`` or with the standard library; both come out the same.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from engine.masking import MASK, mask_secrets, names_a_secret

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "console", "json"]

# Below a warning these talk about every packet and every statement, data and credentials included. pika is not among
# them: the transport that uses it silences it altogether, as it says seven times what is raised once.
QUIET_LIBRARIES: Final = (
    "alembic",
    "amqp",
    "azure",
    "boto3",
    "botocore",
    "kombu",
    "pymysql",
    "psycopg",
    "sqlalchemy",
    "uamqp",
    "urllib3",
)
_NESTING: Final = 6


def configure_logging(level: Level = "info", style: Format = "auto", stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process to ``stream``, standard error by default.

    Calling it again replaces the earlier set-up. ``auto`` is ``console`` on a terminal and ``json`` elsewhere.
    """
    out: TextIO = sys.stderr if stream is None else stream
    as_json = writes_json(style, out)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(default=str)
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for library in QUIET_LIBRARIES:
        logging.getLogger(library).setLevel(max(number, logging.WARNING))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Loggers made at import must follow a later call of this function, in a worker process or a test.
        cache_logger_on_first_use=False,
    )


def writes_json(style: Format, stream: TextIO | None = None) -> bool:
    """Tell whether logs in this style go to ``stream``, standard error by default, as JSON."""
    out: TextIO = sys.stderr if stream is None else stream
    return style == "json" or (style == "auto" and not out.isatty())


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask what is named like a secret, and the passwords in the URLs of every text; a processor of structlog."""
    for name, value in event.items():
        # What structlog carries along for itself is no message.
        if not name.startswith("_"):
            event[name] = MASK if names_a_secret(name) else _masked(value, _NESTING)
    return event


def _masked(value: object, nesting: int) -> object:
    if isinstance(value, str):
        return mask_secrets(value)
    if value is None or isinstance(value, int | float):
        return value
    if nesting == 0:
        return MASK
    if isinstance(value, Mapping):
        return _masked_mapping(cast("Mapping[object, object]", value), nesting - 1)
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item, nesting - 1) for item in cast("list[object]", value)]
    return mask_secrets(str(value))


def _masked_mapping(value: Mapping[object, object], nesting: int) -> MutableMapping[str, Any]:
    return {str(name): MASK if names_a_secret(str(name)) else _masked(inner, nesting) for name, inner in value.items()}
