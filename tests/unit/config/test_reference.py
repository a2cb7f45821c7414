"""The reference of settings is made from the settings, and up to date."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from engine.config import load_settings
from engine.config.problems import default_text
from engine.config.reference import reference
from engine.config.tree import FIELDS, NAMED_TABLES, dotted, variable

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "settings.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), "python -m engine.config.reference > docs/reference/settings.md"


def test_every_setting_is_described() -> None:
    for key, field in FIELDS.items():
        assert field.description, dotted(key)
        assert f"### `{key[-1]}`" in reference()
        assert f"`{variable(key)}`" in reference()
    for table, field in NAMED_TABLES.items():
        assert field.description, dotted(table)
        assert f"## `[{table[-1]}]`" in reference()


def test_the_defaults_on_the_page_are_the_defaults() -> None:
    """Write every default into a file, and nothing changes."""
    texts = {key: default_text(key) for key in FIELDS}
    plain = {key: text for key, text in texts.items() if re.match(r'["\[\dtf]', text) and "that of" not in text}
    assert set(FIELDS) - set(plain) == {("worker", "threads")}
    document = tomllib.loads("\n".join(f"{dotted(key)} = {text}" for key, text in plain.items()))
    assert load_settings(overrides=document, environment={}) == load_settings(environment={})
