"""Where commands about rules are tried: a store, and files."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.calling import Done, engine

ROWS = [
    "U,in: amount,out: rate,out: since,# why\n",
    "1,< 1000,0,null,small\n",
    '2,>= 1000,0.10,"@""2026-11-30""",large\n',
]
CSV = "".join(ROWS)


class Desk:
    """A store, and files of rules."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path / 'rules.db'}"
        self.put("credit.csv", CSV)
        self.put("changed.csv", CSV.replace("0.10", "0.20"))

    def put(self, name: str, text: str) -> None:
        (self.path / name).write_text(text)

    def run(self, *words: str, **environment: str) -> Done:
        files = [str(self.path / word) if re.search(r"\.(csv|dmn|json|txt)$", word) else word for word in words]
        return engine("--store", self.url, "rules", *files, **environment)

    def said(self, *words: str, **environment: str) -> str:
        done = self.run(*words, **environment)
        assert (done.code, done.err) == (0, "")
        return done.out

    def imported(self) -> None:
        self.said("import", "credit.csv", "--author", "eva", "--comment", "first")
        self.said("import", "changed.csv", "--name", "credit", "--author", "bob")
