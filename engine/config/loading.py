"""Loading settings: ``engine.toml``, then the environment, then flags; the later wins."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from engine.config.layers import Layer, read_environment, read_file, read_flags
from engine.config.model import SOURCES, Settings
from engine.config.problems import first_problem
from engine.config.tree import CONFIG_VARIABLE, Key
from engine.errors import ConfigError

DEFAULT_FILE: Final = "engine.toml"


class LayerSource(PydanticBaseSettingsSource):
    """One layer, as a source of pydantic-settings, which merges the tables of all of them."""

    def __init__(self, layer: Layer) -> None:
        super().__init__(Settings)
        self._values = layer.nested()

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the layer's value of one field of the settings, or None."""
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return every value of the layer."""
        return self._values


def load_settings(
    path: Path | str | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings of this process.

    The file is ``path``, else what ENGINE_CONFIG names, else ``engine.toml`` in the current directory if there is one.
    ENGINE_ variables (ENGINE_STORE, ENGINE_WORKER__CONCURRENCY, ...) go before the file, and ``overrides``, from flags,
    before both: ``{"store": "sqlite:///x.db", "worker.concurrency": 5}``, where None means not given. ``environment``
    stands in for the process's own. Raises ConfigError, in one line, for whatever cannot be used.
    """
    return _validated(_layers(path, overrides, environment))


def setting_origins(
    path: Path | str | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> dict[Key, str]:
    """Return where each setting was given that :func:`load_settings` finds; those left at their default are out."""
    origins: dict[Key, str] = {}
    for layer in reversed(_layers(path, overrides, environment)):
        origins |= layer.origins
    return origins


def _layers(
    path: Path | str | None, overrides: Mapping[str, Any] | None, environment: Mapping[str, str] | None
) -> list[Layer]:
    """Read all places in which settings may be given, the strongest first."""
    environment = os.environ if environment is None else environment
    layers = [read_flags(overrides or {}), read_environment(environment)]
    file = find_file(path, environment)
    if file is not None:
        layers.append(read_file(file))
    return layers


def find_file(path: Path | str | None, environment: Mapping[str, str]) -> Path | None:
    """Return the configuration file to read; ConfigError if one is named and missing."""
    if path is not None:
        return _existing(Path(path), "named on the command line")
    if named := environment.get(CONFIG_VARIABLE):
        return _existing(Path(named), f"named by the environment variable {CONFIG_VARIABLE}")
    default = Path(DEFAULT_FILE)
    return default if default.exists() else None


def _existing(path: Path, origin: str) -> Path:
    if not path.exists():
        raise ConfigError(f"there is no configuration file {path} ({origin}): create it, or name another one")
    return path


def _validated(layers: Sequence[Layer]) -> Settings:
    token = SOURCES.set(tuple(LayerSource(layer) for layer in layers))
    try:
        return Settings()
    except ValidationError as error:
        problem = first_problem(error, layers)
    finally:
        SOURCES.reset(token)
    # Raised out here, so that the validator's error, which holds the values, does not travel with it.
    raise problem
