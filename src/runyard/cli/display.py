"""What a followed run looks like: lines as things happen, and a bar where there is a terminal for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from runyard.cli import output
from runyard.cli.invocation import Invocation
from runyard.cli.progress import Progress, progress_of
from runyard.cli.times import clock, length

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from runyard.sdk.models import Event, LogEntry, Run

EVERY_SECONDS = 10.0


class Display:
    """Shows events and log entries of one run; use it in a `with` block."""

    def __init__(
        self,
        invocation: Invocation,
        *,
        stderr: bool = False,
        events: bool = True,
        logs: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._invocation = invocation
        self._events = events
        self._logs = logs
        self._monotonic = monotonic
        self._began = monotonic()
        self._told_at: float | None = None
        self._lines = output.console(invocation, stderr=stderr)
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Start the bar, on a terminal."""
        console = self._lines if self._lines.file.isatty() else output.console(self._invocation, stderr=True)
        if console.file.isatty() and not self._invocation.quiet:
            self._bar = _bar(console)
            self._task = self._bar.add_task("waiting", total=None, count="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def event(self, event: Event) -> None:
        """Show a line of the journal."""
        if self._events:
            self._line(_when(event), event.type, output.style(event.type.removeprefix("run.")), details(event.data))
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=event.type.removeprefix("run.").replace("_", " "))

    def log(self, entry: LogEntry) -> None:
        """Show a line of the log, or move the bar when it tells progress."""
        if progress := progress_of(entry):
            self._progress(progress)
        elif self._logs or entry.level in {"error", "warning"}:
            self._line(_when(entry), entry.level, output.style(entry.level), entry.message)

    def idle(self, run: Run, why: str) -> None:
        """Say that nothing has happened for a while, where no bar shows that anyway."""
        text = f"{run.state}: {why}" if why else run.state
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=output.safe(text))
        elif not self._invocation.quiet:
            self._line("", "still", "dim", f"{text} ({length(self._monotonic() - self._began)})")

    def _progress(self, progress: Progress) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task,
                description=output.safe(progress.message),
                completed=progress.done or 0,
                total=progress.total,
                count=progress.count,
            )
            return
        now = self._monotonic()
        finished = progress.total is not None and progress.done == progress.total
        if self._invocation.quiet or not (self._told_at is None or finished or now - self._told_at >= EVERY_SECONDS):
            return
        self._told_at = now
        self._line("", "progress", "dim", str(progress))

    def _line(self, when: str, word: str, style: str, text: str) -> None:
        if self._invocation.json and not self._invocation.remarks:
            return
        from rich.text import Text

        parts: list[Any] = [(f"{when}  ", "dim")] if when else []
        self._lines.print(Text.assemble(*parts, (f"{output.safe(word):<8}", style), "  ", output.safe(text)))


def details(data: object) -> str:
    """What an event's data adds to its type, on one line."""
    if not isinstance(data, Mapping):
        return "" if data is None else output.encoded(data).decode()
    told = ((key, value) for key, value in data.items() if key not in IMPLIED and value is not None)
    return " ".join(f"{key}={_plain(key, value)}" for key, value in told)


IMPLIED = frozenset({"from", "to", "state"})
"""What an event's type already says."""


def _plain(key: str, value: object) -> str:
    # Times in the journal are counted in microseconds.
    if (key == "at" or key.endswith("_at")) and isinstance(value, int):
        return clock(datetime.fromtimestamp(value / 1e6, UTC))
    return value if isinstance(value, str) else output.encoded(value).decode()


def _when(item: Event | LogEntry) -> str:
    return clock(item.at) if item.at else ""


def _bar(console: Any) -> Bar:
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    return Bar(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[count]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
