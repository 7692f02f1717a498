"""Where the seconds of fit go, by a deterministic profiler."""

import cProfile
import pstats
import time
from functools import partial
from typing import Any

from estimators import ESTIMATORS, regressor
from rows import Results, Row, parser, print_table, set_threads
from scaling import N_COLUMNS, table_of

ROWS = (1_000, 10_000)
EPOCHS = 5
# What is summed: the end of a file's name, and a function in it.
PARTS = {
    "scales": ("_base.py", "_fit_scales"),
    "forward": ("_network.py", "forward"),
    "backward": ("torch/_tensor.py", "backward"),
    "clipping": ("clip_grad.py", "clip_grad_norm_"),
    "optimizer": ("torch/optim/optimizer.py", "wrapper"),
    "averaging": ("_training.py", "_add_to_average"),
}
LOSSES = ("_cross_entropy.py", "_number_loss.py")


class Apart:
    """A function whose seconds a profiler does not see."""

    def __init__(self, function: Any, profiler: cProfile.Profile) -> None:
        self.function = function
        self.profiler = profiler
        self.seconds = 0.0

    def __call__(self, *arguments: Any) -> Any:
        """Return what the function returns."""
        self.profiler.disable()
        start = time.perf_counter()
        result = self.function(*arguments)
        self.seconds += time.perf_counter() - start
        self.profiler.enable()
        return result


def measure(method: str, rows: int, epochs: int, seed: int) -> Row:
    """Return the seconds of a fit, and the share of each part."""
    regressor(method, 1, seed).fit(*table_of(64, N_COLUMNS, seed))
    model = regressor(method, epochs, seed)
    X, y = table_of(rows, N_COLUMNS, seed)
    profiler = cProfile.Profile()
    model._scores = validation = Apart(model._scores, profiler)
    profiler.runcall(model.fit, X, y)
    profile = pstats.Stats(profiler)
    seconds = {name: spent(profile, *part) for name, part in PARTS.items()}
    seconds["loss"] = sum(spent(profile, file, "loss") for file in LOSSES)
    seconds["validation"] = validation.seconds
    total = profile.total_tt + validation.seconds
    shares = {name: part / total for name, part in seconds.items()}
    return {"fit_s": total, **shares, "the rest": 1 - sum(shares.values())}


def spent(profile: pstats.Stats, ending: str, function: str) -> float:
    """Return the seconds in a function of a file, and in what it calls."""
    table: dict[Any, Any] = profile.stats
    return sum(
        row[3]
        for (file, _, name), row in table.items()
        if file.endswith(ending) and name == function
    )


def main() -> None:
    options = parser(__doc__)
    add = options.add_argument
    add("--methods", nargs="+", default=["default"], choices=ESTIMATORS)
    add("--rows", type=int, nargs="+", default=ROWS)
    add("--epochs", type=int, default=EPOCHS, help="of each stage of training")
    args = options.parse_args()
    set_threads(args.threads)
    results = Results(args.out, args.threads)
    for method in args.methods:
        for rows in args.rows:
            setting = {"method": method, "rows": rows, "seed": args.seed}
            setting["epochs"] = args.epochs
            piece = {"benchmark": "profiling", "data": "synthetic", **setting}
            results.run(piece, partial(measure, **setting))
    columns = ["method", "rows", "fit_s", *PARTS, "loss", "validation", "the rest"]
    print_table("Shares of the seconds of fit", results.rows, columns)


if __name__ == "__main__":
    main()
