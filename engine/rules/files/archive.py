"""Looking into a workbook before it is opened: it is an archive, and can be made to grow without bound."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import Final
from xml.etree import ElementTree as ET

from engine.rules.errors import ModelError
from engine.rules.files.foreign import foreign_content
from engine.rules.files.layout import MAX_CELLS

MAX_BYTES: Final = 20_000_000
MAX_UNPACKED: Final = 100_000_000
"""How many bytes all parts may come to when they are unpacked."""
MAX_PARTS: Final = 10_000
_AREAS: Final = ("mergeCell", "hyperlink")
"""Elements for which a workbook in memory has a cell for each of those that they name."""
_CORNERS: Final = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")


def check_archive(data: bytes) -> None:
    """Raise ModelError for what is no workbook, and for one that is not to be opened."""
    if len(data) > MAX_BYTES:
        raise ModelError(f"the file has {len(data)} bytes; {MAX_BYTES} are read")
    try:
        foreign = foreign_content(data)
        if foreign is not None:
            raise ModelError(foreign)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            unpacked = sum(part.file_size for part in parts)
            if unpacked > MAX_UNPACKED or len(parts) > MAX_PARTS:
                raise ModelError(
                    f"the workbook unpacks to {unpacked} bytes in {len(parts)} parts; {MAX_UNPACKED} bytes and "
                    f"{MAX_PARTS} parts are read"
                )
            cells = _Cells()
            for part in parts:
                if part.filename.endswith((".xml", ".rels", ".vml")):
                    _look(archive.read(part), part.filename, cells)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        raise ModelError(f"the file is no workbook (.xlsx): {error}") from None


class _Cells:
    """Counts the cells that a workbook has, or would have in memory; refuses document types."""

    def __init__(self) -> None:
        self.count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if name == "c":
            self.count += 1
        elif name in _AREAS:
            self.count += _area(attributes.get("ref", ""))
        if self.count > MAX_CELLS:
            raise ModelError(f"the workbook has more than {MAX_CELLS} cells")

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ModelError(f"the workbook declares a document type {name!r}, which workbooks do not")

    def close(self) -> None:
        pass


def _look(data: bytes, name: str, cells: _Cells) -> None:
    parser = ET.XMLParser(target=cells)  # noqa: S314 - no document type, so no entities
    try:
        parser.feed(data)
        parser.close()
    except (ET.ParseError, ValueError, LookupError) as error:
        raise ModelError(f"the part {name!r} of the workbook is no XML: {error}") from None


def _area(text: str) -> int:
    found = _CORNERS.fullmatch(text)
    if found is None:
        return 0 if not text else MAX_CELLS + 1
    left, top, right, bottom = found.groups()
    if right is None:
        return 1
    return (abs(_number(right) - _number(left)) + 1) * (abs(int(bottom) - int(top)) + 1)


def _number(letters: str) -> int:
    found = 0
    for letter in letters:
        found = found * 26 + ord(letter) - ord("A") + 1
    return found
