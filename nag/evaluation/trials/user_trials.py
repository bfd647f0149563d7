"""Evaluations of the user's own: a Python function or a shell command."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from nag.core.documents import shortened
from nag.core.errors import InvalidArchitecture, InvalidRequest
from nag.core.files import digest_of_file
from nag.core.imports import folder_of, importable, load_callable
from nag.core.progress import OnProgress, ignore_progress
from nag.core.stopwatch import Stopwatch
from nag.evaluation.trials.shell_command import ShellCommand
from nag.evaluation.trials.trial import Measurement
from nag.graphs import Architecture
from nag.spaces import SearchSpace

__all__ = ["FunctionTrial", "ShellTrial"]

_OFFERED = ("architecture", "arch", "seed", "on_progress")


def measurement_of(answer: Any, search_metric: str, report_metric: str, seconds: float) -> Measurement:
    """What a user's code answered: one number, or a mapping of metrics.

    Args:
        answer: A number, the search metric; or name -> number, with the search metric among them.
        search_metric: Name of the number that a search may see.
        report_metric: Name of the number that results show; there is no report value where it is absent.
        seconds: CPU seconds that it took.

    Raises:
        InvalidRequest: It is neither.
    """
    metrics = answer if isinstance(answer, Mapping) else {search_metric: answer}
    numbers = {str(name): _number(value) for name, value in metrics.items()}
    wrong = [name for name, value in numbers.items() if value is None]
    if search_metric not in numbers or wrong:
        fault = f"'{wrong[0]}' is no number" if wrong else f"'{search_metric}' is missing"
        raise InvalidRequest(f"the evaluator's answer is not understood: {fault}", "Answer a number, or names with numbers.")
    known = {name: value for name, value in numbers.items() if value is not None}
    return Measurement(
        search_value=known[search_metric],
        report_value=known.get(report_metric),
        side={name: value for name, value in known.items() if name not in {search_metric, report_metric}},
        curve=[],
        cpu_seconds=seconds,
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class FunctionTrial:
    """Calls a Python function for each architecture.

    The function names what it wants among its parameters: `architecture` (a `nag.graphs.Architecture`: `ops`, `edges`), `arch`
    (its native string), `seed`, `on_progress` (call it with the share that is done). It returns the search metric, or a
    mapping of metrics that holds it.

    Args:
        space: Search space.
        function: `path/to/file.py:name` or `package.module:name`.
        search_metric: Name of the number that a search may see.
        report_metric: Name of the number that results show.

    Raises:
        InvalidRequest: There is no such function, or it wants what is not offered.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from nag.evaluation import FunctionTrial
        >>> from nag.spaces import load_space
        >>> space = load_space("nas_bench_graph")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "mine.py").write_text("def size(architecture): return len(architecture.ops)")
        ...     FunctionTrial(space, f"{folder}/mine.py:size").run(space.sample(1, seed=0)[0], seed=0).search_value
        6.0
    """

    space: SearchSpace
    function: str
    search_metric: str = "value"
    report_metric: str = "value"

    def __post_init__(self) -> None:
        _wanted(self.function, load_callable(self.function))

    @property
    def fingerprint(self) -> str:
        """Changes with the name of the function and the content of its file."""
        place, _, name = self.function.rpartition(":")
        source = place if place.endswith(".py") else getattr(sys.modules.get(place), "__file__", None)
        content = Path(source).read_bytes() if source else b""
        return _digest("function", name, self.space.fingerprint, self.search_metric, self.report_metric, content)

    def run(self, arch: Architecture, seed: int, on_progress: OnProgress = ignore_progress) -> Measurement:
        """Calls the function."""
        call = load_callable(self.function)
        offered = {"architecture": arch, "arch": self.space.encode(arch), "seed": seed, "on_progress": on_progress}
        watch = Stopwatch()
        with importable(folder_of(self.function)):
            answer = call(**{name: offered[name] for name in _wanted(self.function, call)})
        return measurement_of(answer, self.search_metric, self.report_metric, watch.cpu)


def _wanted(name: str, function: Callable[..., Any]) -> list[str]:
    """The offered arguments that a function takes."""
    wanted = []
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"{name} does not tell its parameters", "Write a Python function that calls it.") from error
    for parameter in parameters:
        if parameter.name in _OFFERED:
            wanted.append(parameter.name)
        elif parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise InvalidRequest(f"{name} wants '{parameter.name}'", f"It may take {', '.join(_OFFERED)}.")
    return wanted


@dataclass(frozen=True)
class ShellTrial:
    """Runs a command for each architecture; the last line that it prints is the answer: a number or a JSON object.

    The command finds the architecture in the environment variables NAG_ARCH (native string), NAG_JSON (a JSON object: arch,
    ops, edges, seed) and NAG_SEED. In its words `{arch}`, `{json}` and `{seed}` are replaced by the same; no shell reads the
    values, so a placeholder is refused within the code of `sh -c` and the like.

    Args:
        space: Search space.
        command: The command, as typed in a terminal.
        search_metric: Name of the number that a search may see.
        report_metric: Name of the number that results show.

    Raises:
        InvalidRequest: The command cannot be read, its program does not exist, or a value would be read as code.

    Example:
        >>> from nag.evaluation import ShellTrial
        >>> from nag.spaces import load_space
        >>> space = load_space("nas_bench_graph")
        >>> ShellTrial(space, "echo 0.5").run(space.sample(1, seed=0)[0], seed=0).search_value
        0.5
    """

    space: SearchSpace
    command: str
    search_metric: str = "value"
    report_metric: str = "value"

    def __post_init__(self) -> None:
        assert ShellCommand(self.command).program

    @property
    def fingerprint(self) -> str:
        """Changes with the command and the content of its program and of the files that it names."""
        files = [_digest_of_file(path, *_stamp(path)) for path in ShellCommand(self.command).files]
        return _digest("shell", self.command, self.space.fingerprint, self.search_metric, self.report_metric, *files)

    def run(self, arch: Architecture, seed: int, on_progress: OnProgress = ignore_progress) -> Measurement:
        """Runs the command; what it writes to the error stream is shown if it fails.

        Raises:
            InvalidArchitecture: It has operations whose names no command can be given.
            InvalidRequest: The command fails or does not answer.
        """
        native = self.space.encode(arch)
        if not native.isprintable():
            raise InvalidArchitecture("the name of an operation has a sign that cannot be printed", "Rename it.")
        described = json.dumps({"arch": native, "ops": list(arch.ops), "edges": [list(e) for e in arch.edges], "seed": seed})
        values = {"arch": native, "json": described, "seed": str(seed)}
        words = ShellCommand(self.command).filled(values)
        environment = os.environ | {f"NAG_{name.upper()}": value for name, value in values.items()}
        watch = Stopwatch()
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, env=environment, check=False
            )
        except (OSError, ValueError) as error:
            reason = shortened(getattr(error, "strerror", None) or str(error))
            raise InvalidRequest(
                f"'{shortened(words[0])}' cannot be run: {reason}", "Check the evaluator's command."
            ) from error
        if done.returncode != 0:
            message = shortened((done.stderr.strip().splitlines() or ["it says nothing"])[-1])
            raise InvalidRequest(
                f"the evaluator's command ended with code {done.returncode}: {message}", "Try it in a terminal."
            )
        return measurement_of(_answer(done.stdout), self.search_metric, self.report_metric, watch.cpu)


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=64)
def _digest_of_file(path: Path, _changed: int, _size: int) -> str:
    return digest_of_file(path)


def _answer(printed: str) -> Any:
    """The last line as a number or a JSON object."""
    line = (printed.strip().splitlines() or [""])[-1]
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"the last line of the evaluator's command is '{shortened(line, 80)}'", "Print a number or a JSON object last."
        ) from error


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
