"""Small sets for the tests of the benchmarks: TALENT's layout, pairs of sentences."""

import json

import numpy as np

# Half of a val part is enough for conformal intervals.
SIZES = {"train": 40, "val": 44, "test": 16}


def write_set(folder, *, talent_match="exact", seed=0):
    """Write a small set with numbers, categories and missing values."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for part, n in SIZES.items():
        numbers = random.standard_normal((n, 2)).astype(np.float32)
        kinds = random.choice(["a", "b", "nan"], (n, 1))
        y = 100 + 5 * numbers[:, 0] + 3 * (kinds[:, 0] == "a")
        numbers[0, 1] = np.nan
        np.save(folder / f"N_{part}.npy", numbers)
        np.save(folder / f"C_{part}.npy", kinds)
        np.save(folder / f"y_{part}.npy", y + random.standard_normal(n))
    info = {"task_type": "regression", "talent_match": talent_match}
    (folder / "info.json").write_text(json.dumps(info))
    return folder


def write_sentences(folder):
    """Write pairs of short sentences and the share of words that they share."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    words = ["red", "blue", "house", "tree", "runs", "sleeps"]
    for part in ("train", "validation", "test"):
        lines = ["sentence1,sentence2,score"]
        for one, other in random.choice(words, (40, 2, 3)):
            score = 5 * len({*one} & {*other}) / len({*one} | {*other})
            lines.append(f"{' '.join(one)},{' '.join(other)},{score}")
        (folder / f"{part}.csv").write_text("\n".join(lines) + "\n")
