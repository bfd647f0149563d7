"""Gradient-boosted trees on counts of the normal form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import lightgbm
import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from typing_extensions import Unpack

from nag.core.numbers import Count, Fraction, Rate
from nag.core.progress import OnProgress
from nag.core.signatures import checked
from nag.graphs import DagBatch
from nag.predictors.base import Prediction, ResizableState
from nag.predictors.ranked import RankedOptions, RankedPredictor
from nag.predictors.structure import structure_counts
from nag.spaces import SearchSpace

__all__ = ["TreesPredictor"]

_DEFAULTS = RankedOptions(chunk_size=16384)
_LEAST_TO_BAG = 20
_LAST_LINE = "end of trees"
_MOST_FEATURES = 10**6
_MOST_LEAVES = 10**6


class _Boosters(ResizableState):
    """Boosters of LightGBM as its own text, which holds numbers alone and is parsed, never executed."""

    _resizable = ("text",)

    text: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("text", torch.zeros(0, dtype=torch.uint8))
        self._parsed: tuple[bytes, list[lightgbm.Booster]] = (b"", [])

    def parse(self) -> list[lightgbm.Booster]:
        """The boosters of the state.

        Raises:
            ValueError: The text is damaged.
        """
        text = self.text.cpu().numpy().tobytes()
        if self._parsed[0] != text:
            parts = text.decode().split("\0")
            if not all(_LAST_LINE in part for part in parts):
                raise ValueError("a booster is cut short")
            for part in parts:
                check_booster(part)
            try:
                self._parsed = text, [lightgbm.Booster(model_str=part) for part in parts]
            except lightgbm.basic.LightGBMError as error:
                raise ValueError("a booster cannot be parsed") from error
        return self._parsed[1]

    def keep(self, boosters: list[lightgbm.Booster]) -> None:
        """Stores boosters in the state."""
        text = "\0".join(booster.model_to_string() for booster in boosters).encode()
        self.text = torch.frombuffer(bytearray(text), dtype=torch.uint8).to(self.text.device)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Predictions of each of F boosters for (B, D) features: (F, B) float64."""
        return np.stack([np.asarray(booster.predict(features, num_threads=1)) for booster in self.parse()])


def check_booster(text: str) -> None:
    """Checks the trees of a booster before LightGBM follows their references, which it does without looking.

    Args:
        text: A booster as LightGBM writes it.

    Raises:
        ValueError: A number is missing, not finite, or refers to a feature or node that does not exist.
    """
    head, *trees = text.split(_LAST_LINE)[0].split("\nTree=")
    features = int(_entry(head, "max_feature_idx")) + 1
    classes = {int(_entry(head, name)) for name in ("num_class", "num_tree_per_iteration")}
    if not 0 < features <= _MOST_FEATURES or classes != {1}:
        raise ValueError("a booster has an impossible number of features or classes")
    for tree in trees:
        leaves = int(_entry(tree, "num_leaves"))
        if not 1 <= leaves <= _MOST_LEAVES or int(_entry(tree, "num_cat")) or int(_entry(tree, "is_linear")):
            raise ValueError("a tree has an impossible size or kind")
        if len(_floats(tree, "leaf_value")) != leaves:
            raise ValueError("a tree has a wrong number of values")
        if leaves == 1:
            continue
        inner = leaves - 1
        used, left, right, kinds = (
            [int(value) for value in _entry(tree, name).split()]
            for name in ("split_feature", "left_child", "right_child", "decision_type")
        )
        sizes = {len(used), len(left), len(right), len(kinds), len(_floats(tree, "threshold"))}
        if sizes != {inner} or not all(0 <= feature < features for feature in used) or any(kind & 1 for kind in kinds):
            raise ValueError("a tree splits by a feature that does not exist")
        children = [*enumerate(left), *enumerate(right)]
        if not all(node < child < inner or -leaves <= child < 0 for node, child in children):
            raise ValueError("a tree leads to a node that does not exist")


def _entry(text: str, name: str) -> str:
    start = f"\n{name}="
    if start not in text:
        raise ValueError(f"a booster lacks '{name}'")
    return text.split(start, 1)[1].split("\n", 1)[0]


def _floats(text: str, name: str) -> list[float]:
    values = [float(value) for value in _entry(text, name).split()]
    if not all(math.isfinite(value) for value in values):
        raise ValueError(f"'{name}' of a booster holds numbers that are not finite")
    return values


@checked
class TreesPredictor(RankedPredictor):
    """Gradient-boosted trees (LightGBM; Ke et al. 2017) on all structure counts, one booster for each fold left out.

    Args:
        space: Search space; only its semantics and greatest number of nodes matter.
        folds: Boosters; each leaves out one fold of the labels.
        trees: Trees of a booster.
        learning_rate: Shrinkage of each tree.
        leaves: Leaves of a tree at most.
        least: Labels in a leaf at least.
        share: Share of the counts that a tree may use.
        proxies: Training-free scores that join the counts.
        chunk_size: Architectures scored at a time, 16,384 by default.
        seed: Seed of folds and trees.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from nag.predictors import TreesPredictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 20, seed=0)
        >>> predictor = TreesPredictor(space, folds=2, trees=5)
        >>> predictor.fit(dags, dags.adjacency.sum((1, 2)).double())
        >>> predictor.predict(dags).mean.shape
        torch.Size([20])
    """

    noise: Tensor

    def __init__(
        self,
        space: SearchSpace,
        *,
        folds: Count = 4,
        trees: Count = 250,
        learning_rate: Rate = 0.05,
        leaves: Annotated[int, Field(ge=2)] = 15,
        least: Count = 5,
        share: Fraction = 0.3,
        **options: Unpack[RankedOptions],
    ) -> None:
        super().__init__(space, **_DEFAULTS | options)
        self.folds, self.trees, self.learning_rate = folds, trees, learning_rate
        self.leaves, self.least, self.share = leaves, least, share
        self.boosters = _Boosters()
        self.register_buffer("noise", torch.zeros((), dtype=torch.float64))

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As of a module; damaged boosters are found at once, with a ValueError."""
        found = super().load_state_dict(state_dict, strict, assign)
        self.boosters.parse()
        return found

    def check_state(self) -> None:
        """Raises `ValueError` if a booster reads other features than the space has."""
        features = self._features(self.normal_form(self.space.to_dags([]).to(self.noise.device))).shape[1]
        if any(booster.num_feature() != features for booster in self.boosters.parse()):
            raise ValueError(f"a booster does not read the {features} features of the space")

    def fit_scores(self, dags: DagBatch, scores: Tensor, rng: torch.Generator, on_progress: OnProgress) -> Prediction:
        """Boosts once for each fold."""
        features, targets = self._features(dags), scores.cpu().numpy()
        folds = min(self.folds, len(targets))
        fold = np.arange(len(targets)) % folds
        seed = int(torch.randint(1 << 30, (1,), generator=rng))
        boosters = []
        for number in range(folds):
            seen = (fold != number) | (folds == 1)
            boosters.append(self._boost(features[seen], targets[seen], seed + number))
            on_progress((number + 1) / folds)
        self.boosters.keep(boosters)
        found = self.boosters(features)
        mean = torch.from_numpy(found[fold, np.arange(len(targets))]).to(scores.device)
        self.noise = (mean - scores).square().mean()
        return Prediction.of_variances(mean, torch.from_numpy(found.var(0)).to(scores.device), self.noise)

    def _boost(self, features: np.ndarray, targets: np.ndarray, seed: int) -> lightgbm.Booster:
        options = {
            "objective": "regression",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": min(self.least, max(1, len(targets) // 4)),
            "min_data_in_bin": 1,
            "feature_fraction": self.share,
            "bagging_fraction": 0.8,
            "bagging_freq": int(len(targets) >= _LEAST_TO_BAG),
            "lambda_l2": 1.0,
            "seed": seed,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        return lightgbm.train(options, lightgbm.Dataset(features, targets), self.trees)

    def predict_normal_forms(self, dags: DagBatch) -> Prediction:
        """Mean and spread of the boosters."""
        found = torch.from_numpy(self.boosters(self._features(dags))).to(self.noise.device)
        return Prediction.of_variances(found.mean(0), found.var(0, correction=0), self.noise)

    def _features(self, dags: DagBatch) -> np.ndarray:
        counts = structure_counts(dags, self.space.semantics)
        groups = [*counts.groups(), counts.walks, counts.steps, counts.extremes]
        return torch.cat(groups if self.proxies is None else [*groups, self.proxies(dags)], 1).cpu().numpy()
