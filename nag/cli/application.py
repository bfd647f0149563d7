"""The console script: `nag <command> key=value ...`."""

from __future__ import annotations

import errno
import os
import sys
import warnings

from nag.cli.commands import COMMANDS, Command
from nag.cli.composition import compose_options
from nag.cli.console import command_help, list_known, overview, say
from nag.cli.interruption import raise_again
from nag.cli.masking import mask_output
from nag.cli.schemas import CommandOptions
from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, NagError, did_you_mean
from nag.core.plugins import allow_plugins
from nag.core.secrets import masked
from nag.core.signatures import annotations_of

__all__ = ["error_line", "run"]

_LONGEST = 480  # characters of a line that tells an error


def run(arguments: list[str]) -> None:
    """Runs a command line; a user's mistake ends with one line and exit code 2."""
    mask_output()
    try:
        _dispatch(arguments)
    except NagError as error:
        _fail(error.what, error.hint)
    except BrokenPipeError:  # the reader of the output has gone, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a full disk, a folder that cannot be written to
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        what = f"cannot use '{error.filename or 'the disk'}' ({error.strerror})"
        _fail(what, "Check the path, the rights and the free space.")
    except MemoryError:
        _fail("there is not enough memory", "Ask for smaller numbers, or free memory.")


def _fail(what: str, hint: str) -> None:
    print(error_line(what, hint), file=sys.stderr)
    sys.exit(2)


def error_line(what: str, hint: str) -> str:
    """An error as it is told: one printable line of limited length, without secrets."""
    hint = shortened(masked(hint), _LONGEST // 2)
    message = shortened(masked(what), _LONGEST - len(hint))
    return f"error: {message}{'. ' * bool(hint)}{hint}"


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
    try:
        os.getcwd()  # without it, not even libraries can be loaded
    except FileNotFoundError as error:
        raise InvalidRequest("the current folder does not exist any more", "Change to another one: cd FOLDER.") from error
    if name == "list" and not wants_help:
        list_known(rest)
        return
    if name == "list":
        say("usage: nag list spaces|tasks|generators|predictors|guidances|strategies|evaluators|executors|builders|suites")
        return
    if name not in COMMANDS:
        raise InvalidRequest(f"unknown command '{shortened(name, 100)}'", did_you_mean(name, [*COMMANDS, "list"]))
    command = COMMANDS[name]
    if wants_help:
        say(command_help(name, command.config, command.summary, command.example, command.positional))
        return
    if command.positional and rest and not rest[0].startswith("-") and not _is_option(command, rest[0]):
        rest = [f"{command.positional}={rest[0]}", *rest[1:]]
    _compose_and_run(name, command, rest)


def _is_option(command: Command, word: str) -> bool:
    return "=" in word and word.partition("=")[0] in annotations_of(command.schema)


def _compose_and_run(name: str, command: Command, words: list[str]) -> None:
    warnings.filterwarnings("ignore", module=r"(hydra|torch_geometric|lightning_fabric|wandb|pydantic)(\..*)?")
    cfg, options = compose_options(name, command, words)
    _prepare(options)
    raise_again()
    with allow_plugins(options.plugins):
        command.run(cfg, options)


def _prepare(options: CommandOptions) -> None:
    """Threads and device, checked before any work."""
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        raise InvalidRequest("there is no CUDA device", "Use device=cpu, or install a torch with CUDA.")
    torch.set_num_threads(options.threads)
