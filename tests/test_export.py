"""Estimators as torch modules, in files that run without the package."""

import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_genre import (
    DecodingRegressor,
    LanguageModelRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.encoders import MLPEncoder, TabularEncoder
from sklearn_genre.export import category_codes, export_module
from sklearn_genre.losses import RAFT
from sklearn_genre.model_selection import out_of_fold_distribution
from sklearn_genre.networks import DigitHead

RNG = np.random.default_rng(0)
N = 80
FRAME = pd.DataFrame(
    {
        "a": RNG.normal(size=N),
        "c": RNG.choice(["u", "v", "w"], N),
        "b": RNG.normal(size=N) ** 3,
        "k": 1.0,
    }
)
FRAME.loc[::9, "b"] = np.nan
FRAME.loc[::7, "c"] = None
Y = 100 + 10 * (FRAME.a + (FRAME.c == "u")) + RNG.normal(size=N)
LEVELS = [0.9, 0.05, 0.5]
# Many targets are close to an end, and predicted distributions go beyond.
LIMITS = (float(Y.min()), float(Y.max()))
# Any size; torch 2.6 needs to know the largest.
BATCH = {"X": {0: torch.export.Dim("batch", max=2**31 - 1)}}
TABULAR = partial(TabularEncoder, hidden_layer_sizes=(8,), n_members=2)
MLP = partial(MLPEncoder, hidden_layer_sizes=(8,))
EPOCHS = {"pretraining_epochs": 2, "fine_tuning_epochs": 1}
digits = partial(DecodingRegressor, random_state=0, **EPOCHS)
raft = partial(RAFTRegressor, random_state=0, **EPOCHS)
point = partial(PointwiseRegressor, max_epochs=2, random_state=0)
riemann = partial(RiemannRegressor, 32, max_epochs=2, random_state=0)
# A decreasing transform that is not linear.
DOWN = FunctionTransformer(lambda y: -np.log(y), lambda t: np.exp(-t))
MODELS = {
    "anchored": digits(encoder=TABULAR),
    "mlp": digits(encoder=TABULAR, decoder="mlp", temperature=2.0),
    "transformer": digits(encoder=MLP, decoder="transformer"),
    "quantile": digits(encoder=MLP, target_transform="quantile"),
    "decreasing": digits(encoder=MLP, target_transform=DOWN, normal_scores=False),
    "raft": raft(encoder=TABULAR, temperature=0.5),
    "grid": raft(encoder=MLP, fine_tuning=RAFT("quantiles", learnable=True)),
    "raft in limits": raft(encoder=TABULAR, target_range=LIMITS),
    "grid in limits": raft(
        encoder=MLP, fine_tuning=RAFT("quantiles"), target_range=LIMITS
    ),
    "riemann": riemann(encoder=TABULAR),
    "riemann in limits": riemann(encoder=TABULAR, target_range=LIMITS),
    "point": point(encoder=TABULAR),
    "point in limits": point(encoder=TABULAR, target_range=LIMITS),
    **{
        f"{name} on {decoder}": point(
            encoder=MLP, head=DigitHead(name, decoder=decoder)
        )
        for name, decoder in [
            ("special_token", "transformer"),
            ("mlp", "mlp"),
            ("pooled_max", "mlp"),
            ("projection", "anchored"),
        ]
    },
}


def raw(model, frame):
    """Return the tensor that a module of the model reads."""
    columns = {}
    for name, codes in zip(frame, category_codes(model), strict=True):
        column = frame[name]
        if codes:
            column = [codes.get(None if pd.isna(v) else v, -1) for v in column]
        columns[name] = column
    return torch.tensor(pd.DataFrame(columns).to_numpy(np.float64))


def assert_agree(model, frame, outputs, tolerance=1e-5):
    """Assert that outputs are the predictions, up to a share of the spread."""
    mean, quantiles = outputs
    limit = tolerance * Y.std()
    assert_allclose(mean, model.predict(frame), rtol=0, atol=limit)
    expected = model.predict_quantiles(frame, LEVELS)
    assert_allclose(quantiles, expected, rtol=0, atol=limit)


@pytest.mark.parametrize("name", MODELS)
def test_a_module_predicts_as_its_estimator(name):
    model = MODELS[name].fit(FRAME, Y)
    unseen = FRAME.head(3).assign(c="other", a=[1e300, -1e300, np.nan])
    frame = pd.concat([FRAME, unseen], ignore_index=True)
    with torch.no_grad():
        outputs = export_module(model, LEVELS)(raw(model, frame))
    assert_agree(model, frame, [values.numpy() for values in outputs])


def test_a_module_is_a_copy():
    model = point(encoder=MLP).fit(FRAME, Y)
    before = model.predict(FRAME)
    module = export_module(model)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert_allclose(model.predict(FRAME), before, rtol=0)


@pytest.mark.parametrize("name", ["anchored", "riemann", "mlp on mlp"])
def test_an_exported_program_takes_batches_of_any_size(name):
    model = MODELS[name].fit(FRAME, Y)
    X = raw(model, FRAME)
    program = exported(model, X).module()
    for n in (1, 7, N):
        outputs = [values.numpy() for values in program(X[:n])]
        assert_agree(model, FRAME.head(n), outputs)


def exported(model, X):
    """Return the program of a model, with a batch of any size."""
    module = export_module(model, LEVELS)
    return torch.export.export(module, (X[:5],), dynamic_shapes=BATCH, strict=False)


def test_a_file_runs_without_the_package(tmp_path):
    model = point(encoder=MLP).fit(FRAME, Y)
    X = raw(model, FRAME)
    torch.export.save(exported(model, X), tmp_path / "model.pt2")
    np.save(tmp_path / "X.npy", X.numpy())
    script = (
        "import sys, numpy as np, torch\n"
        "sys.modules['sklearn_genre'] = sys.modules['sklearn'] = None\n"
        "program = torch.export.load('model.pt2').module()\n"
        "mean, quantiles = program(torch.tensor(np.load('X.npy')))\n"
        "np.savez('out.npz', mean=mean, quantiles=quantiles)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    out = np.load(tmp_path / "out.npz")
    assert_agree(model, FRAME, [out["mean"], out["quantiles"]])


def test_onnx_runs_with_batches_of_any_size(tmp_path):
    pytest.importorskip("torch", minversion="2.7")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    model = MODELS["anchored"].fit(FRAME, Y)
    X = raw(model, FRAME)
    torch.onnx.export(
        export_module(model, LEVELS),
        (X[:5],),
        tmp_path / "model.onnx",
        dynamo=True,
        dynamic_shapes=BATCH,
        verbose=False,
    )
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    name = session.get_inputs()[0].name
    for n in (1, N):
        outputs = session.run(None, {name: X[:n].numpy()})
        assert_agree(model, FRAME.head(n), outputs)


# Codes of categories ------------------------------------------------------------


def test_codes_are_those_that_the_network_reads():
    frame = pd.DataFrame({"c": [f"level {i % 300}" for i in range(900)], "x": 1.0})
    frame.loc[:3, "c"] = None
    model = point(encoder=MLP).set_params(max_epochs=1).fit(frame, frame.index * 1.0)
    codes, none = category_codes(model)
    assert none == {}
    assert None in codes
    seen = [codes[None if pd.isna(level) else level] for level in frame["c"]]
    encoded = model.feature_encoder_.transform(frame)[:, -1]
    assert seen == encoded.astype(int).tolist()


# What has no export ---------------------------------------------------------------


def test_what_cannot_be_exported_is_refused_in_one_line():
    large = digits(tokenizer="ieee", encoder=MLP, fine_tuning=None).fit(FRAME, Y)
    head = point(encoder=MLP, target_transform="quantile").fit(FRAME, Y)
    prompts = LanguageModelRegressor("models/none")
    for model, error, match in [
        (large, ValueError, "numbers, more than"),
        (head, ValueError, "target_transform='standard'"),
        (prompts, TypeError, "reads prompts"),
    ]:
        with pytest.raises(error, match=match) as caught:
            export_module(model)
        assert "\n" not in str(caught.value)
    for levels in ([0.5, 1.0], [np.nan], [[0.5]]):
        with pytest.raises(ValueError, match="quantiles"):
            export_module(head, levels)


@pytest.mark.parametrize(
    "function",
    [export_module, category_codes, lambda m: out_of_fold_distribution(m, FRAME)],
)
def test_a_pipeline_is_asked_for_its_last_step(function):
    with pytest.raises(TypeError, match=r"give pipeline\[-1\]"):
        function(make_pipeline(digits()))
