"""What work of an extreme shape costs.

python -m benchmarks.shapes fan-out
python -m benchmarks.shapes sleeping --store postgresql --flows 10000 --json
python -m benchmarks.shapes backlog --store postgresql://user:password@host/database --broker sql+store
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.harness.options import add_options
from benchmarks.harness.output import report
from benchmarks.shapes import backlog, fan_out, sequential, sleeping

SHAPES = {"fan-out": fan_out, "sequential": sequential, "sleeping": sleeping, "backlog": backlog}


def main(arguments: list[str] | None = None) -> int:
    """Measure one shape, and print."""
    options = parser().parse_args(arguments)
    return report(lambda: SHAPES[options.shape].measure(options), as_json=options.json)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.shapes", description=(__doc__ or "").splitlines()[0])
    shapes = made.add_subparsers(dest="shape", required=True, metavar="SHAPE")
    for name, shape in SHAPES.items():
        text = (shape.__doc__ or "").splitlines()[0]
        one = shapes.add_parser(name, help=text, description=text)
        add_options(one, workers=shape.WORKERS)
        shape.add_options(one)
    return made


if __name__ == "__main__":
    sys.exit(main())
