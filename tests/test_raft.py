"""RAFTRegressor: the grid, the expectation, its training, and bad input."""

import pickle
from functools import cache

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer
from small_models import DECODER, ENCODER

from sklearn_genre import DecodingRegressor, PredictiveDistribution, RAFTRegressor
from sklearn_genre.decoders import DECODERS
from sklearn_genre.estimators import _base
from sklearn_genre.losses import RAFT, ExpectedError, LogLoss, SquaredError
from sklearn_genre.losses._expected_number import scaled_log_loss
from sklearn_genre.outputs import (
    Grid,
    TokenDistribution,
    _grid,
    expected_number,
    leaves_of,
)
from sklearn_genre.tokenizers import (
    TOKENIZERS,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y = 10 + 3 * X[:, 0] + 0.3 * RNG.normal(size=80)
LOW, HIGH = Y.min(), Y.max()
FIVE = np.linspace(LOW, HIGH, 5)
N = 8  # numbers of the small format
SMALL = NormalizedTokenizer(2, 3)

# Every kind of grid, on one small problem.
KINDS = {
    "tree": {},
    "tree_learned": {"fine_tuning": RAFT(learnable=True)},
    "tree_reversed": {"fine_tuning": RAFT(values=np.linspace(HIGH, LOW, N))},
    "tree_log": {"fine_tuning": RAFT(loss="log")},
    "array": {"fine_tuning": RAFT([LOW, HIGH])},
    "array_normalized": {"fine_tuning": RAFT([HIGH, LOW], normalize=True)},
    "array_learned": {"fine_tuning": RAFT([LOW, 10.0, HIGH], learnable=True)},
    "array_other_numbers": {"fine_tuning": RAFT([LOW, HIGH], values=[8.0, -3.0])},
    "largest_only_log": {"fine_tuning": RAFT([HIGH], loss="log")},
    "quantiles": {"fine_tuning": RAFT("quantiles")},
    "ieee": {"tokenizer": IEEETokenizer(10, 1, 3), "fine_tuning": RAFT("quantiles")},
    "p10": {"tokenizer": "p10", "fine_tuning": RAFT("quantiles", learnable=True)},
    "ieee_small_tree": {"tokenizer": IEEETokenizer(2, 1, 3)},
    "transformed": {"fine_tuning": RAFT(FIVE), "target_transform": "quantile"},
    "random_start": {"pretraining_epochs": 0, "fine_tuning_epochs": 2},
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def small(**parameters):
    """Return a regressor that fits in a few hundredths of a second."""
    defaults = {
        "tokenizer": SMALL,
        "encoder": ENCODER,
        "decoder": DECODER,
        "pretraining_epochs": 2,
        "fine_tuning_epochs": 1,
        "dtype": "float64",
        "random_state": 0,
    }
    return RAFTRegressor(**(defaults | parameters))


@cache
def fitted(kind):
    """Return a fitted regressor of a kind, which no test may change."""
    return small(**KINDS[kind]).fit(X, Y)


def rail(**parameters):
    """Return a regressor that is only pretrained."""
    return small(fine_tuning_epochs=0, **parameters).fit(X, Y)


def brute_force(model, rows):
    """Return the expectation, sequence by sequence, sample by sample."""
    network, scaler = model.network_, model.target_scaler_
    tokens = network.tokenizer.encode(scaler.transform(model.grid_))
    means = []
    with torch.no_grad():
        for row in rows:
            context = network(model._encode(row[None])).context
            logits = network.decoder(context, tokens[:, None])[:, 0]
            log_probs = logits.log_softmax(-1).gather(-1, tokens[..., None])
            p = log_probs[..., 0].sum(-1).exp().numpy()
            p = p / p.sum() if network.rule.normalize else p
            means.append(p @ model.token_values_ + (1 - p.sum()) * LOW)
    return np.array(means)


def output_of(rule=None, batch_size=1, decoder="mlp", tokenizer=SMALL):
    """Return random distributions over 0 to 7 (sequences sort like numbers)."""
    torch.manual_seed(0)
    tokenizer = clone(tokenizer).fit([0.0, 7.0])
    module = DECODERS[decoder](4, tokenizer).double()
    context = module.read(torch.randn(batch_size, 4).double())
    device = torch.device("cpu")
    leaves = leaves_of(tokenizer, device, module.max_strings)
    return TokenDistribution(
        module, context, batch_size, device, tokenizer, leaves, rule=rule
    )


def grid_of(numbers, normalize=False, learnable=False, low=0.0):
    """Return a grid of some of the numbers 0 to 7."""
    tokens = clone(SMALL).fit([0.0, 7.0]).encode(numbers)
    return Grid(tokens, numbers, low, normalize=normalize, learnable=learnable)


def optimum(objective, grid, y, n_steps=150):
    """Return expectation and mean loss of a distribution trained on targets y."""
    dist = output_of(grid)
    optimizer = torch.optim.Adam(dist.decoder.parameters(), lr=0.03)
    for _ in range(n_steps):
        loss = objective.losses(dist, y).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return dist.expectation().item(), loss.item()


# The paper's lemmas ---------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 0.5])
def test_lemmas_1_and_2_small_divergence_large_error(epsilon):
    largest, alpha = 9.0, np.sqrt(np.expm1(epsilon)) / 2
    truth = np.array([1 + alpha / 2, 1 - alpha / 2]) / 2
    model = PredictiveDistribution([0.0, largest], truth[None, ::-1])
    mean = largest * truth[1]
    assert truth @ np.log(truth / truth[::-1]) <= epsilon
    assert (model.mode()[0] - mean) ** 2 >= (largest / 2) ** 2
    assert (model.mean()[0] - mean) ** 2 >= (largest / 4) ** 2 * epsilon


@pytest.mark.parametrize(
    "numbers", [None, [0.0, 7.0], [7.0, 3.0, 0.0], [7.0], [1.0, 6.0], range(8)]
)
def test_lemma_3_the_optimum_is_the_mean(numbers):
    y = torch.tensor([0.0, 1.0, 1.0, 7.0, 2.5, 4.3], dtype=torch.float64)
    grid = None if numbers is None else grid_of(list(map(float, numbers)))
    mean, loss = optimum(SquaredError(), grid, y)
    assert mean == pytest.approx(y.mean().item(), abs=1e-2)
    assert loss == pytest.approx(y.var(correction=0).item(), abs=1e-2)


def test_lemma_3_needs_the_ends():
    y = torch.tensor([7.0, 7.0], dtype=torch.float64)
    mean, _ = optimum(SquaredError(), grid_of([0.0, 3.0]), y)
    assert 2.5 < mean <= 3


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_largest_number_alone_spans_the_range(share):
    mean, _ = optimum(SquaredError(), grid_of([7.0]), torch.tensor([7 * share]))
    assert mean == pytest.approx(7 * share, abs=0.1)


def test_the_largest_number_alone_is_constant_when_normalised():
    dist = output_of(grid_of([7.0], normalize=True), batch_size=3)
    assert_array_equal(dist.expectation().detach(), 7.0)


def test_log_loss_has_the_same_optimum():
    y = torch.tensor([0.0, 7.0, 1.0], dtype=torch.float64)
    mean, _ = optimum(LogLoss(0.0, 7.0), None, y)
    assert mean == pytest.approx(y.mean().item(), abs=1e-2)


# Expectations ---------------------------------------------------------------


@pytest.mark.parametrize("decoder", DECODERS)
def test_tree_is_the_grid_of_all_leaves(decoder):
    leaves = [float(k) for k in range(N)]
    tree = output_of(batch_size=5, decoder=decoder).expectation()
    for normalize in (False, True):
        full = output_of(grid_of(leaves, normalize), 5, decoder).expectation()
        assert_allclose(full.detach(), tree.detach(), rtol=1e-12)
    every = Grid(None, leaves, 0.0, normalize=False, learnable=False)
    assert_allclose(
        output_of(every, 5, decoder).expectation().detach(), tree.detach(), rtol=1e-12
    )


# several sequences of ieee_small_tree stand for the same number
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "ieee_small_tree"])
def test_prediction_is_the_sum_over_the_sequences(kind):
    model = fitted(kind)
    assert_allclose(model.predict(X[:6]), brute_force(model, X[:6]), rtol=1e-9)


def test_missing_mass_counts_as_the_low_end():
    weights, low = np.array([5.0, 9.0]), 2.0
    assert expected_number(np.zeros((1, 2)), weights, low) == low
    assert expected_number(np.eye(2), weights, low).tolist() == [5.0, 9.0]


def test_prediction_of_the_tree_is_the_mean_of_the_distribution():
    for kind in ("tree", "tree_log", "ieee_small_tree", "random_start"):
        model = fitted(kind)
        assert_array_equal(model.predict(X), model.predict_distribution(X).mean())


def test_temperature_reaches_the_grid():
    grid = grid_of([0.0, 7.0])
    dist = output_of(grid, batch_size=2)
    cold, full = dist.at_temperature(0.1), output_of(batch_size=2).at_temperature(0.1)
    expected = 7 * full.support().probs[:, -1]
    assert_allclose(cold.expectation().detach(), expected.detach(), rtol=1e-9)


def test_expectation_needs_a_grid_or_a_tree():
    with pytest.raises(ValueError, match="1048576 numbers, more than the 4096"):
        output_of(tokenizer=NormalizedTokenizer(2, 20)).expectation()


def test_squared_error_on_the_tree_is_the_expected_error_without_variance():
    dist, y = output_of(batch_size=4), torch.tensor([0.0, 3.0, 5.0, 9.0]).double()
    gradients = []
    for objective in (SquaredError(), ExpectedError(alpha=0.0)):
        loss = objective.losses(dist, y)
        parameters = list(dist.decoder.parameters())
        gradients.append(torch.autograd.grad(loss.sum(), parameters, allow_unused=True))
        assert loss.shape == (4,)
    for ours, theirs in zip(*gradients, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize(
    ("ends", "error", "message"),
    [
        ((0.0, 6.0), ValueError, r"go from 0\.0 to 7\.0\. Use LogLoss\(0\.0, 7\.0\)"),
        ((8.0, 1.0), ValueError, "does not hold the scaled training targets"),
        ((-np.inf, 7.0), ValueError, r"LogLoss\.low == -inf, must be finite"),
        ((0.0, None), TypeError, r"LogLoss\.high must be an instance of"),
    ],
)
def test_log_loss_must_hold_the_targets(ends, error, message):
    tokenizer = clone(SMALL).fit([0.0, 7.0])
    LogLoss(0.0, 7.0).check(tokenizer)
    with pytest.raises(error, match=message):
        LogLoss(*ends).check(tokenizer)


def test_log_loss_is_finite_and_leads_back():
    u = torch.tensor([0.0, 0.0, 0.4, 1.0, 1.0, 0.5, 0.5]).double()
    mean = torch.tensor([0.0, 1.0, 0.4, 1.0, 0.0, -9.0, 9.0]).double()
    mean.requires_grad_()
    loss = scaled_log_loss(mean, u)
    loss.sum().backward()
    assert loss.isfinite().all()
    assert mean.grad.isfinite().all()
    assert_allclose(loss[[0, 3]].detach(), 0, atol=1e-5)
    assert mean.grad[2].abs() < 1e-12  # the mean is the optimum
    assert mean.grad[5] < 0 < mean.grad[6]


# Fitting --------------------------------------------------------------------


@every_kind
def test_every_output_is_finite(kind):
    model = fitted(kind)
    for output in ("mean", "median", "mode", "greedy", "std", "quantiles"):
        prediction = model.predict(X[:7], output_type=output)
        assert len(prediction) == 7
        assert np.isfinite(prediction).all()
    assert model.predict_interval(X[:7]).shape == (7, 2)
    assert model.sample_y(X[:7], 2).shape == (7, 2)
    assert model.token_values_.shape == model.grid_.shape
    assert model.predict(X).dtype == np.float64


@every_kind
def test_validation_scores_the_prediction(kind):
    model = small(**KINDS[kind], early_stopping=False)
    model.fit(X, Y, X_val=X[:20], y_val=Y[:20])
    last = [row for row in model.history_ if row["selected"]][-1]
    rmse = np.sqrt(np.mean((model.predict(X[:20]) - Y[:20]) ** 2))
    assert last["validation_rmse"] == pytest.approx(rmse, rel=1e-9)


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "random_start"])
def test_step_0_is_rail_on_the_pretrained_model(kind):
    pretrained = rail(**KINDS[kind], early_stopping=False)
    tuned = small(**KINDS[kind], early_stopping=False, fine_tuning_learning_rate=1e-300)
    tuned.fit(X, Y)
    assert_array_equal(tuned.predict(X), pretrained.predict(X))


def test_state_before_fine_tuning_is_a_candidate():
    rows = small(fine_tuning_epochs=2).fit(X, Y).history_
    tuning = [row for row in rows if row["stage"] == "fine_tuning"]
    assert [row["epoch"] for row in tuning] == [0, 1, 2]
    pretraining = [row for row in rows if row["stage"] == "pretraining"]
    chosen = next(row for row in pretraining if row["selected"])
    assert tuning[0]["validation_rmse"] == chosen["validation_rmse"]


def test_pretraining_on_the_tree_is_that_of_the_decoding_regressor():
    ours = rail()
    parameters = {
        **ours.get_params(deep=False),
        "fine_tuning": None,
        "fine_tuning_epochs": 1,
    }
    theirs = DecodingRegressor(**parameters).fit(X, Y)
    assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("kind", ["tree", "array_learned", "ieee"])
def test_the_objective_makes_the_same_network_in_a_decoding_regressor(kind):
    ours = fitted(kind)
    theirs = DecodingRegressor(**ours.get_params(deep=False)).fit(X, Y)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    copy = pickle.loads(pickle.dumps(theirs))
    assert_array_equal(copy.predict(X), theirs.predict(X))


def test_a_random_start_has_one_stage():
    assert {row["stage"] for row in fitted("random_start").history_} == {"fine_tuning"}


@pytest.mark.parametrize(
    "objective",
    [
        RAFT(),
        RAFT(loss="log"),
        RAFT([LOW, HIGH]),
        RAFT([HIGH]),
        RAFT([LOW, HIGH], normalize=True),
        RAFT("quantiles"),
        RAFT(values=np.linspace(HIGH, LOW, N)),
        RAFT(learnable=True),
    ],
)
def test_fine_tuning_learns_the_mean_from_any_start(objective):
    model = small(
        fine_tuning=objective,
        pretraining_epochs=0,
        fine_tuning_epochs=40,
        fine_tuning_learning_rate=1e-2,
        batch_size=20,
        early_stopping=False,
    ).fit(X, Y)
    assert model.score(X, Y) > 0.8


def test_fine_tuning_leaves_the_spread_free():
    def entropies(objective):
        dist = output_of(batch_size=6)
        y = dist.expectation().detach()  # the mean is right already
        optimizer = torch.optim.Adam(dist.decoder.parameters(), lr=0.01)
        before = dist.support().entropy.mean().item()
        for _ in range(30):
            optimizer.zero_grad()
            objective.losses(dist, y).mean().backward()
            optimizer.step()
        return before, dist.support().entropy.mean().item()

    before, after = entropies(SquaredError())
    assert after == pytest.approx(before, abs=0.05)
    before, after = entropies(ExpectedError(alpha=1.0))
    assert after < before - 0.3


# Numbers of the grid --------------------------------------------------------


@pytest.mark.parametrize("normalize", [False, True])
def test_a_grid_is_scored_in_parts_unless_a_gradient_is_wanted(normalize, monkeypatch):
    sizes = []
    score = TokenDistribution.token_log_probs

    def watched(self, tokens):
        sizes.append(len(tokens))
        return score(self, tokens)

    monkeypatch.setattr(TokenDistribution, "token_log_probs", watched)
    monkeypatch.setattr(_grid, "N_SCORED", 3)
    dist, grid = output_of(batch_size=4), grid_of(np.arange(8.0), normalize)
    whole = grid.probs(dist)
    assert sizes == [8]
    assert whole.requires_grad
    with torch.no_grad():
        parts = grid.probs(dist)
    assert sizes == [8, 3, 3, 2]
    torch.testing.assert_close(parts, whole.detach())


def test_grid_of_an_array_is_the_array():
    assert_allclose(fitted("array_normalized").grid_, [HIGH, LOW])
    assert_allclose(fitted("tree").grid_, np.linspace(LOW, HIGH, N))


def test_quantile_grid_holds_both_ends_and_no_number_twice():
    grid = rail(
        tokenizer=NormalizedTokenizer(10, 6), fine_tuning=RAFT("quantiles")
    ).grid_
    assert_allclose(grid[[0, -1]], [LOW, HIGH])
    assert len(grid) == 64
    assert (np.diff(grid) > 0).all()
    few = fitted("quantiles").grid_
    assert_allclose(few[[0, -1]], [LOW, HIGH])
    assert np.isclose(few[:, None], np.linspace(LOW, HIGH, N)).sum() == len(few) < 64
    assert len(rail(fine_tuning=RAFT("quantiles")).fit(X, np.ones(len(X))).grid_) == 1


def test_quantile_grid_sees_the_weights():
    weight = np.where(Y < np.median(Y), 1e6, 1e-6)
    model = small(tokenizer=NormalizedTokenizer(10, 6), fine_tuning=RAFT("quantiles"))
    grid = model.fit(X, Y, weight).grid_
    assert np.mean(grid < np.median(Y)) > 0.9
    assert_allclose(grid[[0, -1]], [LOW, HIGH])


def test_learned_numbers_start_at_the_grid_and_move_in_fine_tuning_only():
    for kind in ("tree_learned", "array_learned"):
        options = {**KINDS[kind], "early_stopping": False}
        start = rail(**options)
        assert_array_equal(start.token_values_, start.grid_)
        moved = small(**options, fine_tuning_epochs=5).fit(X, Y)
        assert (np.abs(moved.token_values_ - moved.grid_) > 0).all()


def test_numbers_are_learned_in_float64_beside_a_float32_network():
    options = {"early_stopping": False, "dtype": "float32", "fine_tuning_epochs": 3}
    model = small(**KINDS["array_learned"], **options).fit(X, Y)
    dtypes = {name: p.dtype for name, p in model.network_.named_parameters()}
    assert dtypes.pop("rule.shift") == torch.float64
    assert set(dtypes.values()) == {torch.float32}
    assert (np.abs(model.token_values_ - model.grid_) > 0).all()


def test_weight_decay_pulls_learned_numbers_to_the_grid():
    options = {"early_stopping": False, "weight_decay": 1e3, "fine_tuning_epochs": 5}
    model = small(**KINDS["array_learned"], **options).fit(X, Y)
    assert_allclose(model.token_values_, model.grid_, atol=0.05)


def test_reversed_numbers_mirror_the_start():
    grid = np.linspace(LOW, HIGH, N)
    plain = rail(early_stopping=False)
    mirrored = rail(early_stopping=False, fine_tuning=RAFT(values=grid[::-1]))
    assert_allclose(mirrored.predict(X), LOW + HIGH - plain.predict(X), rtol=1e-9)
    assert_array_equal(
        plain.predict(X, output_type="median"),
        mirrored.predict(X, output_type="median"),
    )
    assert_allclose(mirrored.token_values_, grid[::-1])
    assert_allclose(mirrored.grid_, grid)


@pytest.mark.parametrize("objective", [RAFT(), RAFT(FIVE), RAFT(learnable=True)])
def test_decreasing_transformer(objective):
    falling = FunctionTransformer(np.negative, np.negative, check_inverse=False)
    model = small(
        fine_tuning=objective,
        target_transform=falling,
        pretraining_epochs=15,
        fine_tuning_epochs=3,
        learning_rate=2e-2,
    ).fit(X, Y)
    prediction = model.predict(X)
    assert np.corrcoef(prediction, Y)[0, 1] > 0.8
    assert ((prediction > LOW - 0.1) & (prediction < HIGH + 0.1)).all()
    if objective.grid is FIVE:
        assert_allclose(model.token_values_, FIVE)
        assert_allclose(prediction, brute_force(model, X), rtol=1e-9)


def test_mean_of_numbers_mapped_back_one_by_one():
    model = rail(
        fine_tuning=RAFT(FIVE, normalize=True),
        target_transform=FunctionTransformer(np.log, np.exp),
    )
    assert_allclose(model.token_values_, FIVE)
    assert_allclose(model.predict(X), brute_force(model, X), rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-9, 1e30])
@pytest.mark.parametrize("grid", ["tree", "quantiles"])
def test_units_of_the_target(scale, grid):
    objective = RAFT(grid, learnable=True)
    plain = rail(fine_tuning=objective).predict(X)
    scaled = small(fine_tuning=objective, fine_tuning_epochs=0)
    assert_allclose(scaled.fit(X, Y * scale).predict(X), plain * scale, rtol=1e-6)


# Copies and state -----------------------------------------------------------


@pytest.mark.parametrize("kind", ["tree", "array_learned", "tree_learned", "p10"])
def test_round_trips(kind, tmp_path):
    model = small(**KINDS[kind], early_stopping=False, fine_tuning_epochs=3).fit(X, Y)
    joblib.dump(model, tmp_path / "model.joblib")
    copies = [pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")]
    for copy in copies:
        assert_array_equal(copy.predict(X), model.predict(X))
        assert_array_equal(copy.token_values_, model.token_values_)
        assert_array_equal(copy.grid_, model.grid_)
    assert_array_equal(clone(model).fit(X, Y).predict(X), model.predict(X))


def test_state_does_not_depend_on_parameters_set_after_fit():
    model = small(**KINDS["array_learned"]).fit(X, Y)
    before = model.predict(X)
    model.set_params(fine_tuning=RAFT(normalize=True))
    assert_array_equal(model.predict(X), before)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), before)


def test_a_list_and_an_array_are_the_same_grid():
    objective = RAFT([8, 10, 12], values=FIVE[:3])
    model = small(fine_tuning=objective, warm_start=True).fit(X, Y)
    same = RAFT(np.array([8.0, 10.0, 12.0]), values=FIVE[:3].tolist())
    assert model.set_params(fine_tuning=same).fit(X, Y).n_iter_ == 6
    with pytest.raises(ValueError, match=r"\['fine_tuning'\] changed since"):
        model.set_params(fine_tuning__grid=[8, 10, 11]).fit(X, Y)


def test_warm_start_continues_on_the_same_grid():
    model = small(**KINDS["array_learned"], warm_start=True, early_stopping=False)
    first = model.fit(X, Y).token_values_
    second = model.set_params(pretraining_epochs=0, fine_tuning_epochs=3).fit(X, Y)
    assert_array_equal(second.grid_, model.grid_)
    assert (second.token_values_ != first).any()
    assert model.n_iter_ == 6


def test_callbacks_get_an_estimator_that_predicts():
    class Watch:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            self.last = fitted_estimator

    watch = Watch()
    model = small(**KINDS["array_learned"]).set_callbacks(watch).fit(X, Y)
    assert_array_equal(watch.last.predict(X), model.predict(X))


def test_predictions_do_not_depend_on_their_neighbours():
    model = fitted("array_learned")
    one_by_one = np.concatenate([model.predict(row[None]) for row in X[:5]])
    assert_allclose(model.predict(X)[:5], one_by_one, rtol=1e-9)


# Bad input ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (RAFT([HIGH], normalize=True), "a probability divided by itself"),
        (RAFT([10.0, 10.1]), "10.0 and 10.1, which .* writes alike"),
        (RAFT([10.0, HIGH + 1]), f"grid holds {HIGH + 1}, outside"),
        (RAFT([LOW - 1, 10.0]), f"grid holds {LOW - 1}, outside"),
        (RAFT([10.0, np.nan]), "grid must be finite, got nan"),
        (RAFT([]), r"grid must hold at least one number .* got shape \(0,\)"),
        (RAFT([[LOW, HIGH]]), r"one dimension, got shape \(1, 2\)"),
        (RAFT("leaves"), "RAFT.grid must be one of .*'quantiles'.* got 'leaves'"),
        (RAFT(loss="absolute"), "RAFT.loss must be one of .* got 'absolute'"),
        (RAFT(values=[1.0, 2.0]), "has 2 numbers, the grid has 8"),
        (RAFT([LOW, HIGH], values=range(3)), "has 3 numbers, the grid has 2"),
        (RAFT(values=np.full(N, np.inf)), "RAFT.values must be finite, got inf"),
        ("remax", "'fine_tuning' parameter of RAFTRegressor"),
        (SquaredError(), "'fine_tuning' parameter of RAFTRegressor"),
    ],
    ids=str,
)
def test_bad_objectives(objective, message):
    with pytest.raises(ValueError, match=message):
        small(fine_tuning=objective).fit(X, Y)


def test_one_stage_must_be_left():
    with pytest.raises(ValueError, match="nothing would be trained"):
        small(pretraining_epochs=0, fine_tuning_epochs=0).fit(X, Y)


@pytest.mark.parametrize("grid", ["tree", "quantiles", [LOW, HIGH]], ids=str)
@pytest.mark.parametrize(
    "tokenizer",
    [*(member() for member in TOKENIZERS.values()), SMALL, NormalizedTokenizer(2, 13)],
    ids=str,
)
def test_every_grid_trains_or_is_refused_before_training(tokenizer, grid, monkeypatch):
    trained = []
    run_stages = _base.run_stages

    def watched(network, stages, *args, **kwargs):
        trained.extend(stage.name for stage in stages)
        return run_stages(network, stages, *args, **kwargs)

    monkeypatch.setattr(_base, "run_stages", watched)
    objective = RAFT(grid)
    model = small(tokenizer=tokenizer, fine_tuning=objective, pretraining_epochs=1)
    n_strings = clone(tokenizer).fit(Y).n_strings
    if grid == "tree" and n_strings > 4096:
        message = rf"at most 4096; .* has {n_strings}\. Use RAFT\(grid='quantiles'\)"
        with pytest.raises(ValueError, match=message):
            model.fit(X, Y)
        assert not trained
    else:
        model.fit(X, Y)
        assert trained == ["pretraining", "fine_tuning"]


@pytest.mark.parametrize(
    ("transform", "grid"),
    [("quantile", [LOW, HIGH + 1]), ("standard", [LOW - 1e-3, HIGH])],
)
def test_a_grid_beyond_the_training_range_is_refused_on_any_scale(transform, grid):
    with pytest.raises(ValueError, match="outside of what"):
        small(fine_tuning=RAFT(grid), target_transform=transform).fit(X, Y)


def test_unbounded_formats_take_numbers_beyond_the_training_range():
    model = rail(tokenizer=P10Tokenizer(), fine_tuning=RAFT([0.0, 10.0, 100.0]))
    assert_allclose(model.grid_, [0, 10, 100], atol=1e-9)
