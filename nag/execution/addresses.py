"""Addresses of evaluation stores, without a database: a misspelt one is told before anything heavy is imported."""

from __future__ import annotations

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.secrets import masked

__all__ = ["check_store_address"]

_SCHEMES = ("postgresql", "sqlite")


def check_store_address(address: str) -> str:
    """The address of a store: a path, or a URL of a kind of database that stores are kept in.

    Raises:
        InvalidRequest: It is another URL; without this check it would be taken as a path.

    Example:
        >>> from nag.execution.addresses import check_store_address
        >>> check_store_address("postgresq://head/nag")
        Traceback (most recent call last):
            ...
        nag.core.errors.InvalidRequest: 'postgresq://head/nag' is no store. Did you mean 'postgresql://'?
    """
    scheme, separator, rest = address.partition("://")
    if separator and scheme.partition("+")[0] not in _SCHEMES:
        shown = shortened(masked(f"{scheme}://{rest.split('@')[-1]}"), 100)
        known = ["PATH", *(f"{each}://" for each in _SCHEMES)]
        raise InvalidRequest(f"'{shown}' is no store", did_you_mean(f"{scheme}://", known))
    return address
