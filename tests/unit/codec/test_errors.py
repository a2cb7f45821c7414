from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import decode_error, encode_error
from engine.codec.errors import MAX_DETAILS_BYTES, MAX_MESSAGE_BYTES, MAX_TRACEBACK_BYTES
from engine.errors import CodecError, FlowCancelled, StepFailed
from engine.model.history import ErrorInfo


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001
        return caught


def test_what_is_kept() -> None:
    info = decode_error(encode_error(raised(ValueError("no stock")), 3))
    assert (info.type, info.message, info.attempts, info.details) == ("ValueError", "no stock", 3, None)
    assert info.traceback.startswith("Traceback (most recent call last):\n")
    assert "in raised" in info.traceback
    assert info.traceback.endswith("ValueError: no stock\n")


def test_an_error_that_was_never_raised() -> None:
    assert decode_error(encode_error(KeyError("a"), 1)) == ErrorInfo("KeyError", "'a'", "KeyError: 'a'\n")


def test_what_is_no_exception_is_kept_too() -> None:
    assert decode_error(encode_error(FlowCancelled(), 1)).type == "FlowCancelled"


def test_causes_and_notes_are_in_the_traceback() -> None:
    error = RuntimeError("outer")
    error.__cause__ = raised(KeyError("inner"))
    error.add_note("and the compensation failed")
    traceback = decode_error(encode_error(error, 1)).traceback
    assert "KeyError: 'inner'" in traceback
    assert "and the compensation failed" in traceback


def test_groups() -> None:
    group = ExceptionGroup("both", [ValueError("one"), KeyError("two")])
    info = decode_error(encode_error(group, 1))
    assert info.type == "ExceptionGroup"
    assert "ValueError: one" in info.traceback
    assert "KeyError: 'two'" in info.traceback


@pytest.mark.parametrize("sign", ["x", "é", "😀", "\ud800"])
def test_texts_are_bounded(sign: str) -> None:
    error = raised(ValueError("first " + sign * 20_000 + " last"))
    text = encode_error(error, 1)
    info = decode_error(text)
    assert len(info.message.encode()) <= MAX_MESSAGE_BYTES
    assert len(info.traceback.encode()) <= MAX_TRACEBACK_BYTES
    assert len(info.message.encode()) > MAX_MESSAGE_BYTES - 16
    assert info.message.startswith("first ")
    assert info.message.endswith(" last")
    assert "[... cut ...]" in info.message
    assert info.traceback.startswith("Traceback")
    assert info.traceback.endswith(" last\n")


def test_a_text_at_the_bound_is_whole() -> None:
    assert decode_error(encode_error(ValueError("é" * (MAX_MESSAGE_BYTES // 2)), 1)).message == "é" * 2048
    assert "cut" in decode_error(encode_error(ValueError("é" * 2048 + "x"), 1)).message


def test_a_deep_recursion_is_bounded() -> None:
    def fall(depth: int) -> None:
        fall(depth + 1)

    with pytest.raises(RecursionError) as caught:
        fall(0)
    info = decode_error(encode_error(caught.value, 1))
    assert info.type == "RecursionError"
    assert 0 < len(info.traceback.encode()) <= MAX_TRACEBACK_BYTES


def test_details_are_kept_if_they_have_a_json_form() -> None:
    error = StepFailed("charge", "Declined", "no", details={"code": 51})
    assert decode_error(encode_error(error, 1)).details == {"code": 51}


@pytest.mark.parametrize("details", [object(), {(1, 2): 3}, "x" * MAX_DETAILS_BYTES, "\ud800"])
def test_details_without_one_are_left_out(details: Any) -> None:
    error = ValueError("no")
    error.details = details
    assert decode_error(encode_error(error, 1)).details is None


def test_an_exception_that_cannot_be_shown() -> None:
    class Mute(Exception):
        @property
        def details(self) -> Any:
            raise RuntimeError("neither this")

        def __str__(self) -> str:
            raise RuntimeError("nor that")

    info = decode_error(encode_error(raised(Mute()), 2))
    assert (info.type, info.message) == ("Mute", "(its text cannot be made: RuntimeError)")


@given(st.text(), st.integers(1, 10**9))
def test_any_message(message: str, attempts: int) -> None:
    info = decode_error(encode_error(ValueError(message), attempts))
    assert info.message == message.encode("utf-8", "backslashreplace").decode()
    assert info.attempts == attempts


def test_the_text_is_plain_json() -> None:
    assert json.loads(encode_error(ValueError("no"), 1)) == {
        "type": "ValueError",
        "message": "no",
        "traceback": "ValueError: no\n",
    }


@given(st.text() | st.binary())
def test_what_is_no_error_is_refused(text: str | bytes) -> None:
    with pytest.raises(CodecError, match="stored text of an error"):
        decode_error(text)
