"""Stage: write the network of an architecture as files that need no nag."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from nag.core.documents import read_json, shortened
from nag.core.errors import DamagedFile, MissingData
from nag.evaluation import DataSet, Evaluator, TrainingTrial
from nag.evaluation.networks.trained_network import load_trained_network
from nag.execution.stored_evaluator import StoredEvaluator
from nag.graphs import Architecture
from nag.networks import Builder, DataShape, Exported, count_parameters, export
from nag.workflows.run_folder.run import RunFolder, stage

__all__ = [
    "RawImages",
    "best_network",
    "example_inputs",
    "export_trained",
    "export_untrained",
    "trained_weights",
    "weights_of_run",
    "with_raw_inputs",
]

_EXAMPLES = 4


class RawImages(nn.Module):
    """A network that reads images in 0..1, as a user has them, where it was trained on normalised ones.

    Args:
        network: Takes normalised images (B, C, H, W).
        mean: Of each channel.
        std: Of each channel.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, C, H, W) in 0..1."""
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits


def with_raw_inputs(network: nn.Module, data: DataSet) -> nn.Module:
    """The network, reading a data set's examples as they were before they were normalised."""
    return RawImages(network, data.mean, data.std).eval() if data.mean else network


def example_inputs(data: DataSet) -> tuple[Tensor, ...]:
    """A few inputs of a network of the data set."""
    if data.graph is not None:
        return data.graph.x, data.graph.edge_index
    return (data.test.inputs[:_EXAMPLES],)


def trained_weights(evaluator: Evaluator, arch: Architecture) -> Path | None:
    """The file of the network that an evaluator trained for an architecture, or for a functional twin; None if it has none."""
    if not isinstance(evaluator, StoredEvaluator) or not isinstance(evaluator.trial, TrainingTrial):
        return None
    path = evaluator.trial.weights_path(arch, evaluator.seed)
    return path if path is not None and path.is_file() else None


def best_network(folder: Path, evaluator: Evaluator, arch: Architecture | None) -> str | None:
    """The entry `best_network` of a run's `metrics.json`: where the best architecture's trained network lies in the folder."""
    path = None if arch is None else trained_weights(evaluator, arch)
    inside = path is not None and path.absolute().is_relative_to(folder.absolute())
    return str(path.absolute().relative_to(folder.absolute())) if path is not None and inside else None


def weights_of_run(folder: Path) -> Path:
    """The file of the best network that a run of `search` or `evaluate` trained.

    Raises:
        MissingData: The folder holds no finished run, or the run trained no network.
        DamagedFile: Its `metrics.json` is damaged, or names a file outside the folder.
    """
    path = folder / "metrics.json"
    if not path.is_file():
        raise MissingData(f"'{shortened(str(folder))}' holds no finished run", "Let it end, or give another run folder.")
    metrics = read_json(path)
    named = metrics.get("best_network") if isinstance(metrics, dict) else None
    if named is None:
        what = f"the run '{shortened(str(folder))}' trained no network that could be exported"
        raise MissingData(what, "Search or evaluate with evaluator=train and a store of its own, or give weights=FILE.")
    found = (folder / str(named)).resolve()
    if not isinstance(named, str) or not found.is_relative_to(folder.resolve()):
        raise DamagedFile(f"'{shortened(str(path))}': 'best_network' is no file of the run", "Give weights=FILE.")
    return found


@stage
def export_trained(run: RunFolder, weights: Path, builder: Builder | None = None) -> Exported:
    """Writes a trained network as weights, PyTorch program and ONNX, which read images as they are, in 0..1.

    Args:
        run: Run folder; gets `network.safetensors`, `network.pt2` and `network.onnx`.
        weights: The file in a run's folder `weights`.
        builder: Makes the network; needed where it is not one of this package.

    Raises:
        MissingData: No such file.
        DamagedFile: The file is damaged.
        InvalidRequest: It holds something else, or its builder is the user's own and was not given.
    """
    trained = load_trained_network(weights, builder)
    network, metadata = trained.network, trained.metadata
    if metadata.mean:
        network = RawImages(network, tuple(metadata.mean), tuple(metadata.std)).eval()
    run.start()
    inputs = trained.shape.example(_EXAMPLES, torch.Generator().manual_seed(run.seed))
    exported = export(network, inputs, run.output("network").parent, "network")
    run.finish(
        {
            "architecture": metadata.arch,
            "data_set": metadata.data_set,
            "parameters": count_parameters(network),
            "trained": True,
            "validation_accuracy": metadata.validation_accuracy,
            **_differences(exported),
        }
    )
    return exported.within(run.path)


@stage
def export_untrained(run: RunFolder, arch: Architecture, builder: Builder, shape: DataShape) -> Exported:
    """Builds the network of an architecture with its initial weights and writes it as `export_trained` does.

    Args:
        run: Run folder; gets `network.safetensors`, `network.pt2` and `network.onnx`.
        arch: The architecture.
        builder: Makes the network.
        shape: What it reads and writes.

    Raises:
        InvalidArchitecture: The builder cannot build it.
        InvalidRequest: The builder does not read such data.
    """
    network = builder.build(arch, shape, run.seed).eval()
    run.start()
    inputs = shape.example(_EXAMPLES, torch.Generator().manual_seed(run.seed))
    exported = export(network, inputs, run.output("network").parent, "network")
    run.finish({"parameters": count_parameters(network), "trained": False, **_differences(exported)})
    return exported.within(run.path)


def _differences(exported: Exported) -> dict[str, float]:
    return {f"difference_{ending}": value for ending, value in exported.differences.items()}
