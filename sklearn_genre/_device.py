"""Where a network lives, and the generators of its own that a fit draws from."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# Where and as what weights are born, whatever the defaults of the process are.
BORN: dict[str, Any] = {"device": "cpu", "dtype": torch.float32}

# Types of torch that numpy lacks, and those of the same size that stand for them.
STAND_INS = {torch.bfloat16: torch.int16}

T = TypeVar("T")
R = TypeVar("R")

_LOCAL = threading.local()

# Overloads of torch's factories that take a generator, by the name of the one without.
_WITH_GENERATOR = {"default": "generator", "low": "low_generator"}
# Factories that have no such overload, and how to fill what they return.
_FILL = {
    torch.ops.aten.rand_like.default: Tensor.uniform_,
    torch.ops.aten.randn_like.default: Tensor.normal_,
}


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
    if resolved.type == "mps":
        raise ValueError(
            f"device={device!r} has no float64, which targets and probabilities need. "
            "Use 'cpu'."
        )
    n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if resolved.type != "cuda" or (resolved.index or 0) >= n_devices:
        raise ValueError(
            f"device={device!r} is not available here: this machine has {n_devices} "
            "CUDA devices. Use 'cpu' or 'auto'."
        )
    return resolved


@contextmanager
def own_defaults(device: torch.device) -> Iterator[None]:
    """Do without what the process has set: a device for new tensors, and autocast."""
    # torch 2.6 cannot name the default device once it has been set to None
    elsewhere = torch.empty(0).device.type != "cpu"
    with (
        torch.device("cpu") if elsewhere else nullcontext(),
        torch.autocast(device.type, enabled=False),
    ):
        yield


def spread(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Apply a function to items, in as many threads as torch would use.

    Each of them computes on one core: small matrices are not worth sharing.
    """
    n_threads = torch.get_num_threads()
    if min(n_threads, len(items)) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(n_threads, initializer=_use_one_core) as pool:
        return list(pool.map(function, items))


def _use_one_core() -> None:
    """Let torch use one core in this thread, and as before in all others.

    ``torch.set_num_threads`` would change what threads to come begin with.
    """
    torch.get_num_threads()  # it would set the number of this thread later on
    threadpool_limits(1, user_api="openmp")


@contextmanager
def fitting(seed: int, device: torch.device) -> Iterator[None]:
    """Train by own defaults and generators, with gradients wherever that is."""
    with (
        own_defaults(device),
        drawing(seed, device),
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        yield


@contextmanager
def drawing(seed: int, device: torch.device) -> Iterator[None]:
    """Let this thread draw from new generators, one for the CPU and one for a device.

    torch's own generators, which other threads may be drawing from, stay as they are.
    """
    before = getattr(_LOCAL, "generators", None)
    devices = {torch.device("cpu"), device}
    _LOCAL.generators = {
        each.type: torch.Generator(each).manual_seed(seed) for each in devices
    }
    try:
        yield
    finally:
        _LOCAL.generators = before


def generator(device: torch.device) -> torch.Generator | None:
    """Return what this thread draws from on a device; None is torch's own."""
    return (getattr(_LOCAL, "generators", None) or {}).get(device.type)


def draw_states() -> dict[str, Tensor]:
    """Return the states of the generators of this thread, by device."""
    generators = getattr(_LOCAL, "generators", None) or {}
    return {name: each.get_state() for name, each in generators.items()}


def set_draw_states(states: dict[str, Tensor]) -> None:
    """Let the generators of this thread go on from earlier states."""
    for name, state in states.items():
        _LOCAL.generators[name].set_state(state)


@contextmanager
def kept_state() -> Iterator[None]:
    """Let the draws of a block leave no trace in the generators of this thread."""
    generators = (getattr(_LOCAL, "generators", None) or {}).values()
    states = [each.get_state() for each in generators]
    try:
        yield
    finally:
        for each, state in zip(generators, states, strict=True):
            each.set_state(state)


def dropout(x: Tensor, p: float) -> Tensor:
    """Return x with a share p of its entries set to zero, and the others scaled up."""
    kept = torch.empty_like(x).bernoulli_(1 - p, generator=generator(x.device))
    return x * kept.div_(1 - p)


class redirected(TorchDispatchMode):
    """Context in which code that knows no generator draws from those of the thread.

    Modules of users, and torch's own layers, call ``torch.rand`` or ``nn.Dropout``. It
    sees each operation, so it costs some microseconds for each.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Do without torch's compiler, whose import takes seconds."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation, with a generator if it draws."""
        kwargs = kwargs or {}
        is_random = torch.Tag.nondeterministic_seeded in func.tags
        if not is_random or kwargs.get("generator") is not None:
            return func(*args, **kwargs)
        return _draw(func, args, kwargs)


def _draw(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run a random operation with the generator of its device."""
    tensor = args[0] if args and isinstance(args[0], Tensor) else None
    device = torch.device(kwargs.get("device") or "cpu")
    own = generator(device if tensor is None else tensor.device)
    if own is None:
        return func(*args, **kwargs)
    if func in _FILL:
        return _FILL[func](torch.empty_like(*args, **kwargs), generator=own)
    if func is torch.ops.aten.native_dropout.default and args[2]:
        x, p, _ = args
        kept = torch.empty_like(x).bernoulli_(1 - p, generator=own)
        return x * kept / (1 - p), kept.bool()
    if any(argument.name == "generator" for argument in func._schema.arguments):
        return func(*args, **{**kwargs, "generator": own})
    name = _WITH_GENERATOR.get(func._overloadname, "")
    overload = getattr(func.overloadpacket, name, func) if name else func
    given = {} if overload is func else {"generator": own}
    return overload(*args, **kwargs, **given)
