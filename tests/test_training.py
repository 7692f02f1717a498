"""The engine: batches, schedule, selection, and what happens when things go wrong."""

from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import root_mean_squared_error

from sklearn_genre import DecodingRegressor
from sklearn_genre._device import drawing
from sklearn_genre.decoders import MLPDecoder
from sklearn_genre.encoders import MLPEncoder, TabularEncoder
from sklearn_genre.inputs import Columns
from sklearn_genre.losses import CrossEntropy
from sklearn_genre.metrics import crps_score
from sklearn_genre.policy_gradients import GRPO, POLICY_GRADIENTS, ReMax
from sklearn_genre.training._averaging import ema_decay_at
from sklearn_genre.training._batches import Batches, Encoded
from sklearn_genre.training._engine import FINAL_RATE, WARM_UP, Engine, rate_at
from sklearn_genre.training._validation import VALIDATION

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 2))
Y = X[:, 0] + 0.3 * RNG.normal(size=120)
X_VAL = RNG.normal(size=(50, 2))
Y_VAL = X_VAL[:, 0] + 0.3 * RNG.normal(size=50)
KEYS = {"stage", "epoch", "train_loss", *VALIDATION, "seconds", "selected"}


class Sabotaged(CrossEntropy):
    """Cross-entropy that something happens to after some steps."""

    def __init__(self, after=0, how="nan_gradient"):
        self.after = after
        self.how = how

    def losses(self, dist, target):
        self.n_steps = getattr(self, "n_steps", 0) + 1
        loss = super().losses(dist, target)
        if self.n_steps <= self.after:
            return loss
        if self.how == "interrupt":
            raise KeyboardInterrupt
        if self.how == "nan_gradient":
            return loss * float("nan")
        if self.how == "nan_loss":
            return loss + float("nan")
        if self.how == "infinite_loss":
            return loss + float("inf")
        return -loss  # harm


def small(**parameters):
    """Return a regressor that fits in a few hundredths of a second."""
    defaults = {
        "encoder": partial(MLPEncoder, hidden_layer_sizes=(16,)),
        "decoder": partial(MLPDecoder, hidden_size=16),
        "fine_tuning": None,
        "pretraining_epochs": 5,
        "fine_tuning_epochs": 2,
        "learning_rate": 1e-2,
        "batch_size": 40,
        "random_state": 0,
    }
    return DecodingRegressor(**(defaults | parameters))


def fit(**parameters):
    """Return a small regressor fitted with a given validation set."""
    return small(**parameters).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)


def selected(model, stage="pretraining"):
    """Return the selected row of a stage, of which there is one."""
    rows = [row for row in model.history_ if row["stage"] == stage]
    (row,) = [row for row in rows if row["selected"]]
    return row


def assert_works(model):
    for output in ("mean", "greedy", "std"):
        assert np.isfinite(model.predict(X, output_type=output)).all()


# Schedule and batches -------------------------------------------------------


@pytest.mark.parametrize("total", [1, 2, 5, 50, 10_000])
def test_schedule_warms_up_and_decays(total):
    rates = np.array([rate_at(step, total) for step in range(total)])
    warm_up = min(WARM_UP, total // 10)
    assert (rates > 0).all()
    assert (rates <= 1).all()
    assert (np.diff(rates[: warm_up + 1]) > 0).all()
    assert (np.diff(rates[warm_up:]) < 0).all()
    assert (rates[warm_up:] >= FINAL_RATE).all()
    assert_allclose([rates.max(), rates[-1]], [1, FINAL_RATE], atol=20 / total)


@pytest.mark.parametrize("batch_size", [1, 7, 40, 119, 120, 500])
def test_batches_cover_every_sample_once_per_epoch(batch_size):
    number = torch.arange(120)
    inputs = Columns(number[:, None].float(), number[:, None])
    values = number.double().numpy()
    data = Encoded(inputs, number.double(), number.float(), values, values)
    batches = Batches(data, batch_size)
    with drawing(0, torch.device("cpu")):
        epochs = [list(batches), list(batches)]
    orders = []
    for epoch in epochs:
        assert len(epoch) == len(batches)
        assert all(len(y) <= batch_size for _, (y, _) in epoch)
        order = torch.cat([y for _, (y, _) in epoch])
        for name in ("numbers", "codes"):
            columns = torch.cat([getattr(inputs, name) for inputs, _ in epoch])
            assert_array_equal(columns[:, 0], order)
        assert_array_equal(torch.cat([weight for _, (_, weight) in epoch]), order)
        assert_array_equal(order.sort().values, number)
        orders.append(order)
    assert torch.equal(*orders) is (batch_size >= 120)


# History and selection ------------------------------------------------------


@pytest.mark.parametrize("fine_tuning", [None, *POLICY_GRADIENTS, "cross_entropy"])
def test_history_has_every_key_of_every_epoch(fine_tuning):
    model = fit(fine_tuning=fine_tuning, n_iter_no_change=None)
    expected = [("pretraining", epoch) for epoch in range(1, 6)]
    if fine_tuning is not None:
        expected += [("fine_tuning", epoch) for epoch in range(3)]
    assert [(row["stage"], row["epoch"]) for row in model.history_] == expected
    assert model.n_iter_ == sum(epoch > 0 for _, epoch in expected)
    for row in model.history_:
        assert set(row) == KEYS
        numbers = {*VALIDATION, "seconds"} | ({"train_loss"} if row["epoch"] else set())
        assert all(np.isfinite(row[key]) for key in numbers)
        assert row["seconds"] >= 0
        assert row["entropy"] >= 0
        assert row["reward"] <= 0
    selected(model)
    if fine_tuning is not None:
        selected(model, "fine_tuning")


def test_history_without_validation_selects_the_last_state():
    model = small(early_stopping=False, fine_tuning="remax").fit(X, Y)
    for row in model.history_:
        assert set(row) == KEYS
        assert all(row[key] is None for key in VALIDATION)
    assert selected(model)["epoch"] == 5
    assert selected(model, "fine_tuning")["epoch"] == 2


@pytest.mark.parametrize(
    ("scoring", "fine_tuning"),
    [
        ("rmse", "grpo"),
        ("crps", "cross_entropy"),
        ("expected_error", "cross_entropy"),
    ],
)
def test_the_best_state_is_selected_and_kept(scoring, fine_tuning):
    def score(row, by):
        return -row["reward"] if by == "expected_error" else row[f"validation_{by}"]

    model = fit(
        scoring=scoring,
        tokenizer="normalized",
        normal_scores=False,
        pretraining_epochs=30,
        n_iter_no_change=None,
        fine_tuning=fine_tuning,
        fine_tuning_epochs=5,
        fine_tuning_learning_rate=1e-2,
    )
    own = "expected_error" if fine_tuning == "grpo" else scoring
    for stage, by in {"pretraining": scoring, "fine_tuning": own}.items():
        scores = [score(row, by) for row in model.history_ if row["stage"] == stage]
        assert score(selected(model, stage), by) == min(scores)
    if scoring != "expected_error":
        assert selected(model)["epoch"] < 30  # it overfits
    rmse = root_mean_squared_error(Y_VAL, model.predict(X_VAL))
    crps = crps_score(Y_VAL, model.predict_distribution(X_VAL))
    row = selected(model, "fine_tuning")
    assert_allclose([rmse, crps], [row["validation_rmse"], row["validation_crps"]])


def test_scores_are_in_the_units_of_the_target():
    plain = fit()
    scaled = small().fit(X, 1e9 * Y, X_val=X_VAL, y_val=1e9 * Y_VAL)
    for row, other in zip(plain.history_, scaled.history_, strict=True):
        for key in ("validation_rmse", "validation_crps"):
            assert_allclose(other[key], 1e9 * row[key], rtol=1e-5)
        for key in ("reward", "entropy"):
            assert_allclose(other[key], row[key], rtol=1e-5)


def test_validation_scores_are_weighted():
    weight = RNG.integers(0, 3, size=50)
    weighted = small().fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=weight)
    repeated = small().fit(
        X, Y, X_val=np.repeat(X_VAL, weight, axis=0), y_val=np.repeat(Y_VAL, weight)
    )
    for row, other in zip(weighted.history_, repeated.history_, strict=True):
        assert_allclose([row[k] for k in VALIDATION], [other[k] for k in VALIDATION])


def test_early_stopping_stops():
    model = fit(pretraining_epochs=200, n_iter_no_change=3)
    best = selected(model)["epoch"]
    assert model.n_iter_ == best + 3 < 200


def test_the_state_before_fine_tuning_is_a_candidate():
    base = fit()
    harmed = fit(
        fine_tuning=Sabotaged(how="harm"),
        fine_tuning_epochs=4,
        fine_tuning_learning_rate=0.1,
    )
    assert selected(harmed, "fine_tuning")["epoch"] == 0
    assert_array_equal(harmed.predict(X), base.predict(X))
    later = [row["validation_rmse"] for row in harmed.history_[6:]]
    assert min(later) > selected(harmed)["validation_rmse"]


@pytest.mark.parametrize("n_updates", [1, 3])
def test_every_update_is_a_step(n_updates, monkeypatch):
    engines = []
    start = Engine.__init__

    def spy(self, *args, **kwargs):
        engines.append(self)
        start(self, *args, **kwargs)

    monkeypatch.setattr(Engine, "__init__", spy)
    fit(fine_tuning=GRPO(n_rollouts=4, n_updates=n_updates))
    assert [engine.n_steps for engine in engines] == [15, 6 * n_updates]
    assert all(engine.n_steps == engine.total_steps for engine in engines)


def test_gradient_is_that_of_the_weighted_mean_loss():
    """A weight of two in a batch of all samples counts like two samples."""
    weight = RNG.integers(1, 4, size=120)
    settings = {"batch_size": 1000, "early_stopping": False, "dtype": "float64"}
    weighted = small(**settings).fit(X, Y, weight)
    repeated = small(**settings).fit(np.repeat(X, weight, 0), np.repeat(Y, weight))
    assert_allclose(
        [row["train_loss"] for row in weighted.history_],
        [row["train_loss"] for row in repeated.history_],
    )


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_what_is_kept_are_averaged_weights(decay, monkeypatch):
    path, update = [], Engine._update

    def spy(self, loss):
        loss = update(self, loss)
        path.append([p.detach().clone() for p in self.module_.parameters()])
        return loss

    monkeypatch.setattr(Engine, "_update", spy)
    start = small(ema_decay=decay, learning_rate=1e-12, pretraining_epochs=1)
    average = [p.detach().clone() for p in start.fit(X, Y).network_.parameters()]
    path.clear()
    model = small(ema_decay=decay, early_stopping=False).fit(X, Y)
    assert len(path) == 15
    for step, weights in enumerate(path, start=1):
        now = ema_decay_at(step, decay)
        average = [
            now * a + (1 - now) * w for a, w in zip(average, weights, strict=True)
        ]
    for kept, expected in zip(model.network_.parameters(), average, strict=True):
        assert_allclose(kept.detach(), expected, rtol=1e-5, atol=1e-7)


def test_without_a_decay_the_last_weights_are_kept(monkeypatch):
    networks, update = [], Engine._update

    def spy(self, loss):
        networks.append(self.module_)
        return update(self, loss)

    monkeypatch.setattr(Engine, "_update", spy)
    model = small(ema_decay=0.0, early_stopping=False).fit(X, Y)
    assert all(weight.grad is None for weight in model.network_.parameters())
    assert all(network is model.network_ for network in networks)


def test_averages_remember_little_at_first():
    decays = np.array([ema_decay_at(step, 0.99) for step in range(1, 3000)])
    assert decays[0] <= 0.1
    assert (np.diff(decays) >= 0).all()
    assert decays[-1] == 0.99


def test_members_of_a_network_all_learn_every_sample():
    """The loss of an ensemble is the mean of its members' own."""
    seen = []

    class Spied(CrossEntropy):
        def losses(self, dist, target):
            loss = super().losses(dist, target)
            seen.append(len(loss))
            return loss

    encoder = partial(TabularEncoder, hidden_layer_sizes=(8,), n_members=3)
    fit(encoder=encoder, decoder="anchored", pretraining=Spied())
    assert set(seen) == {3 * 40}


# Losses that are not finite -------------------------------------------------


@pytest.mark.parametrize("how", ["nan_gradient", "nan_loss", "infinite_loss"])
@pytest.mark.parametrize("after", [3, 10])
def test_a_loss_that_turns_nan_stops_the_stage_and_keeps_the_best_state(after, how):
    with pytest.warns(ConvergenceWarning, match=f"not finite in step {after + 1} of"):
        model = fit(pretraining=Sabotaged(after, how), n_iter_no_change=None)
    n_epochs = after // 3
    assert model.n_iter_ == len(model.history_) == n_epochs
    assert all(np.isfinite(row["train_loss"]) for row in model.history_)
    assert_works(model)
    rmse = root_mean_squared_error(Y_VAL, model.predict(X_VAL))
    assert_allclose(rmse, selected(model)["validation_rmse"])


def test_a_loss_that_turns_nan_without_validation_keeps_the_last_epoch():
    with pytest.warns(ConvergenceWarning, match="not finite in step 8"):
        broken = small(pretraining=Sabotaged(7), early_stopping=False).fit(X, Y)
    assert selected(broken)["epoch"] == 2
    assert_works(broken)


def test_a_loss_that_turns_nan_does_not_skip_the_next_stage():
    with pytest.warns(ConvergenceWarning):
        model = fit(pretraining=Sabotaged(10), fine_tuning=ReMax(n_rollouts=4))
    assert [row["epoch"] for row in model.history_] == [1, 2, 3, 0, 1, 2]


def test_nan_in_fine_tuning_leaves_the_base_model():
    base = fit()
    with pytest.warns(ConvergenceWarning, match="step 1 of fine_tuning"):
        broken = fit(fine_tuning=Sabotaged(0))
    assert_array_equal(broken.predict(X), base.predict(X))
    assert selected(broken, "fine_tuning")["epoch"] == 0


@pytest.mark.parametrize("how", ["nan_gradient", "nan_loss"])
def test_nan_from_the_first_step_is_an_error(how):
    message = "not finite in the first step of pretraining. Lower the learning rate"
    with pytest.raises(ValueError, match=message):
        fit(pretraining=Sabotaged(0, how))


def test_a_policy_gradient_that_diverges_is_taken_back():
    base = fit()
    with pytest.warns(ConvergenceWarning, match="the best state before was restored"):
        model = fit(fine_tuning="remax", fine_tuning_learning_rate=1e30)
    assert_array_equal(model.predict(X), base.predict(X))


# Interrupts -----------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1, 3, 10])
def test_an_interrupt_leaves_a_fitted_estimator(after):
    with pytest.warns(ConvergenceWarning, match="interrupted in pretraining"):
        model = fit(pretraining=Sabotaged(after, "interrupt"), fine_tuning="remax")
    assert [row["epoch"] for row in model.history_] == list(range(1, after // 3 + 1))
    assert model.n_iter_ == after // 3
    assert_works(model)
    if model.history_:
        rmse = root_mean_squared_error(Y_VAL, model.predict(X_VAL))
        assert_allclose(rmse, selected(model)["validation_rmse"])


def test_an_interrupt_before_the_first_epoch_ends_restores_the_start():
    starts = []
    message = "in pretraining after 0 epochs; its start was restored"
    for after in (0, 2):  # after two steps the weights have moved
        with pytest.warns(ConvergenceWarning, match=message):
            starts.append(fit(pretraining=Sabotaged(after, "interrupt")).predict(X))
    assert_array_equal(*starts)


def test_an_interrupt_in_fine_tuning_keeps_the_best_state():
    with pytest.warns(ConvergenceWarning, match="in fine_tuning after 1 epochs"):
        model = fit(fine_tuning=Sabotaged(4, "interrupt"))
    assert [row["epoch"] for row in model.history_[5:]] == [0, 1]
    rmse = root_mean_squared_error(Y_VAL, model.predict(X_VAL))
    assert_allclose(rmse, selected(model, "fine_tuning")["validation_rmse"])


def test_the_objective_of_the_user_is_left_alone():
    objective = Sabotaged(1000)
    fit(pretraining=objective)
    assert not hasattr(objective, "n_steps")


class Misshapen(CrossEntropy):
    """A loss whose shape is not that of the samples."""

    def __init__(self, how="mean"):
        self.how = how

    def losses(self, dist, target):
        losses = super().losses(dist, target)
        return losses.mean() if self.how == "mean" else losses[:, None]


@pytest.mark.parametrize("how", ["mean", "column"])
def test_a_loss_is_one_number_for_each_sample(how):
    with pytest.raises(ValueError, match=r"Misshapen.*losses returned shape"):
        fit(pretraining=Misshapen(how))
