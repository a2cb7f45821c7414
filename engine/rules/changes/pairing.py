"""Which of the new ones each old one has become, and which have moved among the others."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

LOOK_AHEAD: Final = 100
"""How many new ones an old one is held against, so that large tables of which everything differs take no minutes."""
T = TypeVar("T")
Pairs = dict[int, int]
"""The place of an old one, and that of the new one that it has become."""


def pair_by(pairs: Pairs, old: Sequence[T], new: Sequence[T], key: Callable[[T], Hashable | None]) -> None:
    """Pair those that have none yet and share a key, in their order; one whose key is None shares it with none."""
    taken = set(pairs.values())
    waiting: dict[Hashable, deque[int]] = defaultdict(deque)
    for place, one in enumerate(new):
        if place not in taken:
            waiting[key(one)].append(place)
    for place, one in enumerate(old):
        found = key(one)
        if place not in pairs and found is not None and waiting[found]:
            pairs[place] = waiting[found].popleft()


def pair_alike(pairs: Pairs, old: Sequence[T], new: Sequence[T], likeness: Callable[[T, T], int]) -> None:
    """Pair those left over that are most alike (0: not at all): first those between the same neighbours."""
    end = len(old), len(new)
    stays = sorted((place, pairs[place]) for place in settled(pairs))
    before = (-1, -1)
    for after in [*stays, end]:
        _pair_within(pairs, range(before[0] + 1, after[0]), range(before[1] + 1, after[1]), old, new, likeness)
        before = after
    _pair_within(pairs, range(end[0]), range(end[1]), old, new, likeness)


def _pair_within(
    pairs: Pairs, left: range, right: range, old: Sequence[T], new: Sequence[T], likeness: Callable[[T, T], int]
) -> None:
    if not left or not right:
        return
    taken = set(pairs.values())
    free = [place for place in right if place not in taken]
    for place in left:
        if place in pairs:
            continue
        found = max(free[:LOOK_AHEAD], key=lambda other: likeness(old[place], new[other]), default=None)
        if found is not None and likeness(old[place], new[found]):
            pairs[place] = found
            free.remove(found)


def settled(pairs: Pairs) -> set[int]:
    """Return the old places of the most pairs that are in the same order before and after: the others have moved."""
    tails: list[int] = []
    chains: list[int] = []
    previous: dict[int, int | None] = {}
    for place in sorted(pairs):
        at = bisect_left(tails, pairs[place])
        previous[place] = chains[at - 1] if at else None
        tails[at : at + 1] = [pairs[place]]
        chains[at : at + 1] = [place]
    found: set[int] = set()
    last = chains[-1] if chains else None
    while last is not None:
        found.add(last)
        last = previous[last]
    return found


def merged(pairs: Pairs, old: int, new: int) -> list[tuple[int | None, int | None]]:
    """Return the places of all, old and new, in the order of the new ones; those gone follow their neighbours."""
    became = {after: before for before, after in pairs.items()}
    gone: dict[int, list[int]] = defaultdict(list)
    neighbour = -1
    for place in range(old):
        if place in pairs:
            neighbour = pairs[place]
        else:
            gone[neighbour].append(place)
    order: list[tuple[int | None, int | None]] = [(place, None) for place in gone[-1]]
    for place in range(new):
        order.append((became.get(place), place))
        order += [(one, None) for one in gone[place]]
    return order
