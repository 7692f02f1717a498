"""Ensembles whose members leave out a fold each."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    ShuffleSplit,
)

from sklearn_genre import DecodingRegressor, PointwiseRegressor, RiemannRegressor
from sklearn_genre.encoders import TabularEncoder
from sklearn_genre.estimators._set_aside import set_aside
from sklearn_genre.inputs import Data, FoldedInputs, Folds, folds_of
from sklearn_genre.model_selection import out_of_fold_distribution
from sklearn_genre.networks import OutOfFold
from sklearn_genre.training import _engine

X, y = load_diabetes(return_X_y=True)
X, y = X[:60], y[:60]
SMALL = partial(TabularEncoder, n_members=4, hidden_layer_sizes=(8,))


class Unfolded(TabularEncoder):
    """An encoder that has never heard of folds."""

    def __init__(self, columns):
        super().__init__(columns, n_members=4, hidden_layer_sizes=(8,))


SPLITS = [(np.arange(30, 60), np.arange(30)), (np.arange(30), np.arange(30, 60))]
ESTIMATORS = {
    "decoding": partial(DecodingRegressor, fine_tuning=None, pretraining_epochs=2),
    "riemann": partial(RiemannRegressor, max_epochs=2),
    "pointwise": partial(PointwiseRegressor, max_epochs=2),
}


def fit(name="decoding", **options):
    options = {"encoder": SMALL, "random_state": 0, **options}
    return ESTIMATORS[name](**options).fit(X, y)


def folded(model, fold):
    """Return the training samples, as the members read them that left them out."""
    inputs = model._encode(model._check_features(X, reset=False))
    fold = torch.as_tensor(fold)
    return FoldedInputs(inputs, torch.arange(len(X)), fold, int(fold.max()) + 1)


@pytest.mark.parametrize("sizes", [(5, 5), (7, 2, 4)])
def test_no_member_reads_its_fold_and_each_reads_all_others(sizes):
    folds = Folds(np.repeat(np.arange(len(sizes)), sizes), len(sizes))
    batches = list(folds.batches_of_members(2 * len(sizes), 4, None))
    assert len(batches) == -(-max(map(len, folds.kept())) // 4)
    for member, read in enumerate(torch.cat(batches, 1)):
        assert {*read.tolist()} == {*folds.kept()[member // 2]}


def test_folds_take_turns():
    fold = np.random.default_rng(0).integers(0, 3, 20)
    order = Folds(fold, 3).interleaved()
    assert sorted(order) == list(range(20))
    smallest = np.bincount(fold).min()
    assert (fold[order[: 3 * smallest]].reshape(-1, 3) == [0, 1, 2]).all()


@pytest.mark.parametrize("name", ESTIMATORS)
@torch.no_grad()
def test_samples_meet_the_members_that_left_them_out(name):
    model = fit(name)
    network = model.network_
    fold = np.random.default_rng(1).integers(0, 2, len(X))
    inputs = folded(model, fold)
    out = OutOfFold(network, 2)(inputs)
    each = network.members(inputs.inputs)
    for number in range(2):
        mine = torch.as_tensor(fold == number)
        of_fold = slice(2 * number, 2 * number + 2)
        mean = each.expectation().unflatten(0, (4, -1))[of_fold].mean(0)
        close = partial(torch.testing.assert_close, atol=1e-6, rtol=1e-4)
        close(out.expectation()[mine], mean[mine])
        if name != "pointwise":
            probs = each.support().probs.unflatten(0, (4, -1))[of_fold].mean(0)
            close(out.support().probs[mine], probs[mine])


@pytest.mark.parametrize("name", ESTIMATORS)
@torch.no_grad()
def test_errors_out_of_fold_are_those_of_the_members(name):
    model = fit(name)
    fold = np.random.default_rng(1).integers(0, 2, len(X))
    inputs, z = folded(model, fold), torch.linspace(-1, 1, len(X)).double()
    errors = OutOfFold(model.network_, 2).member_errors(inputs, z)
    alone = model.network_.member_errors(inputs.inputs, z)
    for number in range(2):
        mine = torch.as_tensor(fold == number)
        expected = alone[2 * number : 2 * number + 2][:, mine]
        torch.testing.assert_close(errors[:, mine], expected, atol=1e-6, rtol=1e-4)


@torch.no_grad()
def test_blocks_are_the_samples_whatever_their_size():
    model = fit()
    inputs = folded(model, np.arange(len(X)) % 2)
    network = OutOfFold(model.network_, 2)
    whole = network(inputs).support().probs
    parts = [network(block).support().probs[:n] for block, n in inputs.blocks(7)]
    torch.testing.assert_close(torch.cat(parts), whole)


@pytest.mark.parametrize(
    "cv", [3, KFold(4), PredefinedSplit(np.arange(60) // 20), LeaveOneOut(), SPLITS]
)
def test_each_sample_has_one_fold(cv):
    folds = folds_of(cv, X, y, np.random.RandomState(0))
    assert np.bincount(folds.fold, minlength=folds.n_folds).min() > 0
    if isinstance(cv, PredefinedSplit):
        assert (folds.fold == cv.test_fold).all()
    if cv is SPLITS:
        assert (folds.fold[:30] == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cv": 3}, "multiple of the 3 folds"),
        ({"cv": ShuffleSplit(4, random_state=0)}, "must test each sample once"),
        ({"cv": 2, "encoder": "mlp"}, "needs an ensemble"),
        ({"cv": 2, "decoder": "mlp"}, "needs an ensemble"),
        ({"cv": PredefinedSplit(np.arange(60) // 20 - 1)}, "tests sample 0 0 times"),
        ({"cv": PredefinedSplit([0] * 60)}, "makes 1 fold"),
        ({"cv": [(SPLITS[0][0][9:], SPLITS[0][1]), SPLITS[1]]}, "train on all others"),
        ({"cv": [*SPLITS, (np.arange(60), np.arange(0))]}, "0 test samples in split 2"),
        ({"cv": [([], []), ([], [])]}, "tests sample 0 0 times"),
        ({"cv": [(SPLITS[0][0], np.arange(30.0)), SPLITS[1]]}, "by whole numbers"),
        ({"cv": 2, "encoder": Unfolded}, "needs an ensemble"),
        ({"cv": KFold(2).split(X)}, "Give the splitter, or a list"),
        ({"cv": [(np.arange(60),)]}, "pairs of training and test samples"),
        ({"cv": GroupKFold(2)}, r"give fit\(X, y, groups="),
        ({"cv": [(np.arange(61), [60]), SPLITS[1]]}, "60, and there are 60 samples"),
        ({"cv": True}, "cv"),
        ({"cv": 61}, "more folds than the 60 samples"),
    ],
)
def test_folds_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fit(**options)


def test_a_class_is_no_splitter():
    with pytest.raises(TypeError, match=r"give KFold\(\)"):
        fit(cv=KFold)


def test_a_warm_start_has_a_sample_for_each_fold():
    with pytest.raises(ValueError, match="8 folds, and X has 5"):
        Folds(np.arange(16) % 8, 8).of(5, np.random.RandomState(0))


@pytest.mark.filterwarnings("ignore:The groups parameter:UserWarning")
def test_splits_are_of_the_samples_that_count_and_groups_stay_together():
    model = ESTIMATORS["decoding"](encoder=SMALL, cv=PredefinedSplit(np.arange(60) % 2))
    with pytest.raises(ValueError, match="names sample 59, and there are 50 samples"):
        model.fit(X, y, np.repeat([1.0, 0.0], [50, 10]))
    model.set_params(cv=KFold(2))
    with pytest.raises(ValueError, match=r"group of sample .* is in several"):
        model.fit(X, y, groups=np.arange(60) % 7)


def without_seconds(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def test_a_validation_set_that_is_given_takes_the_place_of_folds():
    models = [
        ESTIMATORS["decoding"](encoder=SMALL, random_state=0, cv=cv).fit(
            X, y, X_val=X[:9], y_val=y[:9]
        )
        for cv in (None, 2)
    ]
    assert without_seconds(models[0].history_) == without_seconds(models[1].history_)


def test_same_seed_same_bits():
    models = [fit(cv=2) for _ in range(2)]
    assert (models[0].predict(X) == models[1].predict(X)).all()
    assert without_seconds(models[0].history_) == without_seconds(models[1].history_)


def test_without_early_stopping_all_members_read_all_samples():
    one, other = (fit(cv=cv, early_stopping=False) for cv in (None, 2))
    assert (one.predict(X) == other.predict(X)).all()


@pytest.mark.parametrize(
    ("name", "epochs"), [("decoding", "pretraining_epochs"), ("riemann", "max_epochs")]
)
@torch.no_grad()
def test_members_learn_nothing_from_their_fold(name, epochs, monkeypatch):
    """Two targets of a fold change places, so that all scales stay as they are.

    Gradients are not clipped here, because their norm is that of all members, and there
    is one epoch, because the best one is that of all members, too.
    """
    monkeypatch.setattr(_engine, "MAX_GRADIENT_NORM", 1e9)
    fold = np.arange(len(X)) % 2
    first, second = np.flatnonzero(fold == 0)[[3, 11]]
    changed = y.copy()
    changed[[first, second]] = y[[second, first]]
    options = {"encoder": SMALL, "random_state": 0, "cv": PredefinedSplit(fold)}
    options |= {epochs: 1, "batch_size": 8}
    numbers = []
    for target in (y, changed):
        model = ESTIMATORS[name](**options).fit(X, target)
        inputs = model._encode(model._check_features(X, reset=False))
        numbers.append(model.network_.members(inputs).support().probs)
    same = (numbers[0] - numbers[1]).abs().amax(-1).view(4, len(X)).amax(1)
    assert same[:2].max() < 1e-6 < same[2:].min()


def test_training_samples_are_predicted_by_the_members_that_left_them_out():
    fold = np.random.default_rng(0).integers(0, 2, len(X))
    model = fit(cv=PredefinedSplit(fold))
    mean = out_of_fold_distribution(model, X).mean()
    weights = [p.detach().clone() for p in model.network_.parameters()]
    for number in range(2):
        for parameter, weight in zip(model.network_.parameters(), weights, strict=True):
            of_fold = weight.chunk(2)[number]  # of its members
            parameter.data.copy_(torch.cat([of_fold, of_fold]))
        mine = fold == number
        np.testing.assert_allclose(mean[mine], model.predict(X)[mine], rtol=1e-5)


def test_samples_that_are_not_those_of_training_are_refused():
    with pytest.raises(ValueError, match="60 training samples"):
        out_of_fold_distribution(fit(cv=2), X[:5])
    with pytest.raises(ValueError, match="fitted without folds"):
        out_of_fold_distribution(fit(), X)


def test_a_warm_start_keeps_the_folds():
    model = fit(cv=2, warm_start=True)
    fold = model._folds.fold
    model.fit(X, y)
    assert model._folds.fold is fold
    assert model._held_out is not None  # nobody has trained on what is left out
    assert pickle.loads(pickle.dumps(model))._folds.n_folds == 2


def test_a_warm_start_takes_the_folds_of_another_splitter():
    model = fit(cv=2, warm_start=True).set_params(cv=SPLITS)
    with pytest.warns(UserWarning, match="validates on other samples"):
        model.fit(X, y)
    assert (model._folds.fold == np.repeat([0, 1], 30)).all()


def test_a_warm_start_after_a_validation_set_keeps_the_network():
    model = ESTIMATORS["decoding"](
        encoder=SMALL, random_state=0, cv=2, warm_start=True
    ).fit(X, y, X_val=X, y_val=y)
    before = model.network_.encoder.functions.frequency.shape
    with pytest.warns(UserWarning, match="validates on other samples"):
        model.set_params(learning_rate=1e-9).fit(X, y)
    assert model.network_.encoder.functions.frequency.shape == before
    assert model._folds is None


def test_samples_of_a_group_are_in_one_fold():
    groups = np.repeat(list("abcdefghij"), 6)
    model = ESTIMATORS["decoding"](encoder=SMALL, cv=2, random_state=0)
    fold = model.fit(X, y, groups=groups)._folds.fold
    assert len({*zip(groups, fold, strict=True)}) == 10
    weight = np.repeat([1.0, 0.0], [42, 18])  # the last groups are left out
    fold = model.fit(X, y, weight, groups=groups)._folds.fold
    assert len({*zip(groups[:42], fold, strict=True)}) == 7


def test_groups_are_held_out_whole():
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 6))
    model = ESTIMATORS["decoding"](cv=None, validation_fraction=0.3)
    data = Data(np.arange(60.0)[:, None], y, np.ones(60))
    random = np.random.RandomState(0)
    train, validation = set_aside(model, data, groups, random)
    read, held_out = (groups[each.X[:, 0].astype(int)] for each in (train, validation))
    assert len(train) + len(validation) == 60
    assert {*read}.isdisjoint({*held_out})
    assert len({*held_out}) == 3


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([0] * 60, "one group"),
        ([0, 1], "as many"),
        ([None, *"ab" * 29, "a"], "sample 0"),
    ],
)
def test_groups_that_cannot_be_held_out_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        ESTIMATORS["decoding"](encoder="mlp").fit(X, y, groups=groups)


def test_a_warm_start_on_other_samples_keeps_groups_together():
    model = ESTIMATORS["decoding"](encoder=SMALL, cv=2, random_state=0, warm_start=True)
    groups = np.repeat(np.arange(10), 6)
    model.fit(X, y, groups=groups)
    with pytest.warns(UserWarning, match="validates on other samples"):
        fold = model.fit(X[:54], y[:54], groups=groups[:54])._folds.fold
    assert len({*zip(groups[:54], fold, strict=True)}) == 9


@pytest.mark.parametrize(
    ("options", "n", "groups", "message"),
    [
        ({"cv": 3}, 60, None, "cv=3 makes 3 folds, and the fitted network has 2"),
        ({"cv": KFold(4)}, 60, None, r"cv=KFold\(.* makes 4 folds"),
        ({}, 60, np.arange(60) // 3, "sample .* is in several. .* the first fit"),
        ({}, 59, np.zeros(59), "There are 1 groups"),
    ],
)
def test_folds_that_a_warm_start_cannot_have_are_refused(options, n, groups, message):
    model = ESTIMATORS["decoding"](encoder=SMALL, cv=2, random_state=0, warm_start=True)
    model.set_params(early_stopping=True).fit(X, y).set_params(**options)
    with pytest.raises(ValueError, match=message):
        model.fit(X[:n], y[:n], groups=groups)


def test_the_default_has_folds_where_its_encoder_chooses_its_members():
    def n_folds(encoder, n_samples=60, **options):
        model = ESTIMATORS["decoding"](encoder=encoder, random_state=0, **options)
        folds = model.fit(X[:n_samples], y[:n_samples])._folds
        return folds and folds.n_folds

    own = partial(TabularEncoder, hidden_layer_sizes=(8,))
    assert n_folds(own) == 8
    assert n_folds(SMALL) is None  # four members
    assert n_folds("mlp") is None
    assert n_folds(Unfolded) is None
    assert n_folds(own, cv=None) is None
    assert n_folds(own, n_samples=30) is None  # nothing is held out


@pytest.mark.parametrize(
    ("shape", "has_folds"),
    [((10_000, 500), True), ((10_001, 3), False), ((300, 501), False), ((7, 3), False)],
)
def test_the_default_makes_folds_of_tables_that_are_neither_long_nor_wide(
    shape, has_folds
):
    X = np.broadcast_to(np.float32(0), shape)
    folds = folds_of("auto", X, np.arange(shape[0]), np.random.RandomState(0))
    assert (folds is not None) == has_folds


def test_a_warm_start_says_that_it_has_no_folds():
    options = {"encoder": SMALL, "random_state": 0, "warm_start": True}
    model = ESTIMATORS["decoding"](cv=None, **options).fit(X, y)
    with pytest.warns(UserWarning, match="cv=4 is not used"):
        model.set_params(cv=4).fit(X, y)


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ({"cv": [1, 2]}, {}, "must hold pairs"),
        ({"cv": 5}, {"groups": np.arange(60) // 20}, "than the 3 groups"),
        (
            {"cv": None, "validation_fraction": 0.99},
            {"groups": np.arange(60) // 20},
            "validation_fraction=0.99 of 3 groups",
        ),
        ({}, {"groups": np.ma.masked_less(np.arange(60), 1)}, "no value for sample 0"),
        ({}, {"groups": np.arange(59)}, "groups holds 59 samples and X 60"),
        ({}, {"sample_weight": "w"}, "sample_weight='w' names a column"),
    ],
)
def test_faults_of_folds_and_groups_are_named(options, given, message):
    model = ESTIMATORS["decoding"](encoder=SMALL, **options)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **given)


def test_groups_are_those_of_the_samples_with_a_weight(tmp_path):
    """However the weights are given: one for all, an array, a column of a file."""
    groups, weight = np.arange(60) // 6, np.arange(60) % 3.0
    model = ESTIMATORS["decoding"](encoder=SMALL, cv=2, random_state=0)
    one = model.fit(X, y, 2.0, groups=groups).predict(X)
    np.testing.assert_array_equal(one, model.fit(X, y, groups=groups).predict(X))
    few = weight > 0
    model.fit(X[few], y[few], weight[few], groups=groups[few])
    expected = model.predict(X)
    model.fit(X, y, weight, groups=groups)
    np.testing.assert_array_equal(model.predict(X), expected)
    frame = pd.DataFrame(X).add_prefix("x").assign(y=y, w=weight)
    pytest.importorskip("pyarrow")
    frame.to_parquet(tmp_path / "data.parquet")
    model.fit(tmp_path / "data.parquet", "y", "w", groups=groups)
    np.testing.assert_array_equal(model.predict(frame[frame.columns[:-2]]), expected)
