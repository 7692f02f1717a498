"""
Is it calibrated, before and after fine-tuning?
===============================================

ReMax minimises the squared error of the mean plus the variance, so it narrows the
distribution. On new samples, the intervals after it cover far less than their nominal
level, and the CRPS is worse. The error of the mean is no lower here.
"""

import matplotlib.pyplot as plt
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from sklearn_genre import DecodingRegressor
from sklearn_genre.inspection import (
    CalibrationDisplay,
    IntervalCoverageDisplay,
    PITHistogramDisplay,
)
from sklearn_genre.metrics import coverage_score, crps_score, interval_width

X, y = make_friedman1(2000, noise=1.0, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=1000, random_state=0
)

# %%
# The same pretraining, with and without the second stage (without folds: faster).
base = DecodingRegressor(
    fine_tuning=None, cv=None, pretraining_epochs=30, random_state=0
)
sharp = clone(base).set_params(fine_tuning="remax", fine_tuning_epochs=6)
predictions = {
    "cross-entropy": base.fit(X_train, y_train).predict_distribution(X_test),
    "then ReMax": sharp.fit(X_train, y_train).predict_distribution(X_test),
}
print(f"{'':14} {'RMSE':>6} {'CRPS':>6} {'coverage':>9} {'width':>6}")
for name, dist in predictions.items():
    rmse = root_mean_squared_error(y_test, dist.mean())
    crps = crps_score(y_test, dist)
    coverage, width = coverage_score(y_test, dist, 0.9), interval_width(dist, 0.9)
    print(f"{name:14} {rmse:6.3f} {crps:6.3f} {coverage:9.1%} {width:6.2f}")

# %%
# **Probability integral transform (PIT).** It is the predicted probability of a value
# below the true one. For a calibrated model it is uniform, as it nearly is after
# cross-entropy. Too many values near 0 and 1, as after ReMax, mean that the
# distributions are too narrow.
figure, axes = plt.subplots(
    2, 1, figsize=(6, 7.5), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, dist) in zip(axes, predictions.items(), strict=True):
    PITHistogramDisplay.from_predictions(y_test, dist, ax=ax)
    ax.set_title(f"PIT histogram: {name}")
plt.show()

# %%
# **Quantiles.** How often is the true value below the predicted quantile? A calibrated
# model stays within the band, which shows the sampling noise.
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
for name, dist in predictions.items():
    CalibrationDisplay.from_predictions(y_test, dist, name=name, ax=ax)
ax.set_title("Observed against nominal quantile levels")
plt.show()

# %%
# **Intervals.** Observed against nominal coverage, and the mean width. After ReMax the
# intervals are much narrower at every level, and cover much less.
first = None
for name, dist in predictions.items():
    display = IntervalCoverageDisplay.from_predictions(
        y_test, dist, name=name, ax=first
    )
    first = display.axes_
first[0].set_title("Observed coverage and mean width of intervals")
plt.show()

# %%
# What the text says, checked:
before, after = predictions.values()
assert interval_width(after) < interval_width(before)
assert coverage_score(y_test, after) < 0.75 < coverage_score(y_test, before)
assert crps_score(y_test, before) < crps_score(y_test, after)
