"""Rules in the store: bringing versions in, activating them and taking that back, and asking why they decided so."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from engine.client.checks import reason_text, step_number, whole_id, word
from engine.client.messages import DeadMessages
from engine.errors import ArgumentsError, RuleNotFound
from engine.model.policy import EVERY
from engine.model.rulebook import LATEST
from engine.model.topics import RULES
from engine.store.rules import versions as store
from engine.store.rules.decisions import read_decisions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from engine.client.rules.decisions import DecisionTaken, Explained
    from engine.model.rulebook import RuleVersion, Shelf
    from engine.rules.model import Model
    from engine.store.rules.decisions import RecordedDecision

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PART: Final = 200
"""How many decisions are read in one transaction."""


class Rulebook(DeadMessages):
    """What a client can do with rules, which go by their name, and their versions by number."""

    def rules(self) -> dict[str, Shelf]:
        """Return all rules by name: their versions, activations and tags."""
        with self._access.read() as tx:
            return store.read_shelves(tx)

    def rule_version(self, name: str, version: int | str | None = None) -> RuleVersion:
        """Return a version with its content: a number, ``"latest"`` or a tag.

        Without one, the version that is active now, or else the latest. Raises RuleNotFound.
        """
        with self._access.read() as tx:
            shelf = store.read_shelf(tx, name)
            if version is None:
                found = shelf.active(tx.now_us, tx.now_us) or shelf.versions[max(shelf.versions)]
            elif version == LATEST:
                found = shelf.versions[max(shelf.versions)]
            else:
                number = version if isinstance(version, int) else shelf.tags.get(version, 0)
                found = shelf.versions.get(number)
            if found is None:
                raise RuleNotFound(
                    f"the rules {name!r} have no version and no tag {version!r}; `engine rules list {name}` shows them"
                )
            return msgspec.structs.replace(found, content=store.read_content(tx, name, found.number))

    def rule_model(self, name: str, version: int | str | None = None) -> Model:
        """Return the model of a version; see :meth:`rule_version`."""
        from engine.rules.stored import read_model

        return read_model(self.rule_version(name, version).content or "")

    def import_rules(
        self,
        source: Model | str | PathLike[str],
        name: str | None = None,
        *,
        author: str | None = None,
        comment: str | None = None,
        effective_from: date | None = None,
        effective_until: date | None = None,
    ) -> tuple[RuleVersion, bool]:
        """Add a version from a model or a file; return it, and whether it is new: the same rules are the same version.

        ``name`` is that of the model, if none is given; a model whose file gives it no name is called so, too. The
        effective dates are the first one that the version is for, and the first one that it is not for any more: dates
        at midnight in UTC, or moments with a time zone.

        Raises RuleFileError and ModelError, which say all that is wrong and where; then nothing is added.
        """
        made = self.import_all_rules(
            [source], name, author=author, comment=comment, effective_from=effective_from,
            effective_until=effective_until,
        )  # fmt: skip
        return made[0]

    def import_all_rules(
        self,
        sources: Sequence[Model | str | PathLike[str]],
        name: str | None = None,
        *,
        author: str | None = None,
        comment: str | None = None,
        effective_from: date | None = None,
        effective_until: date | None = None,
    ) -> tuple[tuple[RuleVersion, bool], ...]:
        """Add a version from each of several models or files: all of them or, if one is refused, none.

        See :meth:`import_rules`.
        """
        from engine.client.rules.decisions import usable_model
        from engine.rules.stored import content_hash, write_model

        if name is not None:
            word("the name of rules", name)
        models = [usable_model(source, name) for source in sources]
        from_us, until_us = _moment("effective_from", effective_from), _moment("effective_until", effective_until)
        if from_us is not None and until_us is not None and until_us <= from_us:
            raise ArgumentsError("effective_until is not after effective_from: the version would be for no date")
        names = [word("the name of rules", model.name if name is None else name) for model in models]
        if EVERY in names:
            raise ArgumentsError(f"{EVERY!r} stands for the rules of every name: call these otherwise")
        found: list[tuple[RuleVersion, bool]] = []
        with self._write() as tx:
            for called, model in zip(names, models, strict=True):
                number, is_new = store.add_version(
                    tx, called, write_model(model), content_hash(model), author=author_text(author),
                    comment=comment_text(comment), effective_from_us=from_us, effective_until_us=until_us,
                )  # fmt: skip
                found.append((store.read_shelf(tx, called).versions[number], is_new))
        self._announcer.tell(RULES)
        return tuple(found)

    def rollback_rules(self, name: str, *, author: str | None = None, comment: str | None = None) -> int:
        """Take back the latest activation; return the number of the version that is active again.

        A rollout is one activation, however often its share changed.
        Raises RuleNotFound, and StoreError if there is nothing to go back to.
        """
        # Nothing is required of a version that was active before: whoever asks for it has one that does harm, and a
        # scenario that was added since must not stand in the way of what decided well enough until then.
        with self._write() as tx:
            number = store.rollback(tx, name, author=author_text(author), comment=comment_text(comment))
        self._announcer.tell(RULES)
        return number

    def tag_rules(self, name: str, tag: str, version: int | str = LATEST) -> RuleVersion:
        """Give a version a tag, which another one may have had. Raises RuleNotFound, and DefinitionError for no tag."""
        if word("a tag", tag) == LATEST or tag.isdigit():
            raise ArgumentsError(f"{tag!r} names versions already: choose another tag")
        found = self.rule_version(name, version)
        with self._write() as tx:
            store.tag_version(tx, name, tag, found.number)
            found = store.read_shelf(tx, name).versions[found.number]
        self._announcer.tell(RULES)
        return found

    def decisions(self, execution_id: str) -> tuple[DecisionTaken, ...]:
        """Return what rules decided in the steps of an execution, in the order it asked. Raises ExecutionNotFound."""
        from engine.client.rules.decisions import taken

        self.get(whole_id(execution_id))
        found: list[RecordedDecision] = []
        while True:
            before = (found[-1].execution_id, found[-1].seq) if found else None
            with self._access.read() as tx:
                part = read_decisions(tx, [execution_id], _PART, before)
            found += part
            if len(part) < _PART:
                return tuple(taken(one) for one in reversed(found))

    def explain_decision(self, execution_id: str, seq: int) -> Explained:
        """Return why rules decided as they did in a step of an execution, by deciding once more.

        Raises ExecutionNotFound, and ArgumentsError if the step is no decision that was taken.
        """
        step_number("seq", seq)
        from engine.client.rules.decisions import asked_in, explain

        found = [one for one in self.history(whole_id(execution_id), after=seq - 1, limit=1) if one.seq == seq]
        asked = asked_in(found[0] if found else None, seq)
        rule, number = asked.answer.rule, asked.answer.version
        with self._access.read() as tx:
            shelf = store.read_shelf(tx, rule)
        return explain(asked, self.rule_version(rule, number).content or "", shelf)


def author_text(author: str | None) -> str | None:
    """Accept the name of whoever changes rules, or none. Raises DefinitionError."""
    return None if author is None else word("the author of a change", author)


def comment_text(comment: str | None) -> str | None:
    """Accept why rules are changed, or nothing. Raises DefinitionError."""
    return None if comment is None else reason_text(comment)


def _moment(what: str, moment: date | None) -> int | None:
    if moment is None:
        return None
    at = moment if isinstance(moment, datetime) else datetime.combine(moment, time(), UTC)
    if at.utcoffset() is None:
        raise ArgumentsError(f"{what}={moment!r} has no time zone")
    return (at - _EPOCH) // timedelta(microseconds=1)
