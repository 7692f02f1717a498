"""
Do intervals widen where the noise is larger?
=============================================

They should. The digits can: their distribution learns the spread from the data. A
scalar head with one standard deviation for all samples cannot.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_genre import DecodingRegressor, PointwiseRegressor
from sklearn_genre.inspection import PredictiveDistributionDisplay

rng = np.random.default_rng(0)
X = rng.uniform(0, 10, size=(1500, 1))
y = np.sin(X[:, 0]) + (0.05 + 0.08 * X[:, 0]) * rng.normal(size=1500)

# %%
# Both models select the epoch by the CRPS, which scores the whole distribution.
digits = DecodingRegressor(
    fine_tuning=None, pretraining_epochs=40, scoring="crps", cv=None, random_state=0
)
scalar = PointwiseRegressor(scoring="crps", cv=None, random_state=0)

figure, axes = plt.subplots(
    2, 1, figsize=(6, 8), sharex=True, sharey=True, layout="constrained"
)
for ax, model in zip(axes, [digits, scalar], strict=True):
    model.fit(X, y)
    PredictiveDistributionDisplay.from_estimator(
        model, X[::5], y[::5], feature=0, target_name="y", ax=ax
    )
    ax.set_title(f"Data and intervals of {type(model).__name__}")
plt.show()

# %%
# Widths of the 90 % intervals at both ends of the feature; the true ones are those of
# the noise, 2 x 1.645 standard deviations.
ends = np.array([[0.5], [9.5]])
print("true widths:", 2 * 1.645 * (0.05 + 0.08 * ends[:, 0]))
widths = []
for model in [digits, scalar]:
    lower, upper = model.predict_interval(ends, coverage=0.9).T
    widths.append(upper - lower)
    print(type(model).__name__, np.round(upper - lower, 2))

# %%
# What the text says, checked:
of_digits, of_scalar = widths
assert of_digits[1] > 3 * of_digits[0]
assert np.allclose(*of_scalar)
