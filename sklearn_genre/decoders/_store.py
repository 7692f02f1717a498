"""States of frozen blocks in files, for fits and predictions to share."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from torch import Tensor

from sklearn_genre._device import STAND_INS


class Store:
    """A folder with the states of prompts, each prompt once.

    A file holds the states of some prompts, one after the other, and a second one which
    they are. Files are written at once and never changed, so several fits may share a
    folder.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there.
    name : str
        Differs for different models, blocks and trees.
    dtype : torch.dtype
    """

    def __init__(self, folder: str | Path, name: str, dtype: torch.dtype) -> None:
        digest = hashlib.sha256(f"{name} {dtype}".encode()).hexdigest()
        self.folder = Path(folder) / digest[:32]
        self.dtype = dtype
        self.places: dict[str, tuple[Path, int, int]] = {}

    def find(self, texts: Sequence[Sequence[int]]) -> list[Tensor | None]:
        """Return the states of each prompt, None for those that are not there."""
        self._read_new()
        arrays: dict[Path, Tensor] = {}
        states: list[Tensor | None] = []
        for text in texts:
            place = self.places.get(key_of(text))
            if place is None:
                states.append(None)
                continue
            path, start, end = place
            if path not in arrays:
                arrays[path] = self._states_in(path)
            found = arrays[path][start:end]
            states.append(found if len(found) == end - start else None)
        return states

    def _states_in(self, path: Path) -> Tensor:
        """Return the states of a file, none of a damaged one."""
        try:
            array = torch.from_numpy(np.load(path, mmap_mode="c"))
        except (EOFError, OSError, ValueError):
            return torch.empty(0, dtype=self.dtype, device="cpu")
        return array.view(self.dtype)

    def add(self, texts: Sequence[Sequence[int]], states: Sequence[Tensor]) -> None:
        """Write the states of prompts into a new file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256("".join(map(key_of, texts)).encode()).hexdigest()[:32]
        array = torch.cat(list(states)).to(self.dtype)
        ends = np.cumsum([len(each) for each in states]).tolist()
        index = {"keys": [key_of(text) for text in texts], "ends": ends}
        new = self.folder / f"{name}.{uuid4().hex}.new"  # no other thread has it
        with new.open("wb") as file:
            np.save(file, array.view(STAND_INS.get(self.dtype, self.dtype)).numpy())
        os.replace(new, self.folder / f"{name}.npy")
        new.write_text(json.dumps(index))
        os.replace(new, self.folder / f"{name}.json")  # last: now it counts

    def _read_new(self) -> None:
        """Read which prompts are in files that have not been seen."""
        seen = {path for path, _, _ in self.places.values()}
        for index in sorted(self.folder.glob("*.json")):
            path = index.with_suffix(".npy")
            if path in seen:
                continue
            try:
                read: dict[str, Any] = json.loads(index.read_text())
                keys, ends = read["keys"], [0, *read["ends"]]
            except (KeyError, OSError, TypeError, ValueError):
                continue  # damaged: its states are computed again
            places = zip(keys, pairwise(ends), strict=False)
            self.places |= {key: (path, *place) for key, place in places}


def key_of(text: Sequence[int]) -> str:
    """Return a name that differs for different token ids."""
    ids = np.asarray(text, dtype=np.int64)
    return hashlib.sha256(ids.tobytes()).hexdigest()[:32]
