"""DecodingRegressor among scikit-learn's tools."""

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from small_models import RNG, X, Y, small

from sklearn_genre.tokenizers import NormalizedTokenizer


def test_grid_search_in_a_pipeline_with_two_processes():
    pipeline = make_pipeline(
        StandardScaler(), small(tokenizer=NormalizedTokenizer(2, 3))
    )
    grid = {
        "decodingregressor__tokenizer__base": [2, 4],
        "decodingregressor__fine_tuning__n_rollouts": [2, 4],
    }
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_[-1]
    assert best.tokenizer_.base == search.best_params_[next(iter(grid))]
    alone = clone(pipeline).set_params(**search.best_params_).fit(X, Y)
    assert_allclose(search.predict(X), alone.predict(X), rtol=1e-6)


def test_predict_options_pass_through_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), small()).fit(X, Y)
    scaled = pipeline[0].transform(X)
    quantiles = pipeline.predict(X, output_type="quantiles", quantiles=[0.1, 0.9])
    assert_array_equal(quantiles, pipeline[-1].predict_quantiles(scaled, [0.1, 0.9]))


def test_cross_validation():
    model = small(pretraining_epochs=30, learning_rate=1e-2)
    scores = cross_val_score(model, X, Y, cv=3)
    assert (scores > 0.5).all()
    prediction = cross_val_predict(model, X, Y, cv=3)
    assert 1 - np.var(prediction - Y) / np.var(Y) > 0.5


def test_transformed_target():
    y = np.exp(Y)
    model = TransformedTargetRegressor(
        small(pretraining_epochs=20, learning_rate=1e-2),
        transformer=QuantileTransformer(n_quantiles=50),
    ).fit(X, y)
    for output in ("mean", "median"):
        prediction = model.predict(X, output_type=output)
        assert prediction.shape == (300,)
        assert spearmanr(prediction, y).statistic > 0.8
        assert y.min() <= prediction.min() <= prediction.max() <= y.max()


def test_permutation_importance():
    model = make_pipeline(
        QuantileTransformer(n_quantiles=50, output_distribution="normal"),
        small(pretraining_epochs=20),
    ).fit(np.exp(3 * X), Y)
    result = permutation_importance(model, np.exp(3 * X), Y, n_repeats=2)
    assert result.importances_mean.argmax() == 0
    assert result.importances_mean[0] > 0.5


def test_pandas_output_of_transformers_changes_nothing():
    frame = pd.DataFrame({"x": X[:, 0], "c": np.where(X[:, 1] > 0, "a", "b")})
    for transform in ("standard", "quantile", StandardScaler()):
        expected = small(target_transform=transform).fit(frame, Y).predict(frame)
        with config_context(transform_output="pandas"):
            model = small(target_transform=transform).fit(frame, Y)
            assert_array_equal(model.predict(frame), expected)
    with config_context(transform_output="pandas"):
        pipeline = make_pipeline(StandardScaler(), small()).fit(frame[["x"]], Y)
        assert_array_equal(pipeline[-1].feature_names_in_, ["x"])
        assert np.isfinite(pipeline.predict(frame[["x"]])).all()


def test_sample_weight_is_routed_through_a_pipeline():
    weight = RNG.integers(0, 3, size=300)
    expected = small().fit(X, Y, weight).predict(X, output_type="median")
    with config_context(enable_metadata_routing=True):
        model = small().set_fit_request(sample_weight=True)
        model.set_predict_request(output_type=True)
        pipeline = make_pipeline(QuantileTransformer(n_quantiles=50), model)
        pipeline.set_params(quantiletransformer="passthrough")
        pipeline.fit(X, Y, sample_weight=weight)
        assert_array_equal(pipeline.predict(X, output_type="median"), expected)
