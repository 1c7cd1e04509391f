"""Arguments that several commands take, and how their words become values."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from runyard.cli.failures import usage

RunId = Annotated[
    str, Parameter(name="RUN", help="The run's id, or enough of its beginning or end (8 or more characters).")
]
RunIds = Annotated[str, Parameter(name="RUN", help="Ids of runs, or enough of their beginnings or ends.")]
TaskId = Annotated[
    str,
    Parameter(name="TASK", help="The task's id, or enough of its beginning or end; PROJECT~NAME of a named one."),
]
SessionId = Annotated[str, Parameter(name="SESSION", help="The session's id, or enough of its beginning or end.")]
Workspace = Annotated[str | None, Parameter(help="Name or id of the workspace.")]
Limit = Annotated[int, Parameter(alias="-n", validator=Number(gte=1), help="How many at most.")]
Reason = Annotated[str | None, Parameter(help="Why; kept in the journal.")]
Spec = Annotated[
    str | None, Parameter(help="The definition as a JSON object, @FILE, or - for input; options go on top.")
]
Tag = Annotated[list[str] | None, Parameter(help="A tag, as WORD or KEY:WORD (repeatable).")]


def words(values: list[str] | None) -> list[str] | None:
    """Repeated and comma-separated values as one list; None when there are none."""
    found = [word.strip() for value in values or () for word in value.split(",") if word.strip()]
    return found or None


def present(**fields: Any) -> dict[str, Any]:
    """The fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def text_value(text: str, what: str) -> str:
    """The text itself, or that in the file of an `@file`, or on standard input for `-`. Raises a usage `Failure`."""
    if text != "-" and not text.startswith("@"):
        return text
    try:
        return _read(text, what).decode()
    except UnicodeDecodeError:
        raise usage(f"{what} is not UTF-8 text") from None


def json_value(text: str, what: str) -> Any:
    """The JSON in the text, or in the file of an `@file`, or on standard input for `-`. Raises a usage `Failure`."""
    source = _read(text, what) if text == "-" or text.startswith("@") else text.encode()
    try:
        return msgspec.json.decode(source)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise usage(
            f"{what} is not JSON: {error}", "Quote it for the shell, or give a file as @FILE, or - for input."
        ) from None


def json_object(text: str, what: str) -> dict[str, Any]:
    """A JSON object; see `json_value`."""
    value = json_value(text, what)
    if not isinstance(value, dict):
        raise usage(f"{what} must be a JSON object")
    return value


def tags(values: list[str] | None) -> list[str] | dict[str, str] | None:
    """Tags in the form the API takes: a map when every one is `KEY:WORD`, else a list of words."""
    if not values:
        return None
    return dict(tag.split(":", 1) for tag in values) if all(":" in tag for tag in values) else values


def _read(text: str, what: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise usage(f"{what} cannot be read: {error.strerror}: {text[1:]}") from None
