"""The reference of all settings, as Markdown, made from the settings themselves.

``python -m engine.config.reference`` prints it; ``docs/reference/settings.md`` is its output.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from pydantic.fields import FieldInfo

from engine.config.model import Settings
from engine.config.problems import default_text
from engine.config.tree import FIELDS, NAMED_TABLES, Key, section_of, variable

_INTRODUCTION = """\
# Settings

<!-- Made by `python -m engine.config.reference > docs/reference/settings.md`, from engine/config/model.py. -->

Settings are read from `engine.toml`, from environment variables and from flags; a variable goes before the file, a flag
before both. The file is the one named with `--config`, else the one that `ENGINE_CONFIG` names, else `engine.toml` in
the current directory if there is one.

- A variable is called `ENGINE_`, the table, two underscores, and the key. The URL of the store and that of the broker
  are short: `ENGINE_STORE` and `ENGINE_BROKER`. In the file, too, `store = "sqlite:///file.db"` is enough.
- Lists are separated by commas in a variable: `ENGINE_WORKER__QUEUES=default,mail`. An empty variable counts as not
  set.
- Durations are written `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"3d"`, `"1h30m"`.
- A name that does not exist is an error, and the message says which one was probably meant. Only variables that
  Kubernetes makes for services (`ENGINE_SERVICE_HOST` and its like) are passed over.
- Passwords in URLs never appear in errors or logs. In a URL, percent-encode the signs `@ : / #` of a password.
"""


def reference() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION, _section("", None, ((key, field) for key, field in FIELDS.items() if len(key) == 1))]
    for name, field in Settings.model_fields.items():
        section = section_of(field)
        if (name,) in NAMED_TABLES:
            parts.append(_named_table(name, field))
        if section is not None:
            inner = ((key, setting) for key, setting in FIELDS.items() if key[:-1] == (name,))
            parts.append(_section(name, section.__doc__, inner))
    return "\n".join(parts)


def _section(name: str, text: str | None, settings: Iterable[tuple[Key, FieldInfo]]) -> str:
    lines = [f"## `[{name}]`" if name else "## At the top of the file", ""]
    if text:
        lines += [text.strip(), ""]
    for key, field in settings:
        lines += [
            f"### `{key[-1]}`",
            "",
            f"Default `{default_text(key)}`; variable `{variable(key)}`{_bounds(field)}.",
            "",
            field.description or "",
            "",
        ]
    return "\n".join(lines)


def _named_table(name: str, field: FieldInfo) -> str:
    table = f"{variable((name,))}__"
    return "\n".join(
        [
            f"## `[{name}]`",
            "",
            field.description or "",
            "",
            f"Default: none; variables `{table}NAME`, as in `{table}SHOP`.",
            "",
        ]
    )


def _bounds(field: FieldInfo) -> str:
    least = next((bound.ge for bound in field.metadata if hasattr(bound, "ge")), None)
    most = next((bound.le for bound in field.metadata if hasattr(bound, "le")), None)
    return f"; from {least} to {most}" if least is not None and most is not None else ""


if __name__ == "__main__":
    sys.stdout.write(reference())
