"""Language models: distributions, training, and what is kept of them."""

import pickle
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from digit_distributions import all_strings, assert_near, log_probs_of
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

from sklearn_genre import LanguageModelRegressor
from sklearn_genre.decoders import Backbone
from sklearn_genre.estimators import OBJECTIVES
from sklearn_genre.losses import RAFT, CrossEntropy
from sklearn_genre.networks import PROMPT_HEADS
from sklearn_genre.policy_gradients import GRPO, POLICY_GRADIENTS, ReMax
from sklearn_genre.training import _engine, _readout
from sklearn_genre.training._collapse import has_collapsed

pytest.importorskip("transformers")
from small_language_models import save_model, small_language_model
from transformers import AutoTokenizer

PROMPT = "{}| "


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("llama"))


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Stop L-BFGS early, where a test does not ask for more, and have few folds."""
    monkeypatch.setattr(_readout, "N_ITERATIONS", 5)
    monkeypatch.setattr(_readout, "N_CV_FOLDS", 2)


def texts_and_scores(n=40, seed=0):
    """Return texts that tell their score by how many letters they have."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 51, n) / 10
    return [f"a{'b' * int(2 * score)} {score:.0f}" for score in y], y


def make(folder, **options):
    options = {"trainable": 1, "learning_rate": 1e-3, **options}
    return small_language_model(folder, PROMPT, **options)


def fit(folder, n=24, **options):
    X, y = texts_and_scores(n)
    return make(folder, **options).fit(X, y)


@pytest.mark.parametrize("numbers", ["d.d", "d.ddd", "+d.d", "ieee"])
@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt2"])
@torch.no_grad()
def test_tree_teacher_forcing_and_rollouts_agree(kind, numbers, tmp_path):
    model = fit(save_model(tmp_path, kind), numbers=numbers, warm_start_rows=None, n=12)
    network, tokenizer = model.network_, model.tokenizer_
    inputs = model._encode(model._check_features(["abb", "a b c | 3"], reset=False))
    dist = network(inputs)
    if dist.leaves is not None and tokenizer.n_strings < 100:
        strings = all_strings(tokenizer, 2)
        forced = log_probs_of(dist.decoder, dist.context, strings).T
        assert_near(dist.decoder.leaf_log_probs(dist.context), forced, 1e-5)
    torch.manual_seed(0)
    tokens, drawn = dist.rollout(5)
    assert_near(drawn, dist.token_log_probs(tokens), 1e-5)
    greedy = dist.greedy()
    assert torch.equal(dist.log_probs(greedy[None])[0].argmax(-1), greedy)
    levels = torch.tensor([0.2, 0.7], dtype=torch.float64)
    tokens, log_probs = dist.at_levels(levels)
    expected = dist.token_log_probs(tokens).sum(-1).double()
    assert_near(log_probs, expected, 1e-4)


@pytest.mark.parametrize("numbers", ["d.d", "d.ddd"])
@torch.no_grad()
def test_probabilities_are_those_of_the_whole_text(folder, numbers):
    model = fit(folder, numbers=numbers, n=12)
    decoder = model.network_.decoder
    ids = model._check_features(["abb", "a b c | 3"], reset=False)
    dist = model.network_(model._encode(ids))
    tokens, _ = dist.rollout(3)
    forced = dist.log_probs(tokens)
    spelling = decoder.spelling
    for i, prompt in enumerate(ids):
        for j in range(3):
            text = [*prompt, *spelling.literals[0]]
            for position, token in enumerate(tokens[j, i].tolist()):
                states = decoder.backbone.model(torch.tensor([text])).last_hidden_state
                logits = decoder.mask(decoder.out(states[0, -1]), position)
                assert_near(forced[j, i, position], logits.log_softmax(-1), 1e-5)
                text += [int(spelling.ids[position, token])]
                if position + 1 < tokens.shape[-1]:
                    text += spelling.literals[position + 1]


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        *((name, "d.d") for name in OBJECTIVES),
        *((name, "d.ddd") for name in ("crps", "dist", "raft", "remax")),
    ],
)
def test_every_objective_trains_the_model(folder, name, numbers):
    options = {"pretraining": "cross_entropy"} if name in POLICY_GRADIENTS else {}
    if name == "raft" and numbers == "d.ddd":
        options["objective"] = RAFT(grid="quantiles")
    options = {"objective": name, "numbers": numbers, "max_epochs": 1, **options}
    model = fit(folder, n=16, early_stopping=False, ema_decay=0, **options)
    untouched = fit(folder, n=16, max_epochs=0)
    trained = dict(model.network_.decoder.backbone.named_parameters())
    changed = [
        name
        for name, before in untouched.network_.decoder.backbone.named_parameters()
        if not torch.equal(before, trained[name])
    ]
    assert changed
    assert all(".layers.2." in n or ".norm." in n for n in changed)
    assert np.isfinite(model.predict(["abb", "c"])).all()


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
@pytest.mark.parametrize("head", PROMPT_HEADS)
def test_every_head_learns(folder, head, attention):
    X, y = texts_and_scores(60)
    model = make(folder, head=head, attention=attention, max_epochs=2).fit(X, y)
    error = np.sqrt(np.mean((model.predict(X) - y) ** 2))
    assert error < 0.8 * y.std()
    with pytest.raises(ValueError, match="output_type must be one of"):
        model.predict(X, output_type="greedy")


def test_raft_begins_where_rail_of_the_untouched_model_is(folder):
    X, y = texts_and_scores()
    raft = make(folder, objective="raft", warm_start_rows=None)
    start, *_ = raft.fit(X, y, X_val=X, y_val=y).history_
    untouched = make(folder, max_epochs=0, warm_start_rows=None).fit(X, y)
    assert untouched.history_ == []
    rail = untouched.predict(X)
    assert start["validation_rmse"] == pytest.approx(np.sqrt(np.mean((rail - y) ** 2)))
    sampled = untouched.predict_from_samples(X, 2000)
    np.testing.assert_allclose(sampled, rail, atol=0.25)


def test_fit_of_digit_rows_leaves_the_model_as_it_was(folder):
    model = fit(folder, trainable=0)
    assert {row["stage"] for row in model.history_} == {"readout"}
    assert not any(
        parameter.requires_grad
        for parameter in model.network_.decoder.backbone.parameters()
    )
    assert model.history_[-1]["train_loss"] < model.history_[1]["train_loss"]


def test_states_kept_in_memory_train_as_the_whole_model(folder):
    X, y = texts_and_scores()
    options = {"max_epochs": 2, "warm_start_rows": None}
    cached = make(folder, **options).fit(X, y).predict(X)
    whole = make(folder, cache=False, **options).fit(X, y).predict(X)
    np.testing.assert_allclose(cached, whole, atol=1e-4)


def test_states_in_a_folder_are_computed_once(folder, tmp_path, monkeypatch):
    X, y = texts_and_scores()
    apart = make(folder, trainable=0).fit(X, y)
    first = make(folder, trainable=0, cache=tmp_path).fit(X, y)
    np.testing.assert_allclose(first.predict(X), apart.predict(X), atol=0.1)
    n_files = len(list(tmp_path.rglob("*.npy")))
    assert n_files
    monkeypatch.setattr(Backbone, "_states_at", None)  # nothing is left to compute
    second = make(folder, trainable=0, cache=tmp_path, objective="raft").fit(X, y)
    assert np.isfinite(second.predict(X[::-1])).all()
    assert np.isfinite(second.predict_distribution(X[3:]).mean()).all()
    make(folder, trainable=0, cache=tmp_path, head="pooled_max").fit(X, y)
    assert len(list(tmp_path.rglob("*.npy"))) == n_files


@pytest.mark.parametrize("kind", ["npy", "json"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.9])
def test_damaged_states_are_computed_again(folder, tmp_path, kept, kind):
    X, y = texts_and_scores(12)
    first = make(folder, trainable=0, cache=tmp_path).fit(X, y)
    for path in tmp_path.rglob(f"*.{kind}"):
        content = path.read_bytes()
        path.write_bytes(content[: int(kept * len(content))])
    again = make(folder, trainable=0, cache=tmp_path).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), first.predict(X))


def test_a_model_that_cannot_be_split_is_run_as_a_whole(tmp_path):
    X, y = texts_and_scores()
    model = make(save_model(tmp_path, "gpt2"), max_epochs=2).fit(X, y)
    assert not model.network_.decoder.backbone.can_split
    copy = pickle.loads(pickle.dumps(model.set_params(cache=str(tmp_path / "states"))))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    assert np.sqrt(np.mean((model.predict(X) - y) ** 2)) < 0.5 * y.std()


@pytest.mark.parametrize("numbers", ["d.d", "d.ddd"])
def test_predictions_depend_on_neither_neighbours_nor_order(folder, numbers):
    model = fit(folder, numbers=numbers, n=16)
    X, _ = texts_and_scores(10, seed=1)
    together = model.predict_quantiles(X)
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = model.predict_quantiles([X[i] for i in order])
    np.testing.assert_allclose(shuffled, together[order], atol=1e-4)
    alone = np.concatenate([model.predict([text]) for text in X[:2]])
    np.testing.assert_allclose(alone, model.predict(X)[:2], atol=1e-5)
    draws = model.predict_from_samples(X, 4, random_state=0)
    np.testing.assert_allclose(model.predict_from_samples(X[:3], 4), draws[:3])


def test_a_tokenizer_that_pads_and_cuts_changes_nothing(folder, tmp_path):
    model = fit(folder)
    other = save_model(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(other)
    tokenizer.padding_side, tokenizer.model_max_length = "left", 3
    tokenizer.backend_tokenizer.enable_padding(direction="left", length=64)
    tokenizer.backend_tokenizer.enable_truncation(3)
    tokenizer.save_pretrained(other)
    X, _ = texts_and_scores(10, seed=1)
    assert_array_equal(fit(other).predict(X), model.predict(X))


def test_gradients_of_accumulated_batches_are_those_of_one(folder):
    options = {"objective": "cross_entropy", "ema_decay": 0, "early_stopping": False}
    X, y = texts_and_scores(32)
    one = make(folder, batch_size=32, max_epochs=2, **options).fit(X, y)
    four = make(folder, batch_size=8, accumulate=4, max_epochs=2, **options).fit(X, y)
    np.testing.assert_allclose(one.predict(X), four.predict(X), atol=2e-3)


def test_same_seed_same_bits(folder):
    X, y = texts_and_scores()
    options = {"objective": ReMax(n_rollouts=2), "pretraining": "cross_entropy"}
    first = make(folder, **options).fit(X, y).predict(X)
    torch.manual_seed(1)
    np.testing.assert_array_equal(make(folder, **options).fit(X, y).predict(X), first)


class Killed(Exception):
    pass


@pytest.mark.parametrize(("objective", "epoch"), [("crps", 1), (GRPO(4), 2)])
def test_a_killed_fit_goes_on_to_the_same_result(folder, tmp_path, objective, epoch):
    X, y = texts_and_scores(24)
    options = {"pretraining": "cross_entropy", "max_epochs": 3, "objective": objective}
    whole = make(folder, **options).fit(X, y)
    path = tmp_path / "checkpoint.pt"

    class Kill:
        def setup(self, estimator, context):
            stages = [row["stage"] for row in whole.history_ if row["epoch"]]
            self.n_left = epoch + stages.count("readout")  # which comes first

        def on_fit_task_begin(self, estimator, context, **_):
            pass

        def on_fit_task_end(self, estimator, context, **_):
            if context.task_name == "epoch":
                self.n_left -= 1
                if not self.n_left:
                    raise Killed

        def teardown(self, estimator, context):
            pass

    killed = make(folder, checkpoint=path, **options).set_callbacks(Kill())
    with pytest.raises(Killed):
        killed.fit(X, y)
    if epoch > 1:
        assert path.exists()
        with pytest.raises(ValueError, match="other data, parameters or weights"):
            make(folder, checkpoint=path, **options).fit(X, y + 1)
    resumed = make(folder, checkpoint=path, **options).fit(X, y)
    np.testing.assert_array_equal(resumed.predict(X), whole.predict(X))
    losses = [[row["train_loss"] for row in m.history_] for m in (whole, resumed)]
    assert losses[0] == losses[1]
    assert not path.exists()


def test_only_what_was_trained_is_stored(folder, tmp_path):
    X, y = texts_and_scores()
    model = make(folder, max_epochs=2).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    names = model.__getstate__()["_weights"].keys()
    assert names
    assert all("layers.2." in n or ".norm." in n or ".out." in n for n in names)


def test_another_model_is_refused(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    X, y = texts_and_scores()
    model = make(save_model(here / "tiny"), trainable=0).fit(X, y)
    stored = pickle.dumps(model)
    save_model(here / "tiny", seed=1)
    with pytest.raises(ValueError, match="other weights"):
        pickle.loads(stored)
    (here / "tiny").rename(there)
    with pytest.raises(ValueError, match="cannot be loaded"):
        pickle.loads(stored)
    save_model(there / "tiny")
    monkeypatch.setenv("SKLEARN_GENRE_MODELS", str(there))
    np.testing.assert_array_equal(pickle.loads(stored).predict(X), model.predict(X))


def test_adapters_alone_are_trained_and_stored(folder):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], lora_dropout=0.1)
    X, y = texts_and_scores()
    of_output = peft.LoraConfig(r=2, target_modules=["q_proj", "lm_head"])
    with pytest.raises(ValueError, match=r"'lm_head.* the output layer .* is not used"):
        make(folder, trainable=of_output).fit(X, y)
    model = make(folder, trainable=config, max_epochs=2).fit(X, y)
    names = model.__getstate__()["_weights"].keys()
    assert all("lora_" in name or ".out." in name for name in names)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    np.testing.assert_array_equal(
        make(folder, trainable=config, max_epochs=2).fit(X, y).predict(X),
        model.predict(X),
    )


def test_random_weights_are_stored_whole(folder):
    X, y = texts_and_scores()
    model = make(folder, start="random").fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    pretrained = make(folder).fit(X, y)
    assert not np.allclose(pretrained.predict(X), model.predict(X))


def test_numbers_of_a_grid_are_learned_with_the_rows(folder):
    raft = RAFT(learnable=True)
    model = fit(folder, trainable=0, objective=raft)
    assert model.network_.rule.shift.abs().max() > 0


def test_it_is_an_estimator_like_the_others(folder):
    X, y = texts_and_scores(30)
    model = make(folder, trainable=0, numbers="d")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = GridSearchCV(model, {"objective": ["crps", CrossEntropy()]}, cv=2)
        search.fit(X, y)
    best = search.best_estimator_
    assert clone(best).get_params()["prompt"] == PROMPT
    dist = best.predict_distribution(X)
    np.testing.assert_allclose(best.predict(X), dist.mean(), rtol=1e-5, atol=1e-6)
    assert best.predict_interval(X).shape == (30, 2)
    assert best.sample_y(X, 3).shape == (30, 3)
    assert best.score(X, y) > 0
    grid = np.arange(y.min(), y.max() + 1)[:3]
    assert best.predict_from_grid(X, grid, normalize=True).shape == (30,)
    assert set(best.diagnose(X, y, diagnostics=["wasserstein1"])) == {"wasserstein1"}


@pytest.mark.filterwarnings("ignore")
def test_checks_of_scikit_learn_that_apply_to_texts_pass(folder):
    results = check_estimator(make(folder, trainable=0), on_skip=None)
    assert results and all(each["status"] == "passed" for each in results)


def test_columns_fill_the_prompt(folder):
    X, y = texts_and_scores(30)
    frame = pd.DataFrame({"text": X, "kind": ["x", "y"] * 15})
    options = {"trainable": 0, "random_state": 0, "precision": "float32"}
    by_name = LanguageModelRegressor(folder, "{kind} {text}| ", **options)
    by_place = LanguageModelRegressor(folder, "{1} {0}| ", **options)
    function = LanguageModelRegressor(folder, filled, **options)
    expected = by_name.fit(frame, y).predict(frame)
    np.testing.assert_array_equal(
        by_place.fit(frame.to_numpy(), y).predict(frame.to_numpy()), expected
    )
    np.testing.assert_array_equal(function.fit(frame, y).predict(frame), expected)


def filled(sample):
    return f"{sample['kind']} {sample['text']}| "


def test_targets_that_do_not_fit_are_mapped_to_the_range(folder):
    X, y = texts_and_scores(40)
    with pytest.warns(UserWarning, match="mapped to that range"):
        far = make(folder, trainable=0).fit(X, 1000 + 50 * y)
    near = make(folder, trainable=0).fit(X, y)
    assert far.tokenizer_.unit_ != near.tokenizer_.unit_
    with pytest.warns(UserWarning, match="mapped to that range"):
        tiny = make(folder, trainable=0).fit(X, 1e-9 * y)  # all of them whole: zeros
    assert np.ptp(tiny.predict(X)) > 1e-10
    inside = far.predict(X)
    assert (inside > 950).all() and (inside < 1300).all()
    tokens = near.tokenizer_.encode(near.target_scaler_.transform(y))
    texts = ["".join(map(str, row)) for row in tokens.tolist()]
    assert texts == [f"{score:.1f}".replace(".", "") for score in y]


@pytest.mark.parametrize("options", [{}, {"numbers": "d.ddd"}, {"head": "linear"}])
def test_nothing_that_is_predicted_leaves_the_range(folder, options):
    X, y = texts_and_scores(24)
    low, high = limits = (1.0, 4.5)
    model = make(folder, target_range=limits, **options)
    model.fit(X, np.clip(y, *limits))
    dist = model.predict_distribution(X)
    found = [dist.bounds, model.predict_interval(X, 0.999), model.sample_y(X, 50)]
    found += [model.predict(X, output_type=name) for name in set(model._read) - {"std"}]
    assert all((low <= each).all() and (each <= high).all() for each in found)
    with pytest.raises(ValueError, match="target_range"):
        model.fit(X, y)


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (["abc"] * 9 + [""], {"prompt": "{}"}, "sample 9 is empty"),
        (["abc"] * 9 + ["a" * 300], {}, "sample 9 has 302 tokens"),
        (["abc"] * 9 + [None], {}, "got None for sample 9"),
        (["abc"] * 9 + ["a\ud800"], {}, "sample 9 has half a character"),
        ("abc", {}, "the single str"),
        ([["a", "b"]] * 10, {"prompt": "{2}"}, "has 2 values"),
        (pd.DataFrame({"a": ["x"] * 10}), {"prompt": "{b} "}, "no column of X"),
        (pd.DataFrame({"a": ["x"] * 9 + [None]}), {"prompt": "{a} "}, "no value in"),
        (["abc"] * 10, {"prompt": "{"}, "is no template"),
        (["abc"] * 10, {"prompt": "Score: "}, "has no field"),
        ([["a", "b"]] * 10, {"prompt": "{}"}, "1 fields, and a sample has 2"),
        (["abc"] * 10, {"trainable": -1}, "trainable=-1 blocks"),
        (["abc"] * 10, {"prompt": lambda text: 3}, "must return a str"),
        (["abc"] * 10, {"numbers": "x"}, "'d' for each digit"),
        (["abc"] * 10, {"max_length": 3}, "leaves no room"),
        (["abc"] * 10, {"objective": "remax"}, "Set pretraining"),
        (["abc"] * 10, {"model": "no/such/folder"}, "cannot be loaded"),
        (["abc"] * 10, {"trainable": object()}, "a config of peft"),
        (["abc"] * 10, {"cache": ""}, "cache='' is no folder"),
        (["abc"] * 10, {"head": "linear", "temperature": 2.0}, "is of digits"),
        (["abc"] * 10, {"checkpoint": "x.pt", "random_state": None}, "integer"),
    ],
)
def test_bad_input_is_refused_with_a_reason(folder, X, options, message):
    model = make(folder, early_stopping=False).set_params(**options)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, np.arange(10) / 2)


def test_prompt_and_number_may_fill_the_length(folder):
    """Twenty tokens: two of the prompt, fifteen of the text, three of the number."""
    y = np.arange(10) / 2
    for numbers in ("d.d", "d.d out of five stars"):
        model = make(folder, early_stopping=False, max_length=20, numbers=numbers)
        model.fit(["a" * 15] * 10, y)
        with pytest.raises(ValueError, match=r"has 18 tokens.*room for 17"):
            model.fit(["a" * 16] * 10, y)


def test_no_adapter_is_looked_for_in_the_hub(folder, monkeypatch):
    from transformers.models.auto import auto_factory

    asked = []
    monkeypatch.setattr(
        auto_factory,
        "find_adapter_config_file",
        lambda *names, **options: asked.append(options["local_files_only"]),
    )
    fit(folder)
    assert asked
    assert all(asked)


@pytest.mark.parametrize("truncation", ["left", "right"])
def test_long_prompts_are_cut_where_it_was_said(folder, truncation):
    X, y = texts_and_scores(20)
    model = make(folder, trainable=0, truncation=truncation).fit(X, y)
    long = ["a" * 300 + "3", "b" + "a" * 300]
    with pytest.warns(UserWarning, match="2 of 2 prompts were cut"):
        ids = model._check_features(long, reset=False)
    kept = model.feature_encoder_.max_tokens
    assert [len(text) for text in ids] == [kept, kept]
    whole = model.feature_encoder_.tokenize([f"{text}| " for text in long])
    ends = [text[-kept:] for text in whole]
    if truncation == "right":
        ends = [text[: kept - 2] + text[-2:] for text in whole]
    assert ids.tolist() == ends


def test_tokenizers_that_do_not_keep_digits_apart_are_refused(tmp_path):
    X, y = texts_and_scores(20)
    merged = save_model(tmp_path / "a", "llama", 0, ("1", "2"))
    with pytest.raises(ValueError, match=r"'12' in .* as one token"):
        make(merged, numbers="dd", trainable=0).fit(X, 10 * y)
    spaced = save_model(tmp_path / "b", "llama", 0, ("Ġ", "0"), ("Ġ", "1"))
    with pytest.raises(ValueError, match=r"reads the end of .* otherwise"):
        make(spaced, trainable=0).fit(X, y)


def test_all_ends_of_prompts_are_seen_whatever_the_order(tmp_path):
    merged = save_model(tmp_path, "llama", 0, *[("1", digit) for digit in "012345"])
    X = [f"a {'b' if i < 30 else '1'}" for i in range(40)]
    for order in (slice(None), slice(None, None, -1)):
        model = make(merged, trainable=0, early_stopping=False).set_params(prompt="{}")
        with pytest.raises(ValueError, match=r"the end of 'a 1' otherwise"):
            model.fit(X[order], np.arange(40)[order] / 10)


def test_one_sample_and_a_constant_target(folder):
    one = make(folder, trainable=0).fit(["abc"], [2.5])
    assert one.predict(["abc", "x"]) == pytest.approx([2.5, 2.5])


def test_digits_have_collapsed_where_all_samples_get_one_and_should_not(folder):
    model = fit(folder, trainable=0)
    X, y = texts_and_scores(20)
    dist = model.network_(model._encode(model._check_features(X, reset=False)))
    z = torch.tensor(model.target_scaler_.transform(y))
    assert not has_collapsed(dist, z)
    with torch.no_grad():
        dist.decoder.out.bias[3] += 1e4
    assert has_collapsed(dist, z)
    assert not has_collapsed(dist, torch.full_like(z, z[0]))


def test_a_collapse_goes_on_at_half_the_rate(folder, monkeypatch):
    steps = iter(range(100))
    monkeypatch.setattr(_engine, "has_collapsed", lambda *_: next(steps) == 4)
    X, y = texts_and_scores(40)
    model = make(folder, max_epochs=3, learning_rate=8e-4)
    with pytest.warns(ConvergenceWarning, match=r"goes on at 0\.0004"):
        model.fit(X, y)
    epochs = [row["epoch"] for row in model.history_ if row["stage"] == "training"]
    assert epochs == [0, 1, 2]


def test_joblib_round_trip(folder, tmp_path):
    model = fit(folder, trainable=0)
    joblib.dump(model, tmp_path / "model.joblib")
    size = Path(tmp_path / "model.joblib").stat().st_size
    trained = sum(p.numel() * 4 for p in model.network_.readout_parameters())
    assert size < 1.2 * trained + 20_000
    copy = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(copy.predict(["abb"]), model.predict(["abb"]))
