"""What versions of rules do at a time: decide for all executions or for some, or decide as well without counting."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engine.model.rulebook import shadow_at
from engine.model.shares import ALL, format_share

if TYPE_CHECKING:
    from engine.model.rulebook import Shelf


class Role(NamedTuple):
    """Of how many buckets a version decides, and of how many it is the shadow."""

    share: int = 0
    shadow: int = 0

    @property
    def text(self) -> str:
        """Only what is to be said: nothing of a version that decides all."""
        found = [f"for {format_share(self.share)}"] if 0 < self.share < ALL else []
        if self.shadow:
            found.append("as shadow" if self.shadow == ALL else f"as shadow for {format_share(self.shadow)}")
        return ", ".join(found)

    def plain(self) -> dict[str, str | None]:
        """Return it as JSON values."""
        return {name: format_share(share) if share else None for name, share in self._asdict().items()}


def roles_of(shelf: Shelf, now_us: int) -> dict[int, Role]:
    """Return the roles of the versions that have any, those that decide first."""
    found = {number: Role(share) for number, share in shelf.split(now_us).items()}
    shadow = shadow_at(shelf.shadows, now_us)
    if shadow is not None and shadow.number is not None:
        found[shadow.number] = found.get(shadow.number, Role())._replace(shadow=shadow.share)
    return found
