"""Counts of neighbourhoods: the Weisfeiler-Lehman features of directed multigraphs."""

from __future__ import annotations

import torch
from torch import Tensor

from nag.graphs import DagBatch

__all__ = ["wl_counts"]


def wl_counts(dags: DagBatch, rounds: int = 2, buckets: int = 256) -> list[Tensor]:
    """Counts of labels after each round of Weisfeiler-Lehman refinement (Shervashidze et al. 2011), hashed.

    A node's new label is a hash of its own, of those of its predecessors and of those of its successors, with
    multiplicities and apart. Labels are counted in buckets with signs (Weinberger et al. 2009), so that inner products are
    right in expectation; the order of nodes does not matter.

    Args:
        dags: B multigraphs.
        rounds: Rounds after the first, in which a label is the operation alone and which is left out.
        buckets: Length of each vector.

    Returns:
        For each round (B, buckets) float64.
    """
    label = _mix(dags.ops + 1) * dags.mask
    found = []
    for number in range(rounds):
        into = (dags.adjacency * _mix(label + 1).unsqueeze(2)).sum(1)
        out = (dags.adjacency * _mix(label + 2).unsqueeze(1)).sum(2)
        label = _mix(_mix(label) + 3 * _mix(into + 3) + 5 * _mix(out + 4)) * dags.mask
        code = _mix(label + number)
        sign = ((code >> 40 & 1) * 2 - 1) * dags.mask
        counts = torch.zeros(len(dags), buckets, dtype=torch.float64, device=dags.device)
        found.append(counts.scatter_add_(1, (code & 0x7FFFFFFF) % buckets, sign.double()))
    return found


def _mix(x: Tensor) -> Tensor:
    """A bijection of int64 that scatters (the finaliser of SplitMix64; Steele et al. 2014); products wrap around."""
    x = (x ^ x >> 30) * -4658895280553007687
    x = (x ^ x >> 27) * -7723592293110705685
    return x ^ x >> 31
