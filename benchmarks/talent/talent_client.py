"""Our estimators inside TALENT: a method class with its conventions.

TALENT hands a method dicts of arrays, N, C and y, with the parts "train" and "val" in
`fit` and "test" in `predict`. This file needs nothing else of the benchmark, so that it
can be copied into a TALENT checkout. Run by itself it fits one set of a TALENT folder.
"""

import argparse
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from sklearn_genre import DecodingRegressor

Arrays = dict[str, NDArray[Any]]
Data = tuple[Arrays | None, Arrays | None, Arrays]

METRICS = ("MAE", "R2", "RMSE")
# What TALENT takes for a missing category.
MISSING = ("nan", "NaN", "", "None")


class DecodingMethod:
    """DecodingRegressor as a method of TALENT.

    Parameters
    ----------
    args : namespace
        With `seed`, `save_path` and `config`; `config["model"]` holds the parameters
        of the estimator.
    is_regression : bool
        Must be true.
    """

    def __init__(self, args: Any, is_regression: bool) -> None:
        if not is_regression:
            raise ValueError("sklearn_genre is for regression; this task is not one.")
        self.args = args

    def fit(
        self,
        data: Data,
        info: dict[str, Any],
        train: bool = True,
        config: dict[str, Any] | None = None,
    ) -> float | None:
        """Fit to the parts "train" and "val", save the model, return the seconds.

        Categories and missing values go in as they are: the estimator encodes them.
        """
        N, C, y = data
        if config is not None:
            self.args.config = config
        if not train:
            return None
        model = DecodingRegressor(
            categorical_features=category_places(N, C),
            random_state=self.args.seed,
            **self.args.config.get("model", {}),
        )
        start = time.perf_counter()
        model.fit(
            columns(N, C, "train"),
            target(y, "train"),
            X_val=columns(N, C, "val"),
            y_val=target(y, "val"),
        )
        self.fit_time = time.perf_counter() - start
        joblib.dump(model, self.path("best-val"))
        return self.fit_time

    def predict(
        self, data: Data, info: dict[str, Any], model_name: str
    ) -> tuple[tuple[float, ...], tuple[str, ...], NDArray[np.float64]]:
        """Return the scores of the part "test", their names, and the predictions.

        All are in the units of the target. `distribution` then holds the predictive
        distributions.
        """
        N, C, y = data
        model = joblib.load(self.path(model_name))
        X = columns(N, C, "test")
        prediction = model.predict(X)
        self.distribution = model.predict_distribution(X)
        return self.metric(prediction, target(y, "test")), METRICS, prediction

    def metric(
        self, predictions: NDArray[Any], labels: NDArray[Any], y_info: Any = None
    ) -> tuple[float, ...]:
        """Return mean absolute error, R2 and root mean squared error."""
        scores = (mean_absolute_error, r2_score, root_mean_squared_error)
        return tuple(float(score(labels, predictions)) for score in scores)

    def path(self, model_name: str) -> Path:
        """Return the file of the model, named as TALENT names it."""
        return Path(self.args.save_path) / f"{model_name}-{self.args.seed}.pkl"


def columns(N: Arrays | None, C: Arrays | None, part: str) -> NDArray[Any]:
    """Return the numbers and categories of a part side by side."""
    blocks = []
    if N is not None:
        blocks.append(N[part].astype(np.float64))
    if C is not None:
        text = C[part].astype(str)
        categories = text.astype(object)
        categories[np.isin(text, MISSING)] = None
        blocks.append(categories)
    return np.concatenate(blocks, axis=1)


def target(y: Arrays, part: str) -> NDArray[np.float64]:
    """Return the targets of a part, which TALENT may hold as objects in a column."""
    return np.asarray(y[part], dtype=np.float64).ravel()


def category_places(N: Arrays | None, C: Arrays | None) -> list[int]:
    """Return the places of the categories, which come last."""
    start = 0 if N is None else N["train"].shape[1]
    return [] if C is None else list(range(start, start + C["train"].shape[1]))


def register(name: str = "decoding") -> None:
    """Let TALENT know the method: its registry, or ``get_method`` where it has none.

    Scripts that import ``get_method`` by name must do so afterwards.
    """
    try:
        from TALENT.model.method_registry import (
            METHOD_REGISTRY,
            Architecture,
            Hardware,
            MethodSpec,
            OutputType,
        )
    except ImportError:  # 0.0.2
        from TALENT.model import utils

        others = utils.get_method
        utils.get_method = lambda model: (
            DecodingMethod if model == name else others(model)
        )
        return

    METHOD_REGISTRY[name] = MethodSpec(
        name=name,
        module=__name__,
        class_name="DecodingMethod",
        architecture=Architecture.CLASSICAL,
        hardware=Hardware.CPU,
        output_type=OutputType.CLASS_LABELS,
        supports_hpo=False,
        supports_classification=False,
    )


def get_dataset(
    name: str, folder: Path, *, allow_pickle: bool = False
) -> tuple[Data, Data, dict[str, Any]]:
    """Return the data as TALENT's function of this name does: N, C, y of the parts."""

    def of(parts: tuple[str, ...]) -> Data:
        N, C, y = (
            {
                part: np.load(
                    folder / name / f"{kind}_{part}.npy", allow_pickle=allow_pickle
                )
                for part in parts
            }
            if (folder / name / f"{kind}_{parts[0]}.npy").exists()
            else None
            for kind in "NCy"
        )
        assert y is not None, f"{folder / name} has no targets"
        return N, C, y

    info = json.loads((folder / name / "info.json").read_text(encoding="utf-8"))
    return of(("train", "val")), of(("test",)), info


def main() -> None:
    """Fit one set and print its scores."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, metavar="DIR")
    options.add_argument("--set", required=True, metavar="NAME")
    options.add_argument("--save-path", type=Path, required=True, metavar="DIR")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--model", type=json.loads, default={}, metavar="JSON")
    options.add_argument(
        "--allow-pickle",
        action="store_true",
        help="read arrays of objects, as TALENT does; for files that you trust",
    )
    given = options.parse_args()
    given.save_path.mkdir(parents=True, exist_ok=True)
    args = SimpleNamespace(
        seed=given.seed, save_path=given.save_path, config={"model": given.model}
    )
    train_val, test, info = get_dataset(
        given.set, given.data, allow_pickle=given.allow_pickle
    )
    method = DecodingMethod(args, info["task_type"] == "regression")
    seconds = method.fit(train_val, info)
    scores, names, _ = method.predict(test, info, "best-val")
    for name, score in zip(names, scores, strict=True):
        print(f"{name}: {score:.4f}")
    lower, upper = method.distribution.interval(0.9).T
    y = target(test[2], "test")
    inside = np.mean((lower <= y) & (y <= upper))
    print(f"inside the 90 % interval: {inside:.3f}")
    print(f"seconds of fit: {seconds:.1f}")


if __name__ == "__main__":
    main()
