"""Why a version decides: the shares that a key is in, told as they are looked at when it is decided."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.model.choice import Call, Rollout, choice_of
from engine.model.rulebook import Activation, Binding, RuleVersion, Shelf
from engine.model.shares import ALL, bucket_of

VERSIONS = {
    number: RuleVersion(name="credit", number=number, hash="", state="active", created_us=0) for number in range(1, 5)
}


def shelf(*activations: Activation, **versions: RuleVersion) -> Shelf:
    return Shelf(VERSIONS | {one.number: one for one in versions.values()}, activations, {"pilot": 2})


def choice(made: Shelf, begun_us: int = 100, key: str | None = "Ada", binding: Binding = Binding()) -> list[Rollout]:  # noqa: B008
    return list(choice_of(made, "credit", Call(binding, begun_us, key)).rollouts)


def test_the_rollouts_are_told_down_to_the_version_that_decides() -> None:
    assert bucket_of("credit", "Ada") == 7876
    made = shelf(Activation(1, 1), Activation(2, 2, share=9000), Activation(3, 3, share=7876))
    assert choice(made) == [Rollout(3, 7876, False), Rollout(2, 9000, True)]
    assert choice(made, begun_us=2) == [Rollout(2, 9000, True)]
    assert choice(made, begun_us=1) == []
    grown = shelf(*made.activations, Activation(3, 4, share=7877))
    assert choice(grown) == [Rollout(3, 7877, True)]
    assert choice(made, key=None) == [Rollout(3, 7876, False), Rollout(2, 9000, False)]


def test_what_is_for_another_date_is_not_asked_about_the_key() -> None:
    later = RuleVersion(name="credit", number=3, hash="", state="active", created_us=0, effective_from_us=1000)
    made = shelf(Activation(1, 1), Activation(3, 2, share=9000), third=later)
    assert choice(made) == []
    assert choice(made, binding=Binding(as_of_us=1000)) == [Rollout(3, 9000, True)]


def test_no_share_matters_where_something_else_than_what_is_active_was_asked_for() -> None:
    made = shelf(Activation(1, 1), Activation(2, 2, share=9000))
    for binding in (Binding(version=2), Binding(version="latest"), Binding(tag="pilot")):
        assert choice(made, binding=binding) == []


activations = st.lists(st.tuples(st.sampled_from([*VERSIONS]), st.integers(1, ALL)), max_size=6).map(
    lambda found: [Activation(1, 0), *(Activation(number, at, share=share) for at, (number, share) in enumerate(found))]
)


@given(activations, st.text(max_size=3), st.integers(0, 7))
def test_whoever_follows_what_is_told_comes_to_the_version_that_decides(
    made: list[Activation], key: str, begun_us: int
) -> None:
    found = choice_of(shelf(*made), "credit", Call(Binding(), begun_us, key))
    decides = shelf(*made).bound(Binding(), begun_us, found.bucket)
    assert decides is not None
    *passed, last = [*found.rollouts, None]
    if passed and passed[-1].is_in:
        *passed, last = passed
    assert not any(one.is_in for one in passed)
    if last is None:
        assert decides == shelf(*made).bound(Binding(), begun_us)
    else:
        assert decides.number == last.number
