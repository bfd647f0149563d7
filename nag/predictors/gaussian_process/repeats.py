"""Rows that share the features of a group, as architectures of one space often do."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from nag.predictors.gaussian_process.covariance import GROUP_WIDTH, GroupCovariance, matern, squared_distances

__all__ = ["Repeats"]


@dataclass(frozen=True)
class Repeats:
    """Which of C rows share the features of a group: an additive kernel is computed once for each distinct value.

    Args:
        rows: (U_g, F_g) of each group, its distinct features.
        places: (C, G) int64, where those of each row are in all groups' distinct features, one below the other.

    Example:
        >>> import torch
        >>> from nag.predictors.gaussian_process import Repeats
        >>> repeats = Repeats.of(torch.tensor([[0.0, 1.0], [0.0, 2.0]]), sizes=(1, 1))
        >>> [len(rows) for rows in repeats.rows]
        [1, 2]
    """

    rows: tuple[Tensor, ...]
    places: Tensor

    @classmethod
    def of(cls, features: Tensor, sizes: tuple[int, ...]) -> Repeats:
        """Finds them among (C, F) rows with groups of the given sizes."""
        rows, places, below = list[Tensor](), list[Tensor](), 0
        for group in features[:, : sum(sizes)].split(sizes, 1):
            if group.shape[1]:
                distinct, place = torch.unique(group, dim=0, return_inverse=True)
            else:
                distinct, place = group[:1], torch.zeros(len(group), dtype=torch.int64)
            rows.append(distinct)
            places.append(place + below)
            below += len(distinct)
        return cls(tuple(rows), torch.stack(places, 1))

    def table(self, covariance: GroupCovariance, stretch: Tensor, points: Tensor, chunk: int) -> Tensor:
        """Correlations of the distinct features of all groups with n labelled rows: (sum of U_g, n).

        Args:
            covariance: An additive covariance.
            stretch: (F,) inverse length scales.
            points: (n, F) labelled rows, stretched.
            chunk: Correlations computed at a time.
        """
        tables = list[Tensor]()
        scales = stretch[: covariance.stationary_features].split(covariance.sizes)
        for rows, scale, labelled in zip(self.rows, scales, covariance.groups(points), strict=True):
            for few in rows.split(max(1, chunk // len(points))):
                tables.append(matern(GROUP_WIDTH * squared_distances(few * scale, labelled)))
        return torch.cat(tables)

    def stationary(self, covariance: GroupCovariance, table: Tensor, chunk: slice) -> Tensor:
        """Stationary covariances of some of the rows with the labelled ones, from their table."""
        return embedding_bag(self.places[chunk], table, mode="sum").mul_(covariance.amplitude / len(covariance.sizes))
