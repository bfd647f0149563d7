"""Data frames of pandas with architectures and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from nag.core.errors import InvalidArchitecture, InvalidRequest, did_you_mean
from nag.graphs import Architecture
from nag.spaces import SearchSpace

__all__ = ["frame_of", "read_frame"]


def frame_of(
    space: SearchSpace, architectures: Sequence[Architecture], hashes: Sequence[str], columns: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """The columns `arch` (native string), `canonical_hash`, and one for each metric.

    Args:
        space: The search space.
        architectures: n architectures.
        hashes: Their canonical hashes.
        columns: Metric -> (n,) float64.
    """
    natives = [space.encode(arch) for arch in architectures]
    return pd.DataFrame({"arch": natives, "canonical_hash": list(hashes), **columns})


def read_frame(frame: pd.DataFrame, space: SearchSpace, arch_column: str) -> tuple[list[Architecture], dict[str, np.ndarray]]:
    """Architectures and columns of numbers of a data frame; columns of text are left out.

    Args:
        frame: n rows.
        space: The search space.
        arch_column: The column of native strings.

    Raises:
        InvalidArchitecture: A string is no architecture of the space.
        InvalidRequest: There is no such column.
    """
    if arch_column not in frame.columns:
        raise InvalidRequest(
            f"the data frame has no column '{arch_column}'", did_you_mean(arch_column, map(str, frame.columns))
        )
    architectures = []
    for row, native in enumerate(frame[arch_column]):
        try:
            architectures.append(space.decode(str(native)))
        except InvalidArchitecture as error:
            raise InvalidArchitecture(f"row {row} of the data frame: {error.what}", error.hint) from error
    numbers = [name for name in frame.columns if is_numeric_dtype(frame[name]) and not is_bool_dtype(frame[name])]
    columns = {str(name): frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in numbers}
    return architectures, {name: np.where(np.isfinite(values), values, np.nan) for name, values in columns.items()}
