"""Options of the policy gradients, and what the training loop tells them."""

import math
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
import torch
from digit_distributions import assert_near
from sklearn.base import clone

from sklearn_genre import DecodingRegressor
from sklearn_genre.decoders import MLPDecoder
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.policy_gradients import (
    GRPO,
    POLICY_GRADIENTS,
    RLOO,
    PolicyGradient,
    ReMax,
)
from sklearn_genre.tokenizers import IEEETokenizer, NormalizedTokenizer

BASE_2 = NormalizedTokenizer(2, 4)
every_member = pytest.mark.parametrize(
    "member", POLICY_GRADIENTS.values(), ids=POLICY_GRADIENTS
)


def tiny(tokenizer, fine_tuning, **options):
    """Return an estimator that is fitted in a moment."""
    return DecodingRegressor(
        tokenizer,
        partial(MLPEncoder, hidden_layer_sizes=(8,), dropout=0.1),
        partial(MLPDecoder, hidden_size=8),
        fine_tuning=fine_tuning,
        pretraining_epochs=1,
        fine_tuning_epochs=2,
        random_state=0,
        **options,
    )


@pytest.mark.parametrize("tokenizer", [BASE_2, IEEETokenizer(2, 2, 2)], ids=repr)
@every_member
def test_all_options_together_fit(member, tokenizer):
    weights = dict.fromkeys(("entropy_weight", "kl_weight", "expert_weight"), 0.1)
    objective = member(n_rollouts=3, reward_scale="quantile", **weights)
    X = np.random.default_rng(0).normal(size=(50, 2))
    model = tiny(tokenizer, objective).fit(X, X[:, 0] ** 3)
    last = model.history_[-1]
    assert (last["stage"], last["epoch"]) == ("fine_tuning", 2)
    assert math.isfinite(last["train_loss"])
    assert np.isfinite(model.predict(X)).all()
    assert not hasattr(objective, "knots_")  # fit leaves what it is given as it was


def test_more_updates_take_more_steps():
    X = np.random.default_rng(0).normal(size=(50, 2))
    models = [
        tiny(BASE_2, GRPO(n_rollouts=4, n_updates=n)).fit(X, X[:, 0]) for n in (1, 2)
    ]
    assert not np.array_equal(*(model.predict(X) for model in models))


class Noting(ReMax):
    """Keeps what it is told at the start of a stage, and when."""

    seen: ClassVar = []

    def start(self, y, weight):
        self.seen.append((y, weight))

    def prepare(self, dist, y, reference=None):
        self.seen.append(None)
        return super().prepare(dist, y, reference)


def test_the_loop_shows_the_training_targets_once_before_the_first_step():
    Noting.seen.clear()
    model = tiny(BASE_2, Noting(n_rollouts=2), validation_fraction=0.5)
    y = np.arange(60.0)
    model.fit(y[:, None], y, sample_weight=np.r_[0.0, np.full(59, 3.0)])
    (targets, weight), *later = Noting.seen
    assert later
    assert later == [None] * len(later)
    assert len(targets) == 29
    assert targets.dtype == torch.float64
    spread = (y[1:] - y[1:].mean()) / y[1:].std()
    assert np.isclose(targets.numpy()[:, None], spread).any(1).all()
    assert_near(weight, torch.ones(29))


@every_member
def test_members_are_policy_gradients_that_clone(member):
    objective = member(n_rollouts=3, temperature=2.0)
    objective.check(BASE_2)
    assert isinstance(objective, PolicyGradient)
    assert clone(objective).get_params() == objective.get_params()
    assert objective.uses_dropout is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_rollouts", 0),
        ("reward", "r2"),
        ("reward_scale", "log"),
        ("reward_scale", None),
        ("reward_clip", 0.0),
        ("temperature", 0),
        ("entropy_weight", -0.1),
        ("kl_weight", -0.2),
        ("expert_weight", -0.1),
    ],
)
@every_member
def test_options_out_of_range(member, name, value):
    with pytest.raises(ValueError, match=rf"{member.__name__}\.{name} .*{value}"):
        member(**{name: value}).check(BASE_2)


@pytest.mark.parametrize("member", [GRPO, RLOO])
def test_a_group_has_two_members(member):
    member(n_rollouts=2).check(BASE_2)
    with pytest.raises(ValueError, match="n_rollouts == 1, must be >= 2"):
        member(n_rollouts=1).check(BASE_2)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("scale_rewards", 1, TypeError),
        ("clip_range", 0, ValueError),
        ("n_updates", 0, ValueError),
    ],
)
def test_options_of_grpo_out_of_range(name, value, error):
    with pytest.raises(error, match=rf"GRPO\.{name} "):
        GRPO(**{name: value}).check(BASE_2)


@pytest.mark.parametrize("member", POLICY_GRADIENTS.values(), ids=POLICY_GRADIENTS)
def test_selected_by_the_reward_where_validation_has_it(member):
    assert member().scoring == "expected_error"
    for other in (
        {"reward": "neg_absolute_error"},
        {"reward_scale": "quantile"},
        {"reward_clip": 1.0},
    ):
        assert member(**other).scoring is None
