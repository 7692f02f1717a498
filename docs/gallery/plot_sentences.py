"""
What score does a sentence deserve?
===================================

A causal language model reads a review and writes a score. Its probabilities of the
digits give a distribution over all scores, computed in one pass over the digit tree.
"""

import os
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import torch

from sklearn_genre import LanguageModelRegressor
from sklearn_genre.inspection import DigitTreeDisplay

# %%
# Each review is about two dishes and has a score from 0 to 5. "Different" is ambiguous:
# half of those who wrote it liked the dish, the others did not.
rng = np.random.default_rng(0)
dishes = ["soup", "bread", "fish", "salad"]
words = {"awful": 0.4, "poor": 1.4, "plain": 2.4, "good": 3.5, "superb": 4.6}


def review():
    """Return a review and its score."""
    first, second = rng.choice([*words, "different"], 2, p=[*[0.14] * 5, 0.3])
    values = [
        words.get(word, rng.choice([0.6, 4.4])) for word in (first, second, second)
    ]
    text = f"the {rng.choice(dishes)} was {first} but the {rng.choice(dishes)} {second}"
    return text, np.clip(np.mean(values) + rng.normal(0, 0.2), 0, 5)


texts, scores = zip(*[review() for _ in range(2000)], strict=True)
scores = np.round(scores, 1)
print(texts[0], scores[0])

# %%
# Any causal language model in the format of Hugging Face works: set the environment
# variable ``LANGUAGE_MODEL`` to its folder. Without it, as on this page, a tiny model
# whose tokens are whole words is created and trained from scratch.


def tiny_model(folder):
    """Save a random model of two blocks, and a tokenizer of words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = [*"0123456789.:", *dishes, *words, *"different the was but".split()]
    vocabulary = {word: i for i, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=":"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "max_position_embeddings": 64}
    config = LlamaConfig(vocab_size=len(vocabulary), **sizes, **heads)
    torch.manual_seed(0)  # of the weights
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


folder = os.environ.get("LANGUAGE_MODEL") or tiny_model(tempfile.mkdtemp())
options = {"trainable": 12}
if "LANGUAGE_MODEL" not in os.environ:
    options = {"trainable": "all", "learning_rate": 3e-3, "batch_size": 64}
    options |= {"warm_start_rows": None, "max_epochs": 32, "n_iter_no_change": None}
model = LanguageModelRegressor(folder, "{} :", numbers="d.d", random_state=0, **options)
model.fit(texts[:1900], scores[:1900])
print(f"R2 on new reviews: {model.score(texts[1900:], scores[1900:]):.2f}")

# %%
# The distributions of three new reviews. Where a word is ambiguous, the distribution is
# wider.
new = [
    "the soup was superb but the fish superb",
    "the soup was plain but the fish good",
    "the soup was good but the fish different",
]
dist = model.predict_distribution(new)
fig, axes = plt.subplots(3, 1, sharex=True, figsize=(6, 5), layout="constrained")
for i, ax in enumerate(axes):
    ax.bar(dist.support, dist.pmf()[i], width=0.08)
    ax.axvline(dist.mean()[i], color="black", linestyle=":")
    ax.set_title(new[i], fontsize=10)
    ax.set_ylabel("probability")
fig.suptitle("Predicted probabilities of the scores of three reviews")
axes[-1].set_xlabel("score (dotted: the mean)")
plt.show()

# %%
# What the text says, checked:
assert dist.std()[2] > 1.5 * dist.std()[0]

# %%
# The digit tree of the last one.
display = DigitTreeDisplay.from_estimator(model, new[2:], target_name="score")
display.figure_.suptitle("Probabilities of the two digits of the third score")
plt.show()
