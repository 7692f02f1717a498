"""The picture of the README: what one fit predicts where the target forks.

``python docs/picture.py`` fits the default to 600 made samples (some seconds) and
writes ``docs/_static/density.svg``, and ``density-dark.svg`` for dark pages.
"""

import re
from pathlib import Path

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm

from sklearn_genre import DecodingRegressor

FOLDER = Path(__file__).parent / "_static"
# Style of matplotlib, colours of the density and of the samples.
PICTURES = {
    "density.svg": ("default", "Blues", "0.25"),
    "density-dark.svg": ("dark_background", "Blues_r", "0.9"),
}
DARK = "#14181e"  # the background of dark pages
PLACES = {1.5: "tab:blue", 5.2: "tab:orange", 8.5: "tab:green"}
LEVELS = [0.04, 0.1, 0.2, 0.4, 0.8, 1.6, 8.0]


def samples(n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve whose noise grows and which forks at x = 6."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.0, 10.0, n)
    branch = rng.choice([-1.0, 1.0], n) * np.maximum(x - 6.0, 0.0) * 0.7
    noise = (0.08 + 0.06 * np.minimum(x, 6.0)) * rng.normal(size=n)
    return x, np.sin(x) + branch + noise


def draw_fan(
    ax: Axes,
    model: DecodingRegressor,
    samples: tuple[np.ndarray, np.ndarray],
    cmap: str,
    color_of_samples: str,
) -> None:
    """Draw the predicted density over the feature, and some samples."""
    along, up = np.linspace(0.0, 10.0, 60), np.linspace(-4.5, 4.0, 80)
    dist = model.predict_distribution(along[:, None])
    density = dist.pdf(np.tile(up, (len(along), 1)))
    norm = BoundaryNorm([0.0, *LEVELS], 256)  # even steps of colour
    ax.contourf(along, up, density.T, LEVELS, cmap=cmap, norm=norm)
    x, y = (values[:150] for values in samples)
    ax.scatter(x, y, s=3, color=color_of_samples, linewidths=0)
    for place, color in PLACES.items():
        ax.axvline(place, color=color, linestyle=":")
    ax.set(xlabel="x", ylabel="y", title="Samples, and the predicted density")


def draw_densities(ax: Axes, model: DecodingRegressor) -> None:
    """Draw the density at each of the places, with its 90 % interval below."""
    up = np.linspace(-4.5, 4.0, 180)
    dist = model.predict_distribution(np.array([*PLACES])[:, None])
    heights = dist.pdf(np.tile(up, (len(PLACES), 1)))
    for i, (place, color) in enumerate(PLACES.items()):
        ax.fill_between(up, heights[i], color=color, alpha=0.25, linewidth=0)
        ax.plot(up, heights[i], color=color, label=f"x = {place}")
        lower, upper = dist.interval(0.9)[i]
        ax.plot([lower, upper], [-0.06 * (i + 1)] * 2, color=color, linewidth=3)
    ax.legend(frameon=False)
    ax.set(xlabel="y", title="Densities and 90 % intervals at three places")
    ax.set_yticks([])


def shortened(svg: str) -> str:
    """Return a picture whose paths and places have one decimal, without indents."""

    def rounded(path: re.Match[str]) -> str:
        return re.sub(r"-?\d+\.\d+", lambda x: f"{float(x[0]):.1f}", path[0])

    return re.sub(r' (d|x|y)="[^"]*"', rounded, re.sub(r"\n +", "\n", svg))


def main() -> None:
    """Fit and draw."""
    x, y = samples()
    model = DecodingRegressor(random_state=0).fit(x[:, None], y)
    for name, (style, *colors) in PICTURES.items():
        path = FOLDER / name
        with plt.style.context(style):
            if style != "default":
                dark = dict.fromkeys(["axes.facecolor", "savefig.facecolor"], DARK)
                plt.rcParams.update(dark)
            plt.rcParams.update({"svg.hashsalt": "density", "svg.fonttype": "none"})
            figure, (left, right) = plt.subplots(
                1, 2, figsize=(9, 3.4), layout="constrained"
            )
            draw_fan(left, model, (x, y), *colors)
            draw_densities(right, model)
            figure.savefig(path, metadata={"Date": None})
        path.write_text(shortened(path.read_text("utf-8")), encoding="utf-8")
        print(f"{path}: {path.stat().st_size / 1_000:.0f} kB")


if __name__ == "__main__":
    main()
