"""What each process of `test_distributed` runs: fits, and what came of them."""

import os
import signal
import sys
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.utils import check_random_state
from torch import nn

from sklearn_genre import DecodingRegressor, RAFTRegressor, RiemannRegressor
from sklearn_genre.encoders import TabularEncoder

RNG = np.random.default_rng(0)
X = RNG.normal(size=(201, 3))
Y = X[:, 0] + 0.3 * RNG.normal(size=201)
SMALL = partial(TabularEncoder, hidden_layer_sizes=(16, 16), n_members=2)
DROPS = partial(SMALL, dropout=0.2)


class PartlyUsed(nn.Module):
    """An encoder with a layer that is not used."""

    def __init__(self, columns):
        super().__init__()
        self.width = 8
        self.layer, self.unused = nn.Linear(columns.n_numeric, 8), nn.Linear(2, 2)

    def forward(self, columns):
        return self.layer(columns.numbers).relu()


class Normed(nn.Module):
    """An encoder with statistics of the batches."""

    def __init__(self, columns):
        super().__init__()
        self.width = 8
        self.layers = nn.Sequential(nn.Linear(columns.n_numeric, 8), nn.BatchNorm1d(8))

    def forward(self, columns):
        return self.layers(columns.numbers)


SHARED = {"dtype": "float64", "random_state": 0, "device": "cpu"}
EPOCHS = {"pretraining_epochs": 3, "fine_tuning_epochs": 2, **SHARED}
# Those whose steps draw nothing are the same in one process.
SAME = {
    "folds": partial(DecodingRegressor, **EPOCHS),
    "held_out": partial(DecodingRegressor, encoder=SMALL, batch_size=64, **EPOCHS),
    "raft": partial(RAFTRegressor, encoder=SMALL, temperature="validation", **EPOCHS),
    "one_batch": partial(
        RiemannRegressor, encoder=SMALL, max_epochs=3, batch_size=len(X), **SHARED
    ),
    "unused": partial(DecodingRegressor, encoder=PartlyUsed, **EPOCHS),
}
OTHERS = {
    "drops": partial(DecodingRegressor, encoder=DROPS, fine_tuning="remax", **EPOCHS),
    "normed": partial(DecodingRegressor, encoder=Normed, max_fit_seconds=1.0, **EPOCHS),
}
LONG = partial(DecodingRegressor, encoder=DROPS, **EPOCHS)


class Kill:
    """A callback that kills the second process in the second epoch."""

    def setup(self, estimator, context):
        """Do nothing."""

    def teardown(self, estimator, context):
        """Do nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing."""

    def on_fit_task_end(self, estimator, context, *, metadata):
        if os.environ["RANK"] == "1" and metadata and metadata["epoch"] == 2:
            os.kill(os.getpid(), signal.SIGKILL)


def result(model):
    """Return the weights, what is predicted, and the history without its seconds."""
    state = {k: v.numpy() for k, v in model.network_.state_dict().items()}
    history = [{**row, "seconds": 0} for row in model.history_]
    return {"state": state, "prediction": model.predict(X), "history": history}


def refused(X, y, groups=None, **options):
    """Return the error of a fit."""
    try:
        LONG(distributed=True).set_params(**options).fit(X, y, groups=groups)
    except ValueError as error:
        return str(error)


def main():
    """Fit, and leave the results of this process."""
    task, folder = sys.argv[1], Path(sys.argv[2])
    rank = int(os.environ["RANK"])
    if task == "all":
        models = {**SAME, **OTHERS, "long": LONG}
        found = {
            name: result(make(distributed=True).fit(X, Y))
            for name, make in models.items()
        }
        found["refused"] = refused(X, Y + rank)
        kinds = pd.DataFrame({"a": np.where(X[:, 0] > 0, "p", "q"), "b": X[:, 1]})
        found["refused_kinds"] = refused(kinds[:: 1 - 2 * rank], Y)
        found["refused_groups"] = refused(X, Y, groups=np.arange(len(Y)) % (5 + rank))
        found["refused_seed"] = refused(X, Y, checkpoint="x.pt", random_state=None)
        random = check_random_state(0)
        LONG(distributed=True).set_params(random_state=random).fit(X, Y)
        found["draw"] = random.random_sample()
    else:
        model = LONG(distributed=True, checkpoint=folder / "fit.pt")
        if task == "killed":
            model.set_callbacks(Kill())
        found = {"long": result(model.fit(X, Y))}
    joblib.dump(found, folder / f"{task}{rank}.joblib")


if __name__ == "__main__":
    main()
