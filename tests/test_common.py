"""What scikit-learn asks of every estimator."""

import inspect
import re
from functools import partial
from itertools import product

import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    check_regressors_train,
    check_sample_weight_equivalence_on_dense_data,
    parametrize_with_checks,
)

from sklearn_genre import (
    DecodingRegressor,
    PointwiseRegressor,
    RAFTRegressor,
    RiemannRegressor,
)
from sklearn_genre.decoders import DECODERS
from sklearn_genre.encoders import ENCODERS, TabularEncoder

ESTIMATORS = [
    DecodingRegressor,
    RAFTRegressor,
    PointwiseRegressor,
    RiemannRegressor,
]
# As the defaults, but fast.
SMALL = partial(TabularEncoder, hidden_layer_sizes=(32,), n_members=2)
# On the 15 samples of that check a histogram saturates: in float32 it is equivalent or
# not by the last bit, in one batch of float64 it must be.
FULL_BATCH = {"batch_size": 100_000, "early_stopping": False, "dtype": "float64"}
OPTIONS = {
    # one step an epoch: a histogram wants more of them
    RiemannRegressor: {**FULL_BATCH, "learning_rate": 1e-2},
    # on the threefold samples of an estimator with cv, a large step amplifies rounding
    RAFTRegressor: {
        **FULL_BATCH,
        "fine_tuning_learning_rate": 1e-5,
        "fine_tuning_epochs": 2,
    },
}
MINI_BATCHES = (
    "sample_weight is not equivalent to removing or repeating samples: batches "
    "and sampled rollouts depend on the number of samples."
)


def small(estimator, n_epochs=1, **options):
    """Return an estimator that is trained for some epochs a stage."""
    names = {name for name in estimator().get_params() if name.endswith("epochs")}
    epochs = dict.fromkeys(names, n_epochs)
    return estimator(encoder=SMALL, random_state=0, **(epochs | options))


def expected_failed_checks(estimator: BaseEstimator) -> dict[str, str]:
    """Return the only check that may fail, with the reason."""
    if type(estimator) in OPTIONS:
        return {}
    return {"check_sample_weight_equivalence_on_dense_data": MINI_BATCHES}


STRICT = (
    {"xfail_strict": True}
    if "xfail_strict" in inspect.signature(parametrize_with_checks).parameters
    else {}  # scikit-learn 1.7
)


@parametrize_with_checks(
    [small(estimator, 40, **OPTIONS.get(estimator, {})) for estimator in ESTIMATORS],
    expected_failed_checks=expected_failed_checks,
    **STRICT,
)
def test_scikit_learn_checks(estimator, check):
    if check.func is not check_regressors_train:  # the one that asks for a good fit
        kind = type(estimator)
        estimator = small(kind, 3, **OPTIONS.get(kind, {}))
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    "check", [check_dataframe_column_names_consistency, check_param_validation]
)
def test_checks_that_are_not_run_by_default(check, estimator):
    check(estimator.__name__, small(estimator))


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [
        *product(
            ENCODERS.values(), [name for name in DECODERS if name != "transformer"]
        ),
        (ENCODERS["mlp"], "transformer"),
    ],
)
def test_full_batch_cross_entropy_passes_even_the_sample_weight_check(encoder, decoder):
    if "hidden_layer_sizes" in inspect.signature(encoder).parameters:
        encoder = partial(encoder, hidden_layer_sizes=(16,))
    estimator = DecodingRegressor(
        encoder=encoder,
        decoder=decoder,
        fine_tuning=None,
        pretraining_epochs=5,
        random_state=0,
        **FULL_BATCH,
    )
    check_sample_weight_equivalence_on_dense_data("DecodingRegressor", estimator)


@pytest.mark.parametrize("estimator", [PointwiseRegressor, RiemannRegressor])
def test_full_batch_heads_pass_even_the_sample_weight_check(estimator):
    model = small(estimator, 5, **FULL_BATCH)
    check_sample_weight_equivalence_on_dense_data(estimator.__name__, model)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_parameter_is_documented_with_its_default(estimator):
    section = re.search(
        r"Parameters\n\s+-+\n(.*?)\n\s+Attributes\n", estimator.__doc__, re.DOTALL
    )
    documented: dict[str, str] = {}
    entry = r"^    (\w[\w, ]*) : ((?:.*\\\n)*.*)$"
    for names, description in re.findall(entry, section[1], re.MULTILINE):
        documented |= dict.fromkeys(names.split(", "), description)
    parameters = dict(inspect.signature(estimator).parameters)
    assert list(documented) == list(parameters)
    for name, description in documented.items():
        assert "default=" in description, name


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_fitted_attribute_is_documented(estimator):
    X, y = load_diabetes(return_X_y=True)
    model = small(estimator).fit(X[:50], y[:50])
    fitted = {name for name in vars(model) if re.match(r"\w*_$", name)}
    public = {name for name in fitted if not name.startswith("_")} | {"network_"}
    attributes = estimator.__doc__.partition("Attributes\n")[2].partition("References")[
        0
    ]
    documented = re.findall(r"^    (\w+_) :", attributes, re.MULTILINE)
    assert public <= set(documented)
