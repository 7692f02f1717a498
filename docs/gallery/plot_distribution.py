"""
What does a predictive distribution look like?
==============================================

One fit gives a distribution for each sample, with as many modes as the data have. Here
the target has one typical value up to ``x = 0.4`` and two beyond it, so the mean alone
is a number that hardly ever occurs.
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
# Cross-entropy on the digits is enough here: the distribution keeps both branches.
model = DecodingRegressor(fine_tuning=None, pretraining_epochs=40, random_state=0)
model.fit(x[:, None], y)

# %%
# Three samples: before the fork, just after it, and far after it.
places = np.array([0.2, 0.55, 0.9])
dist = model.predict_distribution(places[:, None])

figure, (above, below) = plt.subplots(2, 1, figsize=(6, 7.5), layout="constrained")
above.scatter(x, y, s=4, color="0.6", label="Data")
for place in places:
    above.axvline(place, color="black", linestyle=":")
above.set(xlabel="x", ylabel="y", title="Data that fork, and three samples")
names = [f"x = {place}" for place in places]
display = PredictiveDistributionDisplay(dist=dist, names=names, target_name="y")
display.plot(ax=below).ax_.set_title("Densities predicted for the three samples")
plt.show()

# %%
# After the fork the mean lies between the branches and the mode on one of them. The
# distribution also gives the probability of the upper branch.
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
