"""Write the reference of the documentation from the code: `python -m tools.reference docs/reference`."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import msgspec
import platformdirs

from runyard.domain import errors, states
from runyard.settings import Settings
from runyard.web import errors as web_errors
from runyard.web.problems import PROBLEMS
from tools import cli_page, http_page
from tools.tables import table

Page = Callable[[], str]
INSIDE = (errors.DomainError, web_errors.Gone)
"""Never told to anybody: the base of all, and the error of callers who have gone."""


def write(folder: Path) -> list[Path]:
    """Write every page into the folder and say which files these are."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def pages() -> dict[str, str]:
    """The text of every page by its file name."""
    made: dict[str, Page] = {
        "cli.md": cli_page.page,
        "http.md": http_page.page,
        "states.md": states_page,
        "errors.md": errors_page,
        "settings.md": settings_page,
    }
    texts = {name: make() for name, make in made.items()}
    titles = [(text.splitlines()[0].removeprefix("# "), name) for name, text in texts.items()]
    texts["openapi.json"] = http_page.document()
    titles.append(("OpenAPI document of the HTTP API", "openapi.json"))
    lines = ["# Reference", "", "Written from the code by `make docs`; do not edit it by hand.", ""]
    texts["README.md"] = "\n".join([*lines, *(f"- [{title}]({name})" for title, name in titles), ""])
    return texts


def states_page() -> str:
    """The states of a run, the diagram of its moves, and the moves verb by verb."""
    order = list(states.RunState)
    # The table is built from sets, whose order changes from one start of Python to the next.
    moves = sorted((order.index(source), verb, source, to) for (source, verb), to in states.RUN_MOVES.items())
    verbs: dict[str, dict[str, list[str]]] = {}
    for _, verb, source, target in moves:
        verbs.setdefault(verb, {}).setdefault(target.value, []).append(source.value)
    return "\n".join(
        [
            "# States of a run",
            "",
            "A run changes state only by a verb of this table; every other move is refused.",
            "",
            *table(("state", "holds a lease", "final"), (_state_row(state) for state in states.RunState)),
            "",
            "```mermaid",
            "stateDiagram-v2",
            *(f"    {source.value} --> {to.value}: {verb}" for _, verb, source, to in moves),
            "```",
            "",
            *table(
                ("verb", "from", "to", "event"),
                (
                    (f"`{verb}`", ", ".join(sources), to, f"`{states.EVENT_OF_VERB[verb]}`")
                    for verb, targets in sorted(verbs.items())
                    for to, sources in sorted(targets.items())
                ),
            ),
            "",
        ]
    )


def errors_page() -> str:
    """Every error that a server answers with: its code, its status, and what to do about it."""
    kinds = {
        kind.code: kind
        for module in (errors, web_errors)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, errors.DomainError) and kind not in INSIDE and "code" in vars(kind)
    }
    rows = ((f"`{code}`", str(_status(kind)), _promise(kind)) for code, kind in sorted(kinds.items()))
    return "\n".join(["# Errors", "", *table(("code", "status", "what to do"), rows), ""])


def _status(kind: type[errors.DomainError]) -> int:
    return next(PROBLEMS.table[base][0] for base in kind.__mro__ if base in PROBLEMS.table)


def settings_page() -> str:
    """Every setting with its environment variable, its default and what it is for."""
    notes = field_notes(Settings)
    rows = (
        (f"`RUNYARD_{field.name.upper()}`", _default(field.default), notes.get(field.name, ""))
        for field in msgspec.structs.fields(Settings)
    )
    return "\n".join(["# Settings", "", _promise(Settings), "", *table(("variable", "default", "meaning"), rows), ""])


def field_notes(record: type) -> dict[str, str]:
    """The strings that stand below the fields of a record, by field."""
    (definition,) = ast.parse(dedent(inspect.getsource(record))).body
    assert isinstance(definition, ast.ClassDef)
    notes = {}
    for field, note in zip(definition.body, definition.body[1:], strict=False):
        match field, note:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                notes[name] = inspect.cleandoc(text)
    return notes


def _state_row(state: states.RunState) -> tuple[str, str, str]:
    return f"`{state.value}`", _yes(state in states.LEASED), _yes(states.is_final(state))


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _promise(thing: type) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def _default(value: object) -> str:
    # The folder differs from machine to machine, the reference must not.
    if value == Path(platformdirs.user_data_dir("runyard")):
        return "the platform's data folder"
    if value is None or value == ():
        return "none"
    return f"`{value}`"


if __name__ == "__main__":
    for page in write(Path(sys.argv[1])):
        print(page)
