"""A network as files that other programs can run: weights, a PyTorch program, ONNX; each checked by what it computes."""

from __future__ import annotations

import copy
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from nag.core.errors import InvalidRequest, NagError
from nag.core.files import write_bytes
from nag.core.packages import is_installed, require

__all__ = ["Exported", "export"]

_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Exported:
    """The files of one network and how far what they compute is from what it computes.

    Args:
        weights: `<name>.safetensors`, parameters and buffers by name.
        program: `<name>.pt2`, which `torch.export.load` reads; it needs PyTorch only.
        onnx: `<name>.onnx`.
        differences: Greatest absolute difference of an output, by the file's ending.

    Example:
        >>> from pathlib import Path
        >>> from nag.networks import Exported
        >>> files = Exported(Path("a/net.safetensors"), Path("a/net.pt2"), Path("a/net.onnx"), {"onnx": 1e-6})
        >>> str(files.within(Path("b")).onnx)
        'b/net.onnx'
    """

    weights: Path
    program: Path
    onnx: Path
    differences: dict[str, float]

    def within(self, folder: Path) -> Exported:
        """The same files in a folder that they were moved to."""
        weights, program, onnx = (folder / path.name for path in (self.weights, self.program, self.onnx))
        return Exported(weights, program, onnx, self.differences)


def export(module: nn.Module, inputs: tuple[Tensor, ...], folder: Path, name: str) -> Exported:
    """Writes a network in evaluation mode as weights, PyTorch program and ONNX, and checks all three.

    The first dimension of each floating-point input (images of a batch, nodes of a graph) and the last of each integer input
    (edges) are dynamic, 2 or more. Each file is read back and compared with the module on the inputs and on inputs of
    twice the size; only if all agree do the files take their places, so that earlier ones stay where anything fails. ONNX is
    run by onnxruntime, or where that is not installed by the (slow) reference implementation that comes with onnx.

    Args:
        module: The network, on any device; it is not changed.
        inputs: Example inputs, its positional arguments: images (B, C, H, W), or features (n, F) and edges (2, E).
        folder: Where the files go; made if need be.
        name: File name without ending.

    Returns:
        Paths and differences.

    Raises:
        MissingData: The packages onnx and onnxscript are not installed.
        InvalidRequest: PyTorch cannot export the module, or an input is empty.
        NagError: A file computes something else than the module, by more than 1e-4.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import torch
        >>> from torch import nn
        >>> from nag.networks import export
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = export(nn.Linear(3, 2), (torch.zeros(2, 3),), Path(folder), "linear")
        >>> files.program.name, max(files.differences.values()) < 1e-4
        ('linear.pt2', True)
    """
    for package in ("onnx", "onnxscript"):
        require(package, extra="onnx")
    module = copy.deepcopy(module).cpu().eval()
    batches = _batches(tuple(value.detach().cpu() for value in inputs))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{name}.") as temporary:
        written = _write(module, batches[0], Path(temporary), name)
        differences = _check(module, batches, written)
        for path in written:
            write_bytes(folder / path.name, path.read_bytes())
    weights, program, onnx = (folder / path.name for path in written)
    return Exported(weights, program, onnx, differences)


def _batches(inputs: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], ...]:
    """The inputs, at least two in each dynamic dimension (PyTorch takes a 1 for a constant), and twice as many."""
    if not inputs or not inputs[0].is_floating_point() or any(value.numel() == 0 for value in inputs):
        raise InvalidRequest(
            "a network cannot be exported with these inputs", "Give images, or features and edges; none empty."
        )
    if any(value.shape[_dynamic(value)] == 1 for value in inputs):
        inputs = _twice(inputs)
    return inputs, _twice(inputs)


def _dynamic(value: Tensor) -> int:
    return 0 if value.is_floating_point() else value.dim() - 1


def _twice(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Twice the batch, the second half in reverse order; for graphs two copies side by side."""
    offset = inputs[0].shape[0]
    return tuple(
        torch.cat([value, value.flip(0)] if value.is_floating_point() else [value, value + offset], _dynamic(value))
        for value in inputs
    )


def _write(module: nn.Module, inputs: tuple[Tensor, ...], folder: Path, name: str) -> tuple[Path, Path, Path]:
    weights, program, onnx = (folder / f"{name}{ending}" for ending in (".safetensors", ".pt2", ".onnx"))
    tensors = {key: value.detach().clone().contiguous() for key, value in module.state_dict().items()}
    safetensors.torch.save_file(tensors, weights)
    shapes = tuple({_dynamic(value): torch.export.Dim.DYNAMIC} for value in inputs)
    try:
        with _quiet():
            exported = torch.export.export(module, inputs, dynamic_shapes=shapes, strict=False)
            for node in exported.graph.nodes:
                node.meta.pop("stack_trace", None)  # it would carry this computer's paths into the files
            buffer = io.BytesIO()
            torch.export.save(exported, buffer)
            converted = torch.onnx.export(exported, dynamo=True, verbose=False)
    except (RuntimeError, ValueError, TypeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InvalidRequest(f"PyTorch cannot export {type(module).__name__}", f"It says: {reason}") from error
    assert converted is not None
    program.write_bytes(buffer.getvalue())
    onnx.write_bytes(converted.model_proto.SerializeToString())
    return weights, program, onnx


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' remarks on packages that they do not need and on PyTorch's own use of what will go."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)


@torch.no_grad()
def _check(module: nn.Module, batches: Sequence[tuple[Tensor, ...]], files: tuple[Path, Path, Path]) -> dict[str, float]:
    expected = [module(*inputs) for inputs in batches]
    outputs = zip(files, (_run_weights, _run_program, _run_onnx), strict=True)
    differences: dict[str, float] = {}
    for path, run in outputs:
        found = run(path, batches, module)
        worst = max(float((a - b).abs().max()) for a, b in zip(found, expected, strict=True))
        if not worst <= _TOLERANCE:
            raise NagError(
                f"{path.name} computes something else than the network (difference {worst:.2g})",
                f"At most {_TOLERANCE:g} is allowed: the network may depend on chance or on the size of the batch.",
            )
        differences[path.suffix.removeprefix(".")] = worst
    return differences


def _run_weights(path: Path, batches: Sequence[tuple[Tensor, ...]], module: nn.Module) -> list[Tensor]:
    blank = copy.deepcopy(module)
    for value in blank.state_dict().values():
        value.zero_()
    blank.load_state_dict(safetensors.torch.load_file(path))
    return [blank(*inputs) for inputs in batches]


def _run_program(path: Path, batches: Sequence[tuple[Tensor, ...]], module: nn.Module) -> list[Tensor]:
    with _quiet():
        program = torch.export.load(path).module()
    return [program(*inputs) for inputs in batches]


def _run_onnx(path: Path, batches: Sequence[tuple[Tensor, ...]], module: nn.Module) -> list[Tensor]:
    arrays = [[value.numpy() for value in inputs] for inputs in batches]
    if not is_installed("onnxruntime"):
        from onnx.reference import ReferenceEvaluator

        evaluator: Any = ReferenceEvaluator(str(path))
        names = list(evaluator.input_names)
        found = [evaluator.run(None, dict(zip(names, values, strict=True)))[0] for values in arrays]
    else:
        import onnxruntime  # type: ignore[import-untyped]

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]
        found = [session.run(None, dict(zip(names, values, strict=True)))[0] for values in arrays]
    return [torch.from_numpy(value) for value in found]
