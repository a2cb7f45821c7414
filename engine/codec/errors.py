"""Exceptions as data: what is stored of an error, shown to people, and raised again inside a flow."""

from __future__ import annotations

import traceback
from typing import Any, Final

import msgspec

from engine.codec.forms import ENCODER
from engine.errors import CodecError
from engine.model.history import ErrorInfo

MAX_MESSAGE_BYTES: Final = 4 * 1024
MAX_TRACEBACK_BYTES: Final = 8 * 1024
MAX_DETAILS_BYTES: Final = 4 * 1024
_MAX_FRAMES: Final = 50
_CUT: Final = "\n[... cut ...]\n"
_DECODER: Final = msgspec.json.Decoder(ErrorInfo)


def encode_error(error: BaseException, attempts: int) -> str:
    """Return the JSON text of an exception after so many ``attempts``.

    The message is bounded to 4 KiB and the traceback to 8 KiB, both cut in the middle; the ``details`` attribute of the
    exception is kept if it has a JSON form of at most 4 KiB. Never raises because of what the exception holds.
    """
    info = ErrorInfo(
        type=type(error).__name__,
        message=_bounded(_message(error), MAX_MESSAGE_BYTES),
        traceback=_bounded(_traceback(error), MAX_TRACEBACK_BYTES),
        attempts=attempts,
        details=_details(error),
    )
    return ENCODER.encode(info).decode()


def decode_error(text: str | bytes) -> ErrorInfo:
    """Return the error that a JSON text stands for. Raises ``CodecError`` if it is not the text of an error."""
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise CodecError(
            f"the stored text of an error cannot be read ({error}); the row was changed from outside"
        ) from error


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001 - the text of an exception is made by the user's code
        return f"(its text cannot be made: {type(failure).__name__})"


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error, limit=-_MAX_FRAMES))
    except Exception:  # noqa: BLE001 - formatting asks the user's code for texts
        return ""


def _details(error: BaseException) -> Any:
    try:
        details: Any = getattr(error, "details", None)
        if details is None:
            return None
        written = ENCODER.encode(details)
        return msgspec.json.decode(written) if len(written) <= MAX_DETAILS_BYTES else None
    except Exception:  # noqa: BLE001 - it is the user's value, and the error matters more
        return None


def _bounded(text: str, limit_bytes: int) -> str:
    """Cut a text in the middle: where an error began and where it ended say the most."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= limit_bytes:
        return data.decode()
    room = limit_bytes - len(_CUT)
    head, tail = data[: room // 3], data[len(data) - (room - room // 3) :]
    return head.decode(errors="ignore") + _CUT + tail.decode(errors="ignore")
