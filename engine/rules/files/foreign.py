"""Files of spreadsheets that are not read here: what they are, and what to save them as."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SAVE: Final = "save it as an Excel workbook (.xlsx), or one sheet as 'CSV UTF-8' (.csv)"
_SUFFIXES: Final[Mapping[str, str]] = {
    ".xls": "a workbook of Excel before 2007", ".xlsb": "a binary workbook of Excel",
    ".xlsm": "a workbook with macros", ".ods": "a spreadsheet of OpenDocument", ".numbers": "a spreadsheet of Numbers",
}  # fmt: skip
_BEFORE_2007: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TYPES: Final = "[Content_Types].xml"
"""A part that every workbook has."""


def foreign_name(name: str) -> str | None:
    """Say what a file of that name is, and what to do, if it is a spreadsheet that is not read; else None."""
    what = _SUFFIXES.get(PurePath(name).suffix.lower())
    return None if what is None else f"the file is {what}, which is not read: {SAVE}"


def foreign_content(data: bytes) -> str | None:
    """Say what a file is that is called a workbook and is none; None for what may be one."""
    if data.startswith(_BEFORE_2007):
        found = "it is one of Excel before 2007, or has a password"
    elif not zipfile.is_zipfile(io.BytesIO(data)):
        found = "it is no archive at all, or was cut off"
    else:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.namelist()
        if _TYPES in parts:
            return None
        found = "it is one of OpenDocument" if "mimetype" in parts else "it is an archive of something else"
    return f"the file is no workbook (.xlsx): {found}; {SAVE}"
