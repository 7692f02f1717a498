"""The digits that a model writes for one row, drawn as a tree."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sklearn_genre._checks import check_integer, shown
from sklearn_genre.distributions import PredictiveDistribution
from sklearn_genre.inspection._axes import axes_or_new, pyplot
from sklearn_genre.inspection._checks import check_numbers
from sklearn_genre.inspection._digit_blocks import Block, grow
from sklearn_genre.inspection._digit_layout import (
    FONT_SIZE,
    LEFT,
    LEGEND_WIDTH,
    LETTER,
    LINE,
    TICKS,
    legend_height,
    ticks_with_room,
)
from sklearn_genre.inspection._model import (
    best_estimator,
    last_step,
    predict_distribution,
    take_rows,
    token_distribution,
)
from sklearn_genre.inspection._style import VERMILION, readable_on, styled, wrapped
from sklearn_genre.tokenizers import NormalizedTokenizer

# Levels drawn by default.
DEPTH = 6


class DigitTreeDisplay:
    """The digits that a model writes for one row, as a tree from top to bottom.

    A block is a digit that follows the prefix above it. Its width is the probability of
    the prefix with this digit, its shade the probability of the digit given the prefix.
    Blocks narrower than 0.002 are left out. The digits of the true target are outlined.

    Create it with `from_estimator`.

    Parameters
    ----------
    levels : sequence of list of Block
        The blocks of each level, from left to right.
    token_labels : sequence of sequence of str
        The names of the tokens of each level.
    level_names : sequence of str
        The names of the levels.
    truth : float or None, default=None
        The true target, whose digits are outlined.
    numbers : sequence of float or None, default=None
        The quantiles of the row at levels 0.05, 0.25, 0.5, 0.75 and 0.95; None if the
        strings of digits do not sort like numbers.
    target_name : str, default="y"
        Name of the target in the labels, with its unit if it has one.

    Attributes
    ----------
    blocks_ : list of list of Rectangle
        The blocks drawn, level by level.
    path_ : list of Rectangle
        The outlines of the digits of the true target, from the top.
    colorbar_ : Colorbar
        The scale of the shades.
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
            True targets; None outlines nothing.
        row : int, default=0
            The row to draw.
        max_depth : int, default=6
            Most digits to draw, from the first on.
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
            If the targets and the rows differ in number, or `row` or `max_depth` is out
            of range.
        """
        estimator = best_estimator(estimator)
        model = last_step(estimator)
        check_is_fitted(model)
        if not hasattr(model, "tokenizer_"):
            raise TypeError(
                "estimator must write digits, as DecodingRegressor does, or be a "
                "Pipeline that ends in one that does, or a fitted search over either; "
                f"got {shown(estimator, repr)}."
            )
        check_integer(max_depth, "max_depth", 1)
        n_rows = np.shape(X)[0]
        check_integer(row, "row", 0, n_rows - 1)
        truth, tokens = None, None
        if y is not None:
            truth = float(check_numbers(y, n_rows, "y")[row])
            scaled = model.target_scaler_.transform([truth])
            tokens = model.tokenizer_.encode(scaled)[0].tolist()
        depth = min(max_depth, model.tokenizer_.length)
        chosen = take_rows(X, [row])
        return cls(
            levels=grow(token_distribution(estimator, chosen), depth, tokens),
            token_labels=model.tokenizer_.token_texts[:depth],
            level_names=[
                name.capitalize() for name in model.tokenizer_.position_names[:depth]
            ],
            truth=truth,
            numbers=tick_numbers(model, predict_distribution(estimator, chosen)),
            target_name=target_name,
        ).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the tree.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on, which make room for a colour bar; None makes a new figure.
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
        style = styled("patch", {"edgecolor": "white", "linewidth": 0.6}, kwargs)
        self.blocks_ = []
        for i, level in enumerate(self.levels):
            color = colormap([block.conditional for block in level])
            self.blocks_.append(draw_blocks(ax, i, level, **{"color": color, **style}))
        self._outline_path(ax)
        self._label_axes(ax)
        self._label_blocks(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _outline_path(self, ax: Any) -> None:
        """Outline the blocks of the true target, above all others."""
        from matplotlib import patheffects

        self.path_ = []
        halo = patheffects.withStroke(linewidth=5, foreground="white")
        label = self._path_label()
        for i, level in enumerate(self.levels):
            self.path_ += draw_blocks(
                ax,
                i,
                [block for block in level if block.on_path],
                facecolor="none",
                edgecolor=VERMILION,
                linewidth=2.5,
                zorder=3,
                path_effects=[halo],
                label=label if i == 0 else None,
            )

    def _label_axes(self, ax: Any) -> None:
        """Label the levels and the cumulative probabilities."""
        depth = len(self.levels)
        height = ax.get_window_extent().height / ax.figure.dpi
        share = min(legend_height(self._path_label()) / height, 0.5)
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

    def _path_label(self) -> str | None:
        """Return the label of the outlined digits, if there are any."""
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


def draw_blocks(
    ax: Any, level: int, blocks: Sequence[Block], **style: Any
) -> list[Any]:
    """Draw blocks of a level and return their rectangles."""
    left = [block.left for block in blocks]
    width = [block.probability for block in blocks]
    return list(ax.bar(left, 1, width, bottom=level, align="edge", **style))


def tick_numbers(model: Any, dist: PredictiveDistribution) -> list[float] | None:
    """Return the quantiles of a row at the ticks, if its strings sort like numbers."""
    if not isinstance(model.tokenizer_, NormalizedTokenizer):
        return None
    levels = np.array(TICKS)
    if not model.target_scaler_.increasing_:
        levels = 1 - levels
    numbers: list[float] = dist.ppf(levels[None])[0].tolist()
    return numbers
