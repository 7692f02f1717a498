"""States of frozen blocks in files, for fits and predictions to share."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Types of torch that numpy lacks, and those of the same size that stand for them.
STAND_INS = {torch.bfloat16: torch.int16}


class Store:
    """A folder of arrays that are read without being loaded whole.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there.
    model : str
        Differs for different weights.
    """

    def __init__(self, folder: str | Path, model: str) -> None:
        self.folder = Path(folder)
        self.model = model

    def __deepcopy__(self, memo: Any) -> Store:
        """Return the same: there is one folder."""
        return self

    def key(self, what: list[Any], *tensors: Tensor) -> str:
        """Return a name that differs for different prompts and blocks."""
        found = hashlib.sha256(repr([self.model, what]).encode())
        for tensor in tensors:
            found.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
        dtype = "bfloat16" if "torch.bfloat16" in what else "float32"
        return f"{found.hexdigest()[:32]}.{dtype}.npy"

    def load(self, key: str) -> Tensor | None:
        """Return what was saved, mapped into memory, or None."""
        path = self.folder / key
        if not path.exists():
            return None
        states = torch.from_numpy(np.load(path, mmap_mode="c"))
        return states.view(torch.bfloat16) if ".bfloat16." in key else states

    def save(self, key: str, states: Tensor) -> None:
        """Write a file, at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / f"{key}.{os.getpid()}.new"
        with new.open("wb") as file:
            np.save(
                file, states.view(STAND_INS.get(states.dtype, states.dtype)).numpy()
            )
        os.replace(new, self.folder / key)
