"""Stage: write the network of an architecture as files that need no nag."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from nag.builders import Builder, DataShape, Exported, count_parameters, export
from nag.checkpoints import load_checkpoint
from nag.errors import DamagedFile, InvalidRequest
from nag.evaluation import DataSet
from nag.graphs import Architecture
from nag.workflows.run import RunFolder, stage

__all__ = ["RawImages", "example_inputs", "export_network", "with_raw_inputs"]

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


@stage
def export_network(
    run: RunFolder,
    arch: Architecture,
    builder: Builder,
    shape: DataShape,
    weights: Path | None = None,
    data: DataSet | None = None,
) -> Exported:
    """Builds the network of an architecture and writes it as weights, PyTorch program and ONNX.

    Args:
        run: Run folder; gets `network.safetensors`, `network.pt2` and `network.onnx`.
        arch: The architecture.
        builder: Makes the network.
        shape: What it reads and writes.
        weights: A file of trained weights that `nag evaluate evaluator=train` kept; initial weights if None.
        data: The data set that it was trained on: images are then read as they are, in 0..1.

    Raises:
        MissingData: No such file of weights.
        DamagedFile: The weights do not fit the network.
        InvalidRequest: The file holds something else.
    """
    network = builder.build(arch, shape, run.seed).eval()
    if weights is not None:
        kept = load_checkpoint(weights, "network")
        if kept.description.get("ops") != list(arch.ops) or kept.description.get("edges") != [list(e) for e in arch.edges]:
            raise InvalidRequest(f"'{weights}' holds another architecture", f"It is {kept.description.get('arch')}.")
        try:
            network.load_state_dict(kept.tensors)
        except RuntimeError as error:
            raise DamagedFile(f"'{weights}' does not fit the network", "Use the builder that it was trained with.") from error
    run.start()
    inputs = shape.example(_EXAMPLES, torch.Generator().manual_seed(run.seed)) if data is None else example_inputs(data)
    exported = export(
        network if data is None else with_raw_inputs(network, data), inputs, run.output("network").parent, "network"
    )
    differences = {f"difference_{ending}": value for ending, value in exported.differences.items()}
    run.finish({"parameters": count_parameters(network), "trained": weights is not None, **differences})
    return exported.within(run.path)
