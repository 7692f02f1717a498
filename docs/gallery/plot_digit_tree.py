"""
How is one number written?
==========================

Digit by digit, most significant first. In base 2, each digit halves the range that is
left, and its probability depends on the sample and on the digits before it. The product
of the probabilities along a path is the probability of a number.
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
# The sixteen numbers of four binary digits span the range of the training targets.
# Darker and wider boxes are likelier, and the path of the true value is marked.
display = DigitTreeDisplay.from_estimator(
    model, X[1:2], y[1:2], target_name="disease progression"
)
display.figure_.suptitle("Probabilities of four binary digits of one sample")
plt.show()

# %%
# Three ways to predict one number: the mode, the likeliest digit at each step, which
# need not lead to the mode, and the mean. Mode and mean are those of the whole
# distribution, whose tails go beyond both ends of the tree.
for output_type in ["mode", "greedy", "mean"]:
    number = model.predict(X[1:2], output_type=output_type)[0]
    print(f"{output_type:6} {number:6.1f}")
print(f"truth  {y[1]:6.1f}")

# %%
# What the text says, checked:
assert model.tokenizer_.n_strings == 16
greedy = model.predict(X, output_type="greedy")
assert y[10:].min() - 1e-9 <= greedy.min() <= greedy.max() <= y[10:].max() + 1e-9
dist = model.predict_distribution(X[1:2])
assert dist.support.min() < y.min() < y.max() < dist.support.max()
