"""The run folder: where a stage leaves its configuration, its metrics and its output."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
import yaml

from nag import __version__
from nag.core.documents import read_json, shortened
from nag.core.errors import NagError
from nag.core.files import finite, write_json, write_text
from nag.core.locks import FolderLock
from nag.core.secrets import masked_config
from nag.evaluation import Stopwatch
from nag.spaces.trained_model import TrainedModel
from nag.tracking import RunTracker
from nag.workflows.run_folder.folders import require_own_folder

__all__ = ["RunFolder", "stage", "version_of"]

_PACKAGES = ("torch", "torch-geometric", "lightning-fabric", "numpy", "networkx", "hydra-core", "wandb")
_STAGED = ".partial"
_NAMED = 3  # differences that a message names

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass
class RunFolder:
    """One run of one command.

    `start` takes the folder's lock: one process at a time writes into it. Results are written to where `output` says and
    stand in the folder, together with `config.yaml` and `metrics.json`, once `finish` was called: what an earlier run left
    stays as it is until then.

    Args:
        path: The folder.
        command: Name of the command.
        seed: Seed of the run.
        device: Where tensors live.
        config: Resolved configuration; passwords and keys in it are masked.
        tracker: Gets configuration, metrics and tables.
        identity_keys_left_out: Keys of the configuration, or dotted paths in it, that may differ when a run is resumed.
        inputs: Name -> digest of each input's content, which may not differ when a run is resumed.
        watched: Name -> digest of what may differ, but is reported; see `changes`.
        resume: Whether to go on with the run in the folder, if there is one.
        overwrite: Whether a run in the folder that could be resumed, and is not, may be lost.
    """

    path: Path
    command: str
    seed: int
    device: str
    config: Mapping[str, Any]
    tracker: RunTracker
    identity_keys_left_out: tuple[str, ...] = ("out_dir", "resume", "overwrite", "tracker", "threads", "devices")
    inputs: Mapping[str, str] = field(default_factory=dict)
    watched: Mapping[str, str] = field(default_factory=dict)
    resume: bool = False
    overwrite: bool = False
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    def __post_init__(self) -> None:
        self.config = masked_config(self.config)
        self._lock = FolderLock(self.path, self.command)

    # -- what the run is --------------------------------------------------------------------------------------------

    @property
    def identity(self) -> str:
        """Digest of all that the result depends on: the configuration and the content of the inputs."""
        parts = [self.command, __version__, _without(self.config, self.identity_keys_left_out)]
        text = json.dumps([*parts, dict(self.inputs)] if self.inputs else parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def depends_on(self, **inputs: str) -> None:
        """Adds inputs of the run that its configuration does not describe: name -> digest of the content."""
        self.inputs = {**self.inputs, **inputs}

    def record_identity(self) -> None:
        """Writes `identity.json`, by which `differences` and `changes` tell what another run has changed."""
        options = _flat(_without(self.config, self.identity_keys_left_out))
        about = {"options": options, "inputs": dict(self.inputs), "watched": dict(self.watched)}
        write_json(self.path / "identity.json", {"identity": self.identity, **about})

    def changes(self) -> list[str]:
        """Names of what is watched and has changed since this run was begun in the folder."""
        found = self._recorded()
        return _changed(found.get("watched"), self.watched) if found.get("identity") == self.identity else []

    def differences(self, identity: str | None = None) -> str:
        """What is different from a run that was begun in the folder, in words; empty if its identity was not recorded.

        Args:
            identity: Identity of that run; of the last one if None.
        """
        found = self._recorded()
        if not found or identity not in (None, found.get("identity")):
            return ""
        words = [f"the content of '{shortened(name, 60)}' has changed" for name in _changed(found.get("inputs"), self.inputs)]
        options, own = found.get("options"), _flat(_without(self.config, self.identity_keys_left_out))
        for name in _changed(options, own):
            before = options.get(name) if isinstance(options, dict) else None
            words.append(shortened(f"'{name}' is {own.get(name)}, was {before}", 120))
        more = [f"and {len(words) - _NAMED} more"] if len(words) > _NAMED else []
        return ", ".join([*words[:_NAMED], *more])

    def _recorded(self) -> dict[str, Any]:
        """Content of `identity.json`; empty where there is none."""
        try:
            found = read_json(self.path / "identity.json")
        except NagError:
            return {}
        return found if isinstance(found, dict) else {}

    # -- writing ----------------------------------------------------------------------------------------------------

    def lock(self) -> None:
        """Makes the folder and takes its lock, unless this run has it.

        Raises:
            InvalidRequest: Another process writes into the folder, or it holds a run of another command; the message
                names it.
        """
        if not self._lock.held:
            require_own_folder(self.path, self.command)
        self._lock.acquire()

    def start(self) -> None:
        """Takes the lock and begins tracking; writes `config.yaml` unless the folder holds a finished run's.

        Raises:
            InvalidRequest: As `lock`.
        """
        self.lock()
        shutil.rmtree(self.path / _STAGED, ignore_errors=True)  # of a killed run
        if not (self.path / "metrics.json").is_file():
            self._write_config()
        self.tracker.start(dict(self.config), f"{self.command}-{self.path.name}")

    def output(self, name: str) -> Path:
        """Where to write a file of the results; `finish` moves it to `path / name`."""
        (self.path / _STAGED).mkdir(parents=True, exist_ok=True)
        return self.path / _STAGED / name

    def save(self, trained: TrainedModel, name: str) -> None:
        """Writes the checkpoint of what was trained, as one of the results, with the run's configuration in its metadata."""
        trained.with_metadata(config=dict(self.config)).save(self.output(name))

    def finish(
        self,
        metrics: Mapping[str, Any],
        outdated: tuple[str, ...] = (),
        files: tuple[str, ...] = (),
        also: Callable[[], Sequence[Path]] = tuple,
    ) -> dict[str, Any]:
        """Puts the results in place, writes `config.yaml` and `metrics.json` and ends tracking; returns the metrics.

        A folder without `metrics.json` holds no finished run: the file is removed first and written last.

        Args:
            metrics: The stage's own entries of `metrics.json`.
            outdated: Files of an earlier run that this run has no new version of; they are removed.
            files: Names of results in the folder that did not pass through `output`.
            also: Called when all is in place; writes and returns further files, such as a report.
        """
        everything: dict[str, Any] = finite(
            {
                "command": self.command,
                "nag_version": __version__,
                "seed": self.seed,
                "device": self.device,
                "cpu_seconds": round(self.stopwatch.cpu, 3),
                "wall_seconds": round(self.stopwatch.wall, 3),
                "versions": _versions(),
                **masked_config(metrics),
            }
        )
        self.lock()
        self.discard_metrics()
        for name in outdated:
            (self.path / name).unlink(missing_ok=True)
        written = [self.path / name for name in files] + self.commit()
        self._write_config()
        write_json(self.path / "metrics.json", everything)
        written += also()
        self.tracker.artifact(f"{self.command}-{self.path.name}", self.command, written)
        self.tracker.summary({key: value for key, value in everything.items() if isinstance(value, int | float | str)})
        self.tracker.finish()
        self.release()
        return everything

    def commit(self) -> list[Path]:
        """Moves what was written to `output` into the folder; returns where it is."""
        staged = self.path / _STAGED
        found = sorted(staged.iterdir()) if staged.is_dir() else []
        for path in found:
            os.replace(path, self.path / path.name)
        shutil.rmtree(staged, ignore_errors=True)
        return [self.path / path.name for path in found]

    def discard_metrics(self) -> None:
        """Removes `metrics.json`: from now on the folder holds an unfinished run."""
        (self.path / "metrics.json").unlink(missing_ok=True)

    def release(self) -> None:
        """Drops what was not finished and gives the folder free for other processes; does nothing a second time."""
        if self._lock.held:
            shutil.rmtree(self.path / _STAGED, ignore_errors=True)
        self._lock.release()

    def _write_config(self) -> None:
        write_text(self.path / "config.yaml", yaml.safe_dump({"command": self.command, **self.config}, sort_keys=False))


def stage(
    function: Callable[Concatenate[RunFolder, Parameters], Result],
) -> Callable[Concatenate[RunFolder, Parameters], Result]:
    """A stage that gives its run folder free when it ends, also by an error."""

    @functools.wraps(function)
    def wrapped(run: RunFolder, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return function(run, *args, **kwargs)
        finally:
            run.release()

    return wrapped


def _without(config: Mapping[str, Any], paths: tuple[str, ...], prefix: str = "") -> dict[str, Any]:
    """A nested configuration without some keys, given as dotted paths."""
    return {
        key: _without(value, paths, f"{prefix}{key}.") if isinstance(value, Mapping) else value
        for key, value in config.items()
        if f"{prefix}{key}" not in paths
    }


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted path -> value as text."""
    found: dict[str, str] = {}
    for key, value in config.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": str(value)}
    return found


def _changed(before: Any, now: Mapping[str, str]) -> list[str]:
    """Names whose values differ."""
    known = before if isinstance(before, dict) else {}
    return sorted(str(name) for name in {*known, *now} if known.get(name) != now.get(name))


def version_of(package: str) -> str:
    """Installed version of a package; "absent" where it is not installed, as trackers need not be."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _versions() -> str:
    found = [f"python {platform.python_version()}"]
    for package in _PACKAGES:
        found.append(f"{package} {torch.__version__ if package == 'torch' else version_of(package)}")
    return ", ".join(found)
