"""A file from which an interrupted fit goes on."""

from __future__ import annotations

import os
from pathlib import Path
from threading import get_ident
from typing import Any

import torch


class Checkpoint:
    """What a fit needs to go on after it was killed: whole, or not there.

    Parameters
    ----------
    path : str or Path
        Of the file. Its folder must exist.
    identity : str
        Differs for fits that differ in data, parameters or weights to begin with.

    Attributes
    ----------
    is_done : bool
        Whether training has ended, and not by an interrupt.
    """

    is_done = False

    def __init__(self, path: str | Path, identity: str) -> None:
        self.path = Path(path)
        self.identity = identity

    @property
    def is_there(self) -> bool:
        """Whether something was saved."""
        return self.path.exists()

    def load(self) -> dict[str, Any] | None:
        """Return what was saved, or None.

        Raises
        ------
        ValueError
            If it is of another fit, or cannot be written later.
        """
        if not os.access(self.path.parent, os.W_OK):
            raise ValueError(
                f"checkpoint={str(self.path)!r} is in a folder that does not exist, or "
                "that cannot be written to. Make it, or give another path."
            )
        if not self.is_there:
            return None
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            same = saved["identity"] == self.identity
        except Exception as error:
            raise ValueError(
                f"checkpoint={str(self.path)!r} is no checkpoint of this package "
                f"({type(error).__name__}). Give another path."
            ) from error
        if not same:
            raise ValueError(
                f"checkpoint={str(self.path)!r} is of a fit with other data, "
                "parameters or weights to begin with (a warm start has those of the "
                "last fit). Delete it, or give another path: each fit needs its own."
            )
        state: dict[str, Any] = saved["state"]
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file, at once."""
        # no other process or thread has it
        new = self.path.with_name(f"{self.path.name}.{os.getpid()}.{get_ident()}.new")
        with new.open("wb") as file:
            torch.save({"identity": self.identity, "state": state}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path)

    def remove(self) -> None:
        """Delete the file: the fit has ended."""
        self.path.unlink(missing_ok=True)
