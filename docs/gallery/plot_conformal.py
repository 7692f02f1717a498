"""
Can an interval come with a guarantee?
======================================

A conformal interval covers at least its nominal fraction of new samples, on average
over all of them, if they are exchangeable with held-out ones. Here it corrects a model
whose intervals are far too narrow. It cannot correct how the width depends on x: the
noise grows from left to right, but the intervals hardly widen.
"""

import matplotlib.pyplot as plt
import numpy as np
from mapie.regression import ConformalizedQuantileRegressor, SplitConformalRegressor
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import train_test_split

from sklearn_genre import DecodingRegressor

rng = np.random.default_rng(0)
X = rng.uniform(0, 10, size=(2400, 1))
y = np.sin(X[:, 0]) + (0.05 + 0.08 * X[:, 0]) * rng.normal(size=2400)
X_train, X_rest, y_train, y_rest = train_test_split(
    X, y, train_size=800, random_state=0
)
X_held, X_test, y_held, y_test = train_test_split(
    X_rest, y_rest, train_size=600, random_state=0
)

# %%
# A model made too sharp on purpose, by ReMax. A quarter of the training samples is held
# out. It chooses the epoch, and `predict_interval(X, 0.9, method="conformal")` uses it
# as well, so no further samples are needed. (With `early_stopping=False` nothing is
# held out, and the call is an error.)
model = DecodingRegressor(
    fine_tuning="remax",
    pretraining_epochs=30,
    fine_tuning_epochs=10,
    cv=None,
    validation_fraction=0.25,
    random_state=0,
)
model.fit(X_train, y_train)


# %%
# MAPIE wraps a fitted estimator and uses samples that took no part in the fit. Split
# conformal puts an interval of constant width around the mean; conformalised quantile
# regression shifts all predicted ends by one number. For the latter MAPIE asks for one
# regressor per quantile; one fit here provides all quantiles, so a small class wraps
# it.
class Quantile(RegressorMixin, BaseEstimator):
    """One quantile of a fitted estimator, as a regressor of its own."""

    def __init__(self, model, level):
        self.model = model
        self.level = level

    @property
    def n_features_in_(self):
        """Features of the fitted estimator."""
        return self.model.n_features_in_

    def fit(self, X, y):
        """Do nothing: the estimator is fitted."""
        return self

    def predict(self, X):
        """Return the quantile of each sample."""
        return self.model.predict(X, output_type="quantiles", quantiles=[self.level])[
            :, 0
        ]


split = SplitConformalRegressor(model, confidence_level=0.9, prefit=True)
quantiles = ConformalizedQuantileRegressor(
    [Quantile(model, level) for level in (0.05, 0.95, 0.5)],
    confidence_level=0.9,
    prefit=True,
)
intervals = {
    "distribution": model.predict_interval(X_test, 0.9),
    'method="conformal"': model.predict_interval(X_test, 0.9, method="conformal"),
}
for name, conformal in {"MAPIE, split": split, "MAPIE, quantiles": quantiles}.items():
    conformal.conformalize(X_held, y_held)
    intervals[name] = conformal.predict_interval(X_test)[1][:, :, 0]

# %%
# Coverage of 90 % intervals on the test samples, and their mean widths on the left,
# where there is little noise, and on the right, where there is much. All three
# conformal methods cover about nine samples in ten. Their intervals are nearly as wide
# on the left as on the right: too wide on the left and too narrow on the right. Split
# conformal intervals have a constant width for every model. Those of the quantiles are
# nearly constant for this model, because ReMax has made its spread nearly constant. The
# estimator's own method uses extreme quantiles of the distribution, whose tails are
# irregular after ReMax, hence the flat lower ends. If the width should follow the
# noise, start from a model that is not too sharp.
coverages = {}
order = np.argsort(X_test[:, 0])
figure, axes = plt.subplots(
    2, 2, figsize=(6.5, 6.5), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, interval) in zip(axes.flat, intervals.items(), strict=True):
    lower, upper = interval.T
    covered = np.mean((lower <= y_test) & (y_test <= upper))
    coverages[name] = covered
    ax.scatter(X_test[:, 0], y_test, s=5, color="0.6")
    ax.fill_between(X_test[order, 0], lower[order], upper[order], alpha=0.4)
    ax.set(title=f"{name}\ncovers {covered:.1%}")
    width = upper - lower
    print(
        f"{name:20} coverage {covered:.1%}, mean width {np.mean(width):.2f}, "
        f"at x < 2 {np.mean(width[X_test[:, 0] < 2]):.2f}, "
        f"at x > 8 {np.mean(width[X_test[:, 0] > 8]):.2f}"
    )
figure.suptitle("90 % intervals of four methods")
figure.supxlabel("x")
figure.supylabel("y")
plt.show()

# %%
# What the text says, checked:
assert coverages.pop("distribution") < 0.6
assert all(0.83 < covered < 0.96 for covered in coverages.values())
assert np.allclose(np.ptp(np.diff(intervals["MAPIE, split"])), 0)
