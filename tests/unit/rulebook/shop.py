"""A store with rules in it, and a rulebook of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from sqlalchemy import event

from engine.model.rulebook import Answer, Binding, Question
from engine.rulebook.rulebook import Rulebook
from engine.rules.stored import content_hash, write_model
from engine.store.database import Database
from engine.store.rules.versions import activate, add_version
from engine.store.schema import metadata
from tests.worker.rule_flows import RULES, model


class Shop:
    """A store with rules, on a clock that the test sets."""

    def __init__(self, path: Path) -> None:
        self.now_us = 1000
        self.database = Database(f"sqlite:///{path / 'rules.db'}", clock=lambda: self.now_us)
        metadata.create_all(self.database.engine)
        self.rulebook = Rulebook(self.database)
        self.queries = 0
        event.listen(self.database.engine, "before_cursor_execute", self._count)

    def _count(self, *_: Any) -> None:
        self.queries += 1

    def put(self, rate: str, *, active: bool = True) -> None:
        with self.database.write() as tx:
            number, _ = add_version(tx, RULES, write_model(model(rate)), content_hash(model(rate)))
            if active:
                activate(tx, RULES, number)

    def put_text(self, content: str) -> None:
        """Put in a version as it stands, whatever it is."""
        with self.database.write() as tx:
            add_version(tx, RULES, content, hashlib.sha256(content.encode()).hexdigest())

    def ask(
        self, begun_us: int = 1000, inputs: bytes = b'{"amount":5000}', bucket: int | None = None,
        with_shadow: bool = True, **binding: Any,
    ) -> Answer:  # fmt: skip
        return self.rulebook.decide(
            Question(
                rule=RULES, decision=None, binding=Binding(**binding), inputs=inputs, begun_us=begun_us, now_us=0,
                bucket=bucket,
            ),
            with_shadow=with_shadow,
        )  # fmt: skip
