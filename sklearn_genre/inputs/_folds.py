"""Which training samples each ensemble member leaves out, and how it reads the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, check_cv
from torch import Tensor

from sklearn_genre._checks import shown

# Folds, unless a user says otherwise, and the samples beyond which there are none:
# a validation set is then large enough, and costs the others little.
N_FOLDS, MAX_FOLDED = 8, 10_000
# Columns beyond which there are none: an encoder may have weights for each of them in
# each fold.
MAX_FOLDED_COLUMNS = 500


@dataclass(frozen=True)
class Folds:
    """The fold of each training sample.

    Of an ensemble, the first members leave out the first fold, the next ones the
    second, and so on, equally many each.

    Parameters
    ----------
    fold : int64 array of shape (n_samples,)
        From 0 to n_folds - 1; none is empty.
    n_folds : int
        At least 2.
    """

    fold: NDArray[np.int64]
    n_folds: int

    def of(self, n_samples: int, random: np.random.RandomState) -> Folds:
        """Return these folds, or as many of other samples."""
        if n_samples == len(self.fold):
            return self
        if n_samples < self.n_folds:
            raise ValueError(
                f"The fitted network has {self.n_folds} folds, and X has {n_samples} "
                "samples. Give more, give X_val, or start anew with warm_start=False."
            )
        fold = random.permutation(n_samples) % self.n_folds
        return Folds(fold.astype(np.int64), self.n_folds)

    def check_groups(self, groups: NDArray[np.int64], advice: str) -> None:
        """Refuse folds that divide a group.

        Raises
        ------
        ValueError
            If samples of a group are in two folds.
        """
        first = np.zeros(groups.max() + 1, dtype=np.int64)
        first[groups] = self.fold  # that of one sample of each group
        divided = np.flatnonzero(first[groups] != self.fold)
        if len(divided):
            raise ValueError(
                f"Samples of a group must be in the same fold, and the group of sample "
                f"{divided[0]} is in several. {advice}"
            )

    def kept(self) -> list[NDArray[np.intp]]:
        """Return the samples outside of each fold."""
        return [np.flatnonzero(self.fold != fold) for fold in range(self.n_folds)]

    def batches_of_members(
        self, n_members: int, batch_size: int, generator: torch.Generator | None
    ) -> Iterator[Tensor]:
        """Yield the samples of an epoch, (n_members, batch), each member in its order.

        Where folds differ in size, members with fewer samples read some twice.
        """
        kept = self.kept()
        size = max(map(len, kept))
        samples = [
            torch.from_numpy(np.resize(kept[fold], size))
            for fold in np.repeat(np.arange(self.n_folds), n_members // self.n_folds)
        ]
        order = torch.stack(
            [
                each[torch.randperm(size, generator=generator, device="cpu")]
                for each in samples
            ]
        )
        yield from order.split(batch_size, 1)

    def interleaved(self) -> NDArray[np.intp]:
        """Return all samples in an order in which the folds take turns."""
        rank = np.empty(len(self.fold), dtype=np.intp)
        for fold in range(self.n_folds):
            members = np.flatnonzero(self.fold == fold)
            rank[members] = np.arange(len(members))
        return np.lexsort((self.fold, rank))


def folds_of(
    cv: Any,
    X: Any,
    y: NDArray[np.float64],
    random: np.random.RandomState,
    groups: NDArray[np.int64] | None = None,
    *,
    can_fold: bool = True,
) -> Folds | None:
    """Return the folds that a number or a splitter of scikit-learn makes.

    Parameters
    ----------
    cv : "auto", int, splitter or iterable
        "auto" may make none.
    X, y : array-like
        Samples and targets.
    random : RandomState
    groups : array of shape (n_samples,), default=None
        Samples of a group are in the same fold.
    can_fold : bool, default=True
        Whether the network can give its members samples of their own.

    Raises
    ------
    ValueError
        If the network cannot and folds were asked for, if there are fewer samples than
        folds, or if the splitter does not test each sample once.
    """
    if isinstance(cv, str):
        is_wide = np.shape(X)[1] > MAX_FOLDED_COLUMNS
        if is_wide or not (can_fold and N_FOLDS <= len(y) <= MAX_FOLDED):
            return None
        cv = N_FOLDS if groups is None else min(N_FOLDS, len(np.unique(groups)))
        if cv < 2:
            return None
    if not can_fold:
        raise ValueError(
            f"cv={cv!r} needs an ensemble whose members are trained each on its own "
            "loss, as encoder='tabular' with decoder='anchored' is. Use those, or "
            "cv=None for one validation set."
        )
    if isinstance(cv, type):
        raise TypeError(f"cv must be a splitter, not a class: give {cv.__name__}().")
    if isinstance(cv, Iterator):
        raise ValueError(
            f"cv={shown(cv, repr)} can be read only once, and a clone or a second fit "
            "needs it again. Give the splitter, or a list, as list(splitter.split(X))."
        )
    n_samples = len(y)
    if isinstance(cv, Integral):
        n_folds = int(cv)
        if n_folds > n_samples:
            raise ValueError(f"cv={cv} makes more folds than the {n_samples} samples.")
        if groups is not None:
            if (n_groups := len(np.unique(groups))) < n_folds:
                raise ValueError(
                    f"cv={cv} makes more folds than the {n_groups} groups. Lower it."
                )
            return folds_of(
                GroupKFold(n_folds, shuffle=True, random_state=random),
                X,
                y,
                random,
                groups,
            )
        fold = random.permutation(n_samples) % n_folds
        return Folds(fold.astype(np.int64), n_folds)
    try:
        parts = [tuple(each) for each in check_cv(cv).split(X, y, groups)]
    except (TypeError, ValueError) as error:
        if groups is None and "'groups'" in str(error):
            raise ValueError(
                f"cv={shown(cv, repr)} needs groups: give fit(X, y, groups=...). A "
                "Pipeline or search hands them on by metadata routing, after "
                "set_fit_request(groups=True)."
            ) from error
        if not hasattr(cv, "split"):
            raise ValueError(
                f"cv={shown(cv, repr)} must hold pairs of training and test samples."
            ) from error
        raise
    splits = [tuple(map(np.asarray, each)) for each in parts]
    folds = Folds(fold_of_each(cv, splits, n_samples), len(splits))
    if groups is not None:
        folds.check_groups(groups, "Use GroupKFold, or a number of folds.")
    return folds


def fold_of_each(cv: Any, splits: list[Any], n_samples: int) -> NDArray[np.int64]:
    """Return the fold of each sample, by the splits of a splitter.

    Raises
    ------
    ValueError
        If there are fewer than two, if one does not train on all samples that it does
        not test, or if a sample is not tested once.
    """
    name = f"cv={shown(cv, repr)}"
    if len(splits) < 2:
        raise ValueError(f"{name} makes {len(splits)} fold, and folds are several.")
    for part in (part for split in splits for part in split):
        if part.ndim != 1 or (len(part) and part.dtype.kind not in "iu"):
            raise ValueError(
                f"{name} must name the samples of each part by whole numbers, got "
                f"{shown(part, repr)}."
            )
    splits = [tuple(part.astype(np.intp) for part in split) for split in splits]
    largest = max(int(part.max(initial=-1)) for split in splits for part in split)
    if largest >= n_samples:
        raise ValueError(
            f"{name} names sample {largest}, and there are {n_samples} samples (of "
            "positive weight). A list of splits is for one table: in a search, whose "
            "fits have fewer samples, give a splitter such as KFold."
        )
    fold = np.full(n_samples, -1, dtype=np.int64)
    n_tested = np.zeros(n_samples, dtype=np.intp)
    for number, (_, test) in enumerate(splits):
        fold[test] = number
        n_tested[test] += 1
    if (n_tested != 1).any():
        sample = int(np.flatnonzero(n_tested != 1)[0])
        raise ValueError(
            f"{name} must test each sample once, and tests sample {sample} "
            f"{n_tested[sample]} times. Use a splitter such as KFold or GroupKFold."
        )
    for number, (train, test) in enumerate(splits):
        is_trained = np.zeros(n_samples, dtype=bool)
        is_trained[train] = True
        if not len(test) or (is_trained != (fold != number)).any():
            raise ValueError(
                f"{name} has {len(train)} training and {len(test)} test samples in "
                f"split {number}, of {n_samples}: a split must test some samples and "
                "train on all others."
            )
    return fold


@dataclass(frozen=True)
class FoldedInputs:
    """Samples, each read by the ensemble members that have left it out.

    Parameters
    ----------
    inputs : Inputs
        Of all training samples.
    samples : int64 Tensor of shape (n,)
        Which of them these are.
    fold : int64 Tensor of shape (n,)
        The fold of each.
    n_folds : int
    """

    inputs: Any
    samples: Tensor
    fold: Tensor
    n_folds: int

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.samples)

    def __getitem__(self, index: Tensor | slice) -> FoldedInputs:
        """Return some of the samples."""
        return replace(self, samples=self.samples[index], fold=self.fold[index])

    def to(self, device: torch.device) -> FoldedInputs:
        """Return the same on a device."""
        return FoldedInputs(
            self.inputs.to(device),
            self.samples.to(device),
            self.fold.to(device),
            self.n_folds,
        )

    @property
    def device(self) -> torch.device:
        """Where the samples are."""
        return self.samples.device

    def blocks(self, size: int) -> Iterator[tuple[FoldedInputs, int]]:
        """Yield the samples in blocks to predict, and how many of each are real.

        Each member reads the samples of one fold, `size` of them together.
        """
        for start in range(0, len(self), size * self.n_folds):
            block = self[start : start + size * self.n_folds]
            yield block, len(block)

    def grouped(self, order: Tensor, batch_size: int) -> Tensor:
        """Return the order of an epoch as it is."""
        return order

    @cached_property
    def slots(self) -> tuple[Tensor, Tensor]:
        """Where the samples are read: those of each fold side by side.

        Returns
        -------
        index : int64 Tensor of shape (n_folds, batch)
            The sample in each slot; the first one fills up shorter folds.
        place : int64 Tensor of shape (n,)
            The slot of each sample, those of the first sample of each fold first.
        """
        counts = torch.bincount(self.fold, minlength=self.n_folds)
        order = self.fold.argsort(stable=True)
        fold = self.fold[order]
        first = counts.cumsum(0) - counts
        rank = torch.arange(len(self), device=self.device) - first[fold]
        index = order.new_zeros(self.n_folds, int(counts.max()))
        index[fold, rank] = order
        place = torch.empty_like(order)
        place[order] = rank * self.n_folds + fold
        return index, place

    def of_members(self, n_members: int) -> tuple[Any, Tensor]:
        """Return what the members read, and which sample it is, (n_members, batch)."""
        index = self.slots[0].repeat_interleave(n_members // self.n_folds, 0)
        return self.inputs[self.samples[index]], index
