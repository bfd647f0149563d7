"""The console script: `nag <command> key=value ...`."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nag.cli.commands import COMMANDS, Command
from nag.cli.console import command_help, list_known, overview, say
from nag.cli.options import first_line, integer
from nag.errors import InvalidRequest, NagError, did_you_mean

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["main"]


def main() -> None:
    """Runs the command line; a user's mistake ends with one line and exit code 2."""
    try:
        _dispatch(sys.argv[1:])
    except NagError as error:
        _fail(str(error))
    except BrokenPipeError:  # the reader of the output has gone, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a full disk, a folder that cannot be written to
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        _fail(f"cannot use '{error.filename or 'the disk'}' ({error.strerror}). Check the path, the rights and the free space.")
    except KeyboardInterrupt:
        print(
            "error: interrupted. Long runs continue with the same command, the same out_dir and resume=true.", file=sys.stderr
        )
        sys.exit(130)


def _fail(message: str) -> None:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


def _dispatch(arguments: list[str]) -> None:
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        say(overview({name: command.summary for name, command in COMMANDS.items()}))
        return
    name, rest = arguments[0], arguments[1:]
    if name == "--version":
        from nag import __version__

        say(__version__)
        return
    wants_help = bool({"-h", "--help"} & set(rest))
    if name == "list" and not wants_help:
        list_known(rest)
        return
    if name == "list":
        say("usage: nag list spaces|tasks|generators|predictors|guidances|strategies|evaluators|executors|builders|suites")
        return
    if name not in COMMANDS:
        raise InvalidRequest(f"unknown command '{name}'", did_you_mean(name, [*COMMANDS, "list"]))
    if wants_help:
        command = COMMANDS[name]
        say(command_help(name, command.config, command.summary, command.example, command.positional))
        return
    command = COMMANDS[name]
    if (
        command.positional
        and rest
        and not rest[0].startswith(f"{command.positional}=")
        and rest[0].split("=")[0] != "search_space"
    ):
        rest = [f"{command.positional}={_quoted(rest[0])}", *rest[1:]]
    _compose_and_run(
        name, command, [_as_added(_as_text(_as_path(text, command.files), command.texts), command.mappings) for text in rest]
    )


def _as_path(override: str, files: Sequence[str]) -> str:
    """`generator=PATH` as `generator.path='PATH'`, for options that take a path."""
    key, equals, value = override.partition("=")
    if key not in files or not equals:
        return override
    return f"{key}.path={value if value == 'null' else _in_quotes(value)}"


def _as_text(override: str, texts: Sequence[str]) -> str:
    """`command=a {b}` as `command='a {b}'`, for options that take text as it is."""
    key, equals, value = override.partition("=")
    return f"{key}={_in_quotes(value)}" if equals and key in texts else override


def _in_quotes(value: str) -> str:
    return value if value[:1] in {chr(34), chr(39)} else _quoted(value)


def _as_added(override: str, mappings: Sequence[str]) -> str:
    """`conditions={NAME: 1}` as `++conditions={NAME: 1}`: the configuration cannot know the names."""
    return f"++{override}" if any(override.startswith((f"{key}=", f"{key}.")) for key in mappings) else override


def _quoted(text: str) -> str:
    """A string as Hydra's grammar writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _compose_and_run(name: str, command: Command, overrides: list[str]) -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let exceptions through; they are told in one line below
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    warnings.filterwarnings("ignore", module=r"(hydra|torch_geometric|lightning_fabric|wandb|pydantic)(\..*)?")
    stray = next((text for text in overrides if "=" not in text and not text.startswith(("+", "~", "-"))), None)
    if stray is not None:
        spaced = any(text.count("{") > text.count("}") or text.count("[") > text.count("]") for text in overrides)
        hint = "Put an option that has spaces in quotes: 'key={a: 1}'." if spaced else "Options are written key=value."
        raise InvalidRequest(f"'{stray}' is no option", hint)

    composed: list[DictConfig] = []
    sys.argv = [f"nag {name}", *overrides]
    try:
        hydra.main(version_base="1.3", config_path="pkg://nag.conf", config_name=command.config)(composed.append)()
        for cfg in composed:  # out of hydra's hands, which would print a second line about an error
            _prepare(cfg)
            command.run(cfg)
    except MissingMandatoryValue as error:
        key = str(getattr(error, "full_key", "") or "an option")
        raise InvalidRequest(f"{key} is missing", f"Give it as {key}=VALUE; see `nag {name} --help`.") from error
    except (HydraException, OmegaConfBaseException) as error:
        raise InvalidRequest(*_explain(name, command, overrides, error)) from error


def _prepare(cfg: DictConfig) -> None:
    """Threads and device, checked before any work."""
    import torch

    if cfg.device not in {"auto", "cpu", "cuda", "mps"}:
        raise InvalidRequest(f"unknown device '{cfg.device}'", did_you_mean(str(cfg.device), ["auto", "cpu", "cuda"]))
    if cfg.device == "cuda" and not torch.cuda.is_available():
        raise InvalidRequest("there is no CUDA device", "Use device=cpu, or install a torch with CUDA.")
    torch.set_num_threads(integer(cfg, "threads", 1))


def _explain(name: str, command: Command, overrides: Sequence[str], error: Exception) -> tuple[str, str]:
    """What was wrong with the overrides, and a hint."""
    from omegaconf import OmegaConf

    text = first_line(error)
    known_names = getattr(error, "options", None)
    if known_names:  # an unknown name of a group
        return text, did_you_mean(str(getattr(error, "missing_cfg_file", "")).rpartition("/")[2], known_names)
    key = next((part for part in text.replace('"', "'").split("'") if part and " " not in part and part != text), "")
    if "Could not override" not in text and "not in struct" not in text:
        return text, f"See `nag {name} --help`."
    usual, chosen = (
        _composed(command, []),
        _composed(command, [text for text in overrides if _is_choice(text) and text.partition("=")[0] != key]),
    )
    parent, _, leaf = key.rpartition(".")
    while parent and OmegaConf.select(chosen, parent) is None:  # the mistake is further up
        parent, _, leaf = parent.rpartition(".")
    before, known = (OmegaConf.select(node, parent) if parent else node for node in (usual, chosen))
    options = [str(option) for option in known or () if not str(option).startswith("_")]
    hint = did_you_mean(leaf, options) if options else f"See `nag {name} --help`."
    if isinstance(before, Mapping) and leaf in before:  # only another choice of the group has it
        hint = f"The chosen {parent} has no '{leaf}'. {hint}"
    return f"unknown option '{key}'", hint


def _is_choice(override: str) -> bool:
    """Whether an override may choose for a group, as in `strategy=gp`."""
    key, equals, _ = override.partition("=")
    return bool(equals) and "." not in key


def _composed(command: Command, choices: list[str]) -> DictConfig:
    """The configuration with these choices, or with the usual ones if something is wrong with them."""
    from hydra import compose, initialize_config_module
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    with initialize_config_module("nag.conf", version_base="1.3"):
        try:
            return compose(command.config, choices)
        except (HydraException, OmegaConfBaseException):
            return compose(command.config)
