"""One log for everybody: levels, both formats, the standard library routed, and no secrets in any of it."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from engine.logs import QUIET_LIBRARIES, configure_logging
from transports import open_transport


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIET_LIBRARIES}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, number in levels.items():
        logging.getLogger(name).setLevel(number)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_is_one_object_a_line_for_everybody() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    structlog.contextvars.bind_contextvars(execution="e1")
    structlog.get_logger("engine.worker").info("claimed", steps=3)
    logging.getLogger("shop").warning("low stock: %d", 2, extra={"item": "pen"})
    first, second = lines(stream)
    assert first.pop("timestamp").endswith("Z")
    assert first == {"event": "claimed", "steps": 3, "level": "info", "logger": "engine.worker", "execution": "e1"}
    assert second["event"] == "low stock: 2"
    assert second["item"] == "pen"
    assert second["logger"] == "shop"


def test_the_console_is_for_people() -> None:
    stream = io.StringIO()
    configure_logging("info", "console", stream)
    structlog.get_logger("engine").info("claimed", steps=3)
    assert "claimed" in stream.getvalue()
    assert "steps=3" in stream.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_auto_looks_whether_somebody_reads(terminal: bool) -> None:
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    configure_logging("info", "auto", stream)
    structlog.get_logger("engine").info("claimed")
    assert stream.getvalue().startswith("{") is not terminal


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    configure_logging("warning", "json", stream)
    structlog.get_logger("engine").info("quiet")
    logging.getLogger("shop").info("quiet")
    structlog.get_logger("engine").warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_libraries_that_log_data_stay_at_warnings() -> None:
    stream = io.StringIO()
    configure_logging("debug", "json", stream)
    logging.getLogger("sqlalchemy.engine").info("INSERT INTO steps ...")
    logging.getLogger("sqlalchemy.pool").warning("overflow")
    structlog.get_logger("engine").debug("here")
    assert [line["event"] for line in lines(stream)] == ["overflow", "here"]


def test_calling_it_again_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    logger = structlog.get_logger("engine")
    configure_logging("info", "json", first)
    logger.info("one")
    configure_logging("info", "json", second)
    logger.info("two")
    assert [line["event"] for line in lines(first)] == ["one"]
    assert [line["event"] for line in lines(second)] == ["two"]


def test_warnings_are_logged() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # catch_warnings put back the hook that captureWarnings replaces.
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old thing", stacklevel=1)
    assert "old thing" in lines(stream)[0]["event"]


@pytest.mark.parametrize("style", ["json", "console"])
def test_no_secret_is_written(style: Any) -> None:
    stream = io.StringIO()
    configure_logging("info", style, stream)
    url = "postgresql://me:hunter2@db/shop"
    logger = structlog.get_logger("engine")
    logger.info("connecting to %s", url)
    logger.info(f"connecting to {url}")  # noqa: G004 - this is what people do
    logger.info("connecting", url=url, password="hunter2", nested={"urls": [url], "api_key": "hunter2"})
    logging.getLogger("shop").warning("connecting to %s", url)
    logging.getLogger("shop").warning("connecting", extra={"token": "hunter2"})
    try:
        raise RuntimeError(f"cannot connect to {url}")
    except RuntimeError:
        logger.exception("failed")
        logging.getLogger("shop").exception("failed")
    text = stream.getvalue()
    assert "hunter2" not in text
    assert text.count("me:***@db/shop") == 7
    assert text.count("RuntimeError") >= 2


def test_a_client_that_its_transport_silences_stays_silent() -> None:
    logger = logging.getLogger("pika")
    before = logger.level
    logger.setLevel(logging.NOTSET)
    try:
        stream = io.StringIO()
        configure_logging("info", "json", stream)
        open_transport("amqp://host").close()
        logging.getLogger("pika.adapters").error("what is raised too")
        assert stream.getvalue() == ""
    finally:
        logger.setLevel(before)
