"""The default with one ingredient out or exchanged, each by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from talent.datasets import Array
from talent.ours import N_FOLDS, New

DEFAULT = New("DecodingRegressor")
# Sets whose val parts the default was chosen on.
CHOSEN_ON = frozenset(
    {
        "1000-Cameras-Dataset",
        "Bias_correction_r",
        "Carseats",
        "College_ISLR",
        "Diamonds",
        "Moneyball",
        "Parkinsons_Telemonitoring",
        "SaratogaHouses",
        "Wine_Quality_white",
        "airfoil_self_noise",
        "analcatdata_supreme",
        "archive_r56_Portuguese",
        "auction_verification",
        "autompg",
        "autoprice",
        "bike_sharing_hour",
        "bodyfat",
        "california_housing",
        "cholesterol",
        "concrete_compressive_strength",
        "cpu_act",
        "debutanizer",
        "elevators",
        "energy_efficiency",
        "forest_fires",
        "garments_worker_productivity",
        "healthcare_insurance_expenses",
        "kin40k",
        "kin8nm",
        "mauna-loa-atmospheric-co2",
        "mv",
        "pol_reg",
        "puma32H",
        "qsar_aquatic_toxicity",
        "qsar_fish_toxicity",
        "servo",
        "skillcraft",
        "space_ga",
        "stock",
        "treasury",
        "triazines",
        "yacht_hydrodynamics",
    }
)


def factory(name: str, **options: Any) -> Callable[[Array], Any]:
    """Return what makes a module of sklearn_genre with other options."""

    def make(y: Array) -> Any:
        module, _, member = f"sklearn_genre.{name}".rpartition(".")
        return partial(getattr(import_module(module), member), **options)

    return make


encoder = partial(factory, "encoders.TabularEncoder")
decoder = partial(factory, "networks.AnchoredDecoder")


def default_encoder(columns: Any, **options: Any) -> Any:
    """Return the default encoder, for folds if options say how many."""
    from sklearn_genre.encoders import TabularEncoder

    return TabularEncoder(columns, **options)


def without_cosines(columns: Any, **options: Any) -> Any:
    """Return the default encoder without functions of single columns."""
    from sklearn_genre.encoders import OneHot
    from sklearn_genre.inputs import ColumnSpec

    # as wide as before, with no column that is known to be a number
    module = default_encoder(ColumnSpec(0, (columns.one_hot_width,)), **options)
    module.inputs = OneHot(columns)
    return module


def without_ramps(columns: Any, **options: Any) -> Any:
    """Return the default encoder with cosines of normal scores too, as it once was."""
    return default_encoder(columns._replace(n_scores=0), **options)


def without_column_scales(columns: Any, **options: Any) -> Any:
    """Return the default encoder with scales of the inputs alone."""
    module = default_encoder(columns, **options)
    module.column_scale.requires_grad_(False)
    return module


def without_scales(columns: Any, **options: Any) -> Any:
    """Return the default encoder with inputs as they are."""
    module = without_column_scales(columns, **options)
    module.input_scale.requires_grad_(False)
    return module


def uncorrected(width: int, tokenizer: Any, n_members: int) -> Any:
    """Return the default decoder, where the score is that of two members for all."""
    from sklearn_genre.decoders import AnchoredDecoder

    class Uncorrected(AnchoredDecoder):
        """Anchored digits of members that seem to err alike."""

        def member_errors(self, context: Any, z: Any) -> Any:
            """Return the same errors for all members."""
            errors = super().member_errors(context, z)
            return errors.new_ones(errors.shape)

    return Uncorrected(width, tokenizer, n_members=n_members)


def digits(length: int) -> New:
    """Return binary digits of a length."""
    return New("tokenizers.NormalizedTokenizer", base=2, length=length)


ABLATION: dict[str, New] = {
    "default": DEFAULT,
    "no_cross_entropy": DEFAULT.changed(pretraining="crps", fine_tuning=None),
    "no_crps": DEFAULT.changed(fine_tuning=None),
    "remax_for_crps": DEFAULT.changed(fine_tuning="remax"),
    "expected_error_for_crps": DEFAULT.changed(fine_tuning="expected_error"),
    "no_anchors": DEFAULT.changed(decoder="mlp"),
    "one_component": DEFAULT.changed(decoder=decoder(n_components=1)),
    "six_digits": DEFAULT.changed(tokenizer=digits(6)),
    "plain_encoder": DEFAULT.changed(encoder="mlp"),
    "one_member": DEFAULT.changed(encoder=encoder(n_members=1)),
    "one_wide_member": DEFAULT.changed(
        encoder=encoder(n_members=1, hidden_layer_sizes=(256, 256, 256))
    ),
    "four_wider_members": DEFAULT.changed(
        encoder=encoder(n_members=4, hidden_layer_sizes=(128, 128, 128)),
        decoder=decoder(n_components=4),
    ),
    "no_cosines": DEFAULT.changed(encoder=lambda y: without_cosines),
    "no_ramps": DEFAULT.changed(encoder=lambda y: without_ramps),
    "no_scales": DEFAULT.changed(encoder=lambda y: without_scales),
    "no_column_scales": DEFAULT.changed(encoder=lambda y: without_column_scales),
    "with_dropout": DEFAULT.changed(encoder=encoder(dropout=0.1)),
    "no_normal_scores": DEFAULT.changed(normal_scores=False),
    "no_average": DEFAULT.changed(ema_decay=0.0),
    "selected_by_rmse": DEFAULT.changed(scoring="rmse"),
    "half_the_epochs": DEFAULT.changed(pretraining_epochs=50, fine_tuning_epochs=15),
    "validated_temperature": DEFAULT.changed(temperature="validation"),
}

# The same as users call it, with folds and one ingredient out.
ABLATION_ALONE: dict[str, New] = {
    f"alone_{name}": ABLATION[name].changed(cv=N_FOLDS)
    for name in (
        "no_cross_entropy",
        "no_crps",
        "one_component",
        "six_digits",
        "no_cosines",
        "no_ramps",
        "no_scales",
        "no_column_scales",
        "with_dropout",
        "no_normal_scores",
        "no_average",
        "selected_by_rmse",
    )
} | {
    "alone_no_anchors": ABLATION["no_anchors"],
    "alone_uncorrected": DEFAULT.changed(decoder=lambda y: uncorrected),
    "alone_one_of_a_fold": DEFAULT.changed(
        encoder=encoder(n_members=N_FOLDS), cv=N_FOLDS
    ),
}
