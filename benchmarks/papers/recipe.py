"""The papers' networks and training, and how their methods are spelled here.

All benchmarks take them from here, so that nothing of them depends on a default. This
file does not import sklearn_genre.
"""

from typing import Any

from talent.ours import New

# Free digits on a plain encoder; the last weights count, numbers come once, patience is
# longer than by default, the error of the mean selects.
RECIPE: dict[str, Any] = {
    "encoder": "mlp",
    "decoder": "mlp",
    "ema_decay": 0.0,
    "n_iter_no_change": 30,
    "normal_scores": False,
    "scoring": "rmse",
    "tokenizer": "normalized",
}
WITHOUT_DIGITS = {
    name: RECIPE[name] for name in RECIPE if name not in ("decoder", "tokenizer")
}

BASE = New("DecodingRegressor", fine_tuning=None, **RECIPE)
RIEMANN = New("RiemannRegressor", **WITHOUT_DIGITS)
# RAFT from random weights, with the epochs and the rate of both stages.
FROM_RANDOM: dict[str, Any] = {
    "pretraining_epochs": 0,
    "fine_tuning_epochs": 100,
    "fine_tuning_learning_rate": 1.5e-3,
}


def objective(name: str, **options: Any) -> New:
    """Return the digits of `BASE`, fine-tuned by an objective of some options."""
    return BASE.changed(fine_tuning=New(name, **options) if options else name)


def raft(
    *,
    grid: Any = "tree",
    normalize: bool = False,
    learnable: bool = False,
    loss: str = "squared_error",
    values: Any = None,
    **options: Any,
) -> New:
    """Return RAFT, whose own options come first."""
    raft = New(
        "losses.RAFT",
        grid=grid,
        normalize=normalize,
        learnable=learnable,
        loss=loss,
        values=values,
    )
    return New("RAFTRegressor", fine_tuning=raft, **RECIPE).changed(**options)


def point(head: str = "linear", *, pretraining_epochs: int = 0, **options: Any) -> New:
    """Return a predictive head; with pretraining epochs, digits are trained before."""
    read: Any = head
    if head != "linear" or pretraining_epochs:
        digits = {name: RECIPE[name] for name in ("decoder", "tokenizer")}
        read = New(
            "networks.DigitHead",
            readout=head,
            pretraining_epochs=pretraining_epochs,
            **digits,
        )
    return New("PointwiseRegressor", head=read, **WITHOUT_DIGITS).changed(**options)
