"""Names of queues at AWS."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from transports.sqs.names import queue_name, subscriber_prefix

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


def test_a_name_that_fits_is_kept() -> None:
    assert queue_name("orders-", "high_priority-2") == "orders-high_priority-2"
    assert queue_name("", "Work") == "Work"


def test_a_name_that_does_not_fit_stays_readable() -> None:
    assert re.fullmatch(r"orders-eu-west--[0-9a-f]{20}", queue_name("orders-", "eu.west"))
    assert len(queue_name("x" * 30, "w" * 200)) == 80


@given(NAMES, st.sampled_from(["", "milepost-", "x" * 30]))
def test_every_name_is_one_that_aws_takes(name: str, prefix: str) -> None:
    made = queue_name(prefix, name)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", made)
    assert made.startswith(prefix)
    # The queues of subscribers are never taken for others.
    assert not made.startswith(subscriber_prefix(prefix))


@given(st.lists(st.sampled_from(["a", "b", "-", "--", ".", "ä", "A", "--" + "0" * 20]), min_size=1, max_size=4))
def test_different_names_stay_different(parts: list[str]) -> None:
    name = "".join(parts)
    for other in (name + "-", name.replace(".", "-"), name.lower(), queue_name("", name)):
        assert (queue_name("", other) == queue_name("", name)) == (other == name) or other == queue_name("", name)
