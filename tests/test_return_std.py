"""``predict(X, return_std=True)``, as of Gaussian processes, and its types."""

from typing import get_overloads

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.compose import TransformedTargetRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.estimators._overloads import Predict
from sklearn_genre.metrics import neg_crps_scorer

SMALL = {"encoder": "mlp", "random_state": 0}
MODELS = {
    "decoding": DecodingRegressor(pretraining_epochs=1, fine_tuning=None, **SMALL),
    "raft": RAFTRegressor(pretraining_epochs=1, fine_tuning_epochs=1, **SMALL),
    "pointwise": PointwiseRegressor(max_epochs=1, **SMALL),
    "riemann": RiemannRegressor(max_epochs=1, **SMALL),
}


def data(n=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, X @ [1.0, 2.0, 3.0] + rng.normal(size=n)


@pytest.mark.parametrize("name", MODELS)
def test_the_mean_and_the_standard_deviation_are_those_of_predict(name):
    X, y = data()
    model = MODELS[name].fit(X, y)
    mean, std = model.predict(X, return_std=True)
    assert_array_equal(mean, model.predict(X))
    assert_array_equal(std, model.predict(X, output_type="std"))
    with pytest.raises(ValueError, match="return_std is for output_type='mean'"):
        model.predict(X, output_type="median", return_std=True)


def test_pipelines_hand_everything_on_with_metadata_routing_too():
    X, y = data()
    with config_context(enable_metadata_routing=True):
        model = make_pipeline(StandardScaler(), MODELS["riemann"]).fit(X, y)
        mean, std = model.predict(X, return_std=True)
        assert_array_equal(mean, model.predict(X))
        assert_array_equal(std, model.predict(X, output_type="std"))
        quantiles = model.predict(X, output_type="quantiles", quantiles=[0.2])
        dist = model.predict(X, output_type="distribution")
        assert_array_equal(quantiles, dist.ppf([[0.2]]))
        assert neg_crps_scorer(model, X, y) == -dist.crps(y).mean()


def test_an_imputer_draws_from_the_distributions():
    X, _ = data()
    X[:, 2] = X[:, 0] + X[:, 1]
    holes = X.copy()
    holes[::7, 2] = np.nan
    model = RiemannRegressor(max_epochs=2, **SMALL)
    first, second = (
        IterativeImputer(
            model, sample_posterior=True, max_iter=1, random_state=seed
        ).fit_transform(holes)
        for seed in (0, 1)
    )
    assert np.isfinite(first).all()
    assert (first[::7, 2] != second[::7, 2]).all()
    assert_array_equal(first[1::7], X[1::7])


def test_a_transformed_target_says_where_to_transform_it():
    X, y = data()
    model = TransformedTargetRegressor(
        MODELS["riemann"], func=np.arcsinh, inverse_func=np.sinh
    ).fit(X, y)
    with pytest.raises(AttributeError, match=r"cannot map.*target_transform=\.\.\."):
        model.predict(X, output_type="distribution")


def test_type_checkers_know_what_is_returned():
    returned = {
        str(overload.__annotations__["return"])
        for overload in get_overloads(Predict.__call__)
    }
    assert returned == {"Array", "PredictiveDistribution", "tuple[Array, Array]", "Any"}
