"""Shell completion: of commands, options, groups and their members, tasks and search spaces.

`eval "$(nag completion bash)"` in `~/.bashrc`, or `eval "$(nag completion zsh)"` in `~/.zshrc`, switches it on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from nag.cli.console import say
from nag.cli.groups import default_of, groups_of, members, option_keys, option_types
from nag.cli.listing import KINDS
from nag.cli.schemas import SpaceName, TaskName
from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.signatures import annotations_of

if TYPE_CHECKING:
    from nag.cli.commands import Command

__all__ = ["candidates", "completion"]

_BASH = r"""
_nag() {
    local line="${COMP_LINE:0:COMP_POINT}" current="${COMP_WORDS[COMP_CWORD]}" word IFS=$' \t\n'
    local -a words
    read -ra words <<< "$line"
    [[ "$line" == *' ' ]] && words+=("")
    word="${words[${#words[@]}-1]}"
    [[ "$current" == "=" ]] && current=""
    IFS=$'\n'
    COMPREPLY=($("${words[0]}" completion words "${words[@]:1}" 2>/dev/null))
    if [[ ${#COMPREPLY[@]} -eq 0 ]]; then
        COMPREPLY=($(compgen -f -- "${word#*=}"))
    else
        COMPREPLY=("${COMPREPLY[@]#"${word%"$current"}"}")  # bash has split the word at its "="
    fi
}
complete -o nospace -F _nag nag
"""
_ZSH = r"""
_nag() {
    local -a found
    found=(${(f)"$("${words[1]}" completion words "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( ${#found} )); then compadd -Q -S '' -- $found; else compset -P '*='; _files; fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _nag nag
"""
_SHELLS = ("bash", "zsh")


def completion(arguments: Sequence[str], commands: Mapping[str, Command]) -> None:
    """Prints the script of a shell; or, for these scripts, how the last of some words may go on, one way a line.

    Args:
        arguments: Nothing, which prints the usage; the name of a shell; or `words` and the words of a command line, the last
            one unfinished.
        commands: The commands by name.

    Raises:
        InvalidRequest: There is no script for the shell.
    """
    if arguments and arguments[0] == "words":
        for found in candidates(arguments[1:], commands):
            say(found)
        return
    if arguments in ([], ["--help"]):
        say('usage: nag completion bash|zsh; put eval "$(nag completion bash)" in ~/.bashrc, or with zsh in ~/.zshrc')
        return
    if len(arguments) != 1 or arguments[0] not in _SHELLS:
        raise InvalidRequest(f"nag completion does not know '{' '.join(arguments)}'", did_you_mean(arguments[0], _SHELLS))
    say((_BASH if arguments[0] == "bash" else _ZSH).strip())


def candidates(words: Sequence[str], commands: Mapping[str, Command]) -> list[str]:
    """How the last word of a command line may go on.

    Args:
        words: The words after `nag`; the last one is unfinished and may be empty.
        commands: The commands by name.

    Returns:
        Whole words that begin as the last one does; none where it is a path or a number.
    """
    *before, last = words or [""]
    if not before:
        found = [*commands, "list", "completion", "--help", "--version"]
    elif before[0] in {"list", "completion"}:
        found = list(KINDS if before[0] == "list" else _SHELLS) if len(before) == 1 else []
    elif before[0] not in commands:
        found = []
    else:
        command, (key, equals, _) = commands[before[0]], last.partition("=")
        found = [f"{key}={value}" for value in _values(command, key, before)] if equals else _keys(command, key, before)
    return [word for word in found if word.startswith(last)]


def _keys(command: Command, key: str, before: Sequence[str]) -> list[str]:
    """Options, each with its `=`; below a group those of the member that is chosen."""
    group = key.partition(".")[0]
    if "." not in key:
        return [*(f"{name}=" for name in annotations_of(command.schema)), "--help"]
    if group not in groups_of(command):
        return []
    chosen = _chosen(command, group, before)
    return [f"{option}=" for option in option_keys(group, chosen)] if chosen in members(group) else []


def _chosen(command: Command, group: str, before: Sequence[str]) -> str:
    """The member of a group that the words so far choose."""
    return str(dict(word.partition("=")[::2] for word in before).get(group, default_of(command, group)))


def _values(command: Command, key: str, before: Sequence[str]) -> list[str]:
    """What an option may be, where that can be listed."""
    if key in groups_of(command):
        return list(members(key))
    fields, (group, _, name) = annotations_of(command.schema), key.partition(".")
    if name and group in groups_of(command):
        chosen = _chosen(command, group, before)
        return _choices(option_types(group, chosen).get(name)) if chosen in members(group) else []
    return _choices(fields.get(key))


def _choices(annotation: Any) -> list[str]:
    if annotation is bool:
        return ["true", "false"]
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if annotation == TaskName:
        return list(KINDS["tasks"][1]())
    if annotation == SpaceName:
        return list(KINDS["spaces"][1]())
    return list(dict.fromkeys(choice for part in get_args(annotation) if part is not annotation for choice in _choices(part)))
