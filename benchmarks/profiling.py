"""Where the seconds of fit go, by a deterministic profiler."""

import cProfile
import pstats
from functools import partial
from typing import Any

from estimators import ESTIMATORS, regressor
from rows import Results, Row, parser, print_table, set_threads
from scaling import N_COLUMNS, table_of

ROWS = (1_000, 10_000)
EPOCHS = 5
# What is summed: the end of a file's name, and a function in it.
PARTS = {
    "scales": ("estimators/_base.py", "_learn_scales"),
    "forward": ("networks/_network.py", "members"),
    "backward": ("torch/_tensor.py", "backward"),
    "clipping": ("clip_grad.py", "clip_grad_norm_"),
    "optimizer": ("torch/optim/optimizer.py", "wrapper"),
    "averaging": ("training/_averaging.py", "update"),
    "validation": ("training/_validation.py", "__call__"),
}
LOSSES = (
    "losses/_cross_entropy.py",
    "losses/_number_loss.py",
    "policy_gradients/_base.py",
)


def measure(method: str, rows: int, columns: int, epochs: int, seed: int) -> Row:
    """Return the seconds of a fit, and the share of each part."""
    regressor(method, 1, seed).fit(*table_of(64, columns, seed))
    model = regressor(method, epochs, seed)
    X, y = table_of(rows, columns, seed)
    profiler = cProfile.Profile()
    profiler.runcall(model.fit, X, y)
    profile = pstats.Stats(profiler)
    seconds = {name: spent(profile, *part) for name, part in PARTS.items()}
    seconds["loss"] = sum(spent(profile, file, "losses") for file in LOSSES)
    shares = {name: part / profile.total_tt for name, part in seconds.items()}
    return {"fit_s": profile.total_tt, **shares, "the rest": 1 - sum(shares.values())}


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
    add("--columns", type=int, default=N_COLUMNS)
    add("--epochs", type=int, default=EPOCHS, help="of each stage of training")
    args = options.parse_args()
    set_threads(args.threads)
    results = Results(args.out, args.threads)
    for method in args.methods:
        for rows in args.rows:
            setting = {"method": method, "rows": rows, "seed": args.seed}
            setting |= {"epochs": args.epochs, "columns": args.columns}
            piece = {"benchmark": "profiling", "data": "synthetic", **setting}
            results.run(piece, partial(measure, **setting))
    columns = ["method", "rows", "columns", "fit_s", *PARTS, "loss", "the rest"]
    print_table("Shares of the seconds of fit", results.rows, columns)


if __name__ == "__main__":
    main()
