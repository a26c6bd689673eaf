"""The long fuzz: `make fuzz SEED=7 COUNT=100000 TARGET=ews`. Exits 1 when anything undeclared was found."""

import argparse
import logging
import sys

import structlog

from tests.fuzz.fuzz_harness import attack
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all if none is named")
    chosen = parser.parse_args()
    unknown = set(chosen.targets) - TARGETS.keys()
    if unknown:
        parser.error(f"unknown target: {', '.join(sorted(unknown))}")
    # Each input would be logged.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    found = False
    for name in chosen.targets or TARGETS:
        report = attack(TARGETS[name], seed=chosen.seed, count=chosen.count)
        print(report, flush=True)  # noqa: T201 - a program
        found |= bool(report.findings)
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
