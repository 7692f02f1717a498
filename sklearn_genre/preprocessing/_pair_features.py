"""Columns that compare two embeddings."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_genre._checks import shown
from sklearn_genre._sklearn import validate_data

PARTS: dict[str, Callable[[Any, Any], Any]] = {
    "absolute_difference": lambda u, v: abs(u - v),
    "product": lambda u, v: u.multiply(v) if sparse.issparse(u) else u * v,
    "sum": lambda u, v: u + v,
    "first": lambda u, v: u,
    "second": lambda u, v: v,
}


class PairFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Compare two embeddings that stand side by side, coordinate by coordinate.

    A model of columns cannot see that column 3 and column 387 are the same coordinate
    of two texts. The absolute difference and the product of each coordinate tell it,
    and do not change when the two texts change places.

    Parameters
    ----------
    parts : sequence of str, default=("absolute_difference", "product")
        What to compute of the embeddings `u` and `v`, one block of columns each:
        ``"absolute_difference"`` is ``|u - v|``, ``"product"`` is ``u * v``, ``"sum"``
        is ``u + v``, ``"first"`` and ``"second"`` are `u` and `v` themselves, for pairs
        in which the order matters.

    Attributes
    ----------
    n_features_in_ : int
        Columns of the two embeddings together.
    feature_names_in_ : array of shape (`n_features_in_`,)
        Their names, if they have some.
    parts_ : tuple of str
        The parts at `fit`.

    Examples
    --------
    >>> from sklearn_genre.preprocessing import PairFeatures
    >>> PairFeatures().fit_transform([[1.0, 2.0, 3.0, 5.0]])
    array([[ 2.,  3.,  3., 10.]])
    >>> PairFeatures(parts=("sum",)).fit_transform([[1.0, 2.0, 3.0, 5.0]])
    array([[4., 7.]])
    """

    def __init__(
        self, parts: Sequence[str] = ("absolute_difference", "product")
    ) -> None:
        self.parts = parts

    def fit(self, X: Any, y: Any = None) -> "PairFeatures":
        """Check the parameters and note the number of columns.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, 2 * width)
            The first embedding of each sample, then the second.
        y : None
            Not used.

        Returns
        -------
        self : PairFeatures

        Raises
        ------
        TypeError
            If `parts` is no sequence of names.
        ValueError
            If `parts` is empty or has an unknown or repeated name, or the number of
            columns is odd.
        """
        self._check_parts()
        n_columns = self._validated(X, reset=True).shape[1]
        if n_columns % 2:
            raise ValueError(
                f"X has n_features = {n_columns}, an odd number of columns: give two "
                "embeddings of the same width side by side, first one, then the other."
            )
        self.parts_ = tuple(self.parts)
        self._n_features_out = n_columns // 2 * len(self.parts_)
        return self

    def transform(self, X: Any) -> Any:
        """Return the parts side by side.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, 2 * width)

        Returns
        -------
        features : array or csr matrix of shape (n_samples, n_parts * width)
            float32 if `X` is, else float64. A missing value stays one.
        """
        check_is_fitted(self)
        both = self._validated(X, reset=False)
        width = both.shape[1] // 2
        u, v = both[:, :width], both[:, width:]
        blocks = [PARTS[part](u, v) for part in self.parts_]
        if sparse.issparse(both):
            return sparse.hstack(blocks, format="csr")
        return np.concatenate(blocks, axis=1)

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Return the names of the columns: the part and the coordinate.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Only compared with the names seen in `fit`.

        Returns
        -------
        names : array of shape (n_parts * width,)
            Such as ``"product7"``.
        """
        super().get_feature_names_out(input_features)
        width = self._n_features_out // len(self.parts_)
        names = [f"{part}{i}" for part in self.parts_ for i in range(width)]
        return np.array(names, dtype=object)

    def _check_parts(self) -> None:
        """Raise an error unless the parts are distinct names."""
        parts = self.parts
        if isinstance(parts, str) or not isinstance(parts, Sequence):
            raise TypeError(
                f"parts must be a sequence of names, got {shown(parts, repr)}. "
                "Use parts="
                '("absolute_difference", "product").'
            )
        if not parts or not set(parts) <= set(PARTS) or len({*parts}) < len(parts):
            raise ValueError(
                f"parts must be one or more different names of {[*PARTS]}, got "
                f"{shown(parts, repr)}."
            )

    def _validated(self, X: Any, *, reset: bool) -> Any:
        """Return the columns as an array or csr matrix of floats."""
        return validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            reset=reset,
        )

    def __sklearn_tags__(self) -> Tags:
        """Return what scikit-learn may expect."""
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
