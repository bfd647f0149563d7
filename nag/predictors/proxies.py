"""Training-free scores as features: columns of a table, looked up by what an architecture computes."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.graphs import DagBatch
from nag.predictors.base import ResizableState
from nag.predictors.normal_scores import NormalScores
from nag.spaces import SearchSpace

__all__ = ["ProxyColumns", "worst_if_infinite"]


def worst_if_infinite(values: Tensor) -> Tensor:
    """Scores with the least number there is in place of infinities: a score that overflows says nothing good of a network.

    Args:
        values: Scores of any shape, the higher the better; nan stays.

    Example:
        >>> import torch
        >>> from nag.predictors import worst_if_infinite
        >>> bool(worst_if_infinite(torch.tensor([1.0, float("inf")]))[1] < 0)
        True
    """
    return torch.where(values.isinf(), torch.finfo(values.dtype).min, values)


class ProxyColumns(ResizableState):
    """Normal scores of P training-free scores of C functions; it is part of the state of a predictor that uses it.

    Raw scores overflow and have tails of many decades; ranks do not. Functional twins, whose scores differ by their random
    initial weights alone, get their mean. What is not in the table gets 0, the score of the middle.

    Args:
        space: Search space.
        columns: P, number of scores.

    Example:
        >>> import torch
        >>> from nag.predictors import ProxyColumns
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 5, seed=0)
        >>> columns = ProxyColumns.of(space, dags, torch.arange(10.0).reshape(5, 2))
        >>> columns(dags).shape
        torch.Size([5, 2])
    """

    _resizable = ("codes", "values")

    codes: Tensor
    values: Tensor

    def __init__(self, space: SearchSpace, columns: Annotated[int, Field(ge=0, le=1000)]) -> None:
        super().__init__()
        self.space, self.columns = space, columns
        self.register_buffer("codes", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("values", torch.zeros(0, columns, dtype=torch.float64))

    @classmethod
    def of(cls, space: SearchSpace, dags: DagBatch, values: Tensor) -> ProxyColumns:
        """The columns of measured architectures.

        Args:
            space: Search space.
            dags: R architectures.
            values: (R, P) scores; an infinity of either sign counts as the worst, nan (no score) as the middle.

        Raises:
            InvalidRequest: Not one row for each architecture.
        """
        if values.ndim != 2 or len(values) != len(dags):
            raise InvalidRequest(f"{len(dags)} architectures came with {len(values)} rows of proxies", "Pass one row for each.")
        found = cls(space, values.shape[1])
        codes, where = torch.unique(space.function_codes(dags), return_inverse=True)
        total = torch.zeros(len(codes), values.shape[1], dtype=torch.float64)
        for column, value in enumerate(values.double().T):
            known = ~value.isnan()
            score = torch.zeros_like(value)
            score[known] = NormalScores().fit(worst_if_infinite(value[known]))
            total[:, column].index_add_(0, where, score)
        found.codes, found.values = codes, total / torch.bincount(where).unsqueeze(1)
        return found

    def forward(self, dags: DagBatch) -> Tensor:
        """Scores of B architectures or normal forms: (B, P) float64."""
        if not len(self.codes):
            return torch.zeros(len(dags), self.columns, dtype=torch.float64, device=dags.device)
        codes = self.space.function_codes(dags).to(self.codes.device)
        at = torch.searchsorted(self.codes, codes).clamp(max=len(self.codes) - 1)
        return torch.where((self.codes[at] == codes)[:, None], self.values[at], 0.0)
