"""PairFeatures: two embeddings side by side, compared coordinate by coordinate."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_genre.preprocessing import PairFeatures
from sklearn_genre.preprocessing._pair_features import PARTS

U, V = np.random.default_rng(0).normal(size=(2, 20, 3))
X = np.hstack([U, V])
EXPECTED = {
    "absolute_difference": np.abs(U - V),
    "product": U * V,
    "sum": U + V,
    "first": U,
    "second": V,
}


class AnyWidth(PairFeatures):
    """Puts the columns beside themselves: the checks give odd numbers of them too."""

    def _validated(self, X, *, reset):
        X = super()._validated(X, reset=reset)
        if sparse.issparse(X):
            return sparse.hstack([X, X[:, ::-1]], format="csr")
        return np.hstack([X, X[:, ::-1]])


@parametrize_with_checks([AnyWidth()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_what_it_says(part):
    assert_allclose(PairFeatures(parts=[part]).fit_transform(X), EXPECTED[part])


def test_parts_stand_side_by_side_in_the_order_given():
    parts = ("sum", "first", "absolute_difference")
    blocks = PairFeatures(parts=parts).fit_transform(X)
    assert_allclose(blocks, np.hstack([EXPECTED[part] for part in parts]))


def test_default_does_not_change_when_the_two_change_places():
    swapped = np.hstack([V, U])
    assert_allclose(
        PairFeatures().fit_transform(X), PairFeatures().fit_transform(swapped)
    )


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_columns_stay_sparse(make):
    some = np.where(np.abs(X) > 1, X, 0)
    parts = [*PARTS]
    features = PairFeatures(parts=parts).fit_transform(make(some))
    assert sparse.issparse(features)
    assert_allclose(features.toarray(), PairFeatures(parts=parts).fit_transform(some))


def test_data_frames_and_names():
    frame = pd.DataFrame(X, columns=[*"abcdef"])
    pairs = PairFeatures(parts=("product", "sum")).set_output(transform="pandas")
    features = pairs.fit_transform(frame)
    names = ["product0", "product1", "product2", "sum0", "sum1", "sum2"]
    assert list(features.columns) == names
    assert_array_equal(pairs.get_feature_names_out(), names)
    assert_allclose(features, np.hstack([U * V, U + V]))
    with pytest.raises(ValueError, match="feature names"):
        pairs.transform(frame[[*"fedcba"]])


def test_missing_values_stay_missing():
    holes = X.copy()
    holes[3, 1] = np.nan
    missing = np.isnan(PairFeatures().fit_transform(holes))
    assert_array_equal(np.argwhere(missing), [[3, 1], [3, 4]])


def test_an_odd_number_of_columns_is_refused():
    with pytest.raises(ValueError, match="n_features = 5, an odd number"):
        PairFeatures().fit(X[:, :5])


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ("product", TypeError),
        (None, TypeError),
        ((), ValueError),
        (("product", "quotient"), ValueError),
        (("product", "product"), ValueError),
    ],
)
def test_parts_are_checked(parts, error):
    with pytest.raises(error, match="parts must be") as caught:
        PairFeatures(parts=parts).fit(X)
    assert "\n" not in str(caught.value)
    assert repr(parts) in str(caught.value)
