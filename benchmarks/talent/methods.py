"""Every method by its name, and the lists of methods of the experiments.

This file imports neither torch nor a peer: a job does, for its method alone. A member
of the package that has no method here gets one of its name when that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray
from papers import suites
from papers.recipe import BASE, RIEMANN, objective, point

from talent.ablation import ABLATION, ABLATION_ALONE, DEFAULT
from talent.datasets import Array, Part
from talent.ours import Alone, Bag, New, Ours, Task, policy_facts
from talent.peers import ALONE_PEERS, PEERS, WholePeerModel
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


# The default, selected by the error of the mean, before and after each policy gradient.
DEFAULT_BASE = DEFAULT.changed(fine_tuning=None, scoring="rmse", diagnostics=())
POLICIES = {
    "default_base": DEFAULT_BASE,
    "default_remax": DEFAULT_BASE.changed(fine_tuning="remax"),
    "default_grpo": DEFAULT_BASE.changed(fine_tuning="grpo"),
    "default_grpo_unscaled": DEFAULT_BASE.changed(
        fine_tuning=New("policy_gradients.GRPO", scale_rewards=False)
    ),
    "default_rloo": DEFAULT_BASE.changed(fine_tuning="rloo"),
}
FACTS = dict.fromkeys(POLICIES, policy_facts)


def power_transform(y: Array) -> Any:
    """Return what makes a skewed target more like a normal sample."""
    from sklearn.preprocessing import PowerTransformer

    return PowerTransformer()


# Half as many epochs of cross-entropy, and nothing more.
FAST = DEFAULT.changed(pretraining_epochs=50, fine_tuning=None)
# The default as users call it, without a validation set: with folds, or with a share
# held out; also with numbers that end where the training range does, with one
# ingredient out, with what makes a fit shorter or longer, and with another scale of the
# target.
ALONE = {
    **ABLATION_ALONE,
    "alone": DEFAULT,
    "alone_held_out": DEFAULT.changed(cv=None),
    "alone_in_range": DEFAULT.changed(tokenizer="normalized"),
    "alone_held_out_in_range": DEFAULT.changed(cv=None, tokenizer="normalized"),
    "alone_patient": DEFAULT.changed(n_iter_no_change=20),
    "alone_larger_batches": DEFAULT.changed(batch_size=64),
    "alone_fast": FAST,
    "alone_fast_held_out": FAST.changed(cv=None),
    "alone_power": DEFAULT.changed(target_transform=power_transform),
}
OURS: dict[str, New] = {**suites.METHODS, **ABLATION, **POLICIES, **ALONE}

# A registry of the package, what its members are, and the method of one of them.
FAMILIES: tuple[tuple[str, str, Callable[[str], New]], ...] = (
    ("policy_gradients.POLICY_GRADIENTS", "policy_gradient", objective),
    ("losses.LOSSES", "loss", objective),
    ("encoders.ENCODERS", "encoder", lambda name: BASE.changed(encoder=name)),
    ("networks.DECODERS", "decoder", lambda name: BASE.changed(decoder=name)),
    ("tokenizers.TOKENIZERS", "tokenizer", lambda name: BASE.changed(tokenizer=name)),
    ("networks.HEADS", "head", point),
    ("losses.HISTOGRAM_LOSSES", "histogram_loss", lambda n: RIEMANN.changed(loss=n)),
)


@cache
def registered() -> dict[str, New]:
    """Return a method for each registered name, which imports the package.

    It has the name of the member, and also that with the family before it, because two
    families may share a name: ``encoder_mlp``, ``head_mlp``.
    """
    named: dict[str, New] = {}
    for path, family, method in FAMILIES:
        module, _, registry = f"sklearn_genre.{path}".rpartition(".")
        for name in getattr(import_module(module), registry):
            named[f"{family}_{name}"] = method(name)
            named.setdefault(name, method(name))
    return named


def of_ours(name: str, new: New) -> Method:
    """Return the method of an estimator of ours."""
    make = partial(Alone if name in ALONE else Ours, new, facts=FACTS.get(name))
    return Method(make, seconds=rough_seconds(name))


class Methods(dict[str, Method]):
    """Methods by name; members of the package without one get it when asked for."""

    def __missing__(self, name: str) -> Method:
        """Return the method of a registered name."""
        if name not in registered():
            raise KeyError(
                f"There is no method {name!r}: take one of {', '.join(self)}, or a "
                "name of a registry of sklearn_genre."
            )
        return of_ours(name, registered()[name])


METHODS = Methods(
    {
        **{name: of_ours(name, new) for name, new in OURS.items()},
        "bag_of_eight": Method(partial(Bag, DEFAULT), seconds=80.0),
        **{
            name: Method(peer, peer.package, PEER_SECONDS[name])
            for name, peer in PEERS.items()
        },
        **{
            name: Method(
                partial(WholePeerModel, peer),
                peer.package,
                PEER_SECONDS[name.removesuffix("_alone")],
            )
            for name, peer in ALONE_PEERS.items()
        },
    }
)
SUITES: dict[str, list[str]] = {
    **suites.SUITES,
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
    "ablation_alone": ["alone", "alone_held_out", "alone_in_range", *ABLATION_ALONE],
    "ablation_larger": [
        "alone",
        "alone_no_cross_entropy",
        "alone_uncorrected",
        "alone_one_of_a_fold",
    ],
    "policies": list(POLICIES),
    "alone": [
        "alone",
        "alone_held_out",
        "alone_in_range",
        "alone_held_out_in_range",
    ],
    "ramps": ["alone", "alone_no_ramps"],
    "skewed": ["alone", "alone_power"],
    "bag": ["alone", "bag_of_eight"],
    "speeds": [
        "alone",
        "alone_patient",
        "alone_no_crps",
        "alone_larger_batches",
        "alone_fast",
        "alone_fast_held_out",
        "catboost_alone",
    ],
    "called": ["alone", "alone_held_out", *ALONE_PEERS],
    "peers": [name for name in PEERS if name != "catboost_tuned"],
}
