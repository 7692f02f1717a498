"""Distributions that tests share, and every method that answers row by row."""

import numpy as np

from sklearn_genre.distributions import PredictiveDistribution

PER_ROW = {
    "mean": lambda d, y: d.mean(),
    "var": lambda d, y: d.var(),
    "std": lambda d, y: d.std(),
    "median": lambda d, y: d.median(),
    "mode": lambda d, y: d.mode(),
    "cdf": lambda d, y: d.cdf(y),
    "pdf": lambda d, y: d.pdf(y),
    "sf": lambda d, y: d.sf(y),
    "logcdf": lambda d, y: d.logcdf(y),
    "logsf": lambda d, y: d.logsf(y),
    "logpdf": lambda d, y: d.logpdf(y),
    "ppf": lambda d, y: d.ppf([[0.9, 0.1]]),
    "isf": lambda d, y: d.isf([[0.0, 0.2, 1.0]]),
    "interval": lambda d, y: d.interval(0.8),
    "moment": lambda d, y: d.moment(3),
    "expect": lambda d, y: d.expect(np.sin),
    "entropy": lambda d, y: d.entropy(),
    "crps": lambda d, y: d.crps(y),
    "best_at_k": lambda d, y: d.best_at_k(y, 3),
    "mean_at_k": lambda d, y: d.mean_at_k(y, 3),
    "median_at_k": lambda d, y: d.median_at_k(y, 4),
    "wasserstein1": lambda d, y: d.wasserstein1(y),
    "bounds": lambda d, y: d.bounds,
    "pmf": lambda d, y: d.pmf(),
    "clipped": lambda d, y: d.clipped,
}


def random_distribution(n_rows=6, n_values=8, seed=0):
    rng = np.random.default_rng(seed)
    values = np.sort(rng.normal(size=(n_rows, n_values)), axis=1)
    pmf = rng.dirichlet(np.ones(n_values), size=n_rows)
    return PredictiveDistribution(values, pmf, clipped=rng.uniform(size=n_rows))


def uneven_distribution(n_rows=6, n_values=5, seed=0):
    """Bins with the number anywhere, at both edges too, some without mass."""
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.normal(size=(n_rows, n_values + 1)), axis=1)
    share = rng.uniform(-0.2, 1.2, (n_rows, n_values)).clip(0, 1)
    values = edges[:, :-1] + share * np.diff(edges, axis=1)
    pmf = rng.dirichlet(np.ones(n_values), size=n_rows)
    pmf[::2, 1] = 0
    return PredictiveDistribution(
        values.clip(edges[:, :-1], edges[:, 1:]), pmf, edges=edges
    )
