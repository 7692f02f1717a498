"""Tokens that are not allowed have no mass, and no objective stumbles over them."""

import numpy as np
import pytest
import torch
from digit_distributions import (
    ENUMERABLE,
    Free,
    evaluate,
    fitted,
    free_dist,
    gradient_of,
    rule_of,
    shaken,
)

from sklearn_genre.losses import LOSSES
from sklearn_genre.policy_gradients import POLICY_GRADIENTS

OBJECTIVES = {**LOSSES, **POLICY_GRADIENTS}
Y = torch.tensor([-1.3, 0.2, 1.1], dtype=torch.float64)
EXTRAS = ("entropy_weight", "kl_weight", "expert_weight")


def with_all_terms(member):
    """Return an objective with every additional term that it has."""
    given = member().get_params()
    return member().set_params(**{name: 0.1 for name in EXTRAS if name in given})


CASES = [
    pytest.param(with_all_terms(member), tokenizer, id=f"{name}-{format}")
    for name, member in OBJECTIVES.items()
    for format, tokenizer in ENUMERABLE.items()
    if format not in ("one token", "midpoint")
]


@pytest.mark.parametrize("enumerated", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 1e6])
@pytest.mark.parametrize(("objective", "tokenizer"), CASES)
def test_losses_and_gradients_are_finite(
    objective, tokenizer, scale, dtype, enumerated
):
    tokenizer = fitted(tokenizer, Y.tolist())
    try:
        objective.check(tokenizer)
    except ValueError as error:
        pytest.skip(str(error))
    dist, reference = (
        free_dist("mlp", tokenizer, seed=seed, y=Y.tolist()) for seed in (0, 1)
    )
    with torch.no_grad():
        shaken(dist.decoder.out).weight.mul_(scale)
    rule = rule_of(objective, tokenizer, Y)
    if not (enumerated or rule is None or not rule.reads_all):
        pytest.skip("it reads all strings")
    output = dist.output.detach().to(dtype).requires_grad_()
    dist = Free(dist.decoder.to(dtype), output, tokenizer, leaves=enumerated, rule=rule)
    logits = dist.decoder(dist.context, tokenizer.encode(Y)[None])
    assert logits.isneginf().any() == (not tokenizer.allowed_tokens.all())
    assert scale == 1 or logits[logits.isfinite()].abs().max() > 1e5
    objective.start(Y, torch.ones(3))
    torch.manual_seed(0)
    loss = evaluate(objective, dist, Y, reference if dtype.itemsize == 8 else dist)
    assert loss.shape == (3,)
    assert loss.isfinite().all()
    gradient = gradient_of(loss.sum(), dist)
    assert gradient.isfinite().all()
    assert scale > 1 or np.any(gradient.numpy())
