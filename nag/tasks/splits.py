"""Train and test rows of a table; by canonical class, so that functional twins never stand on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nag.core.errors import InvalidRequest

__all__ = ["Split", "split_by_class"]


@dataclass(frozen=True, eq=False)
class Split:
    """Two disjoint sets of rows.

    Args:
        train: (T,) int64; where rows were drawn, in the order of drawing.
        test: (S,) int64, ascending.
        by: What the split goes by: `class` or `random`.
        seed: Seed of the draw.

    Example:
        >>> import numpy as np
        >>> from nag.tasks import Split
        >>> split = Split(train=np.array([3, 0]), test=np.array([1, 2]), by="random", seed=0)
        >>> len(split.train), len(split.test)
        (2, 2)
    """

    train: np.ndarray
    test: np.ndarray
    by: str
    seed: int

    def __str__(self) -> str:
        return f"split by {self.by}, {len(self.train)} train and {len(self.test)} test rows, seed {self.seed}"


def split_by_class(canonical: np.ndarray, num_train: int | None = None, fraction: float | None = None, seed: int = 0) -> Split:
    """Splits rows so that no canonical class stands on both sides.

    With `num_train`, rows are drawn uniformly without replacement, as labels would be queried; a smaller draw with the
    same seed is the beginning of a larger one; rows that are left over but have a twin in train stand on neither
    side. With `fraction`, whole classes are assigned at random, evenly among classes of like size (systematic sampling
    of the classes in order of size), and every row stands on one side.

    Args:
        canonical: (R,) int64, canonical class of each row.
        num_train: Number of training rows.
        fraction: Share of the rows to train on, above 0 and below 1; met up to the size of the largest classes.
        seed: Seed of the draw.

    Raises:
        InvalidRequest: Neither or both sizes are given, or the size is impossible.

    Example:
        >>> import numpy as np
        >>> from nag.tasks import split_by_class
        >>> split = split_by_class(np.array([0, 0, 1, 2, 2, 3]), fraction=0.5, seed=0)
        >>> set(split.train) & set(split.test)
        set()
    """
    if (num_train is None) == (fraction is None):
        raise InvalidRequest("a split needs either num_train or fraction", "Give exactly one of them.")
    rng = np.random.default_rng(seed)
    classes = np.unique(canonical, return_inverse=True)[1].reshape(-1)
    if num_train is not None:
        train = _draw(len(classes), num_train, rng)
        test = np.flatnonzero(~np.isin(classes, classes[train]))
        return Split(train, test, "class", seed)
    assert fraction is not None
    if not 0 < fraction < 1 or len(classes) == 0 or classes.max() == 0:
        raise InvalidRequest(f"no split with the fraction {fraction}", "It lies between 0 and 1; two classes are needed.")
    sizes = np.bincount(classes)
    shuffled = rng.permutation(len(sizes))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    marks = np.floor(rng.random() + fraction * np.arange(len(order) + 1))
    chosen = np.diff(marks) > 0
    chosen[-1] |= not chosen.any()
    chosen[-1] &= not chosen.all()
    in_train = np.isin(classes, order[chosen])
    return Split(np.flatnonzero(in_train), np.flatnonzero(~in_train), "class", seed)


def _draw(count: int, num_train: int, rng: np.random.Generator) -> np.ndarray:
    if not 1 <= num_train <= count:
        raise InvalidRequest(f"num_train is {num_train}", f"It must be 1 to {count}, the number of measured architectures.")
    return rng.permutation(count)[:num_train]
