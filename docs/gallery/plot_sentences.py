"""
How alike are two sentences?
============================

A causal language model reads both and writes a score. Its probabilities for the digits
are a distribution over all scores, read off the tree of digits in one pass.
"""

import os
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_genre import LanguageModelRegressor
from sklearn_genre.inspection import DigitTreeDisplay

# %%
# Pairs of sentences, and a score from 0 to 5: how many of their five words they share.
rng = np.random.default_rng(0)
slots = [
    ["one", "the", "some"],
    ["old", "tall", "quick"],
    ["cook", "girl", "fox"],
    ["sees", "paints", "finds"],
    ["bread", "rain", "stars"],
]


def sentence(words):
    """Return five words as a sentence."""
    return " ".join(slots[i][word] for i, word in enumerate(words))


first = rng.integers(0, 3, (400, 5))
changed = rng.random((400, 5)) < rng.random((400, 1))
second = np.where(changed, rng.integers(0, 3, (400, 5)), first)
score = (first == second).sum(1).astype(float)
pairs = pd.DataFrame({"a": map(sentence, first), "b": map(sentence, second)})
pairs.assign(score=score).head()

# %%
# a folder to see what a pretrained one knows. This page must build anywhere, so
# without it a tiny model with a vocabulary of words is made, and trained from scratch.
# it a tiny model with a vocabulary of words is made here, and trained from scratch.


def tiny_model(folder):
    """Save a random model of two blocks, and a tokenizer of words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = [*"0123456789.|:", *(word for slot in slots for word in slot)]
    words = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=":"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    config = LlamaConfig(
        vocab_size=len(words),
        num_attention_heads=4,
        max_position_embeddings=64,
        **sizes,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


folder = os.environ.get("LANGUAGE_MODEL") or tiny_model(tempfile.mkdtemp())
options = {"trainable": 12}
if "LANGUAGE_MODEL" not in os.environ:
    options = {"trainable": "all", "learning_rate": 2e-3, "max_epochs": 25}
model = LanguageModelRegressor(
    folder, "{a} | {b} :", numbers="d.d", random_state=0, **options
)
model.fit(pairs[:300], score[:300])
print(f"R2 on new pairs: {model.score(pairs[300:], score[300:]):.2f}")

# %%
# A distribution for each pair. Scores are whole here, and the model has learned that:
# the mass is on numbers that end with a zero.
dist = model.predict_distribution(pairs[300:])
fig, axes = plt.subplots(3, 1, sharex=True, figsize=(6, 5), layout="constrained")
shown = [int(np.flatnonzero(score[300:] == s)[0]) for s in (1, 3, 5)]
for ax, i in zip(axes, shown, strict=True):
    ax.bar(
        dist.support[i] if dist.support.ndim > 1 else dist.support, dist.pmf()[i], 0.08
    )
    ax.axvline(score[300 + i], color="black", linestyle=":")
    ax.set_title(f"{pairs['a'][300 + i]} | {pairs['b'][300 + i]}", fontsize=9)
    ax.set_ylabel("probability")
axes[-1].set_xlabel("score (dotted: true)")
plt.show()

# %%
# The tree of digits of one pair.
DigitTreeDisplay.from_estimator(
    model, pairs[300:301], score[300:301], target_name="score"
)
plt.show()
