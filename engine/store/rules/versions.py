"""Rules in the store: versions that never change, since when each is active or a shadow, and tags.

Every change takes turns with the others by the generation of its topic, and its workers read again.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, select, update

from engine.errors import RuleNotFound, StoreError
from engine.model.rulebook import Activation, RuleState, RuleVersion, Shadow, Shelf, reachable, standing
from engine.model.shares import ALL, format_share
from engine.model.topics import RULES
from engine.store.batches import BatchInsert, Upsert
from engine.store.generations import bump
from engine.store.schema import rule_activations, rule_shadows, rule_tags, rule_versions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import RowMapping

    from engine.store.database import Transaction

ADD = BatchInsert(
    rule_versions,
    (
        "name", "version", "hash", "state", "content", "author", "remark", "effective_from_us", "effective_until_us",
        "created_us",
    ),
)  # fmt: skip
ACTIVATE = BatchInsert(
    rule_activations, ("name", "position", "version", "is_rollback", "author", "remark", "from_us", "share")
)
SHADOW = BatchInsert(rule_shadows, ("name", "position", "version", "share", "author", "remark", "from_us"))
TAG = Upsert(rule_tags, keys=("name", "tag"), sets=("version",))
# Some databases know the other words as their own.
_NAMES = {"version": "number", "remark": "comment"}
_PLAIN = tuple(
    column.label(_NAMES[column.name]) if column.name in _NAMES else column
    for column in rule_versions.c
    if column.name != "content"
)


# -- reading ----------------------------------------------------------------------------------------------------------


def read_shelves(tx: Transaction, name: str | None = None) -> dict[str, Shelf]:
    """Return what is known of the rules of every name, or of one; without the content of versions."""
    versions: defaultdict[str, dict[int, RuleVersion]] = defaultdict(dict)
    activations: defaultdict[str, list[Activation]] = defaultdict(list)
    shadows: defaultdict[str, list[Shadow]] = defaultdict(list)
    tags: defaultdict[str, dict[str, int]] = defaultdict(dict)
    of = rule_tags.c
    query = select(of.name, of.tag, of.version)
    for row in tx.connection.execute(query if name is None else query.where(of.name == name)):
        tags[row.name][row.tag] = row.version
    query = select(*_PLAIN).order_by(rule_versions.c.name, rule_versions.c.version)
    found = tx.connection.execute(query if name is None else query.where(rule_versions.c.name == name))
    for row in found.mappings():
        versions[row["name"]][row["number"]] = _version(row, tags[row["name"]])
    query = select(rule_activations).order_by(rule_activations.c.name, rule_activations.c.position)
    for row in tx.connection.execute(query if name is None else query.where(rule_activations.c.name == name)):
        activations[row.name].append(
            Activation(row.version, row.from_us, bool(row.is_rollback), row.author, row.remark, row.share or ALL)
        )
    query = select(rule_shadows).order_by(rule_shadows.c.name, rule_shadows.c.position)
    for row in tx.connection.execute(query if name is None else query.where(rule_shadows.c.name == name)):
        shadows[row.name].append(Shadow(row.version, row.from_us, row.share, row.author, row.remark))
    return {each: Shelf(versions[each], activations[each], tags[each], shadows[each]) for each in versions}


def read_shelf(tx: Transaction, name: str) -> Shelf:
    """Return what is known of the rules of a name. Raises RuleNotFound."""
    found = read_shelves(tx, name).get(name)
    if found is None:
        raise RuleNotFound(f"there are no rules {name!r}; `engine rules list` shows those there are")
    return found


def read_content(tx: Transaction, name: str, number: int) -> str:
    """Return the model of a version, as it is stored. Raises RuleNotFound."""
    of = rule_versions.c
    found = tx.connection.execute(select(of.content).where(of.name == name, of.version == number)).scalar()
    if found is None:
        raise RuleNotFound(f"there is no version {number} of the rules {name!r}")
    return str(found)


# -- changing ---------------------------------------------------------------------------------------------------------


def add_version(
    tx: Transaction,
    name: str,
    content: str,
    digest: str,
    *,
    author: str | None = None,
    comment: str | None = None,
    effective_from_us: int | None = None,
    effective_until_us: int | None = None,
) -> tuple[int, bool]:
    """Add a version; return its number, and whether it is new: what is there already stays as it is.

    Raises StoreError for content that is there with other effective dates.
    """
    bump(tx, RULES)
    of = rule_versions.c
    there = tx.connection.execute(
        select(of.version, of.effective_from_us, of.effective_until_us).where(of.name == name, of.hash == digest)
    ).first()
    if there is not None:
        if (there.effective_from_us, there.effective_until_us) != (effective_from_us, effective_until_us):
            raise StoreError(
                f"these rules are version {there.version} of {name!r} already, with other effective dates, and a "
                f"version never changes: change the rules as well, be it a description"
            )
        return there.version, False
    last = tx.connection.execute(select(func.max(of.version)).where(of.name == name)).scalar()
    number = (last or 0) + 1
    row = (
        name, number, digest, RuleState.DRAFT, content, author, comment, effective_from_us, effective_until_us,
        tx.now_us,
    )  # fmt: skip
    tx.dialect.insert(tx.connection, ADD, [row])
    return number, True


def mark_tested(tx: Transaction, name: str, number: int) -> None:
    """Note that a draft has passed its tests; any other version stays what it is. Raises RuleNotFound."""
    bump(tx, RULES)
    _require(read_shelf(tx, name), name, number)
    of = rule_versions.c
    query = update(rule_versions).where(of.name == name, of.version == number, of.state == RuleState.DRAFT)
    tx.connection.execute(query.values(state=RuleState.TESTED))


def tag_version(tx: Transaction, name: str, tag: str, number: int) -> None:
    """Give a version a tag, which another one may have had. Raises RuleNotFound."""
    bump(tx, RULES)
    _require(read_shelf(tx, name), name, number)
    tx.dialect.upsert(tx.connection, TAG, (name, tag, number))


def activate(
    tx: Transaction,
    name: str,
    number: int,
    *,
    share: int = ALL,
    author: str | None = None,
    comment: str | None = None,
) -> None:
    """Have executions that begin from now on decide by a version: all, or a share of them.

    Raises RuleNotFound, and StoreError for a share where nothing decides for the others, or this version does.
    """
    bump(tx, RULES)
    shelf = read_shelf(tx, name)
    _require(shelf, name, number)
    if share < ALL:
        _require_others(shelf, name, number, share)
    made = Activation(number, 0, author=author, comment=comment, share=share)
    _activate(tx, name, shelf, made)


def rollback(tx: Transaction, name: str, *, author: str | None = None, comment: str | None = None) -> int:
    """Take back the latest activation that was not taken back; return the number of the version active before it.

    A rollout is one activation, however its share changed. Raises RuleNotFound if there are no such rules, StoreError
    if there is nothing to go back to.
    """
    bump(tx, RULES)
    shelf = read_shelf(tx, name)
    stand = _standing(shelf)
    if len(stand) < 2:
        raise StoreError(f"no version of the rules {name!r} was active before the one that is: activate another one")
    before = stand[-2]
    made = Activation(before.number, 0, is_rollback=True, author=author, comment=comment, share=before.share)
    _activate(tx, name, shelf, made)
    return before.number


def set_shadow(
    tx: Transaction,
    name: str,
    number: int | None,
    *,
    share: int = ALL,
    author: str | None = None,
    comment: str | None = None,
) -> None:
    """Have a version decide as well, for executions that begin from now on, without its outcome counting; None: none.

    Raises RuleNotFound.
    """
    bump(tx, RULES)
    shelf = read_shelf(tx, name)
    if number is not None:
        _require(shelf, name, number)
    from_us = max([tx.later_us(), *(one.from_us for one in shelf.shadows)])
    row = (name, len(shelf.shadows) + 1, number, share, author, comment, from_us)
    tx.dialect.insert(tx.connection, SHADOW, [row])


def _standing(shelf: Shelf) -> list[Activation]:
    return standing(shelf.activations, max((one.from_us for one in shelf.activations), default=0))


def _require_others(shelf: Shelf, name: str, number: int, share: int) -> None:
    """Refuse a share of executions where it is not said how the others decide, or where they decide alike."""
    plain = next((one.number for one in reversed(_standing(shelf)) if not one.is_rollout), None)
    if plain is None:
        raise StoreError(
            f"no version of the rules {name!r} is active, so the executions beyond {format_share(share)} could decide "
            f"nothing: activate one for all first"
        )
    if plain == number:
        raise StoreError(
            f"version {number} of the rules {name!r} is active for all already: roll it back, and then activate it for "
            f"{format_share(share)}"
        )


def _activate(tx: Transaction, name: str, shelf: Shelf, made: Activation) -> None:
    # By the time at which it is this change's turn: executions that began while it waited decide as before.
    from_us = max([tx.later_us(), *(one.from_us for one in shelf.activations)])
    share = made.share if made.is_rollout else None
    row = (
        name, len(shelf.activations) + 1, made.number, int(made.is_rollback), made.author, made.comment, from_us, share,
    )  # fmt: skip
    tx.dialect.insert(tx.connection, ACTIVATE, [row])
    made = msgspec.structs.replace(made, from_us=from_us)
    _set_states(tx, name, shelf, reachable(shelf.versions, standing([*shelf.activations, made], from_us)))


def _set_states(tx: Transaction, name: str, shelf: Shelf, active: Collection[int]) -> None:
    """Retire what no date and no share leads to any more."""
    for number, version in shelf.versions.items():
        state = RuleState.ACTIVE if number in active else RuleState.RETIRED
        if state != version.state and (number in active or version.state == RuleState.ACTIVE):
            of = rule_versions.c
            tx.connection.execute(
                update(rule_versions).where(of.name == name, of.version == number).values(state=state)
            )


def _require(shelf: Shelf, name: str, number: int) -> None:
    if number not in shelf.versions:
        raise RuleNotFound(f"there is no version {number} of the rules {name!r}: there are 1 to {max(shelf.versions)}")


def _version(row: RowMapping, tags: Mapping[str, int]) -> RuleVersion:
    own = tuple(sorted(tag for tag, number in tags.items() if number == row["number"]))
    return RuleVersion(**row, tags=own)
