"""Answers on standard output: tables for people, JSON for programs; remarks go to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from runyard.cli.failures import Failure
from runyard.cli.invocation import Invocation

if TYPE_CHECKING:
    from rich.console import Console

Column = tuple[str, Callable[[Any], object]]

_STYLES = {
    "completed": "green",
    "running": "cyan",
    "starting": "cyan",
    "claimed": "cyan",
    "queued": "blue",
    "scheduled": "blue",
    "draft": "dim",
    "waiting": "yellow",
    "paused": "yellow",
    "canceled": "dim",
    "expired": "dim",
    "dead_letter": "bold red",
    "needs_attention": "bold yellow",
    "failed": "red",
    "timed_out": "red",
    "crashed": "red",
    "system_failed": "red",
    "error": "red",
    "fail": "red",
    "warning": "yellow",
    "warn": "yellow",
    "info": "blue",
    "ok": "green",
}


def console(invocation: Invocation, *, stderr: bool = False) -> Console:
    """A rich console on standard output or error that obeys `--no-color` and `NO_COLOR`."""
    from runyard.cli.terminal import Terminal

    return Terminal(stderr=stderr, no_color=True if not invocation.color else None, highlight=False, soft_wrap=True)


def style(word: str) -> str:
    """The style of a state or severity."""
    return _STYLES.get(word, "")


def safe(text: object) -> str:
    """Text without control characters, which could command a terminal."""
    return "".join(
        char if char in "\n\t" or (char >= " " and not "\x7f" <= char <= "\x9f") else repr(char)[1:-1]
        for char in str(text)
    )


def encoded(value: object) -> bytes:
    """The value as compact JSON."""
    return msgspec.json.encode(value)


def document(value: object) -> None:
    """Print the value as one indented JSON document."""
    sys.stdout.write(msgspec.json.format(encoded(value), indent=2).decode() + "\n")
    sys.stdout.flush()


def line(value: object) -> None:
    """Print the value as one line of JSON."""
    sys.stdout.write(encoded(value).decode() + "\n")
    sys.stdout.flush()


def say(text: str = "") -> None:
    """Print a line on standard output, made safe for terminals."""
    sys.stdout.write(safe(text) + "\n")
    sys.stdout.flush()


def note(invocation: Invocation, text: str) -> None:
    """A remark for a person on standard error; silent with `--quiet`, and where a program reads JSON."""
    if invocation.remarks:
        sys.stderr.write(safe(text) + "\n")
        sys.stderr.flush()


def complain(invocation: Invocation, failure: Failure) -> None:
    """Say on standard error what went wrong: one JSON object in JSON mode, else sentences."""
    if invocation.json:
        sys.stderr.write(encoded(failure.problem()).decode() + "\n")
        return
    from rich.text import Text

    err = console(invocation, stderr=True)
    err.print(Text.assemble(("error: ", "bold red"), safe(failure.message)))
    if failure.hint:
        err.print(Text.assemble(("hint: ", "bold"), safe(failure.hint)))
    if failure.request_id:
        err.print(Text(f"request {safe(failure.request_id)}", style="dim"))


def many(invocation: Invocation, items: Iterable[Any], columns: Sequence[Column], *, empty: str) -> None:
    """Print a list in the format asked for; in tables `--quiet` leaves only the first column."""
    if invocation.output == "jsonl":
        for item in items:
            line(item)
    elif invocation.output == "json":
        document(list(items))
    elif invocation.quiet:
        for item in items:
            say(_cell(columns[0][1](item)))
    else:
        rows = [[_cell(read(item)) for _, read in columns] for item in items]
        if not rows:
            note(invocation, empty)
        elif invocation.terminal:
            _rich_table(invocation, [name for name, _ in columns], rows)
        else:
            _plain_table([name for name, _ in columns], rows)


def one(invocation: Invocation, item: Any, fields: Sequence[tuple[str, object]], *, name: str | None = None) -> None:
    """Print one thing in the format asked for: in tables as `field  value` lines, with `--quiet` only its name."""
    if invocation.json:
        document(item) if invocation.output == "json" else line(item)
    elif invocation.quiet and name is not None:
        say(name)
    else:
        pairs(invocation, fields)


def deleted(invocation: Invocation, name: str) -> None:
    """Say that something is no more."""
    one(invocation, {"deleted": name}, [("deleted", name)], name=name)


def pairs(invocation: Invocation, fields: Iterable[tuple[str, object]]) -> None:
    """Print `field  value` lines, leaving out what is empty."""
    shown = [(name, _cell(value)) for name, value in fields if value is not None and value != ""]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        text = safe(value).replace("\n", "\n" + " " * (width + 2))
        if invocation.terminal:
            from rich.text import Text

            painted = Text.assemble((f"{name:<{width}}  ", "dim"), (text, style(value)))
            console(invocation).print(painted)
        else:
            say(f"{name:<{width}}  {text}")


def pretty(value: object) -> str:
    """JSON for reading: a short value on one line, a longer one indented."""
    compact = msgspec.json.format(encoded(value), indent=0).decode()
    return compact if len(compact) <= 100 else msgspec.json.format(encoded(value), indent=2).decode()


def tags(value: Any) -> str:
    """Tags on one line, whichever form they were given in."""
    if isinstance(value, Mapping):
        return " ".join(f"{key}:{word}" for key, word in value.items())
    return " ".join(str(word) for word in value or ())


def _cell(value: object) -> str:
    if value is None or value is msgspec.UNSET:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _plain_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [[name.upper() for name in names]]
    lines += [[" ".join(safe(cell).split()) or "-" for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in lines) for at in range(len(names))]
    for row in lines:
        sys.stdout.write("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
    sys.stdout.flush()


def _rich_table(invocation: Invocation, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold dim", pad_edge=False)
    for at, name in enumerate(names):
        # The first column names the thing: it must survive whole, to be copied.
        table.add_column(name.upper(), no_wrap=at == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(safe(cell), style=style(cell)) for cell in row))
    console(invocation).print(table, soft_wrap=False)
