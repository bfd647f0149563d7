"""Secrets never leave the process: passwords in URLs and values of keys are masked in whatever is written or said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["masked", "masked_config"]

_URL_PASSWORD = re.compile(r"(?P<start>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'\"]*:)(?P<secret>[^\s'\"]*)(?P<end>@)")
_SECRET_NAME = r"(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|sslpassword)"
_QUERY = re.compile(rf"(?P<start>\b{_SECRET_NAME}\s*[=:]\s*)(?P<secret>[^\s&;,'\"}}]+)", re.IGNORECASE)
_KEY = re.compile(rf"(?:^|[_.-]){_SECRET_NAME}$|^{_SECRET_NAME}$", re.IGNORECASE)


def masked(text: str) -> str:
    """A text in which passwords of URLs and values of secret parameters are replaced by `***`.

    Example:
        >>> masked("postgresql://me:pw@host/nag?sslmode=require&password=pw")
        'postgresql://me:***@host/nag?sslmode=require&password=***'
    """
    text = _URL_PASSWORD.sub(r"\g<start>***\g<end>", text)
    return _QUERY.sub(r"\g<start>***", text)


def masked_config(value: Any, key: str = "") -> Any:
    """A configuration with every secret masked: texts by `masked`, values of secret keys whole."""
    if isinstance(value, Mapping):
        return {name: masked_config(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked_config(item, key) for item in value]
    if value not in (None, "") and _KEY.search(key):
        return "***"
    return masked(value) if isinstance(value, str) else value
