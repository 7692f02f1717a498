"""Learning rate and averaging as functions of the step."""

import math

# Steps of linear warm-up, at most; share of the learning rate that is left at the end
# of the cosine.
WARM_UP = 100
FINAL_RATE = 0.1
# After n steps, the averaged weights remember about n / EMA_WARM_UP of them.
EMA_WARM_UP = 9.0


def rate_at(step: int, total: int) -> float:
    """Return the share of the learning rate: linear warm-up times cosine decay."""
    warm_up = min(WARM_UP, total // 10)
    cosine = (1 + math.cos(math.pi * step / total)) / 2
    rate = FINAL_RATE + (1 - FINAL_RATE) * cosine
    return rate * min(1.0, (step + 1) / (warm_up + 1))


def ema_decay_at(step: int, decay: float) -> float:
    """Return the decay of the averaged weights, which remember little at first."""
    return min(decay, step / (step + EMA_WARM_UP))
