"""
What does fine-tuning do?
=========================

Cross-entropy scores single digits; ReMax rewards the whole number. The training history
shows both stages, and best@k shows the trade-off: after ReMax a single draw is closer
to the target, but the best of many draws is not as close, because the draws differ
less.
"""

import matplotlib.pyplot as plt
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.model_selection import train_test_split

from sklearn_genre import DecodingRegressor
from sklearn_genre.inspection import BestAtKDisplay, TrainingHistoryDisplay
from sklearn_genre.metrics import best_at_k_score

X, y = make_friedman1(1400, noise=0.5, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=1000, random_state=0
)
model = DecodingRegressor(
    fine_tuning="remax",
    cv=None,
    pretraining_epochs=30,
    fine_tuning_epochs=6,
    random_state=0,
)
model.fit(X_train, y_train)

# %%
# The epoch that each stage keeps is marked. Pretraining keeps the epoch with the best
# CRPS, which is drawn; ReMax keeps the one with the best expected reward, which is
# printed below, and that costs some CRPS. Epoch 0 of fine-tuning is the state before
# it, which may be kept as well.
display = TrainingHistoryDisplay.from_estimator(model)
display.figure_.suptitle("Losses and CRPS by epoch, before and during ReMax")
plt.show()

# %%
# The expected reward rises within two epochs and then levels off, while the entropy of
# the digits, in nats per number, falls further. Entropy that is lost without a gain in
# reward is spread that the distribution may need.
for row in model.history_[30::2]:
    print(
        f"{row['stage']} {row['epoch']:2d}: expected reward {row['reward']:.3f}, "
        f"entropy {row['entropy']:.2f}"
    )

# %%
# The error of the best, the mean and the median of k draws, before and after. All three
# are computed exactly from the distribution.
base = clone(model).set_params(fine_tuning=None)
base.fit(X_train, y_train)
figure, axes = plt.subplots(
    2, 1, figsize=(6, 8), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, fitted) in zip(
    axes, {"cross-entropy": base, "then ReMax": model}.items(), strict=True
):
    BestAtKDisplay.from_estimator(fitted, X_test, y_test, ax=ax)
    ax.set_title(f"Error of k draws: {name}")
plt.show()

# %%
# What the text says, checked:
stage = [row for row in model.history_ if row["stage"] == "fine_tuning"]
assert max(row["reward"] for row in stage) > stage[0]["reward"]
assert stage[-1]["entropy"] < stage[2]["entropy"] < stage[0]["entropy"]
before, after = (fitted.predict_distribution(X_test) for fitted in (base, model))
assert best_at_k_score(y_test, after, 1) < best_at_k_score(y_test, before, 1)
assert best_at_k_score(y_test, after, 128) > best_at_k_score(y_test, before, 128)
