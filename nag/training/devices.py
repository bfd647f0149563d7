"""The device that a name stands for."""

from __future__ import annotations

import torch

from nag.core.errors import InvalidRequest

__all__ = ["device_named"]


def device_named(name: str = "auto") -> torch.device:
    """Device of a name: that of `make_fabric(name)`, without importing Lightning Fabric.

    Args:
        name: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".

    Raises:
        InvalidRequest: There is no such device.

    Example:
        >>> from nag.training import device_named
        >>> device_named("cpu")
        device(type='cpu')
    """
    there = {"mps": torch.backends.mps.is_available(), "cuda": torch.cuda.is_available(), "cpu": True}
    found = next(kind for kind, available in there.items() if available) if name == "auto" else name
    if not there.get(found, False):
        raise InvalidRequest(f"there is no device '{name}'", "Use device auto or cpu.")
    return torch.device("cpu") if found == "cpu" else torch.device(found, 0)
