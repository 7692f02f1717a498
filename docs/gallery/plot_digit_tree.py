"""
How is one number written?
==========================

Digit by digit, most significant first: each digit halves the range (in base 2), and its
probability depends on the row and on the digits before it. The product along a path is
the probability of a number.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes

from sklearn_genre import DecodingRegressor
from sklearn_genre.inspection import DigitTreeDisplay
from sklearn_genre.tokenizers import NormalizedTokenizer

X, y = load_diabetes(return_X_y=True)
model = DecodingRegressor(
    NormalizedTokenizer(base=2, length=4),
    fine_tuning=None,
    pretraining_epochs=60,
    random_state=0,
)
model.fit(X[10:], y[10:])

# %%
# Sixteen numbers between the smallest and the largest training target. Darker and wider
# is likelier; the path of the truth is marked.
DigitTreeDisplay.from_estimator(
    model, X[1:2], y[1:2], target_name="disease progression"
)
plt.show()

# %%
# Three ways to read one number from the tree: the likeliest leaf, the likeliest digit
# at each step, which need not end there, and the mean of all leaves.
for output_type in ["mode", "greedy", "mean"]:
    number = model.predict(X[1:2], output_type=output_type)[0]
    print(f"{output_type:6} {number:6.1f}")
print(f"truth  {y[1]:6.1f}")

# %%
# What the text says, checked:
dist = model.predict_distribution(X[1:2])
assert len(model.tokenizer_.grid()) == 16
assert dist.support.min() >= y[10:].min() - 1e-9
