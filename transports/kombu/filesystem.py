"""kombu's transport over files in a directory, with messages that appear whole."""

from __future__ import annotations

import time
import uuid
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

_kombu: Any = import_module("kombu.transport.filesystem")


class Channel(_kombu.Channel):
    """kombu makes an empty file and then writes into it; who takes the file in between takes an empty message."""

    def __init__(self, connection: Any, **options: Any) -> None:
        _kombu.Channel.__init__(self, connection, **options)
        # Looked at here, as kombu would find it missing with the first message only.
        next(self._folder.iterdir(), None)

    @property
    def _folder(self) -> Path:
        return Path(str(self.data_folder_out))

    def _put(self, queue: str, payload: dict[str, Any], **_options: Any) -> None:
        number = uuid.uuid4()
        draft = self._folder / f".{number}.part"
        try:
            draft.write_bytes(msgspec.json.encode(payload))
            draft.replace(self._folder / f"{time.monotonic_ns() // 1_000_000:015}_{number}.{queue}.msg")
        finally:
            draft.unlink(missing_ok=True)


class Transport(_kombu.Transport):
    """kombu's, with that channel."""

    Channel = Channel
