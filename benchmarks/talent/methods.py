"""Every method by its name, and the lists of methods of the experiments.

This file imports neither torch nor a peer: a job does, for its method alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol

import numpy as np
from estimators import RECIPE
from numpy.typing import NDArray

from talent.ablation import ABLATION
from talent.datasets import Array, Part
from talent.ours import New, Ours, Task
from talent.peers import PEERS
from talent.predictions import Prediction


class Model(Protocol):
    """What a method is in a job."""

    def fit(self, train: Part, val: Part) -> None:
        """Train, and select by the validation part."""

    def predict(self, X: NDArray[Any]) -> Prediction:
        """Return the prediction of each row."""

    def parameters(self) -> dict[str, Any]:
        """Return what the method was, as JSON can say it."""

    def extras(self, X: NDArray[Any], y: Array, unit: float) -> dict[str, Any]:
        """Return scores and facts that only this kind of method has."""


class Method(NamedTuple):
    """How a method is made for a job, and what that needs."""

    make: Callable[[Task], Model]
    package: str = "sklearn_genre"
    seconds: float = 10.0  # rough, for 1,000 training rows on one core

    @property
    def is_there(self) -> bool:
        """Return whether its package is installed."""
        return find_spec(self.package) is not None


FREE = {"encoder": "mlp", "decoder": "mlp"}
BASE = New("DecodingRegressor", fine_tuning=None, **FREE, **RECIPE)
RAFT = New("RAFTRegressor", **RECIPE)
POINTWISE = New("PointwiseRegressor", **RECIPE)
RIEMANN = New("RiemannRegressor", **RECIPE)
FROM_RANDOM = {
    "pretraining_epochs": 0,
    "fine_tuning_epochs": 100,
    "fine_tuning_learning_rate": 1.5e-3,
}


def objective(name: str, **options: Any) -> New:
    """Return the digits of `base`, fine-tuned by an objective of some options."""
    return BASE.changed(fine_tuning=New(name, **options) if options else name)


# Experiment 1: objectives and heads on the same encoder.
MAIN: dict[str, New] = {
    "base": BASE,
    "ntl_was": objective("ntl_was"),
    "ntl_mse": objective("ntl_mse"),
    "dist": objective("dist"),
    "remax": objective("remax"),
    "grpo": objective("grpo"),
    "grpo_unscaled": objective("policy_gradients.GRPO", scale_rewards=False),
    "rloo": objective("rloo"),
    "crps": objective("crps"),
    "expected_error": objective("expected_error"),
    "expected_error_0.2": objective("losses.ExpectedError", alpha=0.2),
    "raft": RAFT,
    "pointwise": POINTWISE,
    "riemann": RIEMANN,
}
# Rough seconds for 1,000 training rows, where they differ from 10.
SECONDS = {"base": 4.5, "pointwise": 2.0, "riemann": 2.0, "transformer": 40.0}
PEER_SECONDS = {
    "dummy": 0.1,
    "linear": 0.1,
    "ridge": 0.1,
    "hist_gradient_boosting": 1.5,
    "lightgbm": 1.0,
    "xgboost": 1.0,
    "catboost": 5.0,
    "catboost_tuned": 25.0,
    "catboost_quantiles": 60.0,
    "ngboost": 5.0,
    "quantile_forest": 2.0,
    "realmlp": 15.0,
    "tabm": 150.0,
}


def rough_seconds(name: str) -> float:
    """Return what 1,000 training rows take one of ours, by its name."""
    if name.endswith("_curves"):
        return 20.0
    return SECONDS.get(name, SECONDS.get(name.partition("_")[0], 10.0))


# Experiment 2: base and length of the normalized digits.
FORMATS = ((2, 8), (4, 4), (6, 4), (8, 3), (10, 3))
OF_FORMATS = ("base", "remax", "grpo", "grpo_unscaled")
BASES = {
    f"{name}_{base}x{length}": MAIN[name].changed(
        tokenizer=New("tokenizers.NormalizedTokenizer", base=base, length=length)
    )
    for name in OF_FORMATS
    for base, length in FORMATS
}
# Experiment 3: what k draws give and what changes along training.
DIAGNOSTICS = (
    "digit_entropy",
    "string_entropy",
    "wasserstein1",
    "best_at_k",
    "mean_at_k",
    "median_at_k",
)
OF_CURVES = ("remax", "grpo", "grpo_unscaled", "crps", "raft")
CURVES = {
    f"{name}_curves": MAIN[name].changed(diagnostics=DIAGNOSTICS) for name in OF_CURVES
}
# Experiment 4: number formats and transforms of the target.
WRITTEN = {
    "normalized_quantile": {"target_transform": "quantile"},
    "ieee": {"tokenizer": "ieee"},
    "ieee_quantile": {"tokenizer": "ieee", "target_transform": "quantile"},
    "p10": {"tokenizer": "p10"},
    "p10_quantile": {"tokenizer": "p10", "target_transform": "quantile"},
}
OF_WRITTEN = ("base", "remax")
TOKENIZERS = {
    f"{name}_{written}": MAIN[name].changed(**options)
    for name in OF_WRITTEN
    for written, options in WRITTEN.items()
}
# Experiment 5: RAFT, its grids and weights, and predictive heads. The rows of `base`
# and `untrained` have all rules of inference; expected_error is the paper's MBR.
PREDICTIVE_HEADS = (
    "special_token",
    "mlp",
    "pooled_mean",
    "pooled_min",
    "pooled_max",
    "projection",
)
RAFT_FAMILY = {
    # A step of 1e-12 leaves the random weights as they are.
    "untrained": BASE.changed(pretraining_epochs=1, learning_rate=1e-12),
    "raft_random": RAFT.changed(**FROM_RANDOM),
    "raft_two_ends": RAFT.changed(grid=lambda y: [y.min(), y.max()]),
    "raft_max_only": RAFT.changed(grid=lambda y: [y.max()]),
    "raft_coarse": RAFT.changed(grid=lambda y: np.linspace(y.min(), y.max(), 9)),
    "raft_coarse_normalized": RAFT.changed(
        grid=lambda y: np.linspace(y.min(), y.max(), 9), normalize_grid=True
    ),
    "raft_reversed": RAFT.changed(
        token_values=lambda y: np.linspace(y.max(), y.min(), 256)
    ),
    "raft_learnable": RAFT.changed(learnable_weights=True),
    "raft_log": RAFT.changed(loss="log"),
    "linear_pretrained": POINTWISE.changed(pretraining_epochs=100),
    **{
        f"{head}_{start}": POINTWISE.changed(head=head, pretraining_epochs=epochs)
        for head in PREDICTIVE_HEADS
        for start, epochs in {"pretrained": 100, "random": 0}.items()
    },
}
# Beside the experiments.
OTHERS = {
    "transformer": BASE.changed(decoder="transformer"),
    "anchored": BASE.changed(decoder="anchored"),
    "tabular": BASE.changed(encoder="tabular"),
    "riemann_hl_gauss": RIEMANN.changed(loss="hl_gauss"),
    "riemann_crps": RIEMANN.changed(loss="crps"),
}
OURS = {
    **MAIN,
    **BASES,
    **CURVES,
    **TOKENIZERS,
    **RAFT_FAMILY,
    **ABLATION,
    **OTHERS,
}

METHODS: dict[str, Method] = {
    **{
        name: Method(partial(Ours, new), seconds=rough_seconds(name))
        for name, new in OURS.items()
    },
    **{
        name: Method(peer, peer.package, PEER_SECONDS[name])
        for name, peer in PEERS.items()
    },
}
SUITES: dict[str, list[str]] = {
    "main": list(MAIN),
    "bases": list(BASES),
    "curves": list(CURVES),
    "tokenizers": [*OF_WRITTEN, *TOKENIZERS],
    "raft": ["base", "expected_error", "raft", "pointwise", *RAFT_FAMILY],
    "published": ["default", "linear"],
    "accuracy": [
        "default",
        "lightgbm",
        "catboost",
        "realmlp",
        "ngboost",
        "quantile_forest",
        "catboost_quantiles",
    ],
    "ablation": list(ABLATION),
    "peers": [name for name in PEERS if name != "catboost_tuned"],
}
