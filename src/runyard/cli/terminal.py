"""The console that everything coloured is printed on."""

from __future__ import annotations

from rich.console import Console


class Terminal(Console):
    """A console that leaves a broken pipe to the entry of the command line, like any other print."""

    def on_broken_pipe(self) -> None:
        """The reader is gone. Raises the `BrokenPipeError` that is being handled."""
        raise  # noqa: PLE0704
