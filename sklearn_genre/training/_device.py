"""Where a network lives."""

import torch


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
