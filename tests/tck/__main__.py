"""``python -m tests.tck --kit DIR [--level 2|3] [--only FOLDER] [--json]``: run a checkout of the kit."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.tck.kit import folders_of
from tests.tck.runner import run


def main() -> int:
    """Run the kit; exit code 1 if a case fails, 2 if there is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.tck", description=__doc__)
    parser.add_argument("--kit", type=Path, required=True, help="a checkout of the kit, or its TestCases folder")
    parser.add_argument("--level", type=int, choices=(2, 3), help="only this compliance level")
    parser.add_argument("--only", help="only folders whose name contains this")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args()
    folders = folders_of(options.kit, (options.level,) if options.level else (2, 3))
    if options.only:
        folders = [folder for folder in folders if options.only in folder.name]
    tally = run(folders)
    if options.json:
        print(json.dumps(tally.as_dict(), indent=1, ensure_ascii=False))
    else:
        for failure in tally.failures:
            print(failure["case"], *failure["problems"], sep="\n    ")
        print(
            f"{tally.passed} of {tally.total} passed; of those with a value that is not null, "
            f"{tally.non_null_passed} of {tally.non_null_total}"
        )
    if tally.total == 0:
        print("no test case was found", file=sys.stderr)
        return 2
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
