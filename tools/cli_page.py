"""The command line as a page: every command with its arguments, and the exit codes."""

from __future__ import annotations

import inspect
import pathlib
from collections.abc import Iterator

from cyclopts import App
from cyclopts.argument import Argument

from runyard.cli.commands import ALONE, NOUNS, build
from runyard.cli.exits import Exit
from tools.tables import table

EVERYWHERE = (
    ("`--url URL`", "the server; else `RUNYARD_URL`, else the credentials file, else `http://127.0.0.1:8321`"),
    ("`--key KEY`", "the API key; else `RUNYARD_KEY`, else the credentials file"),
    ("`--project PROJECT`", "number or slug of the project an admin key acts in; else `RUNYARD_PROJECT`"),
    (
        "`--output`, `-o` `table`, `json` or `jsonl`",
        "how to answer; the JSON forms print nothing else, errors included",
    ),
    ("`--no-color`", "no colours; so does `NO_COLOR`"),
    ("`--quiet`, `-q`", "no remarks; of lists and new things only the ids or names"),
)
MEANINGS = {
    Exit.OK: "it worked; of a followed run: it completed",
    Exit.FAILURE: "it did not work",
    Exit.USAGE: "the command line or a value in it is wrong",
    Exit.RUN_FAILED: "the run that was followed ended unsuccessfully",
    Exit.AUTH: "no valid key, or one that may not do this",
    Exit.NOT_FOUND: "there is no such thing in this project",
    Exit.CONFLICT: "the thing is not in a state that allows this",
    Exit.TIMED_OUT: "the time to wait was up first",
    Exit.RUN_CANCELED: "the run that was followed was canceled",
    Exit.NEEDS_PERSON: "the run that was followed waits for a person, such as in the dead letter",
    Exit.TRY_AGAIN: "the server is not there, overloaded or limits the rate: try again",
    Exit.INTERRUPTED: "Ctrl-C",
}


def page() -> str:
    """The whole command line."""
    app = build()
    lines = ["# Command line", "", "Every command takes these, before or after its own arguments:", ""]
    lines += table(("option", "meaning"), EVERYWHERE)
    lines += ["", "Durations are written like `30s`, `10m`, `1h30m`, `2d`; times like `2025-01-31T09:00:00Z`.", ""]
    lines += ["## Exit codes", "", *table(("code", "meaning"), ((f"{code}", MEANINGS[code]) for code in Exit)), ""]
    for name, _, about, _ in ALONE:
        lines += [*_command(app[name], f"runyard {name}", about, level=2)]
    for noun, about, _, verbs in NOUNS:
        lines += [f"## runyard {noun}", "", about, ""]
        for verb, _, what in verbs:
            lines += [*_command(app[noun][verb], f"runyard {noun} {verb}", what, level=3)]
    return "\n".join(lines)


def _command(app: App, name: str, about: str, *, level: int) -> Iterator[str]:
    shown = [one for one in app.assemble_argument_collection() if one.show and one.parameter.parse is not False]
    places = " ".join(_place(one) for one in shown if one.index is not None)
    yield from (f"{'#' * level} {name}", "", about, "", "```console", f"{name} {places}".rstrip(), "```", "")
    if shown:
        yield from table(("argument", "meaning"), ((_names(one), _meaning(one)) for one in shown))
        yield ""


def _place(one: Argument) -> str:
    name = _metavar(one)
    if one.field_info.kind is inspect.Parameter.VAR_POSITIONAL:
        return f"[{name} …]"
    return name if one.required else f"[{name}]"


def _names(one: Argument) -> str:
    # Options that take a value away again are off, but for those that were asked for by name.
    named = one.parameter.negative
    wanted = {named} if isinstance(named, str) else set(named or ())
    names = [name for name in one.names if name not in one.negatives or name in wanted]
    if one.index is not None:
        return f"`{_metavar(one)}`"
    return ", ".join(f"`{name}`" for name in names) + _value(one)


def _value(one: Argument) -> str:
    choices = one.get_choices()
    if choices:
        return " " + ", ".join(f"`{choice}`" for choice in choices)
    kind = str(one.hint)
    if one.hint is bool:
        return ""
    return " N" if "int" in kind else " PATH" if "Path" in kind else " TEXT"


def _metavar(one: Argument) -> str:
    return one.names[0].lstrip("-").upper()


def _meaning(one: Argument) -> str:
    default = one.field_info.default
    text = one.parameter.help or ""
    choices = one.get_choices() if one.index is not None else None
    if choices:
        text += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    if isinstance(default, int | str | pathlib.Path) and not isinstance(default, bool):
        text += f" Default: `{default}`."
    return text
