"""RAFTRegressor: the grid, the expectation, its training, and bad input."""

import pickle
from functools import cache, partial

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer

from sklearn_genre import DecodingRegressor, PredictiveDistribution, RAFTRegressor
from sklearn_genre._training import train
from sklearn_genre.distributions import MAX_LEAVES, TokenDistribution, leaves_of
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.losses import ExpectedError, LogLoss, SquaredError
from sklearn_genre.losses._expected_number import scaled_log_loss
from sklearn_genre.networks import (
    DECODERS,
    Grid,
    MLPDecoder,
    _grid,
    expected_number,
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
    "tree_learned": {"learnable_weights": True},
    "tree_reversed": {"token_values": np.linspace(HIGH, LOW, N)},
    "tree_log": {"loss": "log"},
    "array": {"grid": [LOW, HIGH]},
    "array_normalized": {"grid": [HIGH, LOW], "normalize_grid": True},
    "array_learned": {"grid": [LOW, 10.0, HIGH], "learnable_weights": True},
    "array_other_numbers": {"grid": [LOW, HIGH], "token_values": [8.0, -3.0]},
    "largest_only": {"grid": [HIGH]},
    "largest_only_log": {"grid": [HIGH], "loss": "log"},
    "quantiles": {"grid": "quantiles"},
    "ieee": {"tokenizer": IEEETokenizer(10, 1, 3), "grid": "quantiles"},
    "p10": {"tokenizer": "p10", "grid": "quantiles", "learnable_weights": True},
    "ieee_small_tree": {"tokenizer": IEEETokenizer(2, 1, 3)},
    "transformed": {"grid": FIVE, "target_transform": "quantile"},
    "random_start": {"pretraining_epochs": 0, "fine_tuning_epochs": 2},
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def small(**parameters):
    """Return a regressor that fits in a few hundredths of a second."""
    defaults = {
        "tokenizer": SMALL,
        "encoder": partial(MLPEncoder, hidden_layer_sizes=(16,)),
        "decoder": partial(MLPDecoder, hidden_size=16),
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
    """Return the expectation, string by string, row by row."""
    network, scaler = model.network_, model.target_scaler_
    tokens = network.tokenizer.encode(scaler.transform(model.grid_))
    encoded = torch.tensor(model.feature_encoder_.transform(rows))
    means = []
    with torch.no_grad():
        for row in network(encoded).context:
            logits = network.decoder(row[None], tokens[:, None])[:, 0]
            log_probs = logits.log_softmax(-1).gather(-1, tokens[..., None])
            p = log_probs[..., 0].sum(-1).exp().numpy()
            p = p / p.sum() if model.normalize_grid else p
            means.append(p @ model.token_values_ + (1 - p.sum()) * LOW)
    return np.array(means)


def law_of(grid=None, n_rows=1, decoder="mlp", tokenizer=SMALL):
    """Return random laws over the numbers 0 to 7 (strings sort like numbers)."""
    torch.manual_seed(0)
    tokenizer = clone(tokenizer).fit([0.0, 7.0])
    module = DECODERS[decoder](4, tokenizer.allowed_tokens).double()
    context = torch.randn(n_rows, 4).double()
    leaves = leaves_of(tokenizer, torch.device("cpu"))
    return TokenDistribution(module, context, tokenizer, leaves, grid=grid)


def grid_of(numbers, normalize=False, learnable=False, low=0.0):
    """Return a grid of some of the numbers 0 to 7."""
    tokens = clone(SMALL).fit([0.0, 7.0]).encode(numbers)
    return Grid(tokens, numbers, low, normalize=normalize, learnable=learnable)


def optimum(objective, grid, y, n_steps=150):
    """Return the expectation and mean loss after training one law on targets y."""
    dist = law_of(grid)
    optimizer = torch.optim.Adam(dist.decoder.parameters(), lr=0.03)
    for _ in range(n_steps):
        loss = objective.loss(dist, y).mean()
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
    dist = law_of(grid_of([7.0], normalize=True), n_rows=3)
    assert_array_equal(dist.expectation().detach(), 7.0)


def test_log_loss_has_the_same_optimum():
    y = torch.tensor([0.0, 7.0, 1.0], dtype=torch.float64)
    mean, _ = optimum(LogLoss(0.0, 7.0), None, y)
    assert mean == pytest.approx(y.mean().item(), abs=1e-2)


# Expectations ---------------------------------------------------------------


@pytest.mark.parametrize("decoder", DECODERS)
def test_tree_is_the_grid_of_all_leaves(decoder):
    leaves = [float(k) for k in range(N)]
    tree = law_of(n_rows=5, decoder=decoder).expectation()
    for normalize in (False, True):
        full = law_of(grid_of(leaves, normalize), 5, decoder).expectation()
        assert_allclose(full.detach(), tree.detach(), rtol=1e-12)
    every = Grid(None, leaves, 0.0, normalize=False, learnable=False)
    assert_allclose(
        law_of(every, 5, decoder).expectation().detach(), tree.detach(), rtol=1e-12
    )


# several strings of ieee_small_tree stand for the same number
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "ieee_small_tree"])
def test_prediction_is_the_sum_over_the_strings(kind):
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
    dist = law_of(grid, n_rows=2)
    cold, full = dist.at_temperature(0.1), law_of(n_rows=2).at_temperature(0.1)
    expected = 7 * full.atoms().probs[:, -1]
    assert_allclose(cold.expectation().detach(), expected.detach(), rtol=1e-9)


def test_expectation_needs_a_grid_or_a_tree():
    with pytest.raises(ValueError, match="1048576 numbers, more than the 4096"):
        law_of(tokenizer=NormalizedTokenizer(2, 20)).expectation()


def test_squared_error_on_the_tree_is_the_expected_error_without_variance():
    dist, y = law_of(n_rows=4), torch.tensor([0.0, 3.0, 5.0, 9.0]).double()
    gradients = []
    for objective in (SquaredError(), ExpectedError(alpha=0.0)):
        loss = objective.loss(dist, y)
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
        name: value
        for name, value in ours.get_params().items()
        if name in DecodingRegressor().get_params() and name != "fine_tuning_epochs"
    }
    theirs = DecodingRegressor(**parameters, fine_tuning=None).fit(X, Y)
    assert_array_equal(ours.predict(X), theirs.predict(X))


def test_a_random_start_has_one_stage():
    assert {row["stage"] for row in fitted("random_start").history_} == {"fine_tuning"}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"loss": "log"},
        {"grid": [LOW, HIGH]},
        {"grid": [HIGH]},
        {"grid": [LOW, HIGH], "normalize_grid": True},
        {"grid": "quantiles"},
        {"token_values": np.linspace(HIGH, LOW, N)},
        {"learnable_weights": True},
    ],
)
def test_fine_tuning_learns_the_mean_from_any_start(parameters):
    model = small(
        **parameters,
        pretraining_epochs=0,
        fine_tuning_epochs=40,
        fine_tuning_learning_rate=1e-2,
        batch_size=20,
        early_stopping=False,
    ).fit(X, Y)
    assert model.score(X, Y) > 0.8


def test_fine_tuning_leaves_the_spread_free():
    def entropies(objective):
        network = law_of(n_rows=6)
        y = network.expectation().detach()  # the mean is right already
        optimizer = torch.optim.Adam(network.decoder.parameters(), lr=0.01)
        entropy = [network.atoms().entropy.mean().item()]
        for _ in range(30):
            optimizer.zero_grad()
            objective.loss(network, y).mean().backward()
            optimizer.step()
        return entropy[0], network.atoms().entropy.mean().item()

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
    monkeypatch.setattr(_grid, "LANES", 3)
    dist, grid = law_of(n_rows=4), grid_of(np.arange(8.0), normalize)
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


def test_quantile_grid_holds_both_ends_and_no_string_twice():
    grid = rail(tokenizer=NormalizedTokenizer(10, 6), grid="quantiles").grid_
    assert_allclose(grid[[0, -1]], [LOW, HIGH])
    assert len(grid) == 64
    assert (np.diff(grid) > 0).all()
    few = fitted("quantiles").grid_
    assert_allclose(few[[0, -1]], [LOW, HIGH])
    assert np.isclose(few[:, None], np.linspace(LOW, HIGH, N)).sum() == len(few) < 64
    assert len(rail(grid="quantiles").fit(X, np.ones(len(X))).grid_) == 1


def test_quantile_grid_sees_the_weights():
    weight = np.where(Y < np.median(Y), 1e6, 1e-6)
    model = small(tokenizer=NormalizedTokenizer(10, 6), grid="quantiles")
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
    assert dtypes.pop("grid.shift") == torch.float64
    assert set(dtypes.values()) == {torch.float32}
    assert (np.abs(model.token_values_ - model.grid_) > 0).all()


def test_weight_decay_pulls_learned_numbers_to_the_grid():
    options = {"early_stopping": False, "weight_decay": 1e3, "fine_tuning_epochs": 5}
    model = small(**KINDS["array_learned"], **options).fit(X, Y)
    assert_allclose(model.token_values_, model.grid_, atol=0.05)


def test_reversed_numbers_mirror_the_start():
    grid = np.linspace(LOW, HIGH, N)
    plain = rail(early_stopping=False)
    mirrored = rail(early_stopping=False, token_values=grid[::-1])
    assert_allclose(mirrored.predict(X), LOW + HIGH - plain.predict(X), rtol=1e-9)
    assert_array_equal(
        plain.predict(X, output_type="median"),
        mirrored.predict(X, output_type="median"),
    )
    assert_allclose(mirrored.token_values_, grid[::-1])
    assert_allclose(mirrored.grid_, grid)


@pytest.mark.parametrize("options", [{}, {"grid": FIVE}, {"learnable_weights": True}])
def test_decreasing_transformer(options):
    falling = FunctionTransformer(np.negative, np.negative, check_inverse=False)
    model = small(
        **options,
        target_transform=falling,
        pretraining_epochs=15,
        fine_tuning_epochs=3,
        learning_rate=2e-2,
    ).fit(X, Y)
    prediction = model.predict(X)
    assert np.corrcoef(prediction, Y)[0, 1] > 0.8
    assert ((prediction > LOW - 0.1) & (prediction < HIGH + 0.1)).all()
    if not model.learnable_weights and "grid" in options:
        assert_allclose(model.token_values_, FIVE)
        assert_allclose(prediction, brute_force(model, X), rtol=1e-9)


def test_mean_of_numbers_mapped_back_one_by_one():
    model = rail(
        grid=FIVE,
        normalize_grid=True,
        target_transform=FunctionTransformer(np.log, np.exp),
    )
    assert_allclose(model.token_values_, FIVE)
    assert_allclose(model.predict(X), brute_force(model, X), rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-9, 1e30])
@pytest.mark.parametrize("grid", ["tree", "quantiles"])
def test_units_of_the_target(scale, grid):
    plain = rail(grid=grid, learnable_weights=True).predict(X)
    scaled = small(grid=grid, learnable_weights=True, fine_tuning_epochs=0)
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


def test_state_holds_no_torch_object():
    assert b"torch" not in pickle.dumps(fitted("array_learned"))


def test_state_does_not_depend_on_parameters_set_after_fit():
    model = small(**KINDS["array_learned"]).fit(X, Y)
    before = model.predict(X)
    model.set_params(learnable_weights=False, grid="tree", normalize_grid=True)
    assert_array_equal(model.predict(X), before)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), before)


def test_a_list_and_an_array_are_the_same_grid():
    model = small(grid=[8, 10, 12], token_values=FIVE[:3], warm_start=True).fit(X, Y)
    same = {"grid": np.array([8.0, 10.0, 12.0]), "token_values": FIVE[:3].tolist()}
    assert model.set_params(**same).fit(X, Y).n_iter_ == 6
    with pytest.raises(ValueError, match=r"\['grid'\] changed since"):
        model.set_params(grid=[8, 10, 11]).fit(X, Y)


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
    ("parameters", "message"),
    [
        ({"tokenizer": "p10"}, r"at most 4096; P10Tokenizer.* has \d+\. .*quantiles"),
        ({"tokenizer": NormalizedTokenizer(2, 13)}, "has 8192. Use grid='quantiles'"),
        ({"grid": [HIGH], "normalize_grid": True}, "a probability divided by itself"),
        ({"grid": [10.0, 10.1]}, "10.0 and 10.1, which .* writes alike"),
        ({"grid": [10.0, HIGH + 1]}, f"grid holds {HIGH + 1}, outside"),
        ({"grid": [LOW - 1, 10.0]}, f"grid holds {LOW - 1}, outside"),
        ({"grid": [10.0, np.nan]}, "grid must be finite, got nan"),
        ({"grid": []}, r"grid must hold at least one number .* got shape \(0,\)"),
        ({"grid": [[LOW, HIGH]]}, r"one dimension, got shape \(1, 2\)"),
        ({"grid": "leaves"}, "The 'grid' parameter .* must be"),
        ({"loss": "absolute"}, "The 'loss' parameter .* must be"),
        ({"token_values": [1.0, 2.0]}, "has 2 numbers, the grid has 8"),
        (
            {"grid": [LOW, HIGH], "token_values": np.arange(3)},
            "has 3 numbers, the grid has 2",
        ),
        ({"token_values": np.full(N, np.inf)}, "token_values must be finite, got inf"),
        ({"pretraining_epochs": 0, "fine_tuning_epochs": 0}, "nothing would be"),
        ({"pretraining_epochs": -1}, "'pretraining_epochs' parameter"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        small(**parameters).fit(X, Y)


@pytest.mark.parametrize("grid", ["tree", "quantiles", [LOW, HIGH]], ids=str)
@pytest.mark.parametrize(
    "tokenizer",
    [*(member() for member in TOKENIZERS.values()), SMALL, IEEETokenizer(10, 2, 6)],
    ids=str,
)
def test_every_grid_trains_or_is_refused_before_training(tokenizer, grid, monkeypatch):
    stages = []

    def watched(network, stage, *args, **kwargs):
        stages.append(stage.name)
        return train(network, stage, *args, **kwargs)

    monkeypatch.setattr("sklearn_genre._base.train", watched)
    model = small(tokenizer=tokenizer, grid=grid, pretraining_epochs=1)
    if grid == "tree" and clone(tokenizer).fit(Y).n_strings > MAX_LEAVES:
        with pytest.raises(ValueError, match=r"at most 4096; .* Use grid='quantiles'"):
            model.fit(X, Y)
        assert not stages
    else:
        model.fit(X, Y)
        assert stages == ["pretraining", "fine_tuning"]


@pytest.mark.parametrize(
    ("transform", "grid"),
    [("quantile", [LOW, HIGH + 1]), ("standard", [LOW - 1e-3, HIGH])],
)
def test_a_grid_beyond_the_training_range_is_refused_on_any_scale(transform, grid):
    with pytest.raises(ValueError, match="outside of what"):
        small(grid=grid, target_transform=transform).fit(X, Y)


def test_unbounded_formats_take_numbers_beyond_the_training_range():
    model = rail(tokenizer=P10Tokenizer(), grid=[0.0, 10.0, 100.0])
    assert_allclose(model.grid_, [0, 10, 100], atol=1e-9)


def test_a_failed_fit_leaves_nothing_fitted():
    model = small().fit(X, Y)
    model.set_params(grid=[HIGH + 1])
    with pytest.raises(ValueError, match="outside"):
        model.fit(X, Y)
    assert not model.__sklearn_is_fitted__()
