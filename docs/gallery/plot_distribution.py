"""
What does a predictive distribution look like?
==============================================

One fit gives a distribution for each row, with as many modes as the data have. Here
the target has one value up to ``x = 0.4`` and two beyond: a mean alone would predict a
number that never occurs.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_genre import DecodingRegressor
from sklearn_genre.inspection import PredictiveDistributionDisplay

rng = np.random.default_rng(0)
x = rng.uniform(size=1500)
branch = rng.choice([-1.0, 1.0], size=1500)
y = 2 + branch * np.maximum(x - 0.4, 0) * 3 + 0.12 * rng.normal(size=1500)

# %%
# The base model, trained by cross-entropy on the digits, keeps both branches.
model = DecodingRegressor(fine_tuning=None, pretraining_epochs=40, random_state=0)
model.fit(x[:, None], y)

# %%
# Three rows: before the fork, just behind it, and far behind it.
places = np.array([0.2, 0.55, 0.9])
dist = model.predict_distribution(places[:, None])

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.scatter(x, y, s=4, color="0.6", label="Data")
for place in places:
    left.axvline(place, color="black", linestyle=":")
left.set(xlabel="x", ylabel="y", title="Data, and the three rows")
names = [f"x = {place}" for place in places]
display = PredictiveDistributionDisplay(dist=dist, names=names, target_name="y")
display.plot(ax=right).ax_.set_title("Predicted densities")
plt.show()

# %%
# The mean lies between the branches, the mode on one of them. The probability of the
# upper branch is a number too.
for place, row in zip(places, range(3), strict=True):
    print(
        f"x = {place}: mean {dist.mean()[row]:.2f}, mode {dist.mode()[row]:.2f}, "
        f"P(y > 2) = {1 - dist.cdf(2.0)[row]:.2f}"
    )

# %%
# What the text says, checked:
mean, mode, upper = dist.mean(), dist.mode(), 1 - dist.cdf(2.0)
assert abs(mode[0] - 2) < 0.2  # one value
assert abs(mean[2] - 2) < 0.5 < 1.2 < abs(mode[2] - 2) < 1.8  # two
assert ((upper > 0.3) & (upper < 0.7)).all()
