"""DecodingRegressor from end to end, and among scikit-learn's tools."""

import pickle
import random
from functools import cache, partial

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    QuantileTransformer,
    StandardScaler,
)

from sklearn_genre import DecodingRegressor, _base
from sklearn_genre._base import BLOCK, CHUNK, description
from sklearn_genre._training import train
from sklearn_genre.distributions import MAX_LEAVES, PredictiveDistribution, _lazy
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.losses import (
    HISTOGRAM_LOSSES,
    LOSSES,
    DigitLoss,
    ExpectedNumberLoss,
    HistogramLoss,
    LogLoss,
    SquaredError,
)
from sklearn_genre.networks import DECODERS, MLPDecoder
from sklearn_genre.policy_gradients import (
    GRPO,
    POLICY_GRADIENTS,
    RLOO,
    PolicyGradient,
    ReMax,
)
from sklearn_genre.tokenizers import TOKENIZERS, IEEETokenizer, NormalizedTokenizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
Y = 3 * X[:, 0] + 0.3 * RNG.normal(size=300)
POINTS = ["mean", "median", "mode", "greedy", "std"]
OUTPUTS = [*POINTS, "quantiles"]
FORMATS = {
    **{name: tokenizer() for name, tokenizer in TOKENIZERS.items()},
    "small": NormalizedTokenizer(10, 1),
    "as_many_values_as_rows_in_a_block": NormalizedTokenizer(2, int(np.log2(BLOCK))),
    "large": NormalizedTokenizer(10, 5),
    "large_ieee": IEEETokenizer(10, 2, 6),
}
every_format = pytest.mark.parametrize("name", FORMATS)


def small(**parameters):
    """Return a regressor that fits in a few hundredths of a second."""
    defaults = {
        "encoder": partial(MLPEncoder, hidden_layer_sizes=(16,)),
        "decoder": partial(MLPDecoder, hidden_size=16),
        "fine_tuning": ReMax(n_rollouts=4),
        "learning_rate": 2e-3,
        "pretraining_epochs": 3,
        "fine_tuning_epochs": 1,
        "random_state": 0,
    }
    return DecodingRegressor(**(defaults | parameters))


def weights_of(model):
    """Return the weights of the fitted network as one array."""
    return torch.cat(
        [p.detach().flatten() for p in model.network_.parameters()]
    ).numpy()


@pytest.fixture(scope="module")
def fitted():
    """A fitted regressor that no test may change."""
    return small(pretraining_epochs=20).fit(X, Y)


@cache
def fitted_with(name):
    """Return a fitted regressor of a number format, which no test may change."""
    return small(tokenizer=FORMATS[name]).fit(X, Y)


# Shapes and consistency -----------------------------------------------------


@every_format
def test_shapes_and_dtypes_of_every_output(name):
    model = fitted_with(name)
    for output in POINTS:
        prediction = model.predict(X[:7], output_type=output)
        assert prediction.shape == (7,)
        assert prediction.dtype == np.float64
        assert np.isfinite(prediction).all()
    assert (model.predict(X, output_type="std") >= 0).all()
    quantiles = model.predict(X[:7], output_type="quantiles", quantiles=[0.9, 0.1])
    assert quantiles.shape == (7, 2)
    assert quantiles.dtype == np.float64
    assert (quantiles[:, 0] >= quantiles[:, 1]).all()  # in the order asked
    assert model.predict_interval(X[:7]).shape == (7, 2)
    assert model.sample_y(X[:7], 3).shape == (7, 3)
    assert len(model.predict(X[:7], output_type="distribution")) == 7


@every_format
def test_predictions_are_those_of_the_distribution(name):
    model = fitted_with(name)
    dist = model.predict_distribution(X)
    assert isinstance(dist, PredictiveDistribution)
    assert_allclose(dist.pmf().sum(1), 1)
    for output in ("mean", "median", "mode", "std"):
        expected = getattr(dist, output)()
        assert_allclose(model.predict(X, output_type=output), expected, rtol=1e-12)
    levels = [0.2, 0.7]
    assert_allclose(model.predict_quantiles(X, levels), dist.ppf(levels), rtol=1e-12)
    assert_allclose(model.predict_interval(X, 0.8), dist.interval(0.8), rtol=1e-12)
    assert_array_equal(
        model.predict(X, output_type="quantiles", quantiles=levels),
        model.predict_quantiles(X, levels),
    )


def test_quantiles_have_default_levels(fitted):
    expected = fitted.predict_quantiles(X, [0.05, 0.25, 0.5, 0.75, 0.95])
    assert_array_equal(fitted.predict_quantiles(X), expected)
    assert_array_equal(fitted.predict(X, output_type="quantiles"), expected)
    assert_array_equal(fitted.predict_quantiles(X, 0.5)[:, 0], expected[:, 2])


@every_format
def test_quantiles_never_cross(name):
    levels = np.concatenate([[1e-9], np.linspace(0.001, 0.999, 999), [1 - 1e-9]])
    quantiles = fitted_with(name).predict_quantiles(X[:50], levels)
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_quantiles_and_interval_hold_their_share(fitted):
    dist = fitted.predict_distribution(X)
    levels = np.array([0.05, 0.5, 0.95])
    assert_allclose(dist.cdf(dist.ppf(levels)), np.tile(levels, (300, 1)), atol=1e-9)


def test_greedy_takes_the_likeliest_first_digit(fitted):
    """With one digit greedy is the mode; with more it stays among the numbers."""
    one_digit = small(tokenizer=NormalizedTokenizer(10, 1)).fit(X, Y)
    assert_allclose(
        one_digit.predict(X, output_type="greedy"),
        one_digit.predict(X, output_type="mode"),
    )
    support = fitted.predict_distribution(X).support
    greedy = fitted.predict(X, output_type="greedy")
    distance = np.abs(greedy[:, None] - support).min(1)
    assert_allclose(distance, 0, atol=1e-9)
    middle = (support[127] + support[128]) / 2  # numbers below start with a zero
    upper_half = fitted.predict_distribution(X).pmf()[:, 128:].sum(1) > 0.5
    assert_array_equal(greedy > middle, upper_half)


def test_samples_follow_the_distribution(fitted):
    samples = fitted.sample_y(X[:20], 4000, random_state=1)
    dist = fitted.predict_distribution(X[:20])
    error = dist.std() / np.sqrt(4000)
    assert (np.abs(samples.mean(1) - dist.mean()) < 5 * error).all()
    share = (samples <= dist.median()[:, None]).mean(1)
    assert_allclose(share, 0.5, atol=0.05)


def test_samples_are_reproducible(fitted):
    assert_array_equal(fitted.sample_y(X, 2), fitted.sample_y(X, 2, random_state=0))
    assert (fitted.sample_y(X, 2) != fitted.sample_y(X, 2, random_state=1)).any()
    assert fitted.sample_y(X).shape == (300, 1)
    generator = np.random.RandomState(3)
    first = fitted.sample_y(X, 1, generator)
    assert (first != fitted.sample_y(X, 1, generator)).any()


# Determinism ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("decoder", "fine_tuning"),
    [
        *[("mlp", name) for name in (None, *POLICY_GRADIENTS)],
        *[(name, ReMax(n_rollouts=2)) for name in DECODERS],
    ],
)
def test_same_seed_same_bits(decoder, fine_tuning):
    settings = {"decoder": decoder, "fine_tuning": fine_tuning, "pretraining_epochs": 1}
    first, second = (small(**settings).fit(X, Y) for _ in range(2))
    other = small(**settings, random_state=1).fit(X, Y)
    assert_array_equal(weights_of(first), weights_of(second))
    assert_array_equal(first.predict(X[:20]), second.predict(X[:20]))
    assert (weights_of(first) != weights_of(other)).any()


def test_global_state_does_not_matter():
    first = small().fit(X, Y).predict(X)
    with torch.random.fork_rng([]):
        torch.manual_seed(123)
        second = small().fit(X, Y).predict(X)
    assert_array_equal(first, second)


def test_global_generators_are_untouched():
    def state():
        numpy_state = np.random.get_state()  # noqa: NPY002
        return (
            torch.get_rng_state().tolist(),
            [np.asarray(part).tolist() for part in numpy_state],
            random.getstate(),
        )

    before = state()
    model = small(target_transform="quantile", tokenizer="p10").fit(X, Y)
    assert state() == before
    for output in (*OUTPUTS, "distribution"):
        model.predict(X, output_type=output)
    model.sample_y(X, 2)
    model.predict_interval(X)
    assert state() == before
    pickle.loads(pickle.dumps(model))
    assert state() == before


@every_format
def test_predictions_do_not_depend_on_the_batch(name):
    model = fitted_with(name)

    def answers(rows):
        dist = model.predict_distribution(rows)
        quantiles = dist.ppf([0.01, 0.3, 0.99])
        points = [dist.mean(), dist.mode(), model.predict(rows, output_type="greedy")]
        return np.column_stack([*points, quantiles])

    everything = answers(X)
    for n in (1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 299):
        assert_allclose(answers(X[-n:]), everything[-n:], rtol=1e-9, atol=1e-12)
    order = RNG.permutation(300)
    assert_allclose(answers(X[order]), everything[order], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["normalized", "large"])
def test_predictions_of_many_rows_are_those_of_few(name):
    model, rows = fitted_with(name), X[:50]
    times = CHUNK // 50 + 2
    many = np.tile(rows, (times, 1))  # more than one chunk
    expected = np.tile(model.predict(rows), times)
    assert_allclose(model.predict(many), expected, rtol=1e-9)
    assert_allclose(model.predict_distribution(many).mean(), expected, rtol=1e-9)
    assert len(model.predict(many, output_type="greedy")) == len(many)


@pytest.mark.parametrize("length", range(1, 13))
def test_every_length_works_with_every_number_of_rows(length):
    model = small(tokenizer=NormalizedTokenizer(2, length), pretraining_epochs=1)
    model.fit(X, Y)
    for n in (1, 2**length, 300):
        assert model.predict(X[:n]).shape == (min(n, 300),)


# Fitting --------------------------------------------------------------------


@pytest.mark.parametrize("decoder", DECODERS)
def test_it_learns(decoder):
    train_X, train_y = make_friedman1(600, noise=0.5, random_state=0)
    test_X, test_y = make_friedman1(300, noise=0.5, random_state=1)
    model = DecodingRegressor(
        decoder=decoder,
        encoder=partial(MLPEncoder, hidden_layer_sizes=(64, 64)),
        fine_tuning=ReMax(n_rollouts=8),
        pretraining_epochs=25,
        fine_tuning_epochs=3,
        learning_rate=4e-3,
        random_state=0,
    ).fit(train_X, train_y)
    assert model.score(test_X, test_y) > 0.8
    lower, upper = model.predict_interval(test_X).T
    assert 0.4 < ((lower <= test_y) & (test_y <= upper)).mean() <= 1


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("early_stopping", ["auto", True])
@pytest.mark.parametrize("fine_tuning", [None, *POLICY_GRADIENTS])
def test_a_handful_of_rows_is_fine(n, early_stopping, fine_tuning):
    model = small(fine_tuning=fine_tuning, early_stopping=early_stopping)
    model.fit(X[:n], Y[:n])
    for output in OUTPUTS:
        assert np.isfinite(model.predict(X[:5], output_type=output)).all()


def test_warm_start_continues():
    cold = small(fine_tuning=None, early_stopping=False).fit(X, Y)
    warm = clone(cold).set_params(warm_start=True).fit(X, Y)
    assert_array_equal(warm.predict(X), cold.predict(X))
    warm.fit(X, Y)
    assert warm.n_iter_ == 6
    assert [row["epoch"] for row in warm.history_] == [1, 2, 3, 0, 1, 2, 3]
    assert warm.history_[4]["train_loss"] < warm.history_[0]["train_loss"]
    cold.fit(X, Y)
    assert cold.n_iter_ == len(cold.history_) == 3


def test_warm_start_keeps_a_better_state():
    model = small(fine_tuning=None, warm_start=True, pretraining_epochs=20)
    model.fit(X, Y, X_val=X, y_val=Y)
    before = model.predict(X)
    model.set_params(pretraining_epochs=1, learning_rate=1.0).fit(
        X, Y, X_val=X, y_val=Y
    )
    assert_array_equal(model.predict(X), before)


def test_warm_start_refuses_another_structure():
    model = small(warm_start=True).fit(X, Y)
    model.set_params(decoder="transformer", tokenizer="ieee")
    with pytest.raises(ValueError, match=r"\['tokenizer', 'decoder'\] changed since"):
        model.fit(X, Y)


def own_function(values):
    """Return the logarithm; its repr is an address."""
    return np.log(values)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([1, 2, 3], np.array([1.0, 2.0, 3.0]), True),
        (np.arange(2000.0), np.arange(2000) + (np.arange(2000) == 1000), False),
        ([True, False], [1, 0], False),
        (np.log1p, np.log1p, True),
        (np.log1p, np.expm1, False),
        (partial(MLPEncoder, hidden_layer_sizes=(8,)), MLPEncoder, False),
        (partial(small, width=[1]), partial(small, width=np.ones(1)), True),
        (NormalizedTokenizer(2, 3), NormalizedTokenizer(2, 3), True),
        (NormalizedTokenizer(2, 3), NormalizedTokenizer(2, 4), False),
        ("mlp", "transformer", False),
        (None, "None", False),
    ],
)
def test_structures_are_compared_by_what_they_are(one, other, same):
    assert (description(one) == description(other)) == same


def test_a_structure_holds_no_address():
    model = small(
        target_transform=FunctionTransformer(own_function, inverse_func=np.exp),
        encoder=partial(own_function, 8),
        decoder=own_function,
    )
    structure = model._describe_structure()
    for name in ("target_transform", "encoder", "decoder"):
        assert f"{__name__}.own_function" in structure[name]
        assert " at 0x" not in structure[name]


def test_warm_start_warns_of_targets_out_of_range():
    model = small(warm_start=True).fit(X, Y)
    with pytest.warns(UserWarning, match="of the new targets lie outside"):
        model.fit(X, 100 * Y)


def test_a_distribution_waits_for_no_other_fit(monkeypatch):
    model = small().fit(X, Y)
    expected = model.predict(X)

    def wait(*_):
        raise AssertionError("this would wait for the generator of another fit")

    monkeypatch.setattr(_base, "seeded", wait)
    monkeypatch.setattr(_base, "resolve_device", wait)
    assert_array_equal(model.predict_distribution(X).mean(), expected)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_a_lazy_distribution_does_not_see_a_later_fit(temperature, monkeypatch):
    monkeypatch.setattr(_lazy, "MAX_KEPT", 0)
    model = small(tokenizer="ieee", temperature=temperature, warm_start=True).fit(X, Y)
    dist = model.predict_distribution(X)
    before = model.predict(X)
    model.set_params(temperature=0.5).fit(X, Y)
    assert (model.predict(X) != before).any()
    assert_array_equal(dist.mean(), before)


def test_fits_in_threads_have_the_same_bits_and_touch_no_generator():
    before = torch.get_rng_state()
    fits = Parallel(n_jobs=2, backend="threading")(
        delayed(small().fit)(X, Y) for _ in range(4)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for model in fits:
        assert_array_equal(model.predict(X), small().fit(X, Y).predict(X))


def test_fit_works_where_gradients_are_off():
    with torch.inference_mode():
        model = small(pretraining="crps").fit(X, Y)
    again = pickle.loads(pickle.dumps(model.set_params(warm_start=True)))
    assert_array_equal(again.predict(X), small(pretraining="crps").fit(X, Y).predict(X))
    again.fit(X, Y)  # on leaves that predict has cached


def test_warm_start_refuses_other_columns():
    model = small(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=r"3 features, but .* expecting 4"):
        model.fit(X[:, :3], Y)


def test_given_validation_rows_are_used_and_never_split(monkeypatch):
    n_rows = []

    def spy(network, stage, data, selection, **settings):
        n_rows.append(len(data.y))
        return train(network, stage, data, selection, **settings)

    monkeypatch.setattr("sklearn_genre._base.train", spy)
    small(early_stopping=True).fit(X, Y, X_val=X[:20], y_val=Y[:20])
    small(early_stopping=False).fit(X, Y)
    small(early_stopping=True, validation_fraction=0.2).fit(X, Y)
    assert n_rows == [300, 300, 300, 300, 240, 240]


def test_validation_rows_select_but_do_not_train():
    settings = {"fine_tuning": None, "early_stopping": False, "n_iter_no_change": None}
    last = small(**settings).fit(X, Y)
    good = small(**settings).fit(X, Y, X_val=X[:50], y_val=Y[:50])
    bad = small(**settings).fit(X, Y, X_val=X[:50], y_val=-Y[:50])
    losses = [[row["train_loss"] for row in m.history_] for m in (last, good, bad)]
    assert losses[0] == losses[1] == losses[2]
    scores = [row["validation_crps"] for row in bad.history_]
    chosen = [row["selected"] for row in bad.history_]
    assert chosen.index(True) == int(np.argmin(scores))


def test_weight_of_zero_removes_a_row():
    weight = RNG.integers(0, 2, size=300)
    removed = small().fit(X[weight > 0], Y[weight > 0])
    assert_array_equal(small().fit(X, Y, weight).predict(X), removed.predict(X))


def test_weights_do_not_depend_on_their_unit():
    weight = RNG.integers(1, 4, size=300)
    plain = small().fit(X, Y, weight).predict(X)
    assert_allclose(small().fit(X, Y, 1024 * weight).predict(X), plain, rtol=1e-9)


def test_weights_emphasise():
    same, y = np.zeros((200, 1)), np.tile([0.0, 1.0], 100)
    settings = {"pretraining_epochs": 40, "learning_rate": 1e-2, "fine_tuning": None}
    model = small(**settings).fit(same, y, np.where(y == 1, 9.0, 1.0))
    assert_allclose(model.predict(same[:1]), 0.9, atol=0.05)


def test_fit_does_not_change_its_input():
    before = X.copy(), Y.copy()
    weight = np.ones(300)
    small().fit(X, Y, weight)
    assert_array_equal(X, before[0])
    assert_array_equal(Y, before[1])
    assert_array_equal(weight, 1)


# Persistence ----------------------------------------------------------------

SPECS = {
    "default": {"encoder": "mlp", "decoder": "mlp"},
    "transformer": {"decoder": "transformer"},
    "quantile": {"target_transform": "quantile"},
    "ieee": {"tokenizer": "ieee"},
    "float64": {"dtype": "float64"},
    "partial": {},
}


def assert_same_predictions(model, other, rows):
    for output in OUTPUTS:
        assert_array_equal(
            model.predict(rows, output_type=output),
            other.predict(rows, output_type=output),
        )
    assert other.history_ == model.history_


@pytest.mark.parametrize("spec", SPECS)
def test_round_trips(spec, tmp_path):
    skops_io = pytest.importorskip("skops.io")
    model = small(pretraining_epochs=1, **SPECS[spec]).fit(X, Y)
    assert_same_predictions(model, pickle.loads(pickle.dumps(model)), X[:20])
    joblib.dump(model, tmp_path / "model.joblib")
    assert_same_predictions(model, joblib.load(tmp_path / "model.joblib"), X[:20])
    data = skops_io.dumps(model)
    unknown = skops_io.get_untrusted_types(data=data)
    assert not [name for name in unknown if name.startswith("torch")]
    assert_same_predictions(model, skops_io.loads(data, trusted=unknown), X[:20])


def test_round_trip_with_categories_and_missing_values():
    frame = pd.DataFrame({"x": X[:, 0], "c": np.where(X[:, 1] > 0, "a", "b")})
    frame.loc[::9, "x"] = np.nan
    frame.loc[::7, "c"] = None
    model = small().fit(frame, Y)
    assert_same_predictions(model, pickle.loads(pickle.dumps(model)), frame)


@pytest.mark.parametrize("spec", SPECS)
def test_pickle_holds_no_torch_object(spec):
    model = small(pretraining_epochs=1, **SPECS[spec]).fit(X, Y)
    assert b"torch" not in pickle.dumps(model)


def test_pickle_is_hardly_larger_than_the_weights():
    model = DecodingRegressor(pretraining_epochs=1, fine_tuning_epochs=1)
    model.fit(*load_diabetes(return_X_y=True))
    assert len(pickle.dumps(model)) <= 1.2 * weights_of(model).nbytes


@pytest.mark.parametrize(
    "later", [{"decoder": "transformer"}, {"dtype": "float64"}, {"encoder": "mlp"}]
)
def test_parameters_that_are_set_after_fit_do_not_break_the_pickle(later):
    model = small().fit(X, Y).set_params(**later)
    assert_same_predictions(model, pickle.loads(pickle.dumps(model)), X[:20])


def test_an_unfitted_estimator_round_trips():
    model = pickle.loads(pickle.dumps(small()))
    assert model.fit(X, Y).n_iter_ == 4


def test_a_model_of_a_device_that_is_missing_loads_on_the_cpu():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    model = small().fit(X, Y)
    expected = model.predict(X)
    data = pickle.dumps(model.set_params(device="cuda"))
    with pytest.warns(UserWarning, match="loaded on the CPU"):
        loaded = pickle.loads(data)
    assert_array_equal(loaded.predict(X), expected)


def test_a_warm_start_continues_after_loading():
    model = small(warm_start=True).fit(X, Y)
    loaded = pickle.loads(pickle.dumps(model)).fit(X, Y)
    assert_array_equal(loaded.predict(X), model.fit(X, Y).predict(X))


# Scikit-learn's tools -------------------------------------------------------


def test_clone_keeps_parameters_and_nothing_else(fitted):
    copy = clone(fitted)
    assert repr(copy.get_params(deep=True)) == repr(fitted.get_params(deep=True))
    assert not [name for name in vars(copy) if name.endswith("_")]


def test_parameters_of_the_given_objects_are_left_alone():
    tokenizer, objective = NormalizedTokenizer(3, 4), ReMax(n_rollouts=2)
    model = small(tokenizer=tokenizer, fine_tuning=objective).fit(X, Y)
    assert model.tokenizer is tokenizer
    assert model.tokenizer_ is not tokenizer
    assert not hasattr(tokenizer, "low_")
    assert model.tokenizer_.get_params() == tokenizer.get_params()


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


def test_predict_options_pass_through_a_pipeline(fitted):
    pipeline = make_pipeline(StandardScaler(), small()).fit(X, Y)
    quantiles = pipeline.predict(X, output_type="quantiles", quantiles=[0.1, 0.9])
    assert quantiles.shape == (300, 2)
    assert len(pipeline.predict(X, output_type="distribution")) == 300


def test_cross_validation():
    model = small(pretraining_epochs=30, learning_rate=1e-2)
    scores = cross_val_score(model, X, Y, cv=3)
    assert (scores > 0.5).all()
    prediction = cross_val_predict(model, X, Y, cv=3)
    assert prediction.shape == (300,)
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


def test_quantile_transformed_features():
    model = make_pipeline(
        QuantileTransformer(n_quantiles=50, output_distribution="normal"),
        small(pretraining_epochs=20),
    )
    assert model.fit(np.exp(3 * X), Y).score(np.exp(3 * X), Y) > 0.5


def test_permutation_importance(fitted):
    result = permutation_importance(fitted, X, Y, n_repeats=2, random_state=0)
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


# Bad input ------------------------------------------------------------------

BAD_PARAMETERS = {
    "tokenizer": ("octal", "'tokenizer' parameter .*'normalized'"),
    "encoder": ("cnn", "'encoder' parameter .*'mlp'"),
    "decoder": ("rnn", "'decoder' parameter .*'transformer'"),
    "pretraining": ("remax", "'pretraining' parameter .*'cross_entropy'"),
    "fine_tuning": (NormalizedTokenizer(), "'fine_tuning' parameter .*Objective"),
    "target_transform": ("log", "'target_transform' parameter .*'quantile'"),
    "scoring": ("r2", "'scoring' parameter .*'crps'"),
    "batch_size": (0, "'batch_size' parameter"),
    "learning_rate": (0.0, "'learning_rate' parameter"),
    "validation_fraction": (1.0, "'validation_fraction' parameter"),
    "dtype": ("float16", "'dtype' parameter .*'float64'"),
    "device": ("abacus", "device='abacus' is not a torch device"),
}


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_bad_parameters(name):
    value, message = BAD_PARAMETERS[name]
    with pytest.raises(ValueError, match=message):
        small(**{name: value}).fit(X, Y)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (RLOO(n_rollouts=1), r"RLOO.n_rollouts == 1, must be >= 2"),
        (GRPO(n_rollouts=1), r"GRPO.n_rollouts == 1, must be >= 2"),
        (ReMax(n_rollouts=0), r"ReMax.n_rollouts == 0, must be >= 1"),
        (ReMax(reward="profit"), "ReMax.reward must be one of .* got 'profit'"),
        (GRPO(clip_range=0.0), r"GRPO.clip_range == 0.0, must be > 0"),
    ],
    ids=repr,
)
def test_bad_options_of_an_objective(objective, message):
    with pytest.raises(ValueError, match=message):
        small(fine_tuning=objective).fit(X, Y)


def test_bad_options_of_a_tokenizer():
    with pytest.raises(ValueError, match=r"base == 1, must be >= 2"):
        small(tokenizer=NormalizedTokenizer(1, 8)).fit(X, Y)


class Letters(NormalizedTokenizer):
    """A format of a user whose tokens are no numbers."""

    @property
    def digit_values(self):
        return torch.full((self.length, self.base), torch.nan)


OBJECTIVES = {
    **LOSSES,
    **POLICY_GRADIENTS,
    **{f"histogram_{name}": loss for name, loss in HISTOGRAM_LOSSES.items()},
    "squared_error": SquaredError,
    "log": partial(LogLoss, low=-100.0, high=100.0),
}
PAIRED = {**FORMATS, "letters": Letters(3, 3), "many_letters": Letters(10, 5)}


def refusal(stage, objective, name):
    """Return what is said of an objective that cannot run, None if it can."""
    tokenizer = PAIRED[name]
    if isinstance(objective, HistogramLoss):
        return f"{type(objective).__name__}.* reads the bins .* writes digits"
    if isinstance(objective, DigitLoss) and isinstance(tokenizer, Letters):
        return f"{type(objective).__name__} compares .* Letters.* has none"
    if isinstance(objective, PolicyGradient) and stage == "pretraining":
        return r"is a policy gradient.* as fine_tuning, .*'expected_error'"
    large = clone(tokenizer).fit([0.0, 1.0]).n_strings > MAX_LEAVES
    if isinstance(objective, ExpectedNumberLoss) and large:
        return r"at most 4096 strings; .* has \d+\. Use ExpectedError\(alpha=0\)"
    return None


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("name", PAIRED)
def test_every_pair_trains_or_is_refused_before_training(name, objective, monkeypatch):
    trained = []

    def watched(network, stage, *args, **kwargs):
        trained.append(stage.name)
        return train(network, stage, *args, **kwargs)

    monkeypatch.setattr("sklearn_genre._base.train", watched)
    for stage in ("pretraining", "fine_tuning"):
        trained.clear()
        option = OBJECTIVES[objective]()
        model = small(tokenizer=PAIRED[name], pretraining_epochs=1, fine_tuning=None)
        model.set_params(early_stopping=False, **{stage: option})
        if message := refusal(stage, option, name):
            with pytest.raises(ValueError, match=message):
                model.fit(X[:20], Y[:20])
            assert not trained
        else:
            model.fit(X[:20], Y[:20])
            assert trained[-1] == stage
            assert np.isfinite(model.history_[-1]["train_loss"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_missing_device():
    with pytest.raises(ValueError, match=r"device='cuda' is not available .* 0\s+CUDA"):
        small(device="cuda").fit(X, Y)


def with_value(array, value):
    """Return a copy with one entry changed."""
    changed = array.copy()
    changed.flat[5] = value
    return changed


BAD_ROWS = {
    "infinite_X": ((with_value(X, np.inf), Y), {}, "X contains infinity"),
    "nan_y": ((X, with_value(Y, np.nan)), {}, "y contains NaN"),
    "infinite_y": ((X, with_value(Y, np.inf)), {}, "y contains infinity"),
    "no_y": ((X, None), {}, "requires y to be passed, but the target y is None"),
    "three_dimensions": ((X[:, :, None], Y), {}, "Found array with dim 3"),
    "one_dimension": ((X[:, 0], Y), {}, "Reshape your data"),
    "lengths": ((X, Y[:-1]), {}, "inconsistent numbers of samples"),
    "zero_weights": ((X, Y, np.zeros(300)), {}, "non-zero|are zero"),
    "negative_weights": ((X, Y, -np.ones(300)), {}, "[Nn]egative"),
    "X_val_alone": ((X, Y), {"X_val": X}, "X_val and y_val must be given together"),
    "y_val_alone": ((X, Y), {"y_val": Y}, "X_val and y_val must be given together"),
    "columns_of_X_val": (
        (X, Y),
        {"X_val": X[:, :2], "y_val": Y},
        "2 features, but .* expecting 4",
    ),
    "nan_y_val": ((X, Y), {"X_val": X, "y_val": np.full(300, np.nan)}, "contains NaN"),
    "lengths_val": ((X, Y), {"X_val": X, "y_val": Y[:5]}, "inconsistent numbers"),
    "weight_of_no_validation": (
        (X, Y),
        {"sample_weight_val": np.ones(300)},
        "sample_weight_val",
    ),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows_to_fit(name):
    positional, keywords, message = BAD_ROWS[name]
    with pytest.raises(ValueError, match=message):
        small().fit(*positional, **keywords)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"output_type": "variance"}, "output_type must be one of .*'mean'.* got 'var"),
        (
            {"output_type": "quantiles", "quantiles": [0.5, 1.0]},
            "between 0 and 1.* 1.0",
        ),
        ({"output_type": "quantiles", "quantiles": [0.0]}, "between 0 and 1.* 0.0"),
        ({"output_type": "quantiles", "quantiles": [np.nan]}, "between 0 and 1.* nan"),
        ({"output_type": "quantiles", "quantiles": [[0.5]]}, "must be 1-dimensional"),
        ({"quantiles": [0.5]}, "quantiles are for output_type='quantiles'"),
    ],
)
def test_bad_options_of_predict(fitted, keywords, message):
    with pytest.raises(ValueError, match=message):
        fitted.predict(X, **keywords)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (X[:, :3], "3 features, but .* expecting 4"),
        (X[0], "Reshape your data"),
        (X[:0], r"0 sample\(s\)"),
        (with_value(X, -np.inf), "infinity"),
    ],
)
def test_bad_rows_to_predict(fitted, rows, message):
    for method in (fitted.predict, fitted.predict_distribution, fitted.sample_y):
        with pytest.raises(ValueError, match=message):
            method(rows)


def test_bad_options_of_the_other_methods(fitted):
    with pytest.raises(ValueError, match="coverage"):
        fitted.predict_interval(X, coverage=1.0)
    with pytest.raises(ValueError, match="n_samples"):
        fitted.sample_y(X, -1)


def test_feature_names_are_checked():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = small().fit(frame, Y)
    assert_array_equal(model.feature_names_in_, list("abcd"))
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(frame[list("bacd")])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X)


@pytest.mark.parametrize(
    "method", ["predict", "predict_distribution", "predict_quantiles", "sample_y"]
)
def test_not_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(small(), method)(X)


def test_there_is_no_network_before_fit():
    assert not hasattr(small(), "network_")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("decoder", DECODERS)
def test_a_model_from_a_gpu_predicts_alike_on_a_cpu(decoder):
    model = DecodingRegressor(
        decoder=decoder, pretraining_epochs=3, fine_tuning_epochs=1, device="cuda"
    ).fit(X, Y)
    on_gpu = model.predict(X)
    on_cpu = pickle.loads(pickle.dumps(model.set_params(device="cpu")))
    assert_allclose(on_cpu.predict(X), on_gpu, rtol=1e-3, atol=1e-3)
