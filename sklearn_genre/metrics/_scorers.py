"""Scorers, which scikit-learn's searches and cross-validation call."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import config_context, get_config
from sklearn.utils.metadata_routing import MetadataRequest

from sklearn_genre._checks import shown
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.metrics._distribution import (
    coverage_score,
    crps_score,
    interval_score,
    log_score,
    wasserstein1_score,
)


class DistributionScorer:
    """A score of the distribution that an estimator predicts.

    Made by :func:`make_distribution_scorer`.

    Parameters
    ----------
    score_func : callable
        ``score_func(y_true, dist, **kwargs)``, with `sample_weight` if that is given.

    greater_is_better : bool
        Whether larger scores are better; if not, the scorer negates them.

    kwargs : dict
        Further arguments of `score_func`.
    """

    def __init__(
        self,
        score_func: Callable[..., float],
        greater_is_better: bool,
        kwargs: dict[str, Any],
    ) -> None:
        self.score_func = score_func
        self.greater_is_better = greater_is_better
        self.kwargs = kwargs
        name = getattr(score_func, "__name__", type(score_func).__name__)
        self.__name__ = name if greater_is_better else f"neg_{name}"

    def __call__(
        self,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **metadata: Any,
    ) -> float:
        """Return the score of a fitted estimator; larger is better.

        Parameters
        ----------
        estimator : estimator
            Fitted, one of this package, a pipeline that ends in one or a search over
            either: ``predict(X, output_type="distribution")`` must return a
            `PredictiveDistribution`.

        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        y : array-like of shape (n_samples,)
            Their targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None means equal weights.

        **metadata : dict
            Further arguments of `score_func`, which metadata routing hands on.

        Returns
        -------
        score : float

        Raises
        ------
        TypeError
            If the estimator does not predict distributions.
        """
        dist = predicted_distribution(estimator, X)
        if sample_weight is not None:
            metadata["sample_weight"] = sample_weight
        score = self.score_func(y, dist, **{**self.kwargs, **metadata})
        return score if self.greater_is_better else -score

    def set_score_request(self, **requests: bool | str | None) -> Self:
        """Say which arguments of the score metadata routing hands on.

        Once ``sklearn.set_config(enable_metadata_routing=True)`` is set, scikit-learn
        refuses weights that a scorer neither wants nor declines. As for scikit-learn's
        own scorers, the scorer itself is changed.

        Parameters
        ----------
        **requests : dict
            A name, such as `sample_weight`, and True, False, None (an error if it is
            passed) or the name under which it is passed.

        Returns
        -------
        scorer : DistributionScorer
            The same one.

        Raises
        ------
        RuntimeError
            If metadata routing is not enabled.
        TypeError
            If the score does not take such an argument.

        Examples
        --------
        >>> import sklearn
        >>> from sklearn_genre.metrics import crps_score, make_distribution_scorer
        >>> with sklearn.config_context(enable_metadata_routing=True):
        ...     scorer = make_distribution_scorer(crps_score, greater_is_better=False)
        ...     scorer = scorer.set_score_request(sample_weight=True)
        """
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "set_score_request needs metadata routing: call "
                "sklearn.set_config(enable_metadata_routing=True) first."
            )
        if unknown := [*requests.keys() - self._metadata_names()]:
            raise TypeError(
                f"set_score_request got {unknown[0]!r}; {self.__name__} takes "
                f"{self._metadata_names()}."
            )
        self._requests = requests
        return self

    def get_metadata_routing(self) -> MetadataRequest:
        """Return what metadata routing asks of a scorer.

        Returns
        -------
        routing : MetadataRequest
        """
        request = MetadataRequest(owner=self)
        own = getattr(self, "_requests", None)
        for name in self._metadata_names() if own is None else own:
            request.score.add_request(param=name, alias=own[name] if own else None)
        return request

    def _metadata_names(self) -> list[str]:
        """Return what the score takes beyond targets, distributions and `kwargs`."""
        names = list(signature(self.score_func).parameters)[2:]
        return [name for name in names if name not in self.kwargs]

    def __repr__(self) -> str:
        """Return the call that makes it."""
        extra = "".join(f", {name}={value!r}" for name, value in self.kwargs.items())
        name = getattr(self.score_func, "__name__", self.score_func)
        return (
            f"make_distribution_scorer({name}, "
            f"greater_is_better={self.greater_is_better}{extra})"
        )


def make_distribution_scorer(
    score_func: Callable[..., float],
    *,
    greater_is_better: bool = True,
    **kwargs: Any,
) -> DistributionScorer:
    """Make a scorer from a score of predictive distributions.

    Pass the scorer as ``scoring=`` to `cross_val_score`, `cross_validate`,
    `GridSearchCV`, `HalvingGridSearchCV` or `permutation_importance`. It calls
    ``predict(X, output_type="distribution")``, so it works through a `Pipeline`.

    Parameters
    ----------
    score_func : callable
        ``score_func(y_true, dist, **kwargs)``, such as :func:`interval_score`; it must
        accept `sample_weight` if the scorer is given weights.

    greater_is_better : bool, default=True
        False for a loss; the scorer then returns its negative.

    **kwargs : dict
        Further arguments of `score_func`.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None)``. It can be pickled if
        `score_func` can.

    Raises
    ------
    TypeError
        If `score_func` cannot be called by ``(y_true, dist, **kwargs)``, or
        `greater_is_better` is no bool: a search would only warn of scores of NaN.

    Examples
    --------
    >>> from sklearn_genre.metrics import interval_score, make_distribution_scorer
    >>> make_distribution_scorer(interval_score, greater_is_better=False, coverage=0.5)
    make_distribution_scorer(interval_score, greater_is_better=False, coverage=0.5)
    """
    if not isinstance(greater_is_better, (bool, np.bool_)):
        raise TypeError(
            "greater_is_better must be True or False, got "
            f"{shown(greater_is_better, repr)}."
        )
    try:
        signature(score_func).bind(None, None, **kwargs)
    except TypeError as error:
        raise TypeError(
            "score_func must be a callable score_func(y_true, dist, **kwargs), got "
            f"{shown(score_func, repr)} with {shown(kwargs, repr)}: {error}."
        ) from error
    except ValueError:  # a built-in function without a signature
        pass
    return DistributionScorer(score_func, bool(greater_is_better), kwargs)


def predicted_distribution(estimator: Any, X: Any) -> PredictiveDistribution:
    """Return predictive distributions; refuse an estimator that predicts none."""
    model = getattr(estimator, "best_estimator_", estimator)  # of a search
    advice = (
        f"{type(model).__name__} does not predict distributions: "
        "predict(X, output_type='distribution') must return a PredictiveDistribution. "
        "Score an estimator of sklearn_genre or a Pipeline that ends in one; scale "
        "targets by its target_transform."
    )
    try:
        with config_context(enable_metadata_routing=False):  # of pipelines
            dist = model.predict(X, output_type="distribution")
    except (TypeError, AttributeError) as error:
        if any(word in str(error) for word in ("output_type", "PredictiveDistr")):
            raise TypeError(advice) from error
        raise
    if not isinstance(dist, PredictiveDistribution):
        raise TypeError(f"{advice} Got {type(dist).__name__}.")
    return dist


neg_crps_scorer = make_distribution_scorer(crps_score, greater_is_better=False)
neg_log_score_scorer = make_distribution_scorer(log_score, greater_is_better=False)
neg_interval_score_scorer = make_distribution_scorer(
    interval_score, greater_is_better=False
)
neg_wasserstein1_scorer = make_distribution_scorer(
    wasserstein1_score, greater_is_better=False
)
# For reports only: the best coverage is the nominal one, not the largest.
coverage_scorer = make_distribution_scorer(coverage_score)
