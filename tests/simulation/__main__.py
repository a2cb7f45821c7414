"""Runs simulations: one that is to be looked at, or as many as there is time for."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.simulation.course import run
from tests.simulation.many import courses, processes
from tests.simulation.scenario import MODES


def main() -> int:
    """Run what the arguments say; 1 if an invariant did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes run them")
    parser.add_argument("--mode", choices=MODES, help="how steps are claimed (default: the seed decides)")
    parser.add_argument("--verbose", action="store_true", help="show everything that happens")
    parser.add_argument("--keep-going", action="store_true", help="go on after a failure")
    options = parser.parse_args()
    if options.seed is not None:
        course = run(options.seed, mode=options.mode, verbose=options.verbose)
        print(course.told() if options.verbose or course.invariant else f"seed {course.seed}: {course.what}")
        return int(course.invariant is not None)
    return _many(options)


def _many(options: argparse.Namespace) -> int:
    fired: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    done = 0
    with processes(options.jobs) as pool:
        for course in courses(pool, range(options.first, options.first + options.seeds), options.mode):
            done += 1
            fired += course.fired
            if course.invariant is not None:
                failures[course.invariant] += 1
                print(f"\n{course.told()}")
                if not options.keep_going:
                    break
            if done % 100 == 0:
                progress = f"{done} seeds, {sum(failures.values())} failed"
                print(f"\r{progress}", end="", file=sys.stderr, flush=True)
    print(f"\n{done} seeds, {sum(failures.values())} failed {dict(failures)}; what happened:")
    for name, count in sorted(fired.items()):
        print(f"{count:10,}  {name}")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
