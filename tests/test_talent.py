"""The benchmark on TALENT folders: what is read, predicted and scored."""

import json
import re
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from talent import datasets, histories, predictions, scores, talent_client
from talent.columns import codes, filled_codes, one_hot, strings
from talent.methods import METHODS, OURS
from talent.ours import Ours, Task, kept_history
from talent.peers import PEERS, WholePeerModel
from talent_sets import SIZES, write_set

from sklearn_genre import PredictiveDistribution


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Return a set of numbers and categories."""
    folder = tmp_path_factory.mktemp("data") / "tiny"
    return datasets.read_table(write_set(folder))


# -- datasets --------------------------------------------------------------------


def test_numbers_first_then_categories(tiny):
    assert tiny.categories == [2]
    assert tiny.train.X.shape == (40, 3)
    assert tiny.train.y.dtype == np.float64
    assert np.isnan(tiny.train.X[0, 1])
    assert set(tiny.train.X[:, 2]) == {"a", "b", None}
    assert tiny.info["talent_match"] == "exact"


def test_numbers_alone_are_float64(tmp_path):
    folder = write_set(tmp_path / "numbers")
    for part in SIZES:
        (folder / f"C_{part}.npy").unlink()
    table = datasets.read_table(folder)
    assert table.train.X.dtype == np.float64
    assert table.categories == []


def _no_target(folder):
    (folder / "y_val.npy").unlink()


def _pickled(folder):
    np.save(folder / "N_train.npy", np.array([[None]] * 40), allow_pickle=True)


def _short(folder):
    np.save(folder / "C_test.npy", np.array([["a"]]))


def _infinite(folder):
    np.save(folder / "y_train.npy", np.full(40, np.inf))


def _classes(folder):
    (folder / "info.json").write_text('{"task_type": "binclass"}')


def _no_columns(folder):
    (folder / "N_val.npy").unlink()
    (folder / "C_val.npy").unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_no_target, "y_val.npy is missing"),
        (_pickled, "without pickle"),
        (_short, "1 rows and y_test.npy has 16"),
        (_infinite, "not finite"),
        (_classes, "binclass"),
        (_no_columns, "neither N_val.npy nor C_val.npy"),
    ],
)
def test_what_is_wrong_with_a_set_is_said(tmp_path, spoil, message):
    folder = write_set(tmp_path / "spoiled")
    spoil(folder)
    with pytest.raises(ValueError, match=re.escape(message)):
        datasets.read_table(folder)


def test_words_for_sets(tmp_path):
    for name in ("c", "a", *datasets.TWINS, "boston"):
        write_set(tmp_path / name, talent_match="exact" if name == "a" else "-")
    assert datasets.choose_sets(tmp_path, ["exact"], None) == ["a"]
    assert datasets.choose_sets(tmp_path, ["c", "exact", "c"], None) == ["c", "a"]
    assert datasets.choose_sets(tmp_path, ["all"], None) == [
        "a",
        "bike_sharing_hour",
        "c",
    ]
    assert datasets.choose_sets(tmp_path, ["all"], 39) == []
    with pytest.raises(ValueError, match="share rows"):
        datasets.choose_sets(tmp_path, sorted(datasets.TWINS), None)
    with pytest.raises(ValueError, match="no set of the name b"):
        datasets.choose_sets(tmp_path, ["b"], None)


def test_folder_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SKLEARN_GENRE_DATA", str(tmp_path))
    assert datasets.data_folder(None) == tmp_path.resolve()
    monkeypatch.delenv("SKLEARN_GENRE_DATA")
    with pytest.raises(ValueError, match="--data DIR or SKLEARN_GENRE_DATA"):
        datasets.data_folder(None)
    with pytest.raises(ValueError, match="not a folder"):
        datasets.data_folder(tmp_path / "none")


def test_choosing_reads_no_test_part(tmp_path):
    folder = write_set(tmp_path / "set")
    whole = datasets.read_table(folder)
    (folder / "y_test.npy").unlink()
    table = datasets.READERS["val"](folder)
    assert_array_equal(table.test.y, whole.val.y)
    assert len(table.val.y) == SIZES["train"] // 5
    both = np.concatenate([table.train.y, table.val.y])
    assert_array_equal(np.sort(both), np.sort(whole.train.y))


# -- scores ----------------------------------------------------------------------


def test_scores_do_not_depend_on_the_unit():
    random = np.random.default_rng(0)
    y, values = random.standard_normal(30), np.linspace(-3, 3, 16)
    mass = random.uniform(size=(30, 16))
    found = [
        scores.scores(
            predictions.Prediction(
                (dist := PredictiveDistribution(c * values, mass)).mean(), dist
            ),
            c * y,
            c,
        )
        for c in (1.0, 1000.0)
    ]
    assert set(scores.DISTRIBUTION_SCORES) < set(found[0])
    for name, score in found[0].items():
        assert score is not None, name
        np.testing.assert_allclose(found[1][name], score, err_msg=name, atol=1e-9)


def test_scores_of_a_sure_prediction():
    y = np.arange(5.0)
    row = scores.scores(predictions.Prediction(y + 1), y, 2.0)
    assert (row["rmse_mean"], row["mae"]) == (0.5, 0.5)
    assert row["spearman"] == pytest.approx(1.0)
    assert row["r2"] == 0.5
    assert all(row[name] is None for name in scores.DISTRIBUTION_SCORES)
    constant = scores.scores(predictions.Prediction(np.ones(5)), y, 1.0)
    assert constant["spearman"] == 0.0


def test_predictions_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        scores.scores(predictions.Prediction(np.array([np.nan])), np.ones(1), 1.0)


def test_pooled_distance_weighs_the_masses():
    dist = PredictiveDistribution([0.0, 1.0], [[1.0, 0.0], [1.0, 1.0]])
    assert scores.pooled_distance(dist, np.array([0.0, 0.0])) == pytest.approx(0.25)
    own = PredictiveDistribution([[0.0, 1.0], [2.0, 3.0]], [[1.0, 0.0], [0.0, 1.0]])
    assert scores.pooled_distance(own, np.array([3.0, 0.0])) == pytest.approx(0.0)


def test_quantiles_keep_their_levels():
    levels = (np.arange(100) + 0.5) / 100
    dist = predictions.from_quantiles(levels[None, ::-1])  # of the uniform distribution
    asked = np.array([0.05, 0.5, 0.95])
    np.testing.assert_allclose(dist.ppf([asked])[0], asked, atol=1e-9)
    row = scores.scores(
        predictions.Prediction(dist.mean(), dist, has_density=False), np.ones(1), 1.0
    )
    assert row["log_score"] is row["entropy"] is row["rmse_mode"] is None
    assert row["crps"] == pytest.approx(1 / 3, abs=1e-3)


def test_normal_cells():
    dist = predictions.normal(np.array([2.0]), np.array([3.0]))
    assert dist.std()[0] == pytest.approx(3.0, rel=1e-3)
    entropy = 0.5 * np.log(2 * np.pi * np.e * 9)
    assert dist.entropy()[0] == pytest.approx(entropy, abs=1e-3)


# -- methods ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["remax", "raft_coarse_normalized", "untrained", "remax_curves", "riemann"]
)
def test_ours_predict_and_say_what_they_did(tiny, name):
    new = OURS[name]
    given = new(tiny.train.y).get_params(deep=False)
    short = {key: 2 for key in given if key.endswith("epochs") and given[key]}
    model = Ours(new.changed(**short), Task(0, 1, tiny.categories))
    model.fit(tiny.train, tiny.val)
    row = scores.scores(model.predict(tiny.test.X), tiny.test.y, 5.0)
    row |= model.extras(tiny.test.X, tiny.test.y, 5.0)
    row["parameters"] = model.parameters()
    assert json.dumps(row, allow_nan=False)
    assert row["parameters"]["estimator"] == new.name
    assert ("rmse_greedy" in row) == (name != "riemann")
    assert ("history" in row) == (name == "remax_curves")
    kept = histories.numbers({**row, "unit": 5.0})
    assert ("after_best_at_128" in kept) == (name == "remax_curves")


@pytest.mark.parametrize("name", ["default_base", "default_remax"])
def test_rows_say_what_a_policy_gradient_did(tiny, name):
    new = OURS[name].changed(pretraining_epochs=2, fine_tuning_epochs=2)
    model = METHODS[name].make.func(
        new, Task(0, 1, tiny.categories), **METHODS[name].make.keywords
    )
    model.fit(tiny.train, tiny.val)
    policy = model.extras(tiny.test.X, tiny.test.y, 5.0)["policy"]
    assert json.dumps(policy, allow_nan=False)
    mode = model.estimator.predict(tiny.val.X, output_type="mode")
    error = np.sqrt(np.mean((mode - tiny.val.y) ** 2))
    assert policy["rmse_mode"] == pytest.approx(error / 5.0)
    if name == "default_base":
        assert set(policy) == {"rmse_mode", "rmse_mean"}
    else:  # what selects is the error of the mean of the final model
        assert policy["rmse"]["selected"] == pytest.approx(policy["rmse_mean"])
        assert policy["rmse"]["selected"] <= min(policy["rmse"].values())
        scaled = policy["rmse"]["before"] * 5.0 / model.estimator.target_scaler_.unit_
        assert policy["reward"]["before"] < -(scaled**2)  # bias and variance


def test_kept_history_thins_pretraining_alone():
    rows = [
        {"stage": stage, "epoch": epoch, "selected": epoch == 7}
        for stage, n in {"pretraining": 20, "fine_tuning": 3}.items()
        for epoch in range(1, n + 1)
    ]
    assert kept_history(rows)["epoch"] == [7, 10, 20, 1, 2, 3]


PEERS_THERE = [name for name in PEERS if PEERS[name].path.startswith("sklearn.")]


@pytest.mark.parametrize("name", PEERS_THERE)
def test_peers_predict_in_the_unit_of_the_target(tiny, name):
    model = METHODS[name].make(Task(0, 1, tiny.categories))
    model.fit(tiny.train, tiny.val)
    mean = model.predict(tiny.test.X).mean
    assert np.isfinite(mean).all()
    assert np.abs(mean - 100).max() < 30
    assert json.dumps(model.parameters())


def test_peers_as_users_call_them_train_on_both_parts(tiny):
    task = Task(0, 1, tiny.categories)
    whole, plain = WholePeerModel(PEERS["ridge"], task), PEERS["ridge"](task)
    whole.fit(tiny.train, tiny.val)
    plain.fit(datasets.joined(tiny.train, tiny.val), tiny.val)
    ours, theirs = (model.predict(tiny.test.X).mean for model in (whole, plain))
    np.testing.assert_array_equal(ours, theirs)
    plain.fit(tiny.train, tiny.val)
    assert np.abs(plain.predict(tiny.test.X).mean - ours).max() > 1e-6


@pytest.mark.parametrize("target", [0.0, 0.69, 645.0])
def test_equal_quantiles_of_a_peer_survive_the_unit_of_the_target(tiny, target):
    model = METHODS["dummy"].make(Task(0, 1, tiny.categories))
    model.fit(tiny.train, tiny.val)
    scaled = (target - model.center) / model.scale
    tied = predictions.from_quantiles(np.full((len(tiny.test.X), 100), scaled))
    read = predictions.Prediction(np.full(len(tiny.test.X), scaled), tied, False)
    model.peer = replace(model.peer, read=lambda estimator, X: read)
    dist = model.predict(tiny.test.X).dist
    np.testing.assert_allclose(dist.interval(0.9), target, atol=1e-9)


@pytest.mark.parametrize("columns", [one_hot, codes, filled_codes, strings])
def test_columns_know_levels_and_what_is_missing(tiny, columns):
    X = tiny.test.X.copy()
    X[0, 2] = "never seen"
    found = columns(tiny.train.X, tiny.categories).transform(X)
    assert len(found) == len(X)
    assert found.shape[1] == (5 if columns is one_hot else 3)
    if columns in (one_hot, filled_codes):
        assert np.isfinite(np.asarray(found, dtype=float)).all()


# -- inside TALENT ---------------------------------------------------------------


def as_objects(data):
    """Return the data of some parts as objects, targets in a column."""
    N, C, y = data
    numbers = {
        part: np.where(np.isnan(values), None, values.astype(object))
        for part, values in N.items()
    }
    levels = {part: values.astype(object) for part, values in C.items()}
    return numbers, levels, {k: v.astype(object)[:, None] for k, v in y.items()}


def test_client_converts_arrays_of_objects(tmp_path):
    folder = write_set(tmp_path / "sets" / "one").parent
    train_val, test, info = talent_client.get_dataset("one", folder)
    small = {"pretraining_epochs": 1, "fine_tuning": None, "encoder": "mlp"}
    args = SimpleNamespace(seed=0, save_path=tmp_path, config={"model": small})
    results = []
    for convert in (lambda data: data, as_objects):
        method = talent_client.DecodingMethod(args, True)
        method.fit(convert(train_val), info)
        results.append(method.predict(convert(test), info, "best-val"))
    assert results[0][0] == results[1][0]
    assert_array_equal(results[0][2], results[1][2])


def test_client_registers_where_there_is_no_registry(monkeypatch):
    utils = ModuleType("TALENT.model.utils")
    utils.get_method = lambda model: f"TALENT's {model}"
    model = ModuleType("TALENT.model")
    model.utils = utils
    for name, module in {
        "TALENT": ModuleType("TALENT"),
        "TALENT.model": model,
        "TALENT.model.utils": utils,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    talent_client.register("ours")
    assert utils.get_method("ours") is talent_client.DecodingMethod
    assert utils.get_method("mlp") == "TALENT's mlp"


def test_client_speaks_as_talent_does(tmp_path):
    folder = write_set(tmp_path / "sets" / "one").parent
    train_val, test, info = talent_client.get_dataset("one", folder)
    small = {"pretraining_epochs": 2, "fine_tuning": None}
    args = SimpleNamespace(seed=0, save_path=tmp_path, config={"model": small})
    method = talent_client.DecodingMethod(args, info["task_type"] == "regression")
    assert method.fit(train_val, info) > 0
    again = talent_client.DecodingMethod(args, True)
    assert again.fit(train_val, info, train=False) is None
    values, names, predicted = again.predict(test, info, "best-val")
    assert names == ("MAE", "R2", "RMSE")
    error = predicted - test[2]["test"]
    assert values[2] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert len(again.distribution) == SIZES["test"]
    with pytest.raises(ValueError, match="regression"):
        talent_client.DecodingMethod(args, False)
