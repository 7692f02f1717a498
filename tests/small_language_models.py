"""Tiny random language models in folders, as those of the Hugging Face hub."""

import string

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from sklearn_genre import LanguageModelRegressor

CHARACTERS = "Ġ" + string.ascii_letters + string.digits + ".,:;|+-'!?"
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
}
KINDS = {
    "llama": (LlamaConfig, LlamaForCausalLM, SIZES),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, SIZES),
    "gpt2": (
        GPT2Config,
        GPT2LMHeadModel,
        {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 128},
    ),
}


def save_tokenizer(folder, *merges):
    """Save a tokenizer of characters, and of what some pairs are merged to."""
    words = [*CHARACTERS, *("".join(pair) for pair in merges)]
    model = models.BPE({word: i for i, word in enumerate(words)}, list(merges))
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(
        add_prefix_space=False, use_regex=False
    )
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return len(words)


def save_model(folder, kind="llama", seed=0, *merges):
    """Save a tiny random model and its tokenizer, and return the folder as a str."""
    config, model, sizes = KINDS[kind]
    n_words = save_tokenizer(folder, *merges)
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    model(config(vocab_size=n_words, pad_token_id=None, **sizes)).save_pretrained(
        folder
    )
    torch.random.set_rng_state(state)
    return str(folder)


def small_language_model(folder, prompt, **options):
    """Return a regressor on a saved model, of one epoch and with a fixed seed."""
    fixed = {"max_epochs": 1, "precision": "float32", "random_state": 0}
    return LanguageModelRegressor(folder, prompt, **{**fixed, **options})
