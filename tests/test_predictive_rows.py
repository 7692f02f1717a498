"""PredictiveDistribution as a sequence, read when needed, and as a table."""

import pickle
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from predictive_examples import PER_ROW, random_distribution
from sklearn.metrics import mean_squared_error

from sklearn_genre.distributions import PredictiveDistribution, _lazy, _piecewise
from sklearn_genre.metrics import log_score

# -- shapes and rows ----------------------------------------------------------


def test_shared_and_per_row_numbers_agree():
    rng = np.random.default_rng(0)
    pmf, y = rng.dirichlet(np.ones(5), 3), rng.normal(size=3)
    for values in (np.arange(5.0), np.arange(5.0) ** 2):
        shared = PredictiveDistribution(values, pmf)
        per_row = PredictiveDistribution(np.tile(values, (3, 1)), pmf)
        for method in PER_ROW.values():
            assert_array_equal(method(shared, y), method(per_row, y))


def test_memory_order_does_not_matter():
    dist, y = random_distribution(n_rows=50, n_values=99), np.linspace(-1, 1, 50)
    rows, columns = (
        PredictiveDistribution(
            np.array(dist.support, order=order),
            np.array(dist.pmf(), order=order),
            edges=np.array(dist.edges, order=order),
        )
        for order in "CF"
    )
    for method in PER_ROW.values():
        assert_array_equal(method(columns, y), method(rows, y))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    "index", [slice(1, 4), [5, 0, 0], np.arange(6) % 2 == 0, slice(None, None, -1)]
)
def test_rows_do_not_depend_on_their_neighbours(shared, index):
    dist, y = random_distribution(), np.linspace(-1, 1, 6)
    if shared:
        dist = PredictiveDistribution(dist.support[0], dist.pmf(), clipped=dist.clipped)
    for method in PER_ROW.values():
        assert_array_equal(method(dist[index], y[index]), method(dist, y)[index])


def test_an_integer_gives_one_row():
    dist = random_distribution()
    assert len(dist[-1]) == 1
    assert_array_equal(dist[-1].mean(), dist.mean()[-1:])
    assert [row.mean()[0] for row in dist] == list(dist.mean())
    assert len(dist[[]]) == 0
    assert dist[[]].interval().shape == (0, 2)


MATCHED = [
    *("cdf", "sf", "logcdf", "logsf", "pdf", "logpdf"),
    *("ppf", "isf", "quantile", "interval"),
]


@pytest.mark.parametrize("method", MATCHED)
@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_arguments_are_matched_by_one_rule(method, n_rows):
    evaluate = getattr(random_distribution(n_rows=3)[:n_rows], method)
    y = np.array([[0.0, 0.5], [0.1, 0.6], [0.2, 0.7]])[:n_rows]
    assert_array_equal(evaluate(y)[:, 1], evaluate(y[:, 1]))
    assert_array_equal(evaluate(y[0, 1]), evaluate([y[0, 1]] * n_rows))
    assert_array_equal(evaluate(y[:1]), evaluate(np.tile(y[:1], (n_rows, 1))))
    ends = (2,) if method == "interval" else ()
    assert evaluate(0.3).shape == (n_rows, *ends)
    assert evaluate(np.full((1, 5), 0.3)).shape == (n_rows, 5, *ends)
    assert evaluate(np.zeros((1, 0))).shape == (n_rows, 0, *ends)
    with pytest.raises(ValueError, match=r"one for each row.*for all rows write"):
        evaluate([0.3] * 5)
    with pytest.raises(ValueError, match="one for each row"):
        evaluate(np.full((4, 1), 0.3))


def test_an_interval_of_each_row_and_of_no_name_but_one():
    dist = random_distribution(n_rows=3)
    expected = [dist[i].interval(c)[0] for i, c in enumerate([0.5, 0.8, 0.9])]
    assert_array_equal(dist.interval([0.5, 0.8, 0.9]), expected)
    assert_array_equal(dist.interval(coverage=0.7), dist.interval(confidence=0.7))
    assert_array_equal(dist.interval(1), dist.bounds)
    assert_array_equal(dist.interval(0), np.tile(dist.ppf([[0.5]]), 2))


def test_infinite_y_is_beyond_all_bins():
    dist = random_distribution(n_rows=50, n_values=99)
    assert_array_equal(dist.cdf([[-np.inf, np.inf]] * 50), [[0, 1]] * 50)
    assert_array_equal(dist.logpdf(np.inf), -np.inf)


def test_what_it_holds():
    dist = PredictiveDistribution([1, 2], [[1, 1]])
    assert repr(dist) == "PredictiveDistribution(n_rows=1, n_values=2)"
    assert_array_equal(dist.support, [1, 2])
    assert_array_equal(dist.edges, [0.5, 1.5, 2.5])
    assert_array_equal(dist.clipped, [0])


def test_pickling_keeps_everything():
    dist, y = random_distribution(), np.zeros(6)
    loaded = pickle.loads(pickle.dumps(dist))
    for method in PER_ROW.values():
        assert_array_equal(method(loaded, y), method(dist, y))


def test_numpy_is_told_that_it_is_no_array():
    dist = random_distribution(n_rows=2)
    y = np.zeros(2)
    for use in (
        lambda: np.asarray(dist),
        lambda: np.mean(dist),
        lambda: np.abs(dist),
        lambda: y - dist,
        lambda: np.concatenate([dist, dist]),
        lambda: mean_squared_error(y, dist),
    ):
        with pytest.raises(TypeError, match=r"not an array.*predict\(X\).*ppf\(q\)"):
            use()


# -- rows that are read when needed -------------------------------------------


class Source:
    """Rows of a distribution, and which of them were read."""

    def __init__(self, dist):
        self.dist = dist
        self.read = []

    def __call__(self, index):
        self.read.append(index)
        return self.dist[index]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of four rows of eight numbers; nothing beyond a row is kept."""
    monkeypatch.setattr(_piecewise, "N_MASSES", 32)
    monkeypatch.setattr(_lazy, "READ", 32)
    monkeypatch.setattr(_lazy, "FIRST", 1)
    monkeypatch.setattr(_lazy, "MAX_KEPT", 30)


def lazy_pair(shared, n_rows=10):
    """Return a distribution, the same read lazily, and its source."""
    dist = random_distribution(n_rows)
    if shared:
        dist = PredictiveDistribution(dist.support[0], dist.pmf(), clipped=dist.clipped)
    source = Source(dist)
    return dist, PredictiveDistribution.lazy(n_rows, source), source


def test_no_array_is_shared_with_the_caller():
    arrays = {
        "values": np.array([0.0, 1.0, 2.0]),
        "pmf": np.array([[0.25, 0.5, 0.25]]),
        "edges": np.array([-0.5, 0.5, 1.5, 2.5]),
        "clipped": np.array([0.5]),
    }
    dist = PredictiveDistribution(**arrays)
    for array in arrays.values():
        array[:] = 0.125
    assert dist.mean() == 1
    assert_array_equal(dist.cdf([1.0]), [0.5])
    assert dist.clipped == 0.5
    for array in (dist.support, dist.edges, dist.pmf(), dist.clipped):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0.0


def test_what_reads_rows_must_return_a_distribution():
    with pytest.raises(TypeError, match="read must return a PredictiveDistribution"):
        PredictiveDistribution.lazy(5, lambda index: np.ones(len(index)))


@pytest.mark.parametrize("shared", [True, False])
def test_lazy_rows_answer_the_same(shared, small_blocks):
    dist, lazy, source = lazy_pair(shared)
    y, some = np.linspace(-1, 1, 10), [7, 0, 0]
    for method in PER_ROW.values():
        assert_array_equal(method(lazy, y), method(dist, y))
        assert_array_equal(method(lazy[some], y[some]), method(dist, y)[some])
    assert max(len(index) for index in source.read) <= 4


@pytest.mark.parametrize("shared", [True, False])
def test_lazy_rows_look_the_same(shared, small_blocks):
    dist, lazy, _ = lazy_pair(shared)
    assert (len(lazy), repr(lazy)) == (len(dist), repr(dist))
    assert lazy._repr_html_() == dist._repr_html_()
    assert_array_equal(lazy.support, dist.support)
    assert_array_equal(lazy.edges, dist.edges)
    assert_array_equal(lazy.sample(2, random_state=0), dist.sample(2, random_state=0))
    assert [row.mean()[0] for row in lazy] == list(dist.mean())
    assert lazy[[]].interval().shape == (0, 2)


def test_lazy_rows_are_read_by_each_method_and_kept_by_pickles(small_blocks):
    dist, lazy, source = lazy_pair(shared=True)
    before = len(source.read)
    lazy.mean()
    lazy.mean()
    assert len(source.read) == before + 6
    loaded = pickle.loads(pickle.dumps(lazy))
    before = len(source.read)
    assert_array_equal(loaded.mean(), dist.mean())
    assert len(source.read) == before


def n_reads(source, call):
    """Return how often a source is read while something is called."""
    before = len(source.read)
    call()
    return len(source.read) - before


def test_lazy_rows_are_read_no_more_than_needed(small_blocks):
    _, lazy, source = lazy_pair(shared=True)
    one_pass = n_reads(source, lazy.mean)
    assert one_pass == 3
    assert n_reads(source, lambda: lazy.bounds) == 0  # those of all rows
    assert n_reads(source, lazy.to_frame) == 3 * one_pass  # mean, std, quantiles
    assert n_reads(source, lambda: log_score(np.zeros(10), lazy)) == one_pass
    _, lazy, source = lazy_pair(shared=False)
    assert n_reads(source, lambda: log_score(np.zeros(10), lazy)) == one_pass


def test_few_lazy_rows_are_read_once():
    dist, lazy, source = lazy_pair(shared=True, n_rows=100)
    before = len(source.read)
    assert_array_equal(lazy.mean(), dist.mean())
    assert len(source.read) == before


def test_a_source_of_another_length_is_refused():
    dist = random_distribution(n_rows=3)
    with pytest.raises(ValueError, match=r"2 rows were asked for; got 3"):
        PredictiveDistribution.lazy(2, lambda index: dist)
    with pytest.raises(ValueError, match="n_rows == 0"):
        PredictiveDistribution.lazy(0, lambda index: dist)


def test_work_on_many_rows_is_done_in_blocks(monkeypatch):
    dist = random_distribution(n_rows=10)
    y = np.linspace(-1, 1, 10)
    whole = {name: method(dist, y) for name, method in PER_ROW.items()}
    monkeypatch.setattr(_piecewise, "N_MASSES", 32)
    for name, method in PER_ROW.items():
        assert_array_equal(method(dist, y), whole[name])


# -- tables -------------------------------------------------------------------


def test_frame():
    dist = random_distribution(n_rows=3)
    frame = dist.to_frame(quantiles=[0.975, 0.07])
    assert list(frame.columns) == ["mean", "std", "median", "97.5%", "7%"]
    assert_array_equal(frame["std"], dist.std())
    assert_array_equal(frame[["97.5%", "7%"]], dist.ppf([[0.975, 0.07]]))
    assert dist.to_frame(quantiles=[]).shape == (3, 3)
    assert list(dist.to_frame(index=["a", "b", "c"]).index) == ["a", "b", "c"]
    assert dist[[]].to_frame().shape == (0, 5)


def test_frame_without_pandas_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pandas is not installed.*ppf"):
        random_distribution().to_frame()


@pytest.mark.parametrize("n_rows", [0, 1, 5, 40])
def test_html_is_one_well_formed_table_of_the_first_rows(n_rows):
    dist = random_distribution(40)[:n_rows]
    page = ElementTree.fromstring(dist._repr_html_())
    body = page.findall("./table/tbody/tr")
    assert len(body) == min(n_rows, 5)
    for row, mean, q05 in zip(body, dist.mean(), dist.ppf(0.05), strict=False):
        shown = [float(entry.text) for entry in row.findall("td")]
        assert_allclose(np.take(shown, [0, 2]), [mean, q05], rtol=1e-5)
    assert page.find(".//script") is None
    assert "color:inherit" in page.find("./table").get("style")  # dark or light
