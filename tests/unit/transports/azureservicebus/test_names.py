"""Names of queues as names of entities."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.azureservicebus.names import entity_of, is_prefix, topic_of

_QUEUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200)


@pytest.mark.parametrize(
    "queue, entity",
    [
        ("work.eu-1", "p.work.eu-1"),
        ("Work", "p._57ork"),
        ("wörk", "p.w_c3_b6rk"),
        ("a_b/c", "p.a_5fb_2fc"),
        ("work.", "p.work_2e"),
    ],
)
def test_a_name_stays_readable(queue: str, entity: str) -> None:
    assert entity_of("p.", queue) == entity


@given(_QUEUES, _QUEUES)
def test_two_queues_are_two_entities_in_lower_case_too(one: str, other: str) -> None:
    names = {entity_of("p.", queue).lower() for queue in (one, other)}
    assert len(names) == len({one, other})


@given(_QUEUES)
def test_every_name_is_one_that_the_service_takes(queue: str) -> None:
    entity = entity_of("milepost.", queue)
    assert len(entity) <= 260
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]", entity)
    assert entity != topic_of("milepost.")


@pytest.mark.parametrize("prefix, good", [("a", True), ("team-1.", True), ("", False), ("/a", False), ("ä", False)])
def test_prefixes(prefix: str, good: bool) -> None:
    assert is_prefix(prefix) is good
