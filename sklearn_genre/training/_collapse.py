"""Digits that have stopped to depend on the sample."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# Entropy of the first digit over a batch, in nats: below the first where the targets
# have more than the second, all samples get one digit and no gradient.
COLLAPSED, VARIED = 0.01, 0.2


class Collapse(Exception):
    """Ends a stage whose digits have collapsed; it goes on at half the rate."""


@torch.no_grad()
def has_collapsed(dist: Any, z: Tensor) -> bool:
    """Return whether all samples of a batch get the same first digit, and should not.

    Parameters
    ----------
    dist : TokenDistribution or another output
        Others have no digits and never collapse.
    z : float64 Tensor of shape (batch,)
        Targets.
    """
    decoder = getattr(dist, "decoder", None)
    if decoder is None:
        return False
    logits, _ = decoder.start(dist.context)  # (batch, 1, vocab_size)
    predicted = entropy(logits[:, 0].double().softmax(-1).mean(0))
    first = dist.tokenizer.encode(z)[:, 0]
    true = entropy(first.bincount(minlength=logits.shape[-1]).double() / len(first))
    return predicted < COLLAPSED and true > VARIED


def entropy(probs: Tensor) -> float:
    """Return the entropy of a distribution, in nats."""
    return float(-torch.special.xlogy(probs, probs).sum())
