"""The digits that a model writes for one row, one after the other."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from sklearn_genre.distributions import PredictiveDistribution, TokenDistribution
from sklearn_genre.inspection._common import (
    VERMILION,
    axes_or_new,
    check_numbers,
    fitted,
    found,
    predict_distribution,
    pyplot,
    take_rows,
    wrapped,
)
from sklearn_genre.tokenizers import (
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
    Tokenizer,
)

# Blocks of a smaller probability are too thin to see, and so is what is below them.
THINNEST = 0.002
# Levels drawn by default, and cumulative probabilities on the axis.
DEPTH = 6
TICKS = (0.05, 0.25, 0.5, 0.75, 0.95)
FONT_SIZE = 8
# Room that a letter and a line of this size take, in inches.
LETTER, LINE = 0.085, 0.16
# Share of the width of axes that is left, at least, when a figure is laid out.
LEFT = 0.75
# Room around the legend, in inches, and letters in its lines.
LEGEND, LEGEND_WIDTH = 0.2, 20


class Block(NamedTuple):
    """A digit after the digits before it."""

    tokens: tuple[int, ...]  # up to this one
    left: float  # probability of all strings that stand before
    probability: float  # of the tokens together
    conditional: float  # of the last one, given those before
    on_path: bool  # whether the truth begins so


class DigitTreeDisplay:
    """The digits that a model writes for one row, as a tree from top to bottom.

    A block is a digit after those above it. It is as wide as the probability of all of
    them together, and as dark as that of the digit given those above. Digits whose
    block would be thinner than 0.002 are left out. The path of the truth is outlined.

    Create it by `from_estimator`.

    Parameters
    ----------
    levels : sequence of list of Block
        The blocks of each level, from left to right.
    token_labels : sequence of dict
        For each level, what to call its tokens.
    level_names : sequence of str
        What to call the levels.
    truth : float or None, default=None
        The number whose path is outlined.
    numbers : sequence of float or None, default=None
        The quantiles of the row at levels 0.05, 0.25, 0.5, 0.75 and 0.95; None where
        strings do not sort like numbers.
    target_name : str, default="y"
        Name of the target in the labels, with its unit if it has one.

    Attributes
    ----------
    blocks_ : list of list of Rectangle
        One for each of `levels`.
    path_ : list of Rectangle
        The outlines of the path of the truth, from the top.
    colorbar_ : Colorbar
        What the shades mean.
    ax_ : Axes
        The axes drawn on.
    figure_ : Figure
        Their figure.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn_genre import DecodingRegressor
    >>> from sklearn_genre.inspection import DigitTreeDisplay
    >>> X, y = make_regression(100, 3, random_state=0)
    >>> model = DecodingRegressor(
    ...     fine_tuning=None, pretraining_epochs=5, random_state=0
    ... )
    >>> display = DigitTreeDisplay.from_estimator(model.fit(X, y), X, y, max_depth=3)
    >>> [len(level) for level in display.levels]
    [2, 4, 8]
    """

    def __init__(
        self,
        *,
        levels: Sequence[list[Block]],
        token_labels: Sequence[dict[int, str]],
        level_names: Sequence[str],
        truth: float | None = None,
        numbers: Sequence[float] | None = None,
        target_name: str = "y",
    ) -> None:
        self.levels = levels
        self.token_labels = token_labels
        self.level_names = level_names
        self.truth = truth
        self.numbers = numbers
        self.target_name = target_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        row: int = 0,
        max_depth: int = DEPTH,
        target_name: str = "y",
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the tree of one row.

        Parameters
        ----------
        estimator : estimator
            Fitted, one that writes digits, such as ``DecodingRegressor``, a
            ``Pipeline`` that ends in one or a search over either.
        X : array-like or data frame of shape (n, n_features)
            Rows to choose from.
        y : array-like of shape (n,), default=None
            The truth; None outlines no path.
        row : int, default=0
            The row to draw.
        max_depth : int, default=6
            Digits to draw, at most, from the first on.
        target_name : str, default="y"
            Name of the target in the labels, with its unit if it has one.
        ax, **kwargs
            As in `plot`.

        Returns
        -------
        display : DigitTreeDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator does not write digits.
        ValueError
            If the truth does not agree with the rows, or `row` or `max_depth` is out of
            range.
        """
        estimator = found(estimator)
        model = fitted(estimator)
        check_is_fitted(model)
        if not hasattr(model, "tokenizer_"):
            raise TypeError(
                "estimator must write digits, as DecodingRegressor does, or be a "
                "Pipeline that ends in one that does, or a fitted search over either; "
                f"got {estimator!r}."
            )
        check_scalar(max_depth, "max_depth", Integral, min_val=1)
        n_rows = np.shape(X)[0]
        check_scalar(row, "row", Integral, min_val=0, max_val=n_rows - 1)
        truth, tokens = None, None
        if y is not None:
            truth = float(check_numbers(y, n_rows, "y")[row])
            scaled = model.target_scaler_.transform([truth])
            tokens = model.tokenizer_.encode(scaled)[0].tolist()
        depth = min(max_depth, model.tokenizer_.length)
        chosen = take_rows(X, [row])
        alone = model is estimator or len(estimator) == 1
        features = chosen if alone else estimator[:-1].transform(chosen)
        with torch.inference_mode():
            (dist,) = model._map(features, model.network_)
            dist = dist.at_temperature(getattr(model, "temperature_", 1.0))
            levels = grow(dist, depth, tokens)
        return cls(
            levels=levels,
            token_labels=token_labels(model.tokenizer_)[:depth],
            level_names=level_names(model.tokenizer_)[:depth],
            truth=truth,
            numbers=tick_numbers(model, predict_distribution(estimator, chosen)),
            target_name=target_name,
        ).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the tree.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a new figure. The colour bar takes a part of it.
        **kwargs : dict
            Passed to ``ax.bar`` for the blocks of each level.

        Returns
        -------
        display : DigitTreeDisplay
        """
        colormap = pyplot().colormaps["cividis_r"]
        ax = axes_or_new(ax)
        shades = pyplot().cm.ScalarMappable(cmap=colormap)
        shades.set_clim(0, 1)
        self.colorbar_ = ax.figure.colorbar(
            shades,
            ax=ax,
            label=wrapped("Probability of the digit", "given those above"),
        )
        self.blocks_ = [
            list(
                ax.bar(
                    [block.left for block in level],
                    1,
                    [block.probability for block in level],
                    bottom=i,
                    align="edge",
                    **{
                        "color": colormap([block.conditional for block in level]),
                        "edgecolor": "white",
                        "linewidth": 0.6,
                        **kwargs,
                    },
                )
            )
            for i, level in enumerate(self.levels)
        ]
        self._outline_path(ax)
        self._label_axes(ax)
        self._label_blocks(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _outline_path(self, ax: Any) -> None:
        """Outline the blocks of the truth, over all others."""
        from matplotlib import patheffects

        self.path_ = []
        halo = patheffects.withStroke(linewidth=5, foreground="white")
        label = self._truth_label()
        for i, level in enumerate(self.levels):
            path = [block for block in level if block.on_path]
            self.path_ += ax.bar(
                [block.left for block in path],
                1,
                [block.probability for block in path],
                bottom=i,
                align="edge",
                facecolor="none",
                edgecolor=VERMILION,
                linewidth=2.5,
                zorder=3,
                path_effects=[halo],
                label=label if i == 0 else None,
            )

    def _label_axes(self, ax: Any) -> None:
        """Name the levels and the probabilities."""
        depth = len(self.levels)
        height = ax.get_window_extent().height / ax.figure.dpi
        share = min(legend_height(self._truth_label()) / height, 0.5)
        ax.set(xlim=(0, 1), ylim=(depth, -depth * share / (1 - share)))
        ax.set_yticks(np.arange(depth) + 0.5, labels=self.level_names)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("Cumulative probability")
        if self.numbers is not None:
            pairs = zip(TICKS, self.numbers, strict=True)
            labels = [f"{level:g}\n{number:.4g}" for level, number in pairs]
            width = LEFT * ax.get_window_extent().width / ax.figure.dpi
            shown = ticks_with_room(labels, width)
            ax.set_xticks(TICKS[shown], labels=labels[shown], fontsize=FONT_SIZE)
            parts = "Cumulative probability,", f"and {self.target_name} there"
            ax.set_xlabel(wrapped(*parts))
        if self.truth is not None:
            ax.legend(
                loc="upper left", frameon=False, fontsize=FONT_SIZE, handlelength=1
            )

    def _truth_label(self) -> str | None:
        """Return what the legend calls the path of the truth, if there is one."""
        if self.truth is None:
            return None
        label = f"True {self.target_name} {self.truth:.4g}"
        return textwrap.fill(label, LEGEND_WIDTH)

    def _label_blocks(self, ax: Any) -> None:
        """Write the digit, and its probability, where there is room."""
        extent = ax.get_window_extent()
        dpi = ax.figure.dpi
        lowest, highest = ax.get_ylim()
        two_lines = extent.height / dpi / (lowest - highest) > 2 * LINE
        for i, level in enumerate(self.levels):
            for block, bar in zip(level, self.blocks_[i], strict=True):
                width = block.probability * extent.width / dpi
                label = self.token_labels[i][block.tokens[-1]]
                if width < LETTER * (len(label) + 1):
                    continue
                if two_lines and width > LETTER * 5:
                    label = f"{label}\n{block.conditional:.2f}"
                ax.text(
                    block.left + block.probability / 2,
                    i + 0.5,
                    label,
                    ha="center",
                    va="center",
                    fontsize=FONT_SIZE,
                    color=readable_on(bar.get_facecolor()),
                    clip_on=True,
                )


def grow(
    dist: TokenDistribution, depth: int, truth: Sequence[int] | None
) -> list[list[Block]]:
    """Return the blocks of the first levels of the tree of one row.

    Whole prefixes are scored, so that a format of any size costs as much as the blocks
    that are wide enough to see.
    """
    allowed = dist.tokenizer.allowed_tokens
    filler = allowed.int().argmax(-1).tolist()  # any string that is allowed
    blocks = [Block((), 0.0, 1.0, 1.0, truth is not None)]
    levels = []
    for position in range(depth):
        strings = [[*block.tokens, *filler[position:]] for block in blocks]
        tokens = torch.tensor(strings, device=dist.context.device)[:, None]
        scores = dist.log_probs(tokens)[:, 0, position]  # (n_blocks, vocab_size)
        conditional = scores.double().softmax(-1).cpu().numpy()
        choices = allowed[position].nonzero()[:, 0].tolist()
        blocks = [
            child
            for block, shares in zip(blocks, conditional, strict=True)
            for child in children(block, shares, choices, truth)
            if child.on_path or child.probability >= THINNEST
        ]
        levels.append(blocks)
    return levels


def children(
    block: Block,
    shares: np.ndarray,
    choices: Sequence[int],
    truth: Sequence[int] | None,
) -> list[Block]:
    """Return the blocks below a block, from left to right."""
    below, left = [], block.left
    for token in choices:
        tokens = (*block.tokens, token)
        probability = block.probability * float(shares[token])
        on_path = truth is not None and tuple(truth[: len(tokens)]) == tokens
        below.append(Block(tokens, left, probability, float(shares[token]), on_path))
        left += probability
    return below


def level_names(tokenizer: Tokenizer) -> list[str]:
    """Return what the positions of a string are called."""
    if isinstance(tokenizer, IEEETokenizer):
        exponent, mantissa = tokenizer.exponent_digits, tokenizer.mantissa_digits
        return [
            "Sign",
            "Exponent sign",
            *(f"Exponent {i + 1}" for i in range(exponent)),
            *(f"Mantissa {i + 1}" for i in range(mantissa)),
        ]
    if isinstance(tokenizer, P10Tokenizer):
        digits = (f"Mantissa {i + 1}" for i in range(tokenizer.mantissa_digits))
        return ["Sign", *digits, "Exponent"]
    return [f"Digit {i + 1}" for i in range(tokenizer.length)]


def token_labels(tokenizer: Tokenizer) -> list[dict[int, str]]:
    """Return what the tokens of each position are called: numbers, or signs."""
    signs = isinstance(tokenizer, (IEEETokenizer, P10Tokenizer))
    unnamed = {0: "\N{MINUS SIGN}", 1: "+"} if signs else {}
    return [
        {
            token: unnamed.get(token, f"#{token}") if np.isnan(value) else f"{value:g}"
            for token, value in enumerate(values)
        }
        for values in tokenizer.digit_values.tolist()
    ]


def tick_numbers(model: Any, dist: PredictiveDistribution) -> list[float] | None:
    """Return the quantiles of a row at the ticks, if its strings sort like numbers."""
    if not isinstance(model.tokenizer_, NormalizedTokenizer):
        return None
    levels = np.array(TICKS)
    if not model.target_scaler_.increasing_:
        levels = 1 - levels
    numbers: list[float] = dist.ppf(levels)[0].tolist()
    return numbers


def legend_height(label: str | None) -> float:
    """Return the room for a legend of one label, in inches."""
    return 0.0 if label is None else LEGEND + LINE * len(label.splitlines())


def ticks_with_room(labels: Sequence[str], width: float) -> slice:
    """Return which ticks have room: all, every other one, or that in the middle."""
    letters = max(len(line) for label in labels for line in label.split())
    for chosen in (slice(None), slice(None, None, 2)):
        if np.diff(TICKS[chosen]).min() * width >= LETTER * letters:
            return chosen
    middle = len(TICKS) // 2
    return slice(middle, middle + 1)


def readable_on(color: Sequence[float]) -> str:
    """Return black or white, whichever is read better on a colour."""
    red, green, blue = color[:3]
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
