"""Language models with what reads numbers off them, as a user asks for it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch

from sklearn_genre.decoders import Backbone, Spelling, freeze, new_decoder
from sklearn_genre.estimators._pretrained import Pretrained
from sklearn_genre.networks import (
    PROMPT_HEADS,
    LanguageModelNetwork,
    Network,
    PromptHeadNetwork,
)
from sklearn_genre.tokenizers import Tokenizer


def language_network(
    model: Any,
    spelling: Spelling,
    tokenizer: Tokenizer,
    *,
    source: str | None,
    precision: str,
    head: str | None,
    trainable: Any,
    attention: str,
) -> Network:
    """Return a network around a language model.

    Parameters
    ----------
    model : PreTrainedModel
        Changed in place.
    spelling : Spelling
    tokenizer : Tokenizer
        Fitted.
    source : str or None
        Where the frozen weights are to be had.
    precision, head, trainable, attention
        As in ``LanguageModelRegressor``.
    """
    if isinstance(trainable, int | np.integer | str):
        freeze(model, "all" if trainable == "all" else int(trainable))
    else:
        add_adapters(model, trainable)
    backbone = Backbone(
        model.base_model,
        source,
        is_causal=attention == "causal",
        precision=getattr(torch, precision),
    )
    output = model.get_output_embeddings().weight.detach()
    decoder = new_decoder(backbone, output, spelling, tokenizer)
    if head is None:
        return LanguageModelNetwork(decoder, tokenizer)
    return PromptHeadNetwork(decoder, PROMPT_HEADS[head](decoder))


def same_digest(pretrained: Pretrained, sha256: str | None, before: str | None) -> Any:
    """Return the sha256 of weights, or refuse others than those of the fit."""
    if before != sha256:
        raise ValueError(
            f"model={pretrained.name!r} has other weights than those that the fit was "
            f"made with: sha256 {str(sha256)[:12]}, not {str(before)[:12]}. Put the "
            "same model there."
        )
    return sha256


def add_adapters(model: Any, config: Any) -> None:
    """Put the adapters of a peft config into a model, and let only them be trained."""
    try:
        from peft import PeftConfig, inject_adapter_in_model
    except ImportError as error:
        raise ImportError(
            "trainable=LoraConfig(...) needs peft: python -m pip install peft"
        ) from error
    if not isinstance(config, PeftConfig):
        raise TypeError(
            "trainable must be a number of blocks, 'all' or a config of peft, got "
            f"{config!r}."
        )
    freeze(model, 0)
    inject_adapter_in_model(deepcopy(config), model)
    used = set(map(id, model.base_model.parameters()))
    unused = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and id(parameter) not in used
    ]
    if unused:
        raise ValueError(
            f"trainable adapts {unused[0]!r}, and the output layer of the model is not "
            "used: the rows that write digits are trained by themselves. Leave it out "
            "of target_modules and modules_to_save."
        )
