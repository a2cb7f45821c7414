"""Rules as files: DMN, JSON, CSV, workbooks and decision graphs of GoRules. Bytes come in and go out."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from engine.rules.checking import check
from engine.rules.dmn.reader import read_dmn
from engine.rules.dmn.writer import write_dmn
from engine.rules.errors import ModelError
from engine.rules.files.csv import read_csv, write_csv
from engine.rules.files.foreign import foreign_name
from engine.rules.files.jdm import read_jdm
from engine.rules.files.xlsx import read_xlsx
from engine.rules.files.xlsx_writer import write_xlsx
from engine.rules.problems import Problem, RuleFileError
from engine.rules.stored import read_model, write_model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.rules.model import Model

__all__ = ["Problem", "RuleFileError", "check", "is_checked", "read_rules", "write_rules"]

_GRAPH: Final = ".jdm.json"


def read_rules(name: str, data: bytes, called: str | None = None) -> Model:
    """Return the model that a file holds, by what its name ends with: .dmn, .xml, .csv, .xlsx, .jdm.json or .json.

    Models and decisions that the file gives no name are ``called`` so, else by the file's. Raises RuleFileError, which
    says what is wrong and where. Models of .dmn and .json files may import others: ``check`` looks through those.
    """
    path = PurePath(name)
    if name.lower().endswith(_GRAPH):
        return read_jdm(data, called or path.name[: -len(_GRAPH)], path.name)
    try:
        match path.suffix.lower():
            case ".csv":
                return read_csv(data, called or path.stem, path.name)
            case ".xlsx":
                return read_xlsx(data, called or path.stem, path.name)
            case ".dmn" | ".xml":
                return read_dmn(data)
            case ".json":
                return read_model(data)
            case _:
                problem = foreign_name(name) or "rules are read from .dmn, .xml, .csv, .xlsx, .json and .jdm.json files"
    except RuleFileError:
        raise
    except ModelError as error:
        problem = str(error)
    raise RuleFileError(path.name, [Problem(problem)])


def is_checked(name: str) -> bool:
    """Tell whether :func:`read_rules` has looked through what it read from a file of that name, to say what is wrong by
    row and cell. To :func:`check` it once more would say the same again."""
    return name.lower().endswith((".csv", ".xlsx", _GRAPH))


def write_rules(name: str, model: Model, imported: Iterable[Model] = ()) -> bytes:
    """Return a model as a file of that name: .dmn, .xml, .csv, .xlsx or .json.

    ``imported`` are the models that it imports, beside those within it, which only .json holds too. Raises ModelError
    for what the file cannot hold.
    """
    match PurePath(name).suffix.lower():
        case ".csv":
            return write_csv(model)
        case ".xlsx":
            return write_xlsx(model)
        case ".dmn" | ".xml":
            return write_dmn(model, (*model.imported, *imported))
        case ".json" if not name.lower().endswith(_GRAPH):
            return write_model(model).encode()
        case _:
            raise ModelError(f"{PurePath(name).name}: rules are written to .dmn, .xml, .csv, .xlsx and .json files")
