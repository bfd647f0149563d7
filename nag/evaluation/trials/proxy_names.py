"""The names of the training-free proxies, without importing torch: a misspelt one is told before."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.imports import is_import_path

__all__ = ["PROXY_NAMES", "ProxyName"]

PROXY_NAMES = (
    *("flops", "grad_norm", "grasp", "jacobian_covariance", "logsynflow"),
    *("naswot", "params", "snip", "synflow", "zen"),
)
"""Names of the proxies of nag; a test compares them with the proxies themselves."""


def _known(name: str) -> str:
    if name not in PROXY_NAMES and not is_import_path(name):
        raise InvalidRequest(f"unknown proxy '{name}'", did_you_mean(name, PROXY_NAMES))
    return name


ProxyName = Annotated[str, AfterValidator(_known)]
"""Short name of a proxy, or the import path of one's own."""
