"""Splits of labelled examples: stratified, by a seed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest

__all__ = ["Rows", "stratified_rows"]

_TRAIN, _VALIDATION, _TEST = range(3)
_THREE = (_TRAIN, _VALIDATION, _TRAIN, _TEST, _TRAIN)  # of any two neighbours one is trained on
_TWO = (_TRAIN, _TRAIN, _VALIDATION, _TRAIN, _TRAIN)


@dataclass(frozen=True, eq=False)
class Rows:
    """Numbers of the examples in each part, int64, ascending.

    Example:
        >>> import torch
        >>> from nag.evaluation.data_sets import Rows
        >>> rows = Rows(train=torch.tensor([0, 1]), validation=torch.tensor([2]), test=torch.tensor([3]))
        >>> len(rows.train)
        2
    """

    train: Tensor
    validation: Tensor
    test: Tensor

    def check(self, labels: Tensor, where: str) -> Rows:
        """Itself, if a network can be trained on it.

        Raises:
            InvalidRequest: A part is empty, fewer than two examples are trained on, or two parts share an example.
        """
        for name in ("train", "validation", "test"):
            if len(getattr(self, name)) < (2 if name == "train" else 1):
                raise InvalidRequest(f"{where} has too few examples for its {name} part", "Give more examples.")
        rows = torch.cat([self.train, self.validation, self.test])
        if int(rows.min()) < 0 or int(rows.max()) >= len(labels):
            raise InvalidRequest(f"{where}: a part names an example that is not there", f"They count 0 to {len(labels) - 1}.")
        if len(rows.unique()) < len(rows):
            raise InvalidRequest(f"{where}: an example stands in two parts, or twice in one", "Let each stand in one.")
        return self


def stratified_rows(labels: Tensor, seed: int, test: Tensor | None = None) -> Rows:
    """Splits 60 % to train, 20 % to validate and 20 % to test, of each class up to one example.

    The examples are shuffled, put in order of their class, and dealt out in turn; so sizes depend on the number of
    examples alone, and every class of two or more examples has one to train on.

    Args:
        labels: Class of each example, (n,) int64.
        seed: Seed of the shuffle.
        test: Rows of a published test part; the rest is then split 80 % to train, 20 % to validate.

    Example:
        >>> import torch
        >>> from nag.evaluation.data_sets import stratified_rows
        >>> rows = stratified_rows(torch.arange(10) % 2, seed=0)
        >>> len(rows.train), len(rows.validation), len(rows.test)
        (6, 2, 2)
    """
    rows = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    if test is not None:
        rows = rows[~torch.isin(rows, test)]
    rows = rows[labels[rows].argsort(stable=True)]
    pattern = torch.tensor(_THREE if test is None else _TWO)
    part = pattern[torch.arange(len(rows)) % len(pattern)]
    found = [rows[part == which].sort().values for which in (_TRAIN, _VALIDATION, _TEST)]
    return Rows(found[_TRAIN], found[_VALIDATION], found[_TEST] if test is None else test.sort().values)
