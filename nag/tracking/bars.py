"""Progress as bars on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock, Timer
from typing import TYPE_CHECKING, TextIO

from nag.core.documents import printable
from nag.core.secrets import masked
from nag.tracking.lines import clock, told_left

if TYPE_CHECKING:
    from rich.progress import Progress as Display
    from rich.progress import TaskID

__all__ = ["Bars"]

_NAME, _BAR = 24, 8  # columns of the description and of the bar


class Bars:
    """The bars of one terminal: any number nested, and one after another.

    One live display holds all open bars. It starts when the first becomes visible; a nested bar leaves it when it ends,
    the outermost stays behind as a last line.

    Args:
        stream: The terminal.
        delay: Seconds after which a bar becomes visible.
    """

    def __init__(self, stream: TextIO, delay: float) -> None:
        self.stream = stream
        self.delay = delay
        self.lock = RLock()
        self._display: Display | None = None
        self._depth = 0

    @contextmanager
    def bar(self, total: int | None, description: str, unit: str, initial: int) -> Iterator[_Bar]:
        """Opens a bar; arguments as in `RunTracker.progress`."""
        with self.lock:
            display = self._display = self._display or _display(self.stream)
            self._depth += 1
            task = display.add_task(
                description,
                total=total,
                completed=initial,
                visible=False,
                unit=unit,
                of=f"/{'?' if total is None else total}",
                note="",
            )
        bar = _Bar(display, task)
        timer = Timer(self.delay, self._reveal, [display, task])
        timer.daemon = True
        timer.start()
        try:
            yield bar
        finally:
            timer.cancel()
            self._close(display, task)

    def _reveal(self, display: Display, task: TaskID) -> None:
        with self.lock:
            if display is not self._display or task not in display.task_ids:
                return  # it ended while the timer fired
            display.update(task, visible=True)
            try:
                display.start()
            except (OSError, ValueError):  # the terminal is gone
                display.disable = True

    def _close(self, display: Display, task: TaskID) -> None:
        with self.lock:
            self._depth -= 1
            try:
                if self._depth:
                    display.remove_task(task)
                else:
                    self._display = None
                    display.stop()
            except (OSError, ValueError):  # the terminal is gone
                display.disable = True


class _Bar:
    def __init__(self, display: Display, task: TaskID) -> None:
        self._display, self._task = display, task

    def advance(self, n: int = 1) -> None:
        self._display.advance(self._task, n)

    def update(self, n: int) -> None:
        self._display.update(self._task, completed=n)

    def note(self, text: str) -> None:
        self._display.update(self._task, note=printable(masked(text)))


def _display(stream: TextIO) -> Display:
    """A live display whose lines tell the elapsed and the remaining time in 80 columns; a long remark is cut."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Times(ProgressColumn):
        """The elapsed and, if it is known, the remaining time."""

        def render(self, task: Task) -> Text:
            """The text of a bar."""
            left = "" if task.finished else told_left(task.time_remaining)
            return Text(f"elapsed {clock(task.finished_time or task.elapsed or 0)}{left}")

    def fixed(text: str) -> TextColumn:
        return TextColumn(text, markup=False, table_column=Column(no_wrap=True))

    return Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, max_width=_NAME, overflow="ellipsis")),
        BarColumn(bar_width=_BAR),
        fixed("{task.completed:.0f}{task.fields[of]} {task.fields[unit]}"),
        Times(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[note]}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        console=Console(file=stream),
        refresh_per_second=4,
        redirect_stdout=False,  # results printed to stdout must not turn up on stderr
        expand=True,
    )
