"""A fit succeeds as a whole, or leaves the estimator as it was."""

import threading
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.decoders import MLPDecoder, TransformerDecoder
from sklearn_genre.encoders import MLPEncoder, OneHot
from sklearn_genre.losses import RAFT, CrossEntropy
from sklearn_genre.networks import DigitHead
from sklearn_genre.tokenizers import IEEETokenizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 2))
Y = X[:, 0] + 0.1 * RNG.normal(size=80)
X_VAL = RNG.normal(size=(30, 2))
Y_VAL = X_VAL[:, 0] + 0.1 * RNG.normal(size=30)
LONG = 60  # seconds after which a thread hangs


class Fragile(nn.Module):
    """Raises something after some batches of training."""

    n_batches = np.inf
    error = RuntimeError("the encoder broke")

    def __init__(self, columns):
        super().__init__()
        self.width = 8
        self.inputs = OneHot(columns)
        self.layers = nn.Sequential(
            nn.Linear(self.inputs.width, 8), nn.BatchNorm1d(8), nn.ReLU()
        )

    def forward(self, columns):
        if self.training:
            type(self).n_batches -= 1
            if self.n_batches < 0:
                raise self.error
        return self.layers(self.inputs(columns))


class Broken(CrossEntropy):
    """Cannot be computed."""

    def losses(self, dist, target):
        raise RuntimeError("the objective broke")


@pytest.fixture
def breaks(monkeypatch):
    """Return a function that lets the encoder raise an error in the third epoch."""

    def arm(error=None):
        monkeypatch.setattr(Fragile, "n_batches", 2 * 4 + 1)
        if error is not None:
            monkeypatch.setattr(Fragile, "error", error)

    return arm


MLP = partial(MLPDecoder, hidden_size=8)
SMALL_TRANSFORMER = partial(TransformerDecoder, hidden_size=8, n_layers=1)
DIGITS = {"pretraining_epochs": 3, "fine_tuning_epochs": 2}
MODELS = {
    "digits": DecodingRegressor(fine_tuning=None, **DIGITS),
    "raft": RAFTRegressor(**DIGITS),
    "pointwise": PointwiseRegressor(max_epochs=3),
    "digit_head": PointwiseRegressor(head=DigitHead("mlp"), max_epochs=3),
    "riemann": RiemannRegressor(16, max_epochs=3),
}
every_model = pytest.mark.parametrize("name", MODELS)


def make(name, **options):
    """Return an unfitted model; an epoch of 80 samples has four batches."""
    shared = {"encoder": Fragile, "random_state": 0, "batch_size": 20}
    shared |= {"early_stopping": False, "learning_rate": 1e-2}
    return clone(MODELS[name]).set_params(**(shared | options))


# Training that diverges -----------------------------------------------------


LARGE = IEEETokenizer(mantissa_digits=8)
BRIEF = {"pretraining_epochs": 2, "fine_tuning_epochs": 1}
DIVERGING = {
    "normalized": DecodingRegressor(**BRIEF),
    "normalized_mlp": DecodingRegressor(
        decoder=MLP, fine_tuning="expected_error", **BRIEF
    ),
    "ieee": DecodingRegressor("ieee", decoder=MLP, fine_tuning="crps", **BRIEF),
    "ieee_large": DecodingRegressor(LARGE, decoder=MLP, fine_tuning="crps", **BRIEF),
    "p10": DecodingRegressor("p10", decoder=MLP, fine_tuning="remax", **BRIEF),
    "p10_transformer": DecodingRegressor(
        "p10", decoder=SMALL_TRANSFORMER, fine_tuning="cross_entropy", **BRIEF
    ),
    "raft": RAFTRegressor(**BRIEF),
    "raft_grid": RAFTRegressor(
        "p10", decoder=MLP, fine_tuning=RAFT([-1.0, 0.0, 1.0]), **BRIEF
    ),
    "raft_learned": RAFTRegressor(fine_tuning=RAFT(learnable=True), **BRIEF),
    "linear": PointwiseRegressor(max_epochs=2),
    "digit_head": PointwiseRegressor(
        head=DigitHead("mlp", tokenizer="p10", decoder=MLP), max_epochs=2
    ),
    "digit_head_pretrained": PointwiseRegressor(
        head=DigitHead("pooled_mean", pretraining_epochs=2), max_epochs=2
    ),
    **{
        f"riemann-{loss}": RiemannRegressor(16, loss=loss, max_epochs=2)
        for loss in ("nll", "hl_gauss", "crps")
    },
}
ENCODER = partial(MLPEncoder, hidden_layer_sizes=(8,))


RATES = (
    "learning_rate",
    "fine_tuning_learning_rate",
    "head__pretraining_learning_rate",
)
CASES = [
    (name, parameter, rate)
    for rate, names in {1e30: [*DIVERGING], 1e6: ["normalized", "ieee", "p10"]}.items()
    for name in names
    for parameter in RATES
    if parameter in (options := DIVERGING[name].get_params())
    and (parameter != RATES[-1] or options["head__pretraining_epochs"])
]


# With and without a validation set, in turn.
@pytest.mark.parametrize(
    ("name", "parameter", "rate", "validates"),
    [(*case, number % 2 == 0) for number, case in enumerate(CASES)],
)
def test_training_that_diverges_ends_well(name, parameter, rate, validates):
    model = clone(DIVERGING[name]).set_params(
        encoder=ENCODER, random_state=0, batch_size=20, early_stopping=False
    )
    model.set_params(**{parameter: rate})
    validation = {"X_val": X_VAL, "y_val": Y_VAL} if validates else {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(X, Y, **validation)
        except ValueError as error:
            assert "not finite in the first step" in str(error)
            assert "Lower the learning rate" in str(error)
            assert not hasattr(model, "network_")
            return
    categories = {warning.category for warning in caught}
    assert categories <= {ConvergenceWarning}
    assert rate < 1e30 or categories
    for output in ("mean", "median", "mode", "std"):
        assert np.isfinite(model.predict(X, output_type=output)).all()
    dist = model.predict_distribution(X)
    assert np.isfinite(dist.pmf()).all()
    assert np.isfinite(dist.crps(Y)).all()
    assert np.isfinite(model.sample_y(X, 2)).all()


# Fits that fail -------------------------------------------------------------


FAULTS = {
    "columns": (X[:, [0, 0, 1]], Y),
    "infinite": (np.where(X > 2, np.inf, X), Y),
    "text": (np.full((80, 2), "a"), Y),
    "target": (X, np.where(Y > 1, np.nan, Y)),
    "large_target": (X, 1e301 * Y),
    "length": (X, Y[:-1]),
}


def assert_untouched(model, before, predictions):
    """An estimator has the attributes and predictions that it had."""
    assert vars(model).keys() == before.keys()
    for name, value in vars(model).items():
        assert value is before[name], name
    assert not any(module.training for module in model.network_.modules())
    dist = model.predict_distribution(X)
    now = model.predict(X), dist.pmf(), model.score(X, Y)
    for value, expected in zip(now, predictions, strict=True):
        assert_array_equal(value, expected)


def fitted(name, **options):
    """Return a fitted model, its attributes and what it predicts."""
    model = make(name, **options).fit(X, Y)
    dist = model.predict_distribution(X)
    return model, (model.predict(X), dist.pmf(), model.score(X, Y))


@pytest.mark.parametrize("warm_start", [False, True])
@every_model
def test_an_encoder_that_breaks_leaves_the_estimator_as_it_was(
    name, warm_start, breaks
):
    model, predictions = fitted(name, warm_start=warm_start)
    before = dict(vars(model))
    n_rows = len(model.history_)
    breaks()
    with pytest.raises(RuntimeError, match="the encoder broke"):
        model.fit(X + 1, Y - 1)
    assert_untouched(model, before, predictions)
    assert len(model.history_) == n_rows


@every_model
def test_an_encoder_that_breaks_leaves_no_fit(name, breaks):
    model = make(name)
    before = dict(vars(model))
    breaks()
    with pytest.raises(RuntimeError, match="the encoder broke"):
        model.fit(X, Y)
    assert vars(model) == before


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_bad_data_leave_the_estimator_as_it_was(fault, warm_start):
    model, predictions = fitted("digits", warm_start=warm_start)
    before = dict(vars(model))
    data = FAULTS[fault]
    if fault == "columns" and not warm_start:
        data = data[0], Y[:-1]
    with pytest.raises(ValueError):
        model.fit(*data)
    assert_untouched(model, before, predictions)
    for options in ({"X_val": X_VAL}, {"X_val": X_VAL[:, :1], "y_val": Y_VAL}):
        with pytest.raises(ValueError):
            model.fit(X, Y, **options)
        assert_untouched(model, before, predictions)


@pytest.mark.parametrize("warm_start", [False, True])
def test_an_objective_that_breaks_leaves_the_estimator_as_it_was(warm_start):
    model, predictions = fitted("digits", warm_start=warm_start)
    model.set_params(fine_tuning=Broken())
    before = dict(vars(model))
    with pytest.raises(RuntimeError, match="the objective broke"):
        model.fit(X, Y)
    assert_untouched(model, before, predictions)


# Fits that are interrupted --------------------------------------------------


class StopsAfterTwo:
    """A callback that stops after the second epoch."""

    def setup(self, estimator, context):
        """Do nothing."""

    def teardown(self, estimator, context):
        """Do nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing."""

    def on_fit_task_end(self, estimator, context, *, metadata):
        return metadata is None or metadata["epoch"] >= 2


@pytest.mark.parametrize("validates", [True, False])
@every_model
def test_an_interrupt_keeps_the_epochs_so_far(name, validates, breaks):
    """In the third epoch it is as if a callback had stopped after the second."""
    validation = {"X_val": X_VAL, "y_val": Y_VAL} if validates else {}
    stopped = make(name).set_callbacks(StopsAfterTwo()).fit(X, Y, **validation)
    breaks(KeyboardInterrupt())
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = make(name).fit(X, Y, **validation)
    assert model.n_iter_ == stopped.n_iter_ == 2
    assert not any(module.training for module in model.network_.modules())
    states = [m.network_.state_dict() for m in (model, stopped)]
    for value, expected in zip(*(state.values() for state in states), strict=True):
        assert torch.equal(value, expected)
    assert_array_equal(model.predict(X), stopped.predict(X))


# Predictions while a model is refitted --------------------------------------


@pytest.mark.parametrize("warm_start", [False, True])
@every_model
def test_predictions_during_a_refit_are_the_former_or_the_new(name, warm_start):
    model = make(name, warm_start=warm_start).fit(X, Y)
    former = model.predict(X)
    stop, seen, errors = threading.Event(), [], []

    def predict():
        while not stop.is_set():
            try:
                seen.append(model.predict(X))
            except Exception as error:
                errors.append(error)
                return

    thread = threading.Thread(target=predict)
    thread.start()
    try:
        model.set_params(random_state=1).fit(X, Y + 1)
    finally:
        stop.set()
        thread.join(LONG)
    assert not errors
    assert seen
    new = model.predict(X)
    assert (former != new).any()
    for prediction in seen:
        assert any(np.array_equal(prediction, each) for each in (former, new))
