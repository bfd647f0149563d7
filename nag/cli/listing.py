"""What `nag list` lists: search spaces, tasks, data sets and the members of each group of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nag.cli.console import say
from nag.cli.groups import members
from nag.core.errors import InvalidRequest, did_you_mean

__all__ = ["KINDS", "list_known"]


def _spaces() -> dict[str, str]:
    from nag.spaces import space_titles

    return space_titles()


def _tasks() -> dict[str, str]:
    from nag.evaluation import list_tasks

    return list_tasks()


def _data_sets() -> dict[str, str]:
    from nag.evaluation import list_data_sets

    return list_data_sets()


def _members_of(group: str) -> Callable[[], dict[str, str]]:
    return lambda: members(group)


KINDS: dict[str, tuple[str, Callable[[], dict[str, str]]]] = {
    "spaces": ("search spaces", _spaces),
    "tasks": ("tasks: a table of measurements, or a data set to train on", _tasks),
    "data-sets": ("data sets to train on", _data_sets),
    "generators": ("generator=NAME of train-generator", _members_of("generator")),
    "predictors": ("predictor=NAME of train-predictor", _members_of("predictor")),
    "guidances": ("guidance=NAME of sample", _members_of("guidance")),
    "strategies": ("strategy=NAME of search", _members_of("strategy")),
    "evaluators": ("evaluator=NAME of search and evaluate", _members_of("evaluator")),
    "executors": ("executor=NAME of search and evaluate", _members_of("executor")),
    "builders": ("builder=NAME of search, evaluate and export", _members_of("builder")),
    "suites": ("suite=NAME of benchmark", _members_of("suite")),
}
"""Kind -> one line about it, and what gives its names with one line each."""


def list_known(arguments: Sequence[str]) -> None:
    """Prints what there is of one kind, or without arguments the kinds.

    Raises:
        InvalidRequest: There is no such kind, or several are asked for.
    """
    if not arguments:
        say("usage: nag list KIND, where KIND is one of\n")
        _print({kind: line for kind, (line, _) in KINDS.items()}, "  ")
        return
    if len(arguments) != 1 or arguments[0] not in KINDS:
        raise InvalidRequest(f"nag list cannot list '{' '.join(arguments)}'", did_you_mean(arguments[0], KINDS))
    _print(KINDS[arguments[0]][1]())


def _print(found: dict[str, str], indent: str = "") -> None:
    width = max(len(name) for name in found)
    for name, line in found.items():
        say(f"{indent}{name:<{width}}  {line}".rstrip())
