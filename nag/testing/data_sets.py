"""The laws of every data set."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from nag.evaluation import DataSet

__all__ = ["DataSetContract"]


class DataSetContract(ABC):
    """Contract of a function (seed) -> `nag.evaluation.DataSet`.

    Example:
        >>> from nag.evaluation import load_data_set
        >>> from nag.testing import DataSetContract
        >>> class TestMine(DataSetContract):
        ...     def make(self, seed):
        ...         return load_data_set("digits", seed)
        >>> TestMine().test_a_seed_gives_one_split()
    """

    @abstractmethod
    def make(self, seed: int) -> DataSet:
        """The data set, split by a seed."""

    def test_a_seed_gives_one_split(self) -> None:
        """The digest tells splits apart."""
        first, again = self.make(0), self.make(0)
        assert first.digest == again.digest
        assert torch.equal(first.train.labels, again.train.labels)

    def test_every_part_has_labels_within_the_classes(self) -> None:
        """One label for each example."""
        data = self.make(0)
        for part in (data.train, data.validation, data.test):
            assert len(part.inputs) == len(part.labels) > 0
            assert int(part.labels.min()) >= 0
            assert int(part.labels.max()) < data.shape.classes

    def test_inputs_have_the_shape_that_is_told(self) -> None:
        """Images (n, C, H, W); nodes are numbers of the graph's."""
        data = self.make(0)
        if data.graph is None:
            assert data.train.inputs.shape[1:] == (data.shape.channels, data.shape.height, data.shape.width)
            assert bool(data.train.inputs.isfinite().all())
        else:
            assert data.graph.x.shape[1] == data.shape.channels
            assert int(data.train.inputs.max()) < len(data.graph.x)
