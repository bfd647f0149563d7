"""The console script: `nag <command> key=value ...`."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from pathlib import Path

from nag import __version__
from nag.cli.commands import COMMANDS, Command
from nag.cli.completion import completion
from nag.cli.composition import compose_options
from nag.cli.console import say
from nag.cli.help import command_help, overview
from nag.cli.inputs import check_inputs
from nag.cli.interruption import raise_again
from nag.cli.listing import list_known
from nag.cli.masking import mask_output
from nag.cli.schemas import CommandOptions
from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, NagError, did_you_mean
from nag.core.plugins import allow_plugins
from nag.core.secrets import masked
from nag.core.signatures import annotations_of
from nag.workflows.run_folder.folders import require_own_folder

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
    """An error as it is printed: one printable line of limited length, without secrets."""
    hint = shortened(masked(hint), _LONGEST // 2)
    message = shortened(masked(what), _LONGEST - len(hint))
    return f"error: {message}{'. ' * bool(hint)}{hint}"


_OTHERS = {
    "list": "list what there is: spaces, tasks, predictors, suites and more",
    "completion": "print the script that completes words of nag in bash or zsh",
}
"""Commands without a run folder -> what they do."""


def _dispatch(arguments: list[str]) -> None:
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        say(overview({**{name: command.summary for name, command in COMMANDS.items()}, **_OTHERS}))
        return
    name, rest = arguments[0], arguments[1:]
    if name == "--version":
        say(__version__)
        return
    try:
        os.getcwd()  # without it, not even libraries can be loaded
    except FileNotFoundError as error:
        raise InvalidRequest("the current folder does not exist any more", "Change to another one: cd FOLDER.") from error
    if name == "completion" and rest[:1] == ["words"]:
        completion(rest, COMMANDS)
        return
    wants_help = bool({"-h", "--help"} & set(rest))
    if name == "list":
        list_known([] if wants_help else rest)
    elif name == "completion":
        completion(["--help"] if wants_help else rest, COMMANDS)
    elif name not in COMMANDS:
        raise InvalidRequest(f"unknown command '{shortened(name, 100)}'", did_you_mean(name, [*COMMANDS, *_OTHERS]))
    elif wants_help:
        say(command_help(name, COMMANDS[name], rest))
    else:
        _compose_and_run(name, COMMANDS[name], _with_positional(COMMANDS[name], rest))


def _with_positional(command: Command, words: list[str]) -> list[str]:
    """The words, the first one with its name where it may stand without."""
    if command.positional and words and not words[0].startswith("-") and not _is_option(command, words[0]):
        return [f"{command.positional}={words[0]}", *words[1:]]
    return words


def _is_option(command: Command, word: str) -> bool:
    return "=" in word and word.partition("=")[0] in annotations_of(command.schema)


def _compose_and_run(name: str, command: Command, words: list[str]) -> None:
    warnings.filterwarnings("ignore", module=r"(hydra|torch_geometric|lightning_fabric|wandb|pydantic)(\..*)?")
    cfg, options = compose_options(name, command, words)
    options.check()
    check_inputs(options)
    if options.out_dir is not None:
        require_own_folder(Path(options.out_dir), name)
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
