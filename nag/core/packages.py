"""Optional packages: each belongs to an extra of the installation and is imported only where it is used."""

from __future__ import annotations

import importlib.util

from nag.core.errors import MissingData

__all__ = ["is_installed", "require"]


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not imported.

    Args:
        package: Import name of a top-level package.
    """
    return importlib.util.find_spec(package) is not None


def require(package: str, extra: str, otherwise: str = "") -> None:
    """Checks that an optional package is installed; it is not imported.

    Args:
        package: Import name of a top-level package.
        extra: The extra of nag that installs it.
        otherwise: What the user may do instead, such as `use export=false`.

    Raises:
        MissingData: It is not installed; the hint is the command that installs it.

    Example:
        >>> require("no_such_package", extra="onnx", otherwise="omit it")
        Traceback (most recent call last):
        nag.core.errors.MissingData: package no_such_package is not installed. Run: pip install "nag[onnx]", or omit it.
    """
    if not is_installed(package):
        alternative = f", or {otherwise}" if otherwise else ""
        raise MissingData(f"package {package} is not installed", f'Run: pip install "nag[{extra}]"{alternative}.')
