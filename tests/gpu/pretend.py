"""A pretended accelerator: tensors that compute on the CPU but report another device, to test device handling without a GPU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")

_COPIES = {"_to_copy", "copy_"}
_SYNCHRONISING = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "equal"}
_INDEXED = {"index", "index_put", "index_put_", "_unsafe_index", "_unsafe_index_put"}  # CUDA takes indices on the CPU


class MixedDevices(AssertionError):
    """Tensors of two devices met in one operation."""


class Elsewhere(Tensor):
    """A tensor that reports the accelerator as its device; `held` has its values on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Elsewhere:
        made = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
            requires_grad=held.requires_grad,
        )
        made.held = held.detach()
        return made

    def tolist(self):
        _count("tolist")
        return self.held.tolist()

    def numpy(self, *, force=False):
        raise MixedDevices("numpy() of a tensor on the accelerator")

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


_Generator = torch.Generator


class ElsewhereGenerator(torch.Generator):
    """A random number generator that reports the accelerator as its device."""

    def __init__(self) -> None:
        super().__init__()
        _generators[self._cdata] = self

    @property
    def device(self):
        return DEVICE


class _Either(_Generator):
    """Replaces `torch.Generator` while there is an accelerator."""

    def __new__(cls, device="cpu"):
        return ElsewhereGenerator() if torch.device(device) == DEVICE else _Generator(device)


_made = torch.tensor


def _tensor(data, *, device=None, **options):
    """Replaces `torch.tensor`, which dispatch modes do not see."""
    if device is None or torch.device(device) != DEVICE:
        return _made(data, device=device, **options)
    return Elsewhere(_made(data, **options))


class _Accelerator(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


_active: list[_Accelerator] = []
_generators: dict[int, torch.Generator] = {}  # by address: operations are given another object for the same generator


@contextmanager
def accelerator() -> Iterator[Counter[str]]:
    """Makes `DEVICE` an accelerator; yields the number of synchronisations by operation."""
    mode = _Accelerator()
    _active.append(mode)
    torch.Generator, torch.tensor = _Either, _tensor
    try:
        with mode:
            yield mode.waits
    finally:
        torch.Generator, torch.tensor = _Generator, _made
        _active.pop()
        _generators.clear()


def moved(module: nn.Module) -> nn.Module:
    """The module with its parameters and buffers on the accelerator."""
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                part._parameters[name] = nn.Parameter(Elsewhere(parameter.data), parameter.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = Elsewhere(buffer)
    return module


def _count(what: str) -> None:
    for mode in _active[-1:]:
        mode.waits[what] += 1


def _run(func, args, kwargs):
    name = func._schema.name.split("::")[-1]
    flat, _ = tree_flatten((args, kwargs))
    tensors = [leaf for leaf in flat if isinstance(leaf, Tensor)]
    there = any(isinstance(leaf, Elsewhere) for leaf in tensors)
    wanted = kwargs.get("device")
    if wanted is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    elsewhere = there if wanted is None else torch.device(wanted) == DEVICE
    checked = args[:1] if name in _INDEXED else (args, kwargs)
    here = [leaf for leaf in tree_flatten(checked)[0] if isinstance(leaf, Tensor) and not isinstance(leaf, Elsewhere)]
    if there and name not in _COPIES and any(leaf.dim() for leaf in here):
        raise MixedDevices(f"{name} of tensors on two devices: {[(type(t).__name__, tuple(t.shape)) for t in tensors]}")
    rng = kwargs.get("generator")
    if isinstance(rng, _Generator) and (rng._cdata in _generators) != elsewhere:
        raise MixedDevices(f"{name} with a generator of another device")
    indices = args[1] if name in _INDEXED else ()
    if (
        name in _SYNCHRONISING
        or (name == "_to_copy" and there and not elsewhere)
        or any(i is not None and i.dtype == torch.bool for i in indices)
    ):
        if there:
            _count(name)
    out = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    if name.endswith("_") and not name.startswith("_") and not name.endswith("__"):
        return args[0]
    if name == "copy_":
        return args[0]
    return _wrapped(out, elsewhere)


def _held(leaf):
    return leaf.held if isinstance(leaf, Elsewhere) else leaf


def _wrapped(out, elsewhere: bool):
    return tree_map(lambda leaf: Elsewhere(leaf) if elsewhere and isinstance(leaf, Tensor) else leaf, out)
