"""
Which number should be predicted?
=================================

A distribution has a mean, a median and a mode; a decoder also has its greedy digits and
samples. Where the noise is skewed, as here, these differ. For the squared error the
mean is the best of them (RAIL). Fine-tuning can train the mean itself (RAFT).
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from sklearn_genre import DecodingRegressor, RAFTRegressor

X, y = make_friedman1(1600, random_state=0)
y += np.random.default_rng(0).exponential(4.0, size=1600)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=600, random_state=0
)
options = {"cv": None, "pretraining_epochs": 40, "random_state": 0}  # no folds: faster
model = DecodingRegressor(fine_tuning=None, **options).fit(X_train, y_train)

# %%
# Exact predictions of one fitted model, the mean of its samples, the mean over a grid
# of numbers that are scored one by one, and RAFT. RAFT has the same pretraining, and
# each of its stages keeps the epoch with the lowest validation RMSE; those are printed.
# Pretraining has learned the mean well already, so that training the mean itself gains
# nothing here: the errors of both differ by less than 2 %.
numbers = {
    name: model.predict(X_test, output_type=name)
    for name in ["mode", "greedy", "median", "mean"]
}
for n in [1, 8, 64]:
    name = f"mean of {n} sample{'s' * (n > 1)}"
    numbers[name] = model.predict_from_samples(X_test, n, random_state=0)
grid = np.linspace(y_train.min(), y_train.max(), 16)
numbers["grid of 16 numbers"] = model.predict_from_grid(X_test, grid, normalize=True)
raft = RAFTRegressor(fine_tuning_epochs=15, **options).fit(X_train, y_train)
numbers["RAFT"] = raft.predict(X_test)
print([row["epoch"] for row in raft.history_ if row["selected"]])

# %%
# Errors on held-out samples.
errors = {
    name: root_mean_squared_error(y_test, number) for name, number in numbers.items()
}
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
bars = ax.barh(list(errors), list(errors.values()), color="0.75", edgecolor="black")
ax.bar_label(bars, fmt="%.2f", padding=3)
ax.invert_yaxis()
ax.set(xlabel="RMSE (smaller is better)", xlim=(0, 1.15 * max(errors.values())))
ax.set_title("RMSE of nine ways to predict one number")
plt.show()

# %%
# What the text says, checked:
others = ["mode", "greedy", "median", "mean of 1 sample", "mean of 8 samples"]
assert all(errors["mean"] < errors[name] for name in others)
assert errors["mean"] < 1.01 * min(errors.values())
assert 0.99 < errors["RAFT"] / errors["mean"] < 1.02
