"""Where a network lives, and the generators it draws from."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# torch has one default generator per device and process: fits that run in threads take
# turns.
_GENERATOR = threading.RLock()


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch's generators, and put them back afterwards."""
    devices = [device] if device.type == "cuda" else []
    with _GENERATOR, torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


def resolve_device(device: str) -> torch.device:
    """Return the torch device of a name; "auto" is CUDA where there is one.

    Raises
    ------
    ValueError
        If the device does not exist here, or has no float64.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device={device!r} is not a torch device: {error}") from None
    if resolved.type == "cpu":
        return resolved
    n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if resolved.type != "cuda" or (resolved.index or 0) >= n_devices:
        raise ValueError(
            f"device={device!r} is not available here: this machine has {n_devices} "
            "CUDA devices. Use 'cpu' or 'auto'."
        )
    return resolved
