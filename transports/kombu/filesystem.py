"""kombu's transport over files in a directory, with messages that appear whole."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections import deque
from importlib import import_module
from pathlib import Path
from queue import Empty
from typing import Any

import msgspec

_kombu: Any = import_module("kombu.transport.filesystem")


class Channel(_kombu.Channel):
    """kombu makes an empty file and then writes into it; who takes the file in between takes an empty message. It also
    lists the whole directory for each message that it takes. Here files appear whole, and are listed for many."""

    def __init__(self, connection: Any, **options: Any) -> None:
        _kombu.Channel.__init__(self, connection, **options)
        self._listed: dict[str, deque[Path]] = {}
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
            # The name is kombu's, with a number that sorts as text does.
            draft.replace(self._folder / f"{time.monotonic_ns() // 1_000_000:015}_{number}.{queue}.msg")
        finally:
            draft.unlink(missing_ok=True)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        # What was listed before may all have gone to others meanwhile.
        for find in (self._listed.get, self._list):
            listed = find(queue)
            while listed:
                with contextlib.suppress(FileNotFoundError):
                    return self._take(listed.popleft())
        raise Empty

    def _list(self, queue: str) -> deque[Path]:
        names = sorted(each.name for each in self._folder.iterdir() if each.name.partition(".")[2] == f"{queue}.msg")
        self._listed[queue] = deque(self._folder / name for name in names)
        return self._listed[queue]

    def _take(self, file: Path) -> Any:
        taken = self._folder / f".{uuid.uuid4()}.taken"
        # Opened before it is taken, so that it can be read whatever becomes of the directory.
        with file.open("rb") as opened:
            file.rename(taken)
            data = opened.read()
        # What cannot be removed now has a name that nobody looks for.
        with contextlib.suppress(OSError):
            taken.unlink()
        try:
            payload = msgspec.json.decode(data, type=dict[str, Any])
            _ = payload["properties"]["delivery_tag"]
        except (msgspec.DecodeError, KeyError, TypeError):
            # A file that somebody else put there is a message without headers.
            return {"body": data, "properties": {"delivery_tag": str(uuid.uuid4())}}
        return payload


class Transport(_kombu.Transport):
    """kombu's, with that channel."""

    Channel = Channel
