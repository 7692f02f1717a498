"""Random calls of every public part of the package, and what must hold of each.

Every call has a number, from which alone (with the seed) it can be made anew:
`--case NUMBER` makes one and prints the whole traceback.
"""

import argparse
import itertools
import re
import sys
import time
from collections import Counter

from rows import Results, Row, parser, print_table, set_threads

# Failures of one sort that are printed in full.
SHOWN = 3
TWICE = 0.2  # of the calls are made twice


def sort_of(failure: str) -> str:
    """Return the start of a failure without numbers and quoted words."""
    return re.sub(r"'[^']*'|[-+.\d]+", "#", failure)[:70]


class Stress:
    """Counts of calls, of refusals and of failures by kind."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.seconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.sorts: Counter[tuple[str, str]] = Counter()

    def make(self, number: int, only: str | None) -> str:
        """Make a call, unless it is of another kind; return details of a failure."""
        from random_calls.invariants import outcome_of
        from random_calls.kinds import draw, kind_of

        kind, rng = kind_of(self.seed, number)
        if only not in (kind, None):
            return ""
        twice = bool(rng.random() < TWICE)
        call = draw(kind, rng)
        start = time.perf_counter()
        outcome = outcome_of(call, twice=twice)
        self.seconds[kind] += time.perf_counter() - start
        self.calls[kind] += 1
        self.refused[kind] += outcome.refused
        if outcome.failure:
            self.failures[kind] += 1
            sort = (kind, sort_of(outcome.failure))
            self.sorts[sort] += 1
            if self.sorts[sort] <= SHOWN:
                print(f"{number} {kind}: {call}\n    {outcome.failure}", flush=True)
        return outcome.details

    def rows(self) -> list[Row]:
        """Return one row for each kind of which there was a call."""
        return [
            {
                "benchmark": "stress",
                "kind": kind,
                "seed": self.seed,
                "calls": self.calls[kind],
                "refused": self.refused[kind],
                "failures": self.failures[kind],
                "seconds": self.seconds[kind],
            }
            for kind in sorted(self.calls)
        ]


def one_case(seed: int, number: int) -> int:
    """Make one call and print it, with the traceback of a failure."""
    from random_calls.kinds import draw, kind_of

    kind, rng = kind_of(seed, number)
    rng.random()
    print(f"{number} {kind}: {draw(kind, rng)}")
    stress = Stress(seed)
    details = stress.make(number, None)
    print(details or "no error")
    return int(bool(stress.failures))


def many_cases(args: argparse.Namespace) -> Stress:
    """Make calls until there are enough, or the time is over."""
    stress = Stress(args.seed)
    end = time.monotonic() + args.seconds
    for number in itertools.count():
        if time.monotonic() > end or stress.calls.total() == args.calls:
            break
        stress.make(number, args.only)
    return stress


def main() -> int:
    """Make the calls, keep the counts; return 1 if one failed."""
    from random_calls.kinds import KINDS

    options = parser(__doc__)
    add = options.add_argument
    add("--seconds", type=float, default=600.0, help="stop after so long")
    add("--calls", type=int, help="stop after so many calls")
    add("--case", type=int, metavar="NUMBER", help="make this call alone")
    add("--only", choices=KINDS, help="make calls of one kind")
    args = options.parse_args()
    set_threads(args.threads)
    if args.case is not None:
        return one_case(args.seed, args.case)
    stress = many_cases(args)
    results = Results(args.out, args.threads)
    for row in stress.rows():
        results.add(row)
    sorts = [
        {"kind": kind, "failure": sort, "calls": count}
        for (kind, sort), count in stress.sorts.most_common()
    ]
    print_table("Failures by sort", sorts, ["kind", "failure", "calls"])
    columns = ["kind", "calls", "refused", "failures", "seconds"]
    print_table(f"Random calls of seed {args.seed}", results.rows, columns)
    total = stress.failures.total()
    print(f"\n{stress.calls.total()} calls, {total} failures")
    return int(total > 0)


if __name__ == "__main__":
    if main():
        sys.exit(1)
