"""The project's own modules as syntax trees, and what they import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Import:
    """One imported module. ``at_import`` is False inside functions and under ``TYPE_CHECKING``."""

    target: str
    line: int
    at_import: bool


class Module:
    """A module by its dotted name, and its source."""

    def __init__(self, name: str, source: str, *, is_package: bool = False) -> None:
        self.name = name
        self.source = source
        self.is_package = is_package

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.source)

    @cached_property
    def imports(self) -> list[Import]:
        """Every import, wherever it stands. ``from a import b`` counts as ``a.b``: b may be a module."""
        return list(self._imports(self.tree, at_import=True))

    def _imports(self, node: ast.AST, *, at_import: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            inner = at_import and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                inner = False
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, child.lineno, at_import)
            elif isinstance(child, ast.ImportFrom):
                for alias in child.names:
                    yield Import(f"{self._base(child)}.{alias.name}", child.lineno, at_import)
            else:
                yield from self._imports(child, at_import=inner)

    def _base(self, node: ast.ImportFrom) -> str:
        if node.level == 0:
            return node.module or ""
        parts = self.name.split(".")
        up = node.level - (1 if self.is_package else 0)
        return ".".join([*parts[: len(parts) - up], *([node.module] if node.module else [])])


def modules(*packages: str) -> dict[str, Module]:
    """Read every module of these packages of the project."""
    found: dict[str, Module] = {}
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = _module(path)
            found[module.name] = module
    return found


@cache
def _module(path: Path) -> Module:
    """Read a module: once for all tests that look at it."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    return Module(".".join(parts[:-1] if is_package else parts), path.read_text(), is_package=is_package)
