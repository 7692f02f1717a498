"""Results, memory and seconds of a GPU, and its agreement with the CPU.

Without a GPU, the CPU in float64 takes its place, to show that the program works.
"""

import pickle
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from processes import in_new_process, peak, work
from rows import Results, Row, parser, print_table, set_threads
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_genre import DecodingRegressor, PointwiseRegressor, RiemannRegressor
from sklearn_genre._device import generator
from sklearn_genre.decoders import DECODERS
from sklearn_genre.encoders import ENCODERS
from sklearn_genre.losses import HISTOGRAM_LOSSES, LOSSES
from sklearn_genre.networks import HEADS
from sklearn_genre.policy_gradients import POLICY_GRADIENTS
from sklearn_genre.tokenizers import TOKENIZERS, IEEETokenizer, P10Tokenizer

N_COLUMNS = 5
BATCHES = (64, 512, 4_096)
ROWS = tuple(10**k for k in range(3, 8))
LEVELS = [0.05, 0.5, 0.95]
# Largest differences, in standard deviations of the target: of what one model
# predicts, and of the means of two fits.
PREDICT_BOUND = 1e-3
FIT_BOUND = 1e-2
# Seconds of ten times the rows over those of the rows, at most.
GROWTH = 12.0
PLAIN = {"encoder": "mlp", "decoder": "mlp"}
KINDS: dict[str, tuple[Any, dict[str, type]]] = {
    "tokenizer": (DecodingRegressor, TOKENIZERS),
    "encoder": (DecodingRegressor, ENCODERS),
    "decoder": (DecodingRegressor, DECODERS),
    "loss": (DecodingRegressor, LOSSES),
    "policy gradient": (DecodingRegressor, POLICY_GRADIENTS),
    "histogram loss": (RiemannRegressor, HISTOGRAM_LOSSES),
    "head": (PointwiseRegressor, HEADS),
}
PARAMETERS = {
    "loss": "fine_tuning",
    "policy gradient": "fine_tuning",
    "histogram loss": "loss",
}
# Formats that are small enough to be predicted from exactly: of samples, one that falls
# on the other side of an edge moves the mean by more than the bound.
SMALL = {
    "ieee": IEEETokenizer(mantissa_digits=2),
    "p10": P10Tokenizer(mantissa_digits=2, exponent_range=9),
}
COLUMNS = ("kind", "method", "rows", "batch_size", "fit_difference")
FIGURES = ("predict_difference", "peak_mb", "fit_s", "predict_s", "met")


class DrawnAlike(TorchDispatchMode):
    """Context in which all that is random is drawn on the CPU, in float64."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation; one that draws from tensors, with copies of them."""
        kwargs = kwargs or {}
        is_random = torch.Tag.nondeterministic_seeded in func.tags
        draws_here = is_random and "generator" in kwargs
        if not (draws_here and isinstance(args[0], torch.Tensor)):
            return func(*args, **kwargs)
        given = args[0]
        copy = given.double() if given.is_floating_point() else given
        copy = copy.to("cpu", copy=True)
        kwargs = kwargs | {"generator": generator(copy.device)}
        drawn = func(copy, *args[1:], **kwargs)
        if func._schema.is_mutable:
            return given.copy_(copy)
        dtype = given.dtype if drawn.is_floating_point() else drawn.dtype
        return drawn.to(given.device, dtype)


def table_of(rows: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return features and a target that is smooth in them and noisy."""
    draws = np.random.default_rng(seed)
    X = draws.standard_normal((rows, N_COLUMNS), dtype=np.float32)
    noise = 0.3 * draws.standard_normal(rows, dtype=np.float32)
    return X, np.sin(2 * X[:, 0]) + X[:, 1] + noise


def place(device: str) -> dict[str, str]:
    """Return the parameters of what is compared with the CPU in float32."""
    return {"device": device, "dtype": "float64" if device == "cpu" else "float32"}


def model_of(kind: str, method: str, epochs: int, seed: int, **where: str) -> Any:
    """Return an estimator in which one part is that of a registry."""
    make, _ = KINDS[kind]
    stages: Row = {"max_epochs": epochs}
    if make is DecodingRegressor:
        stages = {"pretraining_epochs": epochs, "fine_tuning_epochs": epochs}
        stages |= {**PLAIN, "fine_tuning": None}
    elif make is PointwiseRegressor:
        stages |= {"encoder": "mlp"}
    part = SMALL.get(method, method) if kind == "tokenizer" else method
    return make(
        **{**stages, PARAMETERS.get(kind, kind): part},
        early_stopping=False,
        random_state=seed,
        **where,
    )


def moved(model: Any, where: dict[str, str]) -> Any:
    """Return a fitted model elsewhere."""
    copy = pickle.loads(pickle.dumps(model))
    copy = pickle.loads(pickle.dumps(copy.set_params(**where)))
    if where["dtype"] == "float64":
        copy._network.double()
    return copy


def predicted(model: Any, X: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the mean, and some quantiles if the model has them."""
    if isinstance(model, PointwiseRegressor):
        return [model.predict(X)]
    return [
        model.predict(X),
        model.predict(X, output_type="quantiles", quantiles=LEVELS),
    ]


def compare(
    device: str, kind: str, method: str, rows: int, epochs: int, seed: int
) -> Row:
    """Return how far two fits are apart, and two predictions of the first."""
    (X, y), where = table_of(rows, seed), place(device)
    scale = float(y.std())
    with DrawnAlike():
        model = model_of(kind, method, epochs, seed, device="cpu").fit(X, y)
        other = model_of(kind, method, epochs, seed, **where).fit(X, y)
        pairs = zip(predicted(model, X), predicted(moved(model, where), X), strict=True)
        differences = [float(np.abs(a - b).max()) for a, b in pairs]
        apart = float(np.abs(model.predict(X) - other.predict(X)).max())
    row: Row = {
        "fit_difference": apart / scale,
        "predict_difference": max(differences) / scale,
    }
    is_near = apart <= FIT_BOUND * scale
    return row | {"met": is_near and max(differences) <= PREDICT_BOUND * scale}


def default_of(device: str, batch_size: int, seed: int) -> DecodingRegressor:
    """Return the default model, to be trained for one epoch without folds."""
    return DecodingRegressor(
        pretraining_epochs=1,
        fine_tuning=None,
        cv=None,
        batch_size=batch_size,
        random_state=seed,
        device=device,
    )


def measure_memory(device: str, rows: int, batch_size: int, seed: int) -> Row:
    """Return the peak of a fit: of the tensors of a GPU, or of the whole process."""
    default_of(device, batch_size, seed).fit(*table_of(64, seed))  # imports
    X, y = table_of(rows, seed)
    if device == "cpu":
        default_of(device, batch_size, seed).fit(X, y)
        return {"peak_mb": peak()}
    torch.cuda.reset_peak_memory_stats()
    default_of(device, batch_size, seed).fit(X, y)
    return {"peak_mb": torch.cuda.max_memory_allocated() / 1e6}


TASKS: dict[str, Callable[..., Row]] = {"memory": measure_memory}


def measure_times(device: str, rows: int, batch_size: int, seed: int) -> Row:
    """Return the seconds of an epoch, with what surrounds it, and of predictions."""
    default_of(device, batch_size, seed).fit(*table_of(64, seed))
    X, y = table_of(rows, seed)
    start = time.perf_counter()
    model = default_of(device, batch_size, seed).fit(X, y)
    middle = time.perf_counter()
    model.predict(X)  # on the CPU when it returns: no device is waited for here
    return {"fit_s": middle - start, "predict_s": time.perf_counter() - middle}


def run_times(
    results: Results, about: Row, device: str, largest: int, end: float, seed: int
) -> None:
    """Measure tables that grow, as long as the next is likely to end in time."""
    seconds = 0.0
    for rows in [rows for rows in ROWS if rows <= largest]:
        if time.perf_counter() + GROWTH * seconds > end:
            print(f"{rows} rows are left out: they would not end in time")
            return
        setting = {"rows": rows, "batch_size": BATCHES[-1], "seed": seed}
        piece = {**about, "kind": "times", "method": "default", **setting}
        begun = time.perf_counter()
        results.run(piece, partial(measure_times, device, **setting))
        seconds = time.perf_counter() - begun


def main() -> None:
    here = "cuda" if torch.cuda.is_available() else "cpu"
    options = parser(__doc__)
    add = options.add_argument
    add("--device", default=here, help="cuda if there is one, else cpu")
    add("--kinds", nargs="*", default=list(KINDS), choices=KINDS, metavar="KIND")
    add("--rows", type=int, default=64, help="of the fits that are compared")
    add("--epochs", type=int, default=1, help="of each stage of these")
    add("--batches", nargs="*", type=int, default=BATCHES)
    add("--max-rows", type=int, default=ROWS[-1], help="of the fits that are timed")
    add("--limit", type=float, default=150.0, help="seconds of all")
    args = options.parse_args()
    end = time.perf_counter() + args.limit
    set_threads(args.threads)
    results = Results(args.out, args.threads)
    about: Row = {"benchmark": "gpu_check", **place(args.device)}
    about["chip"] = "" if args.device == "cpu" else torch.cuda.get_device_name()
    for kind in args.kinds:
        setting = {"rows": args.rows, "epochs": args.epochs, "seed": args.seed}
        for method in KINDS[kind][1]:
            piece = {**about, "kind": kind, "method": method, **setting}
            task = partial(compare, args.device, kind, method, **setting)
            results.run(piece, task)
    for size in args.batches:
        setting = {"rows": 2 * size, "batch_size": size, "seed": args.seed}
        piece = {**about, "kind": "memory", "method": "default", **setting}
        measure = partial(in_new_process, __file__, args.threads, "memory")
        results.run(piece, partial(measure, device=args.device, **setting))
    run_times(results, about, args.device, args.max_rows, end, args.seed)
    empty = dict.fromkeys((*COLUMNS, *FIGURES), "")
    rows = [empty | row for row in results.rows]
    other = "the CPU in float64" if args.device == "cpu" else about["chip"]
    title = f"The CPU and {other}, at most {FIT_BOUND:g} and {PREDICT_BOUND:g} apart"
    print_table(title, rows, (*COLUMNS, *FIGURES))
    missed = [row["method"] for row in rows if row["met"] is False]
    if missed:
        raise SystemExit(f"further apart: {', '.join(missed)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        work(sys.argv[2], TASKS)
    else:
        main()
