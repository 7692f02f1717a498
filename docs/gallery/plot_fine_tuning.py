"""
What does fine-tuning do?
=========================

Cross-entropy scores digits; ReMax rewards the whole number. The history shows both
stages, and best@k shows what the second one trades: one draw gets better, the best of
many draws gets worse, because there is less to choose from.
"""

import matplotlib.pyplot as plt
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.model_selection import train_test_split

from sklearn_genre import DecodingRegressor
from sklearn_genre.inspection import BestAtKDisplay, TrainingHistoryDisplay

X, y = make_friedman1(2000, noise=0.5, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=1000, random_state=0
)
model = DecodingRegressor(
    fine_tuning="remax",
    cv=None,
    pretraining_epochs=40,
    fine_tuning_epochs=10,
    random_state=0,
)
model.fit(X_train, y_train)

# %%
# The epoch that each stage keeps is marked: in pretraining that of the best CRPS, which
# is drawn; under ReMax that of the best expected reward, which is printed below and
# costs some CRPS. Epoch 0 of fine-tuning is the state before it, a candidate as well.
TrainingHistoryDisplay.from_estimator(model)
plt.show()

# %%
# The expected reward rises within a few epochs and then stays, while the entropy of the
# digits, in nats for each number, falls on. What falls without more reward is spread
# that the distribution may need.
for row in model.history_[40::2]:
    print(
        f"{row['stage']} {row['epoch']:2d}: expected reward {row['reward']:.3f}, "
        f"entropy {row['entropy']:.2f}"
    )

# %%
# The error of the best, the mean and the median of k draws, exact from the
# distribution, before and after.
base = clone(model).set_params(fine_tuning=None)
base.fit(X_train, y_train)
figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, (name, fitted) in zip(
    axes, {"cross-entropy": base, "then ReMax": model}.items(), strict=True
):
    BestAtKDisplay.from_estimator(fitted, X_test, y_test, ax=ax)
    ax.set_title(name)
plt.show()

# %%
# What the text says, checked:
stage = [row for row in model.history_ if row["stage"] == "fine_tuning"]
assert max(row["reward"] for row in stage) > stage[0]["reward"]
assert stage[-1]["entropy"] < stage[0]["entropy"]
