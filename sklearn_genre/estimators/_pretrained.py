"""Language models from a folder or from the cache of transformers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

# Where folders of models are looked for, if they are not where they were.
FOLDER_VARIABLE = "SKLEARN_GENRE_MODELS"
# Tokenizers kept in memory.
N_KEPT = 8
_KEPT: dict[str | None, tuple[Any, int]] = {}  # by their digests
# Text whose tokens tell how a tokenizer treats spaces, case, digits and accents.
SAMPLE = " The Price,  of 12.5 kg\tis -0.37\n\nin MÜNCHEN (naïve): 98765 €/m² 数 e-6! "


@dataclass(frozen=True)
class Pretrained:
    """Where a language model is to be had.

    Parameters
    ----------
    name : str
        A folder, a file in GGUF format, or a name of the Hugging Face hub.
    revision : str or None
        Of the hub.
    local_files_only : bool
        Whether nothing may be downloaded.
    tokens : str or None
        What its tokenizer must be, by :func:`digest_of_tokens`; None is any.
    """

    name: str
    revision: str | None = None
    local_files_only: bool = True
    tokens: str | None = None

    @classmethod
    def of(cls, model: Any, revision: str | None, local_files_only: bool) -> Pretrained:
        """Return where the model is that a user named."""
        name = str(model) if isinstance(model, PathLike) else model
        if not isinstance(name, str):
            raise TypeError(
                "model must be a folder, a GGUF file or a name of the hub, got "
                f"{model!r}."
            )
        return cls(name, revision, bool(local_files_only))

    def as_now(self) -> Pretrained:
        """Return the same place, with the tokenizer that is there now and no other."""
        _, _, tokens = _loaded(self, *self._files())
        return replace(self, tokens=tokens)

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of texts, with the special tokens of a beginning."""
        tokenizer, n_after = _tokenizer(self)
        if not texts:
            return []
        ids = tokenizer(texts, add_special_tokens=True)["input_ids"]
        return [text[: len(text) - n_after] for text in ids]

    def offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the token ids of a text, and where each begins and ends in it."""
        tokenizer, n_after = _tokenizer(self)
        read = tokenizer(text, add_special_tokens=True, return_offsets_mapping=True)
        end = len(read["input_ids"]) - n_after
        return read["input_ids"][:end], read["offset_mapping"][:end]

    def load(self, *, is_random: bool = False) -> Any:
        """Return the model, its weights float32, or random ones.

        Raises
        ------
        ImportError
            If the extra ``lm`` is not installed.
        ValueError
            If it is not there.
        """
        transformers = _transformers()
        options = {"attn_implementation": "sdpa", **self._options()}
        if not is_random:
            return self._found(
                transformers.AutoModelForCausalLM,
                dtype=torch.float32,
                # which would be looked up in the hub in any case
                adapter_kwargs={"local_files_only": self.local_files_only},
                **options,
            )
        config = self.config()
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        return transformers.AutoModelForCausalLM.from_config(
            config, dtype=torch.float32, attn_implementation="sdpa"
        )

    def config(self) -> Any:
        """Return the configuration of the model."""
        return self._found(_transformers().AutoConfig, **self._options())

    def _options(self) -> dict[str, Any]:
        """Return what every loader needs to know."""
        options: dict[str, Any] = {"local_files_only": self.local_files_only}
        if self.revision is not None:
            options["revision"] = self.revision
        if self.name.endswith(".gguf"):
            options["gguf_file"] = Path(self.name).name
        return options

    def _found(self, loader: Any, **options: Any) -> Any:
        """Load from the place there is, or say where it was looked for."""
        try:
            with _quiet():
                return loader.from_pretrained(self._place(), **options)
        except (OSError, ValueError) as error:
            first = str(error).strip().splitlines()[0]
            raise ValueError(
                f"model={self.name!r} cannot be loaded ({first}). Give a folder with "
                "config.json, weights and tokenizer, or a name that is in the cache of "
                f"transformers; set {FOLDER_VARIABLE} to the folder that now holds "
                f"{Path(self.name).name!r}; or local_files_only=False to download it."
            ) from error

    def _files(self) -> tuple[str, tuple[Any, ...]]:
        """Return the place, and what differs once its files have changed."""
        place = Path(self._place())
        files = sorted(place.iterdir()) if place.is_dir() else []
        stats = [(file.name, file.stat()) for file in files if file.is_file()]
        seen = [(name, stat.st_mtime_ns, stat.st_size) for name, stat in stats]
        return str(place), tuple(seen)

    def _place(self) -> str:
        """Return the folder or name to load from."""
        path = Path(self.name)
        other = Path(os.environ.get(FOLDER_VARIABLE, "")) / path.name
        if not path.exists() and FOLDER_VARIABLE in os.environ and other.exists():
            path = other
        if path.suffix == ".gguf":
            return str(path.parent)
        return str(path) if path.exists() else self.name


def _tokenizer(pretrained: Pretrained) -> tuple[Any, int]:
    """Return the tokenizer of a model, and how many tokens it puts after a text.

    That of a fit is kept, whatever happens to its files, or another one is refused.
    """
    if (kept := _KEPT.get(pretrained.tokens)) is not None:
        return kept
    place = replace(pretrained, tokens=None)
    tokenizer, n_after, tokens = _loaded(place, *place._files())
    if pretrained.tokens not in (None, tokens):
        raise ValueError(
            f"model={pretrained.name!r} has another tokenizer than that of the fit, so "
            "texts would be read in another way. Put the same one there."
        )
    return tokenizer, n_after


@lru_cache(N_KEPT)
def _loaded(
    pretrained: Pretrained, place: str, files: tuple[Any, ...]
) -> tuple[Any, int, str]:
    """Return the tokenizer, how many tokens it puts after a text, and its digest."""
    tokenizer = pretrained._found(
        _transformers().AutoTokenizer, **pretrained._options()
    )
    if not tokenizer.is_fast:
        raise ValueError(
            f"The tokenizer of {pretrained.name!r} has no fast version, which says "
            "where tokens are in a text. Use another model."
        )
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    special = tokenizer("a", add_special_tokens=True)["input_ids"]
    n_after = next(
        n
        for n in range(len(special))
        if special[len(special) - n - len(plain) : len(special) - n] == plain
    )
    tokens = digest_of_tokens(tokenizer)
    while len(_KEPT) >= N_KEPT:
        _KEPT.pop(next(iter(_KEPT)), None)
    _KEPT[tokens] = tokenizer, n_after
    return tokenizer, n_after, tokens


def digest_of_tokens(tokenizer: Any) -> str:
    """Return a sha256 that differs for tokenizers that read texts differently.

    Of the vocabulary, the merges, and the tokens of a sample of characters: other
    versions of the library store the same tokenizer in other words.
    """
    stored = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    pairs = stored.get("merges") or []
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in pairs]
    read = tokenizer(SAMPLE, add_special_tokens=True)["input_ids"]
    content = [sorted(tokenizer.get_vocab().items()), merges, read]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def digest(model: nn.Module) -> str:
    """Return the sha256 of the weights of a model."""
    found = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.detach().cpu().contiguous().view(torch.uint8).numpy())
    return found.hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """Do without the progress bars of loading."""
    logging = _transformers().utils.logging
    draws = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if draws:
            logging.enable_progress_bar()


def _transformers() -> Any:
    """Return the package, which is an extra."""
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            "LanguageModelRegressor needs transformers: python -m pip install "
            "transformers accelerate"
        ) from error
    return transformers
