"""Writing what is exported to files: over those that are there only if whoever asks says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Force = Annotated[bool, typer.Option("--force", help="Write over what is there.")]


def write_files(files: Mapping[Path, bytes], *, force: bool) -> None:
    """Write all of these files. Raises ConfigError if one is there and not to be written over: then none is written."""
    there = [] if force else [str(path) for path in files if path.exists()]
    if there:
        verb = "exists" if len(there) == 1 else "exist"
        raise ConfigError(
            f"{', '.join(there)} {verb} already; nothing was written: choose another file, or write over what is there "
            f"with --force"
        )
    for path, data in files.items():
        with path.open("wb" if force else "xb") as file:
            file.write(data)
