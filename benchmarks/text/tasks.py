"""Texts with a number to predict: training, dev and test sets, and their prompts."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Parts = list[tuple[Any, Any]]

PROMPTS = {
    "stsb": "{sentence1} | {sentence2} | similarity from 0 to 5: ",
    "amazon": "Review: {text} Stars from 1 to 5: ",
    "amazon_rounded": "Review: {text} Stars from 1 to 5: ",
    "movies": "Review: {text} Stars from 1 to 5: ",
    "original1": "f({x:.2f}) = ",
}
REVIEWS = {"amazon": "amazonReviewSnippets", "movies": "movieReviewSnippets"}
# Test samples of the tasks that come without a split.
TEST_SHARE = 0.2


def stsb(data: Path, seed: int, n_train: int, n_dev: int, n_test: int) -> Parts:
    """Return pairs of sentences and how like they are, 0 to 5, in their own split."""
    random = np.random.default_rng(seed)
    sizes = {"train": n_train, "validation": n_dev, "test": n_test}
    parts = []
    for name, size in sizes.items():
        frame = pd.read_csv(data / "stsb" / f"{name}.csv")
        kept = random if name == "train" else np.random.default_rng(0)
        frame = frame.iloc[kept.permutation(len(frame))[:size]]
        parts.append((frame.drop(columns="score"), frame["score"].to_numpy()))
    return parts


def reviews(
    name: str,
    rounded: bool,
    data: Path,
    seed: int,
    n_train: int,
    n_dev: int,
    n_test: int,
) -> Parts:
    """Return reviews and their mean rating, from -4..4 to 1..5 stars.

    The test and dev sets are the same for all seeds.
    """
    path = data / "vader" / f"{REVIEWS[name]}_GroundTruth.csv"
    frame = pd.read_csv(path)
    y = 1 + (frame["score"].to_numpy() + 4) / 2
    y = np.clip(np.round(y), 1, 5) if rounded else y
    order = np.random.default_rng(0).permutation(len(frame))
    size = min(int(TEST_SHARE * len(frame)), n_test)
    test, dev, rest = np.split(order, [size, size + n_dev])
    train = np.random.default_rng(seed).permutation(rest)[:n_train]
    return [(frame.iloc[part][["text"]], y[part]) for part in (train, dev, test)]


def original1(data: Path, seed: int, n_train: int, n_dev: int, n_test: int) -> Parts:
    """Return the synthetic set "Original #1" of the RAFT paper, as text."""
    random = np.random.RandomState(seed)
    sizes = [n_train, n_dev, min(n_test, 1000)]
    x = random.uniform(0, 100, sum(sizes))
    wave = 10 * np.sin(5 * np.pi * x / 100) + 10 * np.cos(6 * np.pi * x / 100)
    low, high = -10.0, 110.0  # of x + wave, generously
    y = 9 * (x + wave - low) / (high - low)
    parts = np.split(np.arange(len(x)), np.cumsum(sizes)[:-1])
    return [(pd.DataFrame({"x": x[part]}), y[part]) for part in parts]


def amazon(*arguments: Any) -> Parts:
    """Return product reviews with their mean rating."""
    return reviews("amazon", False, *arguments)


def amazon_rounded(*arguments: Any) -> Parts:
    """Return product reviews with whole stars, as in the paper's task."""
    return reviews("amazon", True, *arguments)


def movies(*arguments: Any) -> Parts:
    """Return film reviews with their mean rating."""
    return reviews("movies", False, *arguments)


TASKS = {
    "stsb": stsb,
    "amazon": amazon,
    "amazon_rounded": amazon_rounded,
    "movies": movies,
    "original1": original1,
}
