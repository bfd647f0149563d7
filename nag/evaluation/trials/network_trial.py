"""What trials of networks share: their data set and their builder."""

from __future__ import annotations

from pathlib import Path

from nag.evaluation.data_sets import DataSet, load_data_set
from nag.networks import Builder, builder_of
from nag.spaces import SearchSpace
from nag.tasks.sources import LoadedData

__all__ = ["NetworkTrial"]


class NetworkTrial:
    """A trial of an architecture's network on a data set; sub-classes are dataclasses with these fields."""

    space: SearchSpace
    data_set: str | LoadedData
    builder: Builder | None
    data_dir: str | Path | None
    split_seed: int
    image_size: int | None
    layout: str | None

    def load_data(self) -> DataSet:
        """The data set; read once in a process.

        Raises:
            InvalidRequest: No such data set.
            MissingData: It is not at hand.
            DamagedFile: Its files are damaged.
        """
        return load_data_set(self.data_set, self.split_seed, self.data_dir, self.image_size, self.layout)

    @property
    def used_builder(self) -> Builder:
        """The builder, the space's own where none is given; raises `InvalidRequest` where the space has none."""
        return builder_of(self.space) if self.builder is None else self.builder
