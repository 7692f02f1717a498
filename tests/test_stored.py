"""Files and large tables, read in blocks: the same fit wherever the samples are."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_genre import DecodingRegressor, PointwiseRegressor
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.estimators import _base, _stored
from sklearn_genre.inputs import Data, StoredData
from sklearn_genre.inputs import _stored as blocks
from sklearn_genre.inputs._stored import shuffled_blocks

RNG = np.random.default_rng(0)
N = 600
X = RNG.normal(size=(N, 3))
Y = X[:, 0] + 0.1 * RNG.normal(size=N)
FRAME = pd.DataFrame(X, columns=list("abc"))
LEVELS = FRAME.assign(b=np.where(X[:, 1] > 0, "high", "low"))


@pytest.fixture
def in_blocks(monkeypatch):
    """Let tables of more than 300 rows be read in blocks of 100."""
    monkeypatch.setattr(_base, "MEMORY_ROWS", 300)
    monkeypatch.setattr(_stored, "MEMORY_ROWS", 300)
    monkeypatch.setattr(blocks, "BLOCK_VALUES", 300)


class Slices:
    """What has `len` and slices, and nothing else."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


def memmap(folder, values, name):
    """Return values in a file, mapped."""
    np.save(folder / f"{name}.npy", values)
    return np.load(folder / f"{name}.npy", mmap_mode="r")


def parquet(folder, frame):
    """Return a folder of two files, with row groups of other sizes than blocks."""
    (folder / "table").mkdir()
    table = pa.Table.from_pandas(frame.assign(y=Y))
    pq.write_table(table[:250], folder / "table" / "0.parquet")
    pq.write_table(table[250:], folder / "table" / "1.parquet", row_group_size=70)
    return folder / "table"


def written_to(folder, values):
    """Return an array that was mapped from a file of zeros and written to since."""
    path = folder / f"zeros_{values.ndim}.npy"
    np.save(path, np.zeros_like(values))
    array = np.load(path, mmap_mode="c")
    array[:] = values
    return array


def deleted(folder):
    """Return an array that is mapped from a file that is gone."""
    array = memmap(folder, X, "x")
    (folder / "x.npy").unlink()
    return array


KINDS = {
    "memmap": lambda folder: (memmap(folder, X, "x"), memmap(folder, Y, "y")),
    "part": lambda folder: (memmap(folder, np.tile(X, (2, 2)), "x")[N:, 3:], Y),
    "fortran": lambda folder: (memmap(folder, np.asfortranarray(X), "x"), Y),
    "written": lambda folder: (written_to(folder, X), written_to(folder, Y)),
    "deleted": lambda folder: (deleted(folder), Y),
    "npy": lambda folder: (memmap(folder, X, "x").filename, Y),
    "parquet": lambda folder: (str(parquet(folder, FRAME)), "y"),
    "dataset": lambda folder: (ds.dataset(parquet(folder, FRAME)), "y"),
    "slices": lambda folder: (Slices(FRAME.assign(y=Y)), "y"),
    "frame": lambda folder: (FRAME, Y),
}


def small(**options):
    """Return a regressor of a small network."""
    options = {"pretraining_epochs": 2, "fine_tuning_epochs": 1, **options}
    encoder = partial(MLPEncoder, hidden_layer_sizes=(8,))
    return DecodingRegressor(encoder=encoder, batch_size=32, random_state=0, **options)


def weights(model):
    """Return all weights as one array."""
    state = model.network_.state_dict().values()
    return np.concatenate([value.double().numpy().ravel() for value in state])


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_is_the_same_wherever_the_samples_are(kind, tmp_path, in_blocks):
    source, target = KINDS[kind](tmp_path)
    model = small().fit(source, target)
    assert_array_equal(weights(model), weights(small().fit(X, Y)))
    known = FRAME if hasattr(model, "feature_names_in_") else X
    prediction = model.predict(known)
    assert_array_equal(model.predict(source), prediction)
    assert_array_equal(model.predict_interval(source), model.predict_interval(known))
    assert_allclose(model.predict_distribution(source)[::7].mean(), prediction[::7])


@pytest.mark.parametrize("weight", [None, 1 + np.arange(N) % 3])
def test_one_block_gives_the_bits_of_a_fit_in_memory(weight, monkeypatch):
    def fit():
        return small().fit(X, Y, weight, X_val=X[:40], y_val=Y[:40])

    in_memory = fit()
    monkeypatch.setattr(_base, "MEMORY_ROWS", 1)
    monkeypatch.setattr(_stored, "MEMORY_ROWS", 1)
    assert_allclose(weights(fit()), weights(in_memory), rtol=1e-4, atol=1e-6)
    if weight is None:
        assert_array_equal(weights(fit()), weights(in_memory))


def test_categories_and_weights_in_a_file(tmp_path, in_blocks):
    folder = parquet(tmp_path, LEVELS.assign(w=np.arange(N) % 3))
    model = small(pretraining_epochs=10).fit(folder, "y", "w")
    given = small(pretraining_epochs=10).fit(LEVELS, Y, np.arange(N) % 3)
    assert_array_equal(weights(model), weights(given))
    assert model.feature_encoder_.cardinalities_ == [2]
    assert np.corrcoef(model.predict(LEVELS), Y)[0, 1] > 0.8


def test_scales_of_a_sample_reach_as_far_as_all_targets(in_blocks, monkeypatch):
    monkeypatch.setattr(blocks, "SAMPLE_VALUES", 1)
    monkeypatch.setattr(blocks, "SAMPLE_ROWS", 50)
    far = np.where(np.arange(N) == 123, 99.0, Y)
    model = small(fine_tuning=None).fit(X, far)
    assert_allclose(model.target_scaler_.inverse_transform(model.tokenizer_.high_), 99)
    point = PointwiseRegressor(max_epochs=2, early_stopping=False).fit(X, far)
    assert np.isfinite(point.predict(X)).all()


@pytest.mark.parametrize("n_samples", [1, 99, 100, 257, 1000])
def test_an_epoch_reads_each_sample_once_in_whole_batches(n_samples):
    generator = torch.Generator().manual_seed(0)
    epoch = list(shuffled_blocks(n_samples, 100, 32, generator))
    rows = [np.concatenate([np.arange(*each) for each in block]) for block in epoch]
    assert_array_equal(np.sort(np.concatenate(rows)), np.arange(n_samples))
    assert all(len(block) in (96, n_samples) for block in rows[:-1])


def test_samples_held_out_are_not_among_the_others(in_blocks):
    def read(start, stop):
        index = np.arange(float(start), stop)
        return Data(index[:, None], index, np.ones_like(index))

    none = np.empty(0, dtype=np.intp)
    whole = StoredData(
        None,
        none,
        none,
        read=read,
        n_rows=N,
        n_columns=3,
        mean_weight=1.0,
        held_out=none,
    )
    rest, held = whole.split(0.2, np.random.RandomState(0))
    assert len(held) == 120 and len(rest) == 480
    kept = [rest.taken([(start, start + 7)]).y for start in range(0, 476, 7)]
    kept = np.concatenate([*kept, rest.taken([(476, 480)]).y])
    assert_array_equal(np.sort([*kept, *held.y]), np.arange(N))


def test_validation_is_bounded(in_blocks, monkeypatch):
    monkeypatch.setattr(blocks, "MAX_VALIDATION", 20)
    sizes = []
    split = StoredData.split

    def watched(self, *arguments):
        sizes.append(len(split(self, *arguments)[1]))
        return split(self, *arguments)

    monkeypatch.setattr(StoredData, "split", watched)
    small().fit(X, Y)
    assert sizes == [20]


def with_other_type(folder):
    """Return files of which the last has texts where the first has numbers."""
    pq.write_table(pa.table({"a": X[:, 0], "y": Y}), folder / "0.parquet")
    other = pa.table({"a": [*map(str, Y[:-1]), "x"], "y": Y})
    pq.write_table(other, folder / "1.parquet")
    return folder


def with_missing_column(folder):
    """Return files of which the last lacks a column of the first."""
    pq.write_table(pa.table({"a": X[:, 0], "y": Y}), folder / "0.parquet")
    pq.write_table(pa.table({"y": Y}), folder / "1.parquet")
    return folder


def with_infinity(folder):
    """Return an array in a file with a value that is not finite."""
    return memmap(folder, np.where(np.arange(N)[:, None] == 456, np.inf, X), "x")


def without_rows(folder):
    """Return a file of parquet with columns and no rows."""
    pq.write_table(pa.table({"a": X[:0, 0], "y": Y[:0]}), folder / "0.parquet")
    return folder / "0.parquet"


def damaged(folder):
    """Return a file of half an array."""
    path = Path(memmap(folder, X, "x").filename)
    path.write_bytes(path.read_bytes()[:999])
    return path


def of_text(folder):
    """Return a file that numpy takes for a pickle."""
    (folder / "x.npy").write_text("a,b\n1,2\n")
    return folder / "x.npy"


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (lambda folder: folder / "none.parquet", "y", "does not exist"),
        (damaged, Y, "x.npy' cannot be read as a .npy file"),
        (of_text, Y, "x.npy' cannot be read as a .npy file.*magic"),
        (lambda folder: memmap(folder, X, "x"), 3.0, "y must hold a number for each"),
        (lambda folder: parquet(folder, FRAME), "z", "y='z' is not a column"),
        (lambda folder: parquet(folder, FRAME), Y[:9], "X holds 600 .* y 9"),
        (with_missing_column, "y", "no column 'a'"),
        (with_other_type, "y", "cannot be read|could not convert"),
        (with_infinity, Y, "samples 400 to 499.*infinity"),
        (without_rows, "y", r"0 sample\(s\)"),
        (lambda folder: FRAME, "y", "names a column"),
        (lambda folder: Slices(list(X[:, 0])), Y, "two axes"),
    ],
)
def test_errors_say_what_is_wrong(source, target, message, tmp_path, in_blocks):
    model = small()
    with pytest.raises(ValueError, match=message):
        model.fit(source(tmp_path), target)
    assert not hasattr(model, "history_")


@pytest.mark.parametrize(
    ("weight", "message"), [(np.ones((N, 2)), "2 axes"), (-1.0, "sample_weight == -1")]
)
def test_weights_of_many_samples_are_checked(weight, message, in_blocks):
    with pytest.raises(ValueError, match=message):
        small().fit(X, Y, weight)
    with pytest.raises(ValueError, match=r"1D|must be|[Nn]egative"):
        small().fit(X[:99], Y[:99], weight if np.ndim(weight) == 0 else weight[:99])


def test_one_weight_is_that_of_each_sample(in_blocks):
    assert_array_equal(weights(small().fit(X, Y, 2.0)), weights(small().fit(X, Y)))
    few = X[:99], Y[:99]
    assert_array_equal(weights(small().fit(*few, 2.0)), weights(small().fit(*few)))


def test_a_file_to_predict_has_the_columns_of_training(tmp_path, in_blocks):
    model = small().fit(parquet(tmp_path, FRAME), "y")
    pq.write_table(pa.table({"a": X[:, 0]}), tmp_path / "few.parquet")
    with pytest.raises(ValueError, match=r"lacks columns .*'b'"):
        model.predict(tmp_path / "few.parquet")


def test_folds_need_samples_in_memory(tmp_path, in_blocks):
    model = DecodingRegressor(cv=2, pretraining_epochs=1, fine_tuning=None)
    with pytest.raises(ValueError, match="cv=2"):
        model.fit(memmap(tmp_path, X, "x"), Y)
    model.fit(X, Y)  # which are in memory, though many
