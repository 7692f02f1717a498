"""Rows that are made, for the tests of what reads rows."""

from talent import tables


def frame_of(score="rmse_mean", **values):
    """Return the frame of methods, each with its values on some sets, two seeds."""
    return tables.framed(
        [
            {"data": f"set {i}", "method": method, "seed": seed, score: value}
            for method, of_sets in values.items()
            for i, of_seeds in enumerate(of_sets)
            for seed, value in enumerate(of_seeds)
        ]
    )
