"""A command with placeholders, whose values never reach a shell or an interpreter as code."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from nag.core.documents import shortened
from nag.core.errors import InvalidArchitecture, InvalidRequest

__all__ = ["ShellCommand"]

_PLACEHOLDER = re.compile(r"\{(arch|json|seed)\}")
_TEXT = re.compile(r"\{(?:arch|json)\}")
_PLAIN = re.compile(r"[\w.,:/@%+=~-]*")
_HINT = 'Use the environment variable instead, such as "$NAG_ARCH" or "$NAG_JSON" in double quotes.'
_SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "csh", "tcsh"}
_INTERPRETERS = {"python", "pypy", "perl", "ruby", "node", "php", "lua", "rscript", "julia"}
_CODE_THROUGHOUT = {"awk", "gawk", "mawk", "sed", "ssh", "su", "watch", "parallel", "xargs"}
_WRAPPERS = {"env", "nice", "nohup", "timeout", "time", "sudo", "stdbuf", "setsid", "taskset", "exec", "chrt", "ionice"}
_WITH_VALUE = {"-o", "+o", "-O", "+O", "--rcfile", "--init-file", "-W", "-X", "-r", "--require"}


class ShellCommand:
    """A command as typed in a terminal, with the placeholders `{arch}`, `{seed}` and `{json}`.

    Args:
        text: The command.

    Raises:
        InvalidRequest: It is empty or cannot be read, its program does not exist, or a value would be read as code.
    """

    def __init__(self, text: str) -> None:
        try:
            self.words = shlex.split(text)
        except ValueError as error:
            raise InvalidRequest(f"the evaluator's command cannot be read: {error}", "Check its quotes.") from error
        if not self.words:
            raise InvalidRequest("the evaluator's command is empty", "Give evaluator.command='python mine.py {arch}'.")
        _check_placeholders(self.words)

    @property
    def program(self) -> Path:
        """The program's file.

        Raises:
            InvalidRequest: There is none, or it may not be executed.
        """
        found = shutil.which(self.words[0])
        if found is None:
            what = f"the evaluator's command cannot be run: there is no program '{shortened(self.words[0], 80)}'"
            raise InvalidRequest(what, "Check its name, that it is executable, and the variable PATH.")
        return Path(found).resolve()

    @property
    def files(self) -> list[Path]:
        """The program and every file that a word of the command names."""
        return [self.program, *(Path(word) for word in self.words[1:] if len(word) < 4096 and Path(word).is_file())]

    def filled(self, values: Mapping[str, str]) -> list[str]:
        """The words with their placeholders replaced, each once: what a value contains is not replaced again.

        Args:
            values: `arch`, `json` and `seed`.

        Raises:
            InvalidArchitecture: A value would be read as an option of the program.
        """
        words = [_PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in self.words]
        for before, word in zip(self.words, words, strict=True):
            if _TEXT.match(before) and word.startswith("-"):
                raise InvalidArchitecture("its native string begins with '-', like an option", "Rename its operations.")
        return words


def _check_placeholders(words: list[str]) -> None:
    """Raises `InvalidRequest` where a placeholder of text stands in what a shell or an interpreter reads as code."""
    if _PLACEHOLDER.search(words[0]):
        raise InvalidRequest("the evaluator's command has a placeholder as its program", "Begin with the program's name.")
    for place, word in enumerate(words):
        if not _TEXT.search(word):
            continue
        if not all(_PLAIN.fullmatch(part) for part in _TEXT.split(word)):
            raise InvalidRequest(f"the placeholder in '{shortened(word, 80)}' would be read as code", _HINT)
        if _program(words, place) in _CODE_THROUGHOUT or any(_is_code(words, start, place) for start in range(place)):
            raise InvalidRequest(f"'{shortened(word, 80)}' would be read as code in the evaluator's command", _HINT)


def _name(word: str) -> str:
    """The name of a program without its folder and version."""
    return re.sub(r"[\d.]+$", "", Path(word).name.lower())


def _program(words: list[str], end: int) -> str:
    """The name of the program that a command runs, behind `env`, `nice` and the like."""
    position = 0
    while position < end and _name(words[position]) in _WRAPPERS:
        position += 1
        while position < end and re.match(r"-|\d|\w+=", words[position]):
            position += 1
    return _name(words[position])


def _is_code(words: list[str], start: int, place: int) -> bool:
    """Whether word `start` is a shell or an interpreter that reads the word at `place` as code, or as the script to run."""
    name = _name(words[start])
    if name not in _SHELLS | _INTERPRETERS:
        return False
    letters = set("c" if name in _SHELLS | {"python", "pypy"} else "eEpr")
    position = start + 1
    while position < place and words[position][:1] in {"-", "+"} and words[position] != "-":
        position += 2 if words[position] in _WITH_VALUE else 1
    if position < place:
        return False
    option = _TEXT.split(words[place])[0]  # such as -c{arch} or --eval={arch}
    long = option.rstrip("=") in {"--eval", "--command", "--print", "--execute"}
    return not option.startswith("-") or long or bool(option[1:2] != "-" and letters & set(option[1:]))
