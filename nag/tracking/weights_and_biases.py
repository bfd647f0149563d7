"""Records a run with Weights & Biases: offline by default, online with an account."""

from __future__ import annotations

import io
import netrc
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit
from uuid import uuid4

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.files import write_text
from nag.core.numbers import Text
from nag.core.secrets import masked, masked_config
from nag.tracking.image import Image
from nag.tracking.null import hidden_progress
from nag.tracking.protocol import Progress, RunContext

if TYPE_CHECKING:
    from wandb import Settings
    from wandb.sdk.wandb_run import Run

__all__ = ["WandbTracker"]

Mode = Literal["disabled", "offline", "online"]
_MODES: tuple[Mode, ...] = ("disabled", "offline", "online")  # from the least to the most that leaves the process
_ID_FILE = "run_id"
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_IN_PROJECTS = "/\\#?%:"
_LONGEST_NAME, _LONGEST_TAG = 128, 64
_OWN_HOSTS = ("api.wandb.ai", "api.forge.coreweave.com")  # two names of one service; either one's key serves both
_QUIET: dict[str, Any] = {
    "silent": True,
    "console": "off",
    "save_code": False,
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
    "init_timeout": 30.0,
    "finish_timeout": 120.0,
}


class WandbTracker:
    """Records one run with Weights & Biases; nothing is written outside the run folder.

    Every metric is plotted over `step`, which may also be logged out of order. `wandb sync --append` uploads an offline run,
    of which each resumption is a part. Passwords and keys are masked.

    Args:
        context: The run.
        project: The project's name.
        mode: `offline` writes files alone, `online` uploads too, `disabled` does nothing. Where the environment variable
            WANDB_MODE asks for less, or WANDB_DISABLED is true, that counts.
        entity: User or team that owns the project; None means the account's default.
        group: Groups runs that belong together, if given.
        tags: Labels of the run.
        run_id: Continues the run with this id if it exists, else begins it. None means a new id, or on resume the id in
            `wandb/run_id` of the run folder.
        artifacts: Whether to record the files that a run writes, such as checkpoints.

    Raises:
        InvalidRequest: Unknown mode, `online` without an API key, or a name that wandb does not take.

    Example:
        >>> from pathlib import Path
        >>> WandbTracker(RunContext(Path("runs/a"), "search"), mode="disabled", group="seeds").group
        'seeds'
    """

    def __init__(
        self,
        context: RunContext,
        project: Text = "nag",
        mode: Mode = "offline",
        entity: Text | None = None,
        group: Text | None = None,
        tags: Sequence[Text] = (),
        run_id: Text | None = None,
        artifacts: bool = True,
    ) -> None:
        if mode not in _MODES:
            raise InvalidRequest(f"unknown wandb mode '{mode}'", did_you_mean(mode, _MODES))
        used = min(mode, _mode_of_environment(), key=_MODES.index)
        _check_names(project, group, tags, run_id)
        if used == "online" and not _has_api_key():
            raise InvalidRequest("wandb has no API key", "Run 'wandb login', set WANDB_API_KEY, or use the mode 'offline'.")
        self.context, self.project, self.mode, self.entity = context, project, used, entity
        self.group, self.tags, self.run_id, self.artifacts = group, tuple(tags), run_id, artifacts
        self._run: Run | None = None

    def start(self, config: Mapping[str, Any], name: str) -> None:
        """Begins the run.

        Raises:
            InvalidRequest: wandb cannot write to the folder, or cannot reach its server.
        """
        if self.mode == "disabled":
            return
        import wandb

        try:
            self.context.directory.mkdir(parents=True, exist_ok=True)
            run_id = self._identified()
            with self._contained():
                self._run = wandb.init(
                    project=self.project,
                    entity=self.entity,
                    group=None if self.group is None else masked(self.group),
                    job_type=self.context.command or None,
                    tags=[masked(tag) for tag in self.tags] or None,
                    id=run_id,
                    resume="allow" if self.context.resume or self.run_id is not None else None,
                    name=masked(name),
                    config=masked_config(config),
                    mode="online" if self.mode == "online" else "offline",
                    dir=str(self.context.directory.resolve()),
                    reinit="create_new",
                    settings=_settings(),
                )
        except OSError as error:
            raise InvalidRequest(
                f"wandb cannot write to '{self.context.directory}' ({error})", "Choose another folder."
            ) from error
        except wandb.Error as error:
            reason = shortened(masked(str(error).splitlines()[0].rstrip(".")))
            online = "Check network and key, or use the mode 'offline'."
            hint = online if self.mode == "online" else "Use the mode 'disabled' to do without."
            raise InvalidRequest(f"wandb cannot start: {reason}", hint) from error
        self._run.define_metric("*", step_metric="step")

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Records metrics at a step."""
        if self._run is not None:
            self._run.log({**{key: float(value) for key, value in metrics.items()}, "step": step})

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Records a table; PNG cells become wandb images, SVG cells HTML."""
        if self._run is None:
            return
        import wandb

        with self._contained():
            data: list[Iterable[Any]] = [[_cell(value) for value in masked_config(row)] for row in rows]
            self._run.log({name: wandb.Table(columns=list(columns), data=data, allow_mixed_types=True)})

    def progress(
        self, total: int | None, description: str, unit: str = "steps", initial: int = 0
    ) -> AbstractContextManager[Progress]:
        """A progress that shows nothing."""
        return hidden_progress()

    def artifact(self, name: str, kind: str, paths: Sequence[Path]) -> None:
        """Records files as an artifact of the run."""
        if self._run is None or not self.artifacts or not paths:
            return
        import wandb

        with self._contained():
            artifact = wandb.Artifact(re.sub(r"[^A-Za-z0-9._-]", "-", name)[:_LONGEST_NAME], kind)
            for path in paths:
                artifact.add_file(str(path), name=path.name)
            self._run.log_artifact(artifact)

    def summary(self, metrics: Mapping[str, Any]) -> None:
        """Records the final values."""
        if self._run is not None:
            self._run.summary.update(masked_config(metrics))

    def finish(self) -> None:
        """Ends the run; online, waits for the upload, at most two minutes.

        wandb's own process writes the last bytes of the file a moment later, before this process can end.
        """
        if self._run is not None:
            with self._contained():
                self._run.finish()
            self._run = None

    def _identified(self) -> str:
        """Id of the run: as given, or as the folder names it on resume, or a new one; the folder names it from now on."""
        path = self.context.directory / "wandb" / _ID_FILE
        kept = path.read_text(encoding="utf-8", errors="replace").strip() if self.context.resume and path.is_file() else ""
        run_id = self.run_id or (kept if _RUN_ID.fullmatch(kept) else uuid4().hex[:12])
        write_text(path, f"{run_id}\n")
        return run_id

    @contextmanager
    def _contained(self) -> Iterator[None]:
        """Keeps wandb's caches and staged files in the folder: they go where these variables of the moment point."""
        home = self.context.directory.resolve() / "wandb"
        ours = {"WANDB_DATA_DIR": home / "data", "WANDB_CACHE_DIR": home / "cache"}
        before = {key: os.environ.get(key) for key in ours}
        os.environ.update((key, str(path)) for key, path in ours.items())
        try:
            yield
        finally:
            for key, value in before.items():
                if value is None:
                    os.environ.pop(key, None)
                else:
                    os.environ[key] = value


def _settings() -> Settings:
    """Settings that keep wandb quiet and quick, as far as the installed version knows them."""
    import wandb

    return wandb.Settings(**{key: value for key, value in _QUIET.items() if key in wandb.Settings.model_fields})


def _mode_of_environment() -> Mode:
    """The most that the environment allows."""
    if os.environ.get("WANDB_DISABLED", "").lower() in {"true", "1"}:
        return "disabled"
    named = {"dryrun": "offline"}.get(mode := os.environ.get("WANDB_MODE", ""), mode)
    return named if named in _MODES else "online"


def _check_names(project: str, group: str | None, tags: Sequence[str], run_id: str | None) -> None:
    """Raises `InvalidRequest` for what wandb would refuse."""
    if run_id is not None and not _RUN_ID.fullmatch(run_id):
        hint = "Use 1 to 64 letters, digits, - and _."
        raise InvalidRequest(f"wandb takes no run_id '{shortened(run_id)}'", hint)
    if not project or len(project) > _LONGEST_NAME or set(project) & set(_NOT_IN_PROJECTS):
        hint = f"At most {_LONGEST_NAME} characters, none of {' '.join(_NOT_IN_PROJECTS)}."
        raise InvalidRequest(f"wandb takes no project named '{shortened(project)}'", hint)
    if group is not None and not 0 < len(group) <= _LONGEST_NAME:
        raise InvalidRequest(f"wandb takes no group '{shortened(group)}'", f"Use 1 to {_LONGEST_NAME} characters.")
    for tag in tags:
        if not 0 < len(tag) <= _LONGEST_TAG:
            raise InvalidRequest(f"wandb takes no tag '{shortened(tag)}'", f"Use 1 to {_LONGEST_TAG} characters.")


def _has_api_key() -> bool:
    """Whether wandb will find a key: in the environment, or for its server in the netrc file."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    hosts = _hosts()
    places = [os.environ["NETRC"]] if os.environ.get("NETRC") else ["~/.netrc", "~/_netrc"]
    for place in places:
        try:
            known = netrc.netrc(Path(place).expanduser()).hosts
        except (OSError, netrc.NetrcParseError):
            continue
        if any(host in known and known[host][2] for host in hosts):
            return True
    return False


def _hosts() -> Sequence[str]:
    """Hosts whose key counts: from the environment, the settings file of `wandb login --host`, or wandb's own."""
    folder = Path(os.environ.get("WANDB_CONFIG_DIR", "~/.config/wandb")).expanduser()
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(folder / "settings", encoding="utf-8")
    except (ConfigParserError, UnicodeDecodeError):
        parser.clear()
    url = os.environ.get("WANDB_BASE_URL") or parser.get("default", "base_url", fallback=None) or ""
    host = urlsplit(url).netloc
    return _OWN_HOSTS if host in {"", *_OWN_HOSTS} else (host,)


def _cell(value: Any) -> Any:
    if not isinstance(value, Image):
        return value
    import wandb

    if value.suffix == ".svg":
        return wandb.Html(value.data.decode(), inject=False)
    from PIL import Image as Picture

    return wandb.Image(Picture.open(io.BytesIO(value.data)), caption=value.caption or None)
