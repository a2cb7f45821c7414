"""``python -m tests.servers postgresql [mysql]``: run servers in the foreground until Ctrl-C, and print their URLs."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack
from urllib.parse import urlsplit

from tests.servers.recipes import RECIPES, USER, ServerError
from tests.servers.running import start


def main(names: list[str]) -> int:
    """Start one server of each name, print one URL a line, and wait for an interrupt."""
    if not names or not set(names) <= set(RECIPES):
        print(f"usage: python -m tests.servers {{{','.join(RECIPES)}}} ...", file=sys.stderr)
        return 2
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with ExitStack() as servers:
        for name in names:
            recipe = RECIPES[name]
            if program := recipe.missing():
                print(f"{recipe.title}: {program} was not found; {recipe.advice}", file=sys.stderr)
                return 1
            try:
                server = start(recipe)
            except ServerError as error:
                print(error, file=sys.stderr)
                return 1
            servers.callback(server.stop)
            # Where databases have names, the one to develop with; those of Redis have numbers.
            database = urlsplit(server.url).path.strip("/")
            is_named = bool(database) and not database.isdecimal()
            print(f"{server.url.rpartition('/')[0]}/{USER}" if is_named else server.url, flush=True)
            print(f"  tests use it with {recipe.variable} set to this URL", file=sys.stderr)
        print("Ctrl-C stops what was started here, and removes its data.", file=sys.stderr)
        over.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
