"""Sets x methods x seeds, one JSON line each. Run again, it does what is missing."""

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rows import Row, commit, package_version, print_table, read

from talent import jobs
from talent.datasets import ALL, EXACT, READERS, choose_sets, data_folder, n_train
from talent.methods import METHODS, SUITES

HELP = "of methods.py, or a name of a registry of sklearn_genre"
# What makes two rows the same job.
KEY = ("data", "method", "seed", "version", "threads")
# How often a job is started whose worker ended under it.
TRIES = 5
# Seconds that a job takes to start.
START = 4.0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of sets in TALENT's layout; by default SKLEARN_GENRE_DATA",
    )
    add(
        "--sets",
        nargs="+",
        required=True,
        metavar="NAME",
        help=f"names of sets; '{ALL}', or '{EXACT}': published scores are comparable",
    )
    add("--max-rows", type=int, help="leave out sets with more training rows")
    add("--methods", nargs="+", default=[], metavar="NAME", help=HELP)
    add("--suite", choices=SUITES, help="the methods of an experiment")
    add(
        "--part",
        choices=READERS,
        default="test",
        help="what is scored; for val, a fifth of train selects and test is not read",
    )
    add("--seeds", type=int, default=2, help="how many, from --seed on")
    add("--seed", type=int, default=0)
    add("--out", type=Path, required=True, metavar="FILE", help="rows, appended")
    add("--threads", type=int, default=1, help="of each job")
    add("--time-limit", type=float, default=3600.0, metavar="SECONDS", help="a job's")
    add("--memory-limit", type=float, default=8000.0, metavar="MB", help="Linux only")
    add("--n-jobs", type=int, default=1, help="at once on this machine")
    add("--backend", choices=["loky", *CLUSTERS], default="loky")
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="of dask, such as tcp://host:8786, or of ray, such as host:6379",
    )
    add("--retry", action="store_true", help="do again what failed")
    add("--dry-run", action="store_true", help="estimate the time and end")
    return options


def planned(args: argparse.Namespace) -> list[Row]:
    """Return an order for each set, seed and method that is installed."""
    folder = data_folder(args.data)
    names = [*args.methods, *SUITES.get(args.suite, [])]
    if not names:
        raise ValueError(f"Give --methods or --suite, one of {', '.join(SUITES)}.")
    try:
        methods = {name: METHODS[name] for name in names}
    except KeyError as error:
        raise ValueError(error.args[0]) from None
    there = [name for name, method in methods.items() if method.is_there]
    for name, method in methods.items():
        if name not in there:
            print(f"{name} is left out: {method.package} is not installed")
    common = {"version": package_version(), "threads": args.threads}
    sets = choose_sets(folder, args.sets, args.max_rows)
    return [
        {
            "key": {"data": data, "method": method, "seed": seed, **common},
            "folder": str(folder / data),
            "method": method,
            "seed": seed,
            "part": args.part,
            "threads": args.threads,
            "seconds": args.time_limit,
            "megabytes": args.memory_limit,
        }
        for data in sets
        for seed in range(args.seed, args.seed + args.seeds)
        for method in there
    ]


def identity(row: Row) -> tuple[Any, ...]:
    """Return what makes a row one job and no other."""
    return tuple(row[name] for name in KEY)


def append(file: BinaryIO, row: Row) -> None:
    """Write one line, and have it on the disk before going on."""
    file.write((json.dumps(row, allow_nan=False) + "\n").encode())
    file.flush()
    os.fsync(file.fileno())


def without_failures(path: Path) -> None:
    """Take the rows with an error out of a file, in one step."""
    kept = [row for row in read(path) if "error" not in row]
    copy = path.with_name(path.name + ".part")
    with copy.open("wb") as file:
        for row in kept:
            append(file, row)
    copy.replace(path)


def on_this_machine(orders: list[Row], n_jobs: int) -> Iterator[Row]:
    """Yield rows as they come, from some processes."""
    if n_jobs == 1:
        yield from map(jobs.attempt, orders)
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left = {identity(order["key"]): order for order in orders}
    for _ in range(TRIES):
        parallel = Parallel(n_jobs, batch_size=1, return_as="generator_unordered")
        calls = [delayed(jobs.attempt)(order) for order in left.values()]
        try:
            for row in parallel(calls):
                left.pop(identity(row))
                yield row
        except TerminatedWorkerError:
            continue
        return
    for order in left.values():
        yield {**order["key"], "error": f"Killed: {TRIES} workers ended under it"}


def on_cluster(orders: list[Row], scheduler: str) -> Iterator[Row]:
    """Yield rows as they come, from the workers of a cluster.

    A job whose worker ends is started on another. Workers have this checkout and the
    data under the same paths, and one job for each of their threads.
    """
    import cloudpickle
    from distributed import Client, as_completed

    cloudpickle.register_pickle_by_value(jobs)
    with Client(scheduler) as client:
        keys = {
            client.submit(
                lambda order: jobs.attempt(order),  # what has a name is sent by name
                order,
                pure=False,
                retries=TRIES,
            ): order["key"]
            for order in orders
        }
        for future in as_completed(list(keys)):
            if future.status == "finished":
                yield future.result()
            else:
                error = future.exception()
                text = f"{type(error).__name__}: {error}"
                yield {**keys[future], "error": text[:500]}


def on_ray(orders: list[Row], address: str) -> Iterator[Row]:
    """Yield rows as they come, from a cluster of Ray, as `on_cluster` does."""
    import ray
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(jobs)
    ray.init(address=address, log_to_driver=False)
    try:
        attempt = ray.remote(max_retries=TRIES)(lambda order: jobs.attempt(order))
        keys = {attempt.remote(order): order["key"] for order in orders}
        while keys:
            (done, *_), _ = ray.wait(list(keys))
            key = keys.pop(done)
            try:
                row = ray.get(done)
            except ray.exceptions.RayError as error:
                text = f"{type(error).__name__}: {error}"
                row = {**key, "error": text[:500]}
            yield row
    finally:
        ray.shutdown()


# How jobs get to a cluster, by what must be installed for it.
CLUSTERS = {"dask": ("distributed", on_cluster), "ray": ("ray", on_ray)}


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Refuse to go on while another process writes to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sign = path.with_name(path.name + ".lock")
    with sign.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ValueError(f"Another run writes to {path}.") from error
        yield
        sign.unlink()


def work(args: argparse.Namespace, orders: list[Row]) -> None:
    """Do the orders that the file has no row of."""
    if args.retry:
        without_failures(args.out)
    kept = read(args.out)
    if {row.get("part", "test") for row in kept} - {args.part}:
        raise ValueError(
            f"{args.out} has rows of another part than {args.part}: give another --out."
        )
    done = {identity(row) for row in kept}
    missing = [order for order in orders if identity(order["key"]) not in done]
    print(f"{len(orders) - len(missing)} jobs are done, {len(missing)} to do")
    if args.backend in CLUSTERS:
        rows = CLUSTERS[args.backend][1](missing, args.scheduler)
    else:
        rows = on_this_machine(missing, args.n_jobs)
    about = {"part": args.part, "commit": commit()}
    with args.out.open("ab") as file:
        for number, row in enumerate(rows, 1):
            append(file, {**row, **about})
            print(f"{number}/{len(missing)} {said(row)}", flush=True)


def said(row: Row) -> str:
    """Return one line about a row."""
    result = row.get("error") or f"rmse {row['rmse_mean']:.4g}"
    return f"{row['data']} {row['method']} {row['seed']}: {result}"


def estimate(order: Row, rows: Iterable[Row]) -> float:
    """Return the seconds of a job: as the same job took, by rows, or roughly."""
    n_rows = n_train(Path(order["folder"]))
    past = [row for row in rows if row["method"] == order["method"] and "fit_s" in row]
    same = [row["seconds"] for row in past if row["data"] == order["key"]["data"]]
    if same:
        return median(same)
    if past:
        rates = [(row["fit_s"] + row["predict_s"]) / row["n_train"] for row in past]
        return START + n_rows * median(rates)
    return rough(order["method"], n_rows)


def rough(method: str, n_rows: int) -> float:
    """Return the seconds that a job on so many training rows may take, by no row."""
    return START + n_rows * METHODS[method].seconds / 1000


def print_estimate(args: argparse.Namespace, orders: list[Row]) -> None:
    """Print what the missing jobs will take."""
    rows = jobs.rows_in(args.out)
    done = {identity(row) for row in rows}
    missing = [order for order in orders if identity(order["key"]) not in done]
    table = []
    for method in dict.fromkeys(order["method"] for order in missing):
        own = [order for order in missing if order["method"] == method]
        hours = sum(estimate(order, rows) for order in own) / 3600
        table.append({"method": method, "jobs": len(own), "hours": hours})
    print_table("What is missing", table, ["method", "jobs", "hours"])
    total = sum(row["hours"] for row in table)
    print(
        f"\n{len(missing)} of {len(orders)} jobs, {total:.2f} hours of jobs, "
        f"{total / args.n_jobs:.2f} hours with --n-jobs {args.n_jobs}"
    )


def main() -> None:
    """Run the command line."""
    options = parser()
    args = options.parse_args()
    if (args.backend in CLUSTERS) != (args.scheduler is not None):
        options.error("--backend dask or ray and --scheduler ADDRESS go together")
    if args.backend in CLUSTERS and find_spec(CLUSTERS[args.backend][0]) is None:
        options.error(
            f"{CLUSTERS[args.backend][0]} is not installed: python -m pip install "
            f"{CLUSTERS[args.backend][0]}"
        )
    try:
        orders = planned(args)
        if args.dry_run:
            print_estimate(args, orders)
        else:
            with alone(args.out):
                work(args, orders)
    except ValueError as error:
        options.error(str(error))


if __name__ == "__main__":
    main()
