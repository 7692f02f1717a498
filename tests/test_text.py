"""Text before an estimator: skrub's encoders, pairs of texts, pretrained modules."""

import copy
import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
import skrub
import torch
from numpy.testing import assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from torch import nn

from sklearn_genre import DecodingRegressor, PointwiseRegressor
from sklearn_genre.decoders import MLPDecoder
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.preprocessing import PairFeatures

WORDS = {"ruined": 0.0, "plain": 1.0, "pleasant": 2.0, "splendid": 3.0}
PLACES = ["by the harbour", "near a station", "on a hill", "in the old town"]
PARTS = ["cat", "dog", "house", "garden", "river", "bridge", "train", "lamp"]


def small(**options):
    """Return a regressor that is trained in a second."""
    defaults = {
        "encoder": partial(MLPEncoder, hidden_layer_sizes=(32,)),
        "decoder": partial(MLPDecoder, hidden_size=16),
        "fine_tuning": None,
        "pretraining_epochs": 30,
        "learning_rate": 1e-2,
        "random_state": 0,
    }
    return DecodingRegressor(**(defaults | options))


def held_out_score(model, X, y):
    """Return the score on the third of the samples that the fit does not see."""
    X, X_test, y, y_test = train_test_split(X, y, test_size=1 / 3, random_state=0)
    return model.fit(X, y).score(X_test, y_test)


def make_homes(n=240):
    """Return descriptions and sizes of homes, and prices that depend on both."""
    random = np.random.default_rng(0)
    kinds = random.choice([*WORDS], n)
    size = random.uniform(20, 120, n).round()
    text = [
        f"A {kind} home {place}, number {number}"
        for kind, place, number in zip(
            kinds, random.choice(PLACES, n), random.permutation(n), strict=True
        )
    ]
    homes = pd.DataFrame({"description": text, "size": size})
    price = 100 * np.array([WORDS[kind] for kind in kinds]) + size
    return homes, price + random.normal(size=n)


def make_pairs(n=300):
    """Return pairs of texts, and how many words of four they share."""
    random = np.random.default_rng(0)
    first = [random.permutation(PARTS)[:4] for _ in range(n)]
    second = [
        np.concatenate([words[: i % 5], random.permutation(PARTS)[: 4 - i % 5]])
        for i, words in enumerate(first)
    ]
    texts = {
        name: [" ".join(words) for words in side]
        for name, side in (("first", first), ("second", second))
    }
    shared = [len({*a} & {*b}) for a, b in zip(first, second, strict=True)]
    return pd.DataFrame(texts), np.array(shared, dtype=float)


# Text among other columns


def test_text_and_numbers_of_a_data_frame():
    homes, price = make_homes()
    vectorizer = skrub.TableVectorizer(
        high_cardinality=skrub.StringEncoder(n_components=12, random_state=0)
    )
    model = make_pipeline(vectorizer, small())
    numbers_alone = held_out_score(small(), homes[["size"]], price)
    assert held_out_score(model, homes, price) > numbers_alone + 0.3
    dist = model.predict(homes, output_type="distribution")
    assert np.isfinite(dist.mean()).all()
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.predict(homes), model.predict(homes))


def test_one_text_column_and_nothing_else():
    homes, price = make_homes()
    encoder = skrub.StringEncoder(n_components=12, random_state=0)
    model = make_pipeline(encoder, small()).fit(homes["description"], price)
    shuffled = homes["description"].sample(frac=1, random_state=0).to_numpy()
    score = model.score(homes["description"], price)
    assert score > model.score(pd.Series(shuffled, name="description"), price) + 0.3


# Pairs of texts


def side_by_side(encoder):
    """Return what puts the embeddings of both columns side by side."""
    return ColumnTransformer([(name, encoder, name) for name in ("first", "second")])


def hashed():
    """Return stateless embeddings of both columns."""
    return side_by_side(
        HashingVectorizer(n_features=64, norm=None, alternate_sign=False)
    )


def encoded(pairs, encoder):
    """Return embeddings of both columns by one encoder, fitted on both."""
    both = pd.Series([*pairs["first"], *pairs["second"]], name="text")
    return side_by_side(FrozenEstimator(encoder.fit(both)))


def test_pairs_of_texts_by_hashed_words():
    pairs, shared = make_pairs()
    reduce = TruncatedSVD(24, random_state=0)
    model = make_pipeline(hashed(), PairFeatures(), reduce, small())
    assert held_out_score(model, pairs, shared) > 0.6


def test_pairs_of_texts_by_one_encoder_for_both_columns():
    pairs, shared = make_pairs()
    encoder = skrub.StringEncoder(
        n_components=8, analyzer="word", ngram_range=(1, 1), random_state=0
    )
    both = encoded(pairs, encoder)
    compared = make_pipeline(both, PairFeatures(), small())
    score = held_out_score(compared, pairs, shared)
    assert score > 0.6
    assert score > held_out_score(make_pipeline(both, small()), pairs, shared)
    swapped = pairs.rename(columns={"first": "second", "second": "first"})
    assert_array_equal(compared.predict(pairs), compared.predict(swapped))


# A sentence encoder in a local folder


@pytest.fixture
def sentence_model(tmp_path):
    """Return the folder of a tiny sentence encoder with random weights."""
    sentence_transformers = pytest.importorskip("sentence_transformers")
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *PARTS]
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(words))
    tokenizer = transformers.BertTokenizer(str(vocabulary))
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    torch.manual_seed(0)
    bert = tmp_path / "bert"
    transformers.BertModel(config).save_pretrained(bert)
    tokenizer.save_pretrained(bert)
    folder = tmp_path / "model"
    model = sentence_transformers.SentenceTransformer(str(bert), device="cpu")
    model.save(str(folder))
    return folder


def test_pairs_of_texts_by_a_frozen_sentence_encoder(sentence_model, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pairs, shared = make_pairs(60)
    encoder = skrub.LLMEncoder(str(sentence_model), n_components=None, device="cpu")
    both = encoded(pairs, encoder)
    embeddings = both.fit_transform(pairs)
    assert embeddings.shape == (60, 32)
    same = both.transform(pairs.assign(second=pairs["first"]))
    difference = PairFeatures(["absolute_difference"]).fit_transform(same)
    assert np.abs(difference).max() < 1e-5  # both columns are encoded alike
    model = make_pipeline(both, PairFeatures(), small(pretraining_epochs=2))
    assert np.isfinite(model.fit(pairs, shared).predict(pairs)).all()


# A pretrained module in the place of the encoder


class Pretrained(nn.Module):
    """A copy of layers that were trained elsewhere, frozen or trained on."""

    def __init__(self, columns, layers, *, width, trained):
        super().__init__()
        self.width = width
        self.layers = copy.deepcopy(layers).requires_grad_(trained)

    def forward(self, columns):
        return self.layers(columns.numbers)


@pytest.mark.parametrize("estimator", [DecodingRegressor, PointwiseRegressor])
@pytest.mark.parametrize("trained", [False, True])
def test_a_pretrained_module_is_frozen_or_trained_on(estimator, trained):
    random = np.random.default_rng(0)
    X = random.normal(size=(100, 4))
    y = X[:, 0] + 0.1 * random.normal(size=100)
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 6))
    before = copy.deepcopy(layers.state_dict())
    encoder = partial(Pretrained, layers=layers, width=6, trained=trained)
    options = {"encoder": encoder, "normal_scores": False, "random_state": 0}
    names = {name for name in estimator().get_params() if name.endswith("epochs")}
    model = estimator(**options, **dict.fromkeys(names, 3)).fit(X, y)
    after = model.network_.encoder.layers.state_dict()
    for name, weight in before.items():
        assert torch.equal(layers.state_dict()[name], weight)  # the user's own
        assert torch.equal(after[name], weight) is not trained
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.predict(X), model.predict(X))
