"""Evaluations of the user's own: a Python function or a shell command."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import json
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from nag.errors import InvalidRequest, NagError, did_you_mean
from nag.evaluation.ledger import Stopwatch
from nag.evaluation.trial import Measurement
from nag.graphs import Architecture
from nag.spaces import SearchSpace

__all__ = ["FunctionTrial", "ShellTrial"]

_OFFERED = ("architecture", "arch", "seed", "on_progress")


def measurement_of(answer: Any, search_metric: str, report_metric: str, seconds: float) -> Measurement:
    """What a user's code answered: one number, or a mapping of metrics.

    Args:
        answer: A number, the search metric; or name -> number, with the search metric among them.
        search_metric: Name of the number that a search may see.
        report_metric: Name of the number that results show; the search metric's where it is absent.
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
        report_value=known.get(report_metric, known[search_metric]),
        side={name: value for name, value in known.items() if name not in {search_metric, report_metric}},
        curve=[],
        cpu_seconds=seconds,
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
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
    """

    space: SearchSpace
    function: str
    search_metric: str = "value"
    report_metric: str = "value"

    def __post_init__(self) -> None:
        _wanted(self.function, _load(self.function))

    @property
    def fingerprint(self) -> str:
        """Changes with the name of the function and the content of its file."""
        source = inspect.getsourcefile(_load(self.function))
        content = Path(source).read_bytes() if source else b""
        name = self.function.rpartition(":")[2]
        return _digest("function", name, self.space.fingerprint, self.search_metric, self.report_metric, content)

    def run(self, arch: Architecture, seed: int, on_progress: Callable[[float], None] = lambda share: None) -> Measurement:
        """Calls the function."""
        call = _load(self.function)
        offered = {"architecture": arch, "arch": self.space.encode(arch), "seed": seed, "on_progress": on_progress}
        watch = Stopwatch()
        answer = call(**{name: offered[name] for name in _wanted(self.function, call)})
        return measurement_of(answer, self.search_metric, self.report_metric, watch.cpu)


def _load(name: str) -> Callable[..., Any]:
    """The function of that name."""
    place, _, attribute = name.rpartition(":")
    if not place:
        raise InvalidRequest(f"'{name}' names no function", "Write file.py:function or package.module:function.")
    try:
        module = _load_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except NagError:
        raise
    except Exception as error:  # whatever a user's module does
        raise InvalidRequest(f"'{place}' cannot be imported: {type(error).__name__}: {error}", "Try it in Python.") from error
    found = getattr(module, attribute, None)
    if not callable(found):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise InvalidRequest(f"'{place}' has no function '{attribute}'", did_you_mean(attribute, names))
    return found


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InvalidRequest(f"file '{path}' does not exist", "Check the path of the evaluator's function.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _wanted(name: str, function: Callable[..., Any]) -> list[str]:
    """The offered arguments that a function takes."""
    wanted = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in _OFFERED:
            wanted.append(parameter.name)
        elif parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise InvalidRequest(f"{name} wants '{parameter.name}'", f"It may take {', '.join(_OFFERED)}.")
    return wanted


@dataclass(frozen=True)
class ShellTrial:
    """Runs a command for each architecture; the last line that it prints is the answer: a number or a JSON object.

    In each word of the command `{arch}` (native string), `{seed}` and `{json}` (a JSON object: arch, ops, edges, seed) are
    filled in. No shell reads the filled-in text, so nothing in it needs quotes; for pipes, put them in a script.

    Args:
        space: Search space.
        command: The command, as typed in a terminal.
        search_metric: Name of the number that a search may see.
        report_metric: Name of the number that results show.

    Raises:
        InvalidRequest: The command is empty or cannot be read.
    """

    space: SearchSpace
    command: str
    search_metric: str = "value"
    report_metric: str = "value"

    def __post_init__(self) -> None:
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise InvalidRequest(f"the command cannot be read: {error}", "Check its quotes.") from error
        if not words:
            raise InvalidRequest("the evaluator's command is empty", "Give evaluator.command='python mine.py {arch}'.")

    @property
    def fingerprint(self) -> str:
        """Changes with the command and the files that it names."""
        files = [Path(word).read_bytes() for word in shlex.split(self.command) if Path(word).is_file()]
        return _digest("shell", self.command, self.space.fingerprint, self.search_metric, self.report_metric, *files)

    def run(self, arch: Architecture, seed: int, on_progress: Callable[[float], None] = lambda share: None) -> Measurement:
        """Runs the command; what it writes to the error stream is shown if it fails.

        Raises:
            InvalidRequest: It fails or does not answer.
        """
        native = self.space.encode(arch)
        facts = json.dumps({"arch": native, "ops": list(arch.ops), "edges": [list(e) for e in arch.edges], "seed": seed})
        filled = {"{arch}": native, "{seed}": str(seed), "{json}": facts}
        words = [_fill(word, filled) for word in shlex.split(self.command)]
        watch = Stopwatch()
        try:
            done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        except OSError as error:
            raise InvalidRequest(f"'{words[0]}' cannot be run: {error.strerror}", "Check the evaluator's command.") from error
        if done.returncode != 0:
            told = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise InvalidRequest(f"the evaluator's command ended with code {done.returncode}: {told}", "Try it in a terminal.")
        return measurement_of(_answer(done.stdout), self.search_metric, self.report_metric, watch.cpu)


def _fill(word: str, filled: Mapping[str, str]) -> str:
    for key, value in filled.items():
        word = word.replace(key, value)
    return word


def _answer(printed: str) -> Any:
    """The last line as a number or a JSON object."""
    line = (printed.strip().splitlines() or [""])[-1]
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"the last line of the evaluator's command is '{line[:80]}'", "Print a number or a JSON object last."
        ) from error


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
