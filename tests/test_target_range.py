"""Targets that have a range: no prediction leaves it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer
from small_models import ENCODER, X, small

from sklearn_genre import PointwiseRegressor, RAFTRegressor, RiemannRegressor
from sklearn_genre.losses import RAFT
from sklearn_genre.metrics import crps_score

COUNTS = np.random.default_rng(0).poisson(np.exp(X[:, 0]) / 2).astype(float)
SHORT = {"encoder": ENCODER, "random_state": 0}
FEW = {"pretraining_epochs": 2, "fine_tuning_epochs": 1, "decoder": "mlp"}
MODELS = {
    "digits": small(),
    "anchored": small(decoder="anchored", fine_tuning=None),
    "large": small(tokenizer="ieee"),
    "raft": RAFTRegressor(**SHORT, **FEW),
    "grid": RAFTRegressor(
        **SHORT, **FEW, fine_tuning=RAFT([0.0, 1, 2, 5], learnable=True)
    ),
    "point": PointwiseRegressor(**SHORT, max_epochs=3),
    "bins": RiemannRegressor(**SHORT, max_epochs=3),
    "quantile": small(target_transform="quantile"),
    "falling": small(
        target_transform=FunctionTransformer(np.negative, np.negative),
        decoder="anchored",
    ),
}
RANGES = [(0, None), (None, 9), (0.0, 9.0), np.array([0, 20])]


def numbers_of(model):
    """Yield everything that a model predicts, in the units of the target."""
    rows = X[:70]
    dist = model.predict_distribution(rows)
    yield from (dist.support, dist.edges, dist.bounds, dist.mean())
    for output in set(model._read) - {"std"}:
        yield model.predict(rows, output_type=output)
    yield model.predict_quantiles(rows, [1e-12, 0.01, 0.5, 0.99, 1 - 1e-12])
    yield model.predict_interval(rows, 0.999)
    yield model.sample_y(rows, 200)
    if hasattr(model, "predict_from_samples"):
        yield model.predict_from_samples(rows)
        yield model.predict_from_grid(rows, [0.0, 1, 2, 5], normalize=True)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("target_range", RANGES, ids=str)
def test_nothing_that_is_predicted_leaves_the_range(name, target_range):
    model = clone(MODELS[name]).set_params(target_range=target_range)
    model.fit(X, np.minimum(COUNTS, 9))
    low, high = target_range
    for numbers in numbers_of(model):
        assert (numbers >= (-np.inf if low is None else low)).all()
        assert (numbers <= (np.inf if high is None else high)).all()


@pytest.mark.parametrize("name", MODELS)
def test_the_prediction_is_that_of_the_clipped_distribution(name):
    free = clone(MODELS[name]).set_params(scoring="expected_error").fit(X, COUNTS)
    model = clone(free).set_params(target_range=(0, None)).fit(X, COUNTS)
    ours = model.predict_distribution(X)
    theirs = free.predict_distribution(X).clip(0, None)
    levels = [0.1, 0.5, 0.9]
    assert_allclose(ours.ppf([levels]), theirs.ppf([levels]), rtol=1e-9, atol=1e-12)
    assert_allclose(ours.mean(), theirs.mean(), rtol=1e-12)
    if name in ("raft", "grid"):  # of which the mean itself was trained
        assert_allclose(model.predict(X), free.predict(X).clip(0), rtol=1e-12)
    else:
        assert_array_equal(model.predict(X), ours.mean())


def test_validation_scores_are_those_of_the_clipped_distribution():
    model = small(target_range=(0, None), fine_tuning=None)
    model.fit(X, COUNTS, X_val=X, y_val=COUNTS)
    (row,) = [row for row in model.history_ if row["selected"]]
    dist = model.predict_distribution(X)
    assert_allclose(row["validation_crps"], crps_score(COUNTS, dist), rtol=1e-6)


@pytest.mark.parametrize("open_range", [None, (None, None), (-1e6, 1e6)])
def test_a_range_that_holds_all_changes_nothing(open_range):
    model = small(target_range=open_range).fit(X, COUNTS)
    assert_array_equal(model.predict(X), small().fit(X, COUNTS).predict(X))


@pytest.mark.parametrize(
    ("target_range", "message"),
    [
        ((1, None), r"y holds 0, outside of target_range=\(1, None\)"),
        ((None, 0.5), r"y holds .*, outside of target_range=\(None, 0.5\)"),
        ((3, 3), "must be ascending"),
        ((5, 0), "must be ascending"),
        ((0, np.nan), r"target_range\[1\] == nan"),
        ((0, 10**400), r"target_range\[1\] == 10+"),
        ((0, 1, 2), r"such as \(0, None\); got \(0, 1, 2\)"),
        (("a", None), r"target_range\[0\] must be an instance of float"),
        (0, "'target_range' parameter"),
    ],
)
def test_ranges_that_are_none(target_range, message):
    with pytest.raises((ValueError, TypeError), match=message):
        small(target_range=target_range).fit(X, COUNTS)


def test_later_targets_are_checked_too():
    model = small(target_range=(0, None), warm_start=True)
    with pytest.raises(ValueError, match="y_val holds -1"):
        model.fit(X, COUNTS, X_val=X, y_val=COUNTS - 1)
    model.fit(X, COUNTS)
    with pytest.raises(ValueError, match="y holds -1"):
        model.fit(X, COUNTS - 1)
    with pytest.raises(ValueError, match="target_range"):
        model.set_params(target_range=None).fit(X, COUNTS)
