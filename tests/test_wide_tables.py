"""Tables of very many columns and levels: what keeps them in memory."""

import gc

import numpy as np
import pytest
import torch
from small_models import X, Y, small

from sklearn_genre import DecodingRegressor
from sklearn_genre.encoders import TabularEncoder, _tabular
from sklearn_genre.inputs import Columns, ColumnSpec, FeatureEncoder, _columns
from sklearn_genre.training._engine import Engine


@pytest.mark.parametrize("more", [0, 1])
def test_cosines_end_where_they_would_be_most_of_the_memory(more, monkeypatch):
    monkeypatch.setattr(_tabular, "MAX_WITH_FUNCTIONS", 6)
    n_columns = 6 + more
    encoder = TabularEncoder(ColumnSpec(n_columns, (3,)), n_members=2)
    n_inputs = n_columns + 3 if more else 4 * n_columns + 3
    assert encoder.layers[0].weight.shape == (2, n_inputs, 96)
    columns = Columns(torch.ones(5, n_columns), torch.zeros(5, 1, dtype=torch.int64))
    encoder(columns).sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())


def test_a_wide_table_is_learnt(monkeypatch):
    monkeypatch.setattr(_tabular, "MAX_WITH_FUNCTIONS", 2)
    model = DecodingRegressor(pretraining_epochs=15, fine_tuning=None, random_state=0)
    assert model.fit(X, Y).score(X, Y) > 0.8


def levels(n_columns, n_levels, n_samples=400):
    """Return columns of levels, the first ones more frequent."""
    skewed = np.random.default_rng(0).random((n_samples, n_columns)) ** 2
    return (n_levels * skewed).astype(int).astype(str).astype(object)


def test_levels_of_all_columns_together_are_limited(monkeypatch):
    categories = levels(20, 60)
    encoder = FeatureEncoder(np.ones(20, dtype=bool))
    free = encoder.fit(categories, np.ones(400)).cardinalities_
    monkeypatch.setattr(_columns, "MAX_LEVELS", 20 * 30)
    limited = encoder.fit(categories, np.ones(400)).cardinalities_
    assert sum(limited) <= 20 * 30 < sum(free)
    codes = encoder.transform(categories)
    assert codes.min() >= 0
    for column, levels_of_it, size in zip(categories.T, codes.T, limited, strict=True):
        names, counts = np.unique(column, return_counts=True)
        frequent = names[counts.argsort()[::-1][: size // 2]]
        of_frequent = {
            code for name in frequent for code in levels_of_it[column == name]
        }
        assert len(of_frequent) == len(frequent)  # each has a code of its own


def test_many_columns_keep_a_few_levels_each(monkeypatch):
    monkeypatch.setattr(_columns, "MAX_LEVELS", 10)
    encoder = FeatureEncoder(np.ones(20, dtype=bool)).fit(levels(20, 60), np.ones(400))
    assert set(encoder.cardinalities_) == {_columns.FEW_LEVELS}


def engines():
    """Return the stages of training that are alive."""
    return {id(each) for each in gc.get_objects() if type(each) is Engine}


def test_no_stage_is_alive_after_it_has_ended():
    small().fit(X[:60], Y[:60])  # the first one imports, and errors of that hold it
    gc.collect()
    gc.disable()
    try:
        before = engines()  # those that an error of another test still holds
        small().fit(X[:60], Y[:60])
        assert engines() <= before
    finally:
        gc.enable()
