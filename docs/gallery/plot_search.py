"""
Which settings give the best distribution?
==========================================

A grid search that selects by the CRPS, through a `Pipeline`, and reports the error of
the mean beside it.
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
        pretraining_epochs=20,
        scoring="crps",
        cv=None,  # without folds of its own, each fit takes half the time
        random_state=0,
    ),
)

# %%
# Options of the objects inside are searched by their path: the estimator, its
# tokenizer, the length of its strings.
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
# Means and standard errors over the folds: differences that are smaller than these say
# little.
results = search.cv_results_
labels = [
    f"{p['decodingregressor__pretraining']}\n"
    f"{p['decodingregressor__tokenizer__length']} digits"
    for p in results["params"]
]
figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
for ax, score in zip(axes, ["crps", "rmse"], strict=True):
    error = results[f"std_test_{score}"] / np.sqrt(3)
    mean = -results[f"mean_test_{score}"]
    ax.errorbar(mean, np.arange(len(labels)), xerr=error, fmt="o", capsize=3)
    ax.set(xlabel=f"{score.upper()} (smaller is better)")
axes[0].set_yticks(np.arange(len(labels)), labels=labels)
plt.show()

# %%
# The best pipeline passes keywords on to its last step.
print(search.best_estimator_.predict(X[:3], output_type="distribution"))
