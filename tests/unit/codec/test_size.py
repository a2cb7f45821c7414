from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import check_size
from engine.errors import CodecError, ValueTooLarge


@pytest.mark.parametrize("text, size", [("", 0), ("abc", 3), ("é", 2), ("😀", 4), ("aé😀", 7)])
def test_the_limit_counts_bytes(text: str, size: int) -> None:
    check_size(text, size, "the result of step 'charge'")
    with pytest.raises(ValueTooLarge):
        check_size(text + "x", size, "the result of step 'charge'")


def test_what_is_said() -> None:
    with pytest.raises(ValueTooLarge) as caught:
        check_size("x" * 2_000_000, 1 << 20, "the result of step 'charge'")
    assert str(caught.value).startswith(
        "the result of step 'charge': the value takes 2,000,000 bytes, and at most 1,048,576"
    )
    assert isinstance(caught.value, CodecError)


@given(st.text(), st.integers(0, 60))
def test_the_limit_is_exact(text: str, limit: int) -> None:
    fits = len(text.encode("utf-8", "surrogatepass")) <= limit
    try:
        check_size(text, limit, "it")
    except ValueTooLarge:
        assert not fits
    else:
        assert fits
