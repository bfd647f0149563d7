"""The trial that trains: an architecture's network, on a data set, for real."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from nag.core.checkpoints import Checkpoint, save_checkpoint
from nag.core.configured import describe
from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, MissingData
from nag.core.imports import import_path
from nag.core.progress import OnProgress, ignore_progress
from nag.core.stopwatch import Stopwatch
from nag.evaluation.data_sets import DataSet
from nag.evaluation.networks.fit_network import FittedNetwork, fit_network, measure_network
from nag.evaluation.networks.network_training import NetworkTraining, suggested_training
from nag.evaluation.networks.trained_network import KIND, load_trained_network
from nag.evaluation.trials.network_trial import NetworkTrial
from nag.evaluation.trials.trial import Measurement
from nag.graphs import Architecture
from nag.networks import Builder, count_parameters
from nag.spaces import SearchSpace
from nag.tasks.sources import LoadedData

__all__ = ["TrainingTrial"]

_FORMAT = "training-1"


@dataclass(frozen=True)
class TrainingTrial(NetworkTrial):
    """Trains the network of an architecture: searched on validation accuracy, reported on test accuracy, both in percent.

    Small and picklable: the data are loaded by name, once in a process, where the trial runs. On a CPU with a given number of
    threads, the result is a function of architecture and seed.

    Args:
        space: The search space.
        data_set: A data set, or its name, path or import path (see `load_data_set`).
        builder: Makes the networks; None for the space's own.
        options: How to train; None for what suits the data.
        weights_folder: Gets `<canonical hash>-<seed>.safetensors` of each trained network; None to keep none.
        data_dir: The data folder; the environment variable NAG_DATA_DIR if None.
        split_seed: Seed of the data's split.
        image_size: Height and width that the images of a folder are scaled to; None where all have one size.
        layout: Which axis of the images of an `.npz` file is which; None to tell by their shape.

    Example:
        >>> from nag.evaluation import NetworkTraining, TrainingTrial
        >>> from nag.networks import NASBench201Builder
        >>> from nag.spaces import load_space
        >>> space = load_space("nasbench201")
        >>> tiny = NASBench201Builder(channels=4, cells_per_stage=1)
        >>> trial = TrainingTrial(space, "digits", tiny, NetworkTraining(epochs=1, batch_size=512, device="cpu"))
        >>> trial.load_data().sizes, len(trial.fingerprint)
        ({'train': 1078, 'validation': 360, 'test': 359}, 32)
    """

    space: SearchSpace
    data_set: str | LoadedData
    builder: Builder | None = None
    options: NetworkTraining | None = None
    weights_folder: Path | None = None
    data_dir: str | Path | None = None
    split_seed: int = 0
    image_size: int | None = None
    layout: str | None = None

    @property
    def used_options(self) -> NetworkTraining:
        """The options, those that suit the data where none are given."""
        return suggested_training(self.load_data().shape) if self.options is None else self.options

    @property
    def fingerprint(self) -> str:
        """Digest of all that a result depends on but architecture and seed: data and split, builder, options, space."""
        data = self.load_data()
        parts = (data.name, data.digest, self.split_seed, self.used_options.fingerprint, self.used_builder.fingerprint)
        return hashlib.sha256(repr((_FORMAT, self.space.fingerprint, *parts)).encode()).hexdigest()[:32]

    def run(self, arch: Architecture, seed: int, on_progress: OnProgress = ignore_progress) -> Measurement:
        """Trains and measures one network.

        Args:
            arch: The architecture.
            seed: Of initial weights, batches, augmentation and dropout.
            on_progress: Called now and then, and after each epoch, with the share that is done.

        Returns:
            The search value (validation accuracy after the last epoch), the report value (test accuracy), `params`, losses
            and accuracies beside, and the curve. Where the loss became infinite or no number, the search value is nan and
            the report value None.

        Raises:
            InvalidArchitecture: It is not in the space, or cannot be built.
            InvalidRequest: The network does not fit the data.
            MissingData: The data are not at hand.
        """
        self.space.validate(arch)
        data, options, clock = self.load_data(), self.used_options, Stopwatch()
        fabric = options.make_fabric()
        network = self.used_builder.build(arch, data.shape, seed)
        side = {"params": float(count_parameters(network))}
        fitted = fit_network(network, data, options, seed, fabric, on_progress)
        search_value, report_value = math.nan, None
        if not fitted.diverged:
            last = fitted.curve[-1]
            moved = data.to(fabric.device)
            test_loss, report_value = measure_network(fitted.network, moved, moved.test).tolist()
            search_value = last["validation_accuracy"]
            side.update({name: last[name] for name in ("train_loss", "train_accuracy", "validation_loss")})
            side["test_loss"] = test_loss
            self._keep(arch, seed, data, fitted)
        return Measurement(
            search_value=search_value,
            report_value=report_value,
            side=side,
            curve=fitted.curve,
            epochs=len(fitted.curve),
            cpu_seconds=clock.cpu,
            gpu_seconds=clock.wall if fabric.device.type == "cuda" else 0.0,
        )

    def weights_path(self, arch: Architecture, seed: int) -> Path | None:
        """Where the trained weights go; functional twins share a file, which holds the one that was trained last."""
        if self.weights_folder is None:
            return None
        canonical_hash = self.space.canonical_hashes(self.space.to_dags([arch]))[0]
        return Path(self.weights_folder).expanduser() / f"{canonical_hash}-{seed}.safetensors"

    def _keep(self, arch: Architecture, seed: int, data: DataSet, fitted: FittedNetwork) -> None:
        path = self.weights_path(arch, seed)
        if path is None:
            return
        metadata = {
            "trial": self.fingerprint,
            "space": self.space.name,
            "arch": self.space.encode(arch),
            "ops": list(arch.ops),
            "edges": [list(edge) for edge in arch.edges],
            "seed": seed,
            "data_set": data.name,
            "shape": asdict(data.shape),
            "mean": list(data.mean),
            "std": list(data.std),
            "validation_accuracy": fitted.curve[-1]["validation_accuracy"],
        }
        space, builder = dict(self.space.description), _described(self.used_builder)
        save_checkpoint(path, Checkpoint(path, KIND, builder, space, metadata, fitted.network.state_dict()))

    def trained_network(self, arch: Architecture, seed: int) -> nn.Module:
        """The network that `run` trained, on the CPU, in evaluation mode.

        Raises:
            MissingData: No weights were kept.
            DamagedFile: They cannot be read.
            InvalidRequest: They are of a twin of the architecture, or of another trial.
        """
        path = self.weights_path(arch, seed)
        if path is None or not path.is_file():
            raise MissingData("no weights of this architecture and seed were kept", "Give a weights_folder, and train it.")
        kept = load_trained_network(path, self.used_builder)
        if kept.metadata.trial != self.fingerprint:
            raise InvalidRequest(f"'{path}' holds weights that were trained in another way", "Train it again.")
        if kept.arch != arch:
            raise InvalidRequest(f"'{path}' holds weights of a twin", f"Take architecture {shortened(kept.metadata.arch)}.")
        return kept.network


def _described(builder: Builder) -> dict[str, Any]:
    """Class and config of a builder; without a config where it does not keep its arguments, so that it has to be given."""
    try:
        return describe(builder)
    except InvalidRequest:
        return {"class": import_path(type(builder)), "config": {}}
