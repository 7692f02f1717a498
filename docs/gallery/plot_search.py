"""
Which settings give the best distribution?
==========================================

A grid search over a `Pipeline` that selects by the CRPS and also reports the RMSE of
the mean.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from sklearn_genre import DecodingRegressor
from sklearn_genre.metrics import neg_crps_scorer
from sklearn_genre.tokenizers import NormalizedTokenizer

X, y = load_diabetes(return_X_y=True)
pipeline = make_pipeline(
    SplineTransformer(n_knots=3),
    DecodingRegressor(
        NormalizedTokenizer(),
        fine_tuning=None,
        pretraining_epochs=10,
        scoring="crps",
        cv=None,  # no folds inside each fit, which halves the time
        random_state=0,
    ),
)

# %%
# Parameters of nested objects are searched by their path: the estimator, its tokenizer,
# the number of digits.
search = GridSearchCV(
    pipeline,
    {
        "decodingregressor__tokenizer__length": [4, 6, 8],
        "decodingregressor__pretraining": ["cross_entropy", "crps"],
    },
    scoring={"crps": neg_crps_scorer, "rmse": "neg_root_mean_squared_error"},
    refit="crps",
    cv=3,
)
search.fit(X, y)
for name, value in search.best_params_.items():
    print(name.removeprefix("decodingregressor__"), value)

# %%
# Means and standard errors over the folds. Differences smaller than the standard errors
# mean little.
results = search.cv_results_
labels = [
    f"{p['decodingregressor__pretraining']}\n"
    f"{p['decodingregressor__tokenizer__length']} digits"
    for p in results["params"]
]
figure, axes = plt.subplots(2, 1, figsize=(6, 7.5), sharey=True, layout="constrained")
for ax, score in zip(axes, ["crps", "rmse"], strict=True):
    error = results[f"std_test_{score}"] / np.sqrt(3)
    mean = -results[f"mean_test_{score}"]
    ax.errorbar(mean, np.arange(len(labels)), xerr=error, fmt="o", capsize=3)
    ax.set(xlabel=f"{score.upper()} (smaller is better)")
    ax.set_title(f"{score.upper()} of the six candidates")
axes[0].set_yticks(np.arange(len(labels)), labels=labels)
plt.show()

# %%
# The best pipeline passes keywords of `predict` on to its last step.
dist = search.best_estimator_.predict(X[:3], output_type="distribution")
print(dist)

# %%
# What the text says, checked:
assert search.best_index_ == np.argmax(results["mean_test_crps"])
assert len(labels) == 6
assert len(dist) == 3
