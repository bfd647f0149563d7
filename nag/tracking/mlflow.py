"""Records a run with MLflow: in a database and files of the run folder by default, on a tracking server if one is named."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest
from nag.core.files import write_text
from nag.core.numbers import Text
from nag.core.packages import require
from nag.core.secrets import masked, masked_config
from nag.tracking.image import Image
from nag.tracking.null import hidden_progress
from nag.tracking.protocol import Progress, RunContext

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["MlflowTracker"]

_LONGEST_VALUE = 5000  # characters of a parameter or tag
_PARAMETERS_AT_ONCE = 100
_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9_\-./ :]")
_TABLES_TAG = "mlflow.loggedArtifacts"  # what MLflow's page lists as tables
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


class MlflowTracker:
    """Records one run with MLflow; without `uri`, nothing is written outside the run folder and nothing is sent.

    `mlflow ui --backend-store-uri sqlite:///RUN/mlflow/mlflow.db` shows it. The configuration becomes parameters, numbers of
    the summary become metrics, its texts become tags, and a table becomes an artifact that `mlflow.load_table` reads. A
    parameter keeps its first value when a resumed run has another one. Passwords and keys are masked.

    Args:
        context: The run.
        experiment: The experiment that the run belongs to; it is made if need be.
        uri: A tracking server or database, such as `http://localhost:5000`; None means a database in the run folder.
        group: Groups runs that belong together, as the tag `nag.group`.
        tags: Labels of the run, as the tag `nag.tags`.
        run_id: Continues the run with this id. None means a new run, or on resume the one that `mlflow/run_id` names.
        artifacts: Whether to record the files that a run writes, such as checkpoints.

    Example:
        >>> from pathlib import Path
        >>> tracker = MlflowTracker(RunContext(Path("runs/a"), "search"), group="seeds")
        >>> tracker.uri.startswith("sqlite:///") and tracker.uri.endswith("runs/a/mlflow/mlflow.db")
        True
    """

    def __init__(
        self,
        context: RunContext,
        experiment: Text = "nag",
        uri: Text | None = None,
        group: Text | None = None,
        tags: Sequence[Text] = (),
        run_id: Text | None = None,
        artifacts: bool = True,
    ) -> None:
        self.context, self.experiment, self.group, self.tags = context, experiment, group, tuple(tags)
        self.run_id, self.artifacts = run_id, artifacts
        self.folder = context.directory.resolve() / "mlflow"
        self.local = uri is None
        self.uri = uri or f"sqlite:///{self.folder / 'mlflow.db'}"
        self._client: MlflowClient | None = None
        self._id, self._tables = "", list[str]()

    def start(self, config: Mapping[str, Any], name: str) -> None:
        """Begins the run.

        Raises:
            MissingData: MLflow is not installed.
            InvalidRequest: MLflow cannot write to the folder, cannot reach its server, or knows no run of the given id.
        """
        with _quiet():
            require("mlflow", extra="mlflow", otherwise="use tracker=default")
            from mlflow import MlflowClient

            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._client = MlflowClient(tracking_uri=self.uri)
                self._id = self._resumed(self._client) or self._created(self._client, masked(name))
                self._client.update_run(self._id, status="RUNNING")
                self._log_parameters(self._client, masked_config(config))
            except Exception as error:  # of its database, its server or the file system
                reason = shortened(masked(str(error).splitlines()[0].rstrip(".")))
                raise InvalidRequest(f"MLflow cannot start: {reason}", "Check tracker.uri and tracker.run_id.") from error
        write_text(self.folder / "run_id", f"{self._id}\n")

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Records metrics at a step; of two records of one step MLflow keeps both, the later one last."""
        if self._client is not None:
            from mlflow.entities import Metric

            now = time.time_ns() // 10**6
            found = [Metric(_key(name), float(value), now, step) for name, value in metrics.items()]
            self._client.log_batch(self._id, metrics=found)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Records a table as `NAME.json`, in place of an earlier one; its pictures become files under `media`."""
        if self._client is None:
            return
        data = [[self._cell(value) for value in masked_config(row)] for row in rows]
        path = f"{_key(name)}.json"
        text = json.dumps({"columns": list(columns), "index": list(range(len(data))), "data": data})
        self._client.log_text(self._id, text, path)
        self._tables = [*self._tables, path] if path not in self._tables else self._tables
        listed = [{"path": table, "type": "table"} for table in self._tables]
        self._client.set_tag(self._id, _TABLES_TAG, json.dumps(listed))

    def progress(
        self, total: int | None, description: str, unit: str = "steps", initial: int = 0
    ) -> AbstractContextManager[Progress]:
        """A progress that shows nothing."""
        return hidden_progress()

    def artifact(self, name: str, kind: str, paths: Sequence[Path]) -> None:
        """Records files as artifacts in the folder `kind`."""
        if self._client is not None and self.artifacts:
            for path in paths:
                self._client.log_artifact(self._id, str(path), _key(kind))

    def summary(self, metrics: Mapping[str, Any]) -> None:
        """Records the final values: numbers as metrics, texts as tags."""
        numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
        self.log(numbers, 0)
        for name, value in metrics.items():
            if self._client is not None and isinstance(value, str):
                self._client.set_tag(self._id, _key(name), masked(value)[:_LONGEST_VALUE])

    def finish(self) -> None:
        """Ends the run."""
        if self._client is not None:
            self._client.set_terminated(self._id)
            self._client = None

    def _resumed(self, client: MlflowClient) -> str:
        """Id of the run to go on with; empty if there is none."""
        path = self.folder / "run_id"
        kept = path.read_text(encoding="utf-8").strip() if self.context.resume and path.is_file() else ""
        found = self.run_id or kept
        return str(client.get_run(found).info.run_id) if found else ""

    def _created(self, client: MlflowClient, name: str) -> str:
        """Id of a new run, in the experiment of this tracker."""
        known = client.get_experiment_by_name(self.experiment)
        location = (self.folder / "artifacts").as_uri() if self.local else None
        experiment = client.create_experiment(self.experiment, location) if known is None else known.experiment_id
        tags = {"nag.command": self.context.command, "nag.group": self.group, "nag.tags": ", ".join(self.tags)}
        given = {key: masked(value) for key, value in tags.items() if value}
        return str(client.create_run(experiment, run_name=name, tags=given).info.run_id)

    def _log_parameters(self, client: MlflowClient, config: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        known = client.get_run(self._id).data.params
        new = [Param(key, value[:_LONGEST_VALUE]) for key, value in _flat(config).items() if key not in known]
        for first in range(0, len(new), _PARAMETERS_AT_ONCE):
            client.log_batch(self._id, params=new[first : first + _PARAMETERS_AT_ONCE])

    def _cell(self, value: Any) -> Any:
        """A cell in JSON's types; a picture is stored, and its cell names the artifact."""
        if not isinstance(value, Image):
            return value
        assert self._client is not None
        name = f"{hashlib.sha256(value.data).hexdigest()[:20]}{value.suffix}"
        with tempfile.TemporaryDirectory() as folder:
            (path := Path(folder) / name).write_bytes(value.data)
            self._client.log_artifact(self._id, str(path), "media")
        return f"media/{name}"


def _key(name: str) -> str:
    """A name that MLflow takes."""
    return _NOT_IN_KEYS.sub("_", name)[:250] or "_"


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted path -> value as text."""
    found: dict[str, str] = {}
    for name, value in config.items():
        key = f"{prefix}{_key(str(name))}"
        found |= _flat(value, f"{key}.") if isinstance(value, Mapping) else {key: str(value)}
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps MLflow from sending reports of its use, from long retries, and from writing to the console."""
    before = {key: os.environ.get(key) for key in _QUIET}
    os.environ.update({key: value for key, value in _QUIET.items() if before[key] is None})
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
