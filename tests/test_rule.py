"""The rule of RAFT, which one network has one of."""

from functools import partial

import numpy as np
import pytest

from sklearn_genre import DecodingRegressor
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.losses import CRPS, RAFT

X = np.random.default_rng(0).normal(size=(40, 2))
Y = X[:, 0] * 2
GRID = RAFT(grid=[-2.0, 0.0, 2.0])


def small(**options):
    defaults = {
        "encoder": partial(MLPEncoder, hidden_layer_sizes=(4,)),
        "decoder": "mlp",
        "pretraining_epochs": 1,
        "fine_tuning_epochs": 1,
        "early_stopping": False,
        "random_state": 0,
    }
    return DecodingRegressor(**{**defaults, **options})


@pytest.mark.parametrize("fine_tuning", ["crps", "raft", RAFT(grid=[-1.0, 1.0])])
@pytest.mark.parametrize("pretraining", [GRID, RAFT(learnable=True)])
def test_a_grid_in_pretraining_is_refused_where_it_would_not_be_read(
    pretraining, fine_tuning
):
    model = small(pretraining=pretraining, fine_tuning=fine_tuning)
    with pytest.raises(ValueError, match=r"pretraining=RAFT\(.*another way"):
        model.fit(X, Y)


@pytest.mark.parametrize("options", [{"pretraining": "raft"}, {"fine_tuning": "raft"}])
def test_the_mean_of_all_numbers_goes_with_any_objective(options):
    assert small(**options).fit(X, Y).n_iter_ == 2


def test_one_grid_in_both_stages_is_read_in_both():
    model = small(pretraining=GRID, fine_tuning=GRID).fit(X, Y)
    np.testing.assert_allclose(
        model.predict(X), model.predict_from_grid(X, GRID.grid), rtol=1e-5
    )


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CRPS(), GRID),
        (GRID, CRPS()),
        (GRID, None),
        (GRID, RAFT(grid=[-1.0, 1.0])),
        (RAFT("quantiles"), RAFT("quantiles", normalize=True)),
    ],
)
def test_a_warm_start_refuses_another_rule(before, after, method):
    model = small(fine_tuning=before, warm_start=True).fit(X, Y)
    model.set_params(fine_tuning=after)
    with pytest.raises(ValueError, match=r"fine_tuning.*warm_start=False|pretraining="):
        getattr(model, method)(X, Y)
