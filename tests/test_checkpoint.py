"""A fit that was killed goes on to the weights of one that was not."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sklearn_genre import DecodingRegressor, PointwiseRegressor
from sklearn_genre.encoders import TabularEncoder
from sklearn_genre.estimators import _base, _stored
from sklearn_genre.estimators._state import description
from sklearn_genre.inputs import _stored as blocks
from sklearn_genre.training import _engine
from sklearn_genre.training._engine import Engine

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
Y = X[:, 0] + 0.1 * RNG.normal(size=300)
OPTIONS = {
    "default": {},
    "dropout": {
        "encoder": partial(TabularEncoder, hidden_layer_sizes=(8,), dropout=0.2)
    },
    "policy": {"fine_tuning": "grpo", "encoder": "mlp", "decoder": "mlp"},
    "folds": {"cv": 2},
}


class Killed(BaseException):
    """Stands for the end of the process."""


def small(**options):
    """Return a regressor of two epochs in each of two stages."""
    encoder = partial(TabularEncoder, hidden_layer_sizes=(8,), n_members=2)
    options = {"encoder": encoder, **options}
    return DecodingRegressor(
        pretraining_epochs=2,
        fine_tuning_epochs=2,
        batch_size=32,
        random_state=0,
        **options,
    )


def weights(model):
    """Return all weights as one array."""
    state = model.network_.state_dict().values()
    return np.concatenate([value.double().numpy().ravel() for value in state])


def fit_until(n_batches, model, monkeypatch, end=Killed, **more):
    """Fit a model and kill it, or interrupt it, after so many batches."""
    step, seen = Engine.train_step, []

    def watched(self, batch, **options):
        if len(seen) == n_batches:
            raise end
        seen.append(batch)
        return step(self, batch, **options)

    ends = (
        pytest.raises(Killed)
        if end is Killed
        else pytest.warns(ConvergenceWarning, match="go on from the checkpoint")
    )
    with monkeypatch.context() as patch, ends:
        patch.setattr(Engine, "train_step", watched)
        model.fit(X, Y, **more)


@pytest.mark.parametrize("n_batches", [13, 19])  # in either stage
def test_an_interrupted_fit_goes_on(n_batches, tmp_path, monkeypatch):
    path = tmp_path / "fit.pt"
    model = small(checkpoint=path)
    fit_until(n_batches, model, monkeypatch, end=KeyboardInterrupt)
    assert np.isfinite(model.predict(X)).all()  # in its best state so far
    assert model.fit(X, Y).n_iter_ == 4
    assert not path.exists()
    assert_array_equal(weights(model), weights(small().fit(X, Y)))


def test_an_interrupt_before_anything_is_saved_promises_nothing(tmp_path, monkeypatch):
    def interrupted(self, batch, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "train_step", interrupted)
    with pytest.warns(ConvergenceWarning, match=r"its start was restored\.$"):
        small(checkpoint=tmp_path / "fit.pt").fit(X, Y)


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["each step", "each epoch"])
@pytest.mark.parametrize("n_batches", [13, 19])  # in either stage
@pytest.mark.parametrize("name", OPTIONS)
def test_a_killed_fit_goes_on(name, n_batches, seconds, tmp_path, monkeypatch):
    monkeypatch.setattr(_engine, "SECONDS_BETWEEN", seconds)
    path = tmp_path / "fit.pt"
    model = small(checkpoint=path, **OPTIONS[name])
    fit_until(n_batches, model, monkeypatch)
    assert [each.name for each in tmp_path.iterdir()] == ["fit.pt"]
    model.fit(X, Y)
    assert not path.exists()
    whole = small(**OPTIONS[name]).fit(X, Y)
    assert_array_equal(weights(model), weights(whole))
    assert [row["train_loss"] for row in model.history_] == [
        row["train_loss"] for row in whole.history_
    ]


def test_a_killed_fit_of_blocks_goes_on(tmp_path, monkeypatch):
    for module in (_base, _stored):
        monkeypatch.setattr(module, "MEMORY_ROWS", 100)
    monkeypatch.setattr(blocks, "BLOCK_VALUES", 200)
    monkeypatch.setattr(_engine, "SECONDS_BETWEEN", 0.0)
    model = small(checkpoint=tmp_path / "fit.pt", **OPTIONS["dropout"])
    fit_until(6, model, monkeypatch)
    whole = small(**OPTIONS["dropout"]).fit(X, Y)
    assert_array_equal(weights(model.fit(X, Y)), weights(whole))


def test_a_checkpoint_of_another_fit_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "fit.pt"
    fit_until(13, small(checkpoint=path), monkeypatch)
    with pytest.raises(ValueError, match="other data, parameters or weights"):
        small(checkpoint=path).fit(X, Y + 1)
    with pytest.raises(ValueError, match="other data, parameters or weights"):
        small(checkpoint=path, weight_decay=0.1).fit(X, Y)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="no checkpoint"):
        small(checkpoint=path).fit(X, Y)
    with pytest.raises(ValueError, match="a folder that does not exist"):
        small(checkpoint=tmp_path / "none" / "fit.pt").fit(X, Y)
    with pytest.raises(ValueError, match="integer random_state"):
        PointwiseRegressor(checkpoint=path).fit(X, Y)


@pytest.mark.parametrize("killed", ["cold", "warm"])
def test_a_checkpoint_of_other_weights_is_refused(killed, tmp_path, monkeypatch):
    """A warm start does not go on from a cold fit, nor a cold fit from a warm one."""
    model = small(warm_start=True).fit(X, Y)
    path = tmp_path / "fit.pt"
    cold = small(warm_start=True, checkpoint=path)
    warm = model.set_params(checkpoint=path)
    first, other = (cold, warm) if killed == "cold" else (warm, cold)
    fit_until(13, first, monkeypatch)
    before = weights(model)
    with pytest.raises(ValueError, match="weights to begin with"):
        other.fit(X, Y)
    assert_array_equal(weights(model), before)
    first.fit(X, Y)  # goes on
    assert not path.exists()


def test_a_checkpoint_stays_until_the_fit_has_ended(tmp_path, monkeypatch):
    def killed(*arguments):
        raise Killed

    path = tmp_path / "fit.pt"
    model = small(checkpoint=path, temperature="validation")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(_base, "fit_temperature", killed)
        model.fit(X, Y)
    assert path.exists()
    whole = small(temperature="validation").fit(X, Y)
    assert_array_equal(weights(model.fit(X, Y)), weights(whole))
    assert model.temperature_ == whole.temperature_
    assert not path.exists()


@pytest.mark.parametrize(
    ("options", "before", "now"),
    [
        (
            {},
            {"X_val": X[:50], "y_val": Y[:50]},
            {"X_val": X[:50], "y_val": Y[50:100]},
        ),
        ({"cv": 2}, {"groups": np.arange(300) % 9}, {"groups": np.arange(300) % 8}),
    ],
)
def test_a_checkpoint_of_another_validation_is_refused(
    options, before, now, tmp_path, monkeypatch
):
    model = small(checkpoint=tmp_path / "fit.pt", **options)
    fit_until(13, model, monkeypatch, **before)
    with pytest.raises(ValueError, match="other data, parameters or weights"):
        model.fit(X, Y, **now)


def test_descriptions_know_what_a_text_cuts_and_not_the_order_of_a_set():
    splits = np.arange(5000)
    other = splits.copy()
    other[2500] = 0
    assert repr(splits) == repr(other)
    assert description(splits) != description(other)
    names = [f"{letter}_proj" for letter in "qkvogud"]
    assert description({*names}) == description({*reversed(names)})
