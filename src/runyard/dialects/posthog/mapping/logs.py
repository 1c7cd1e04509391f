"""Entries into lines of logs, and back (contract §5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw

from runyard.dialects.posthog import forms
from runyard.dialects.posthog.forms import Field, wrong
from runyard.dialects.posthog.wire.logs import ConsoleEntry, ConsoleNotification, ConsoleParams, Entries
from runyard.domain.levels import level_of
from runyard.engine.coding.logs import WholeLine
from runyard.storage.statements.coding_logs import Kept, Wanted
from runyard.web import envelopes
from runyard.web.body import check_type
from runyard.web.reply import encode

ENTRIES = "entries"
LIMIT, MOST = 1000, 5000
TIMES = "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]"
_body = msgspec.json.Decoder(Entries).decode
_list = msgspec.json.Decoder(list[Raw]).decode


def _times(value: Any, path: forms.Path) -> int:
    # A plus that nobody escaped is a space in a query.
    found = envelopes.instant(value.strip().replace(" ", "+"))
    if found is None:
        wrong("invalid_input", f"Datetime has wrong format. Use one of these formats instead: {TIMES}.", path)
    return found


def _words(value: Any, path: forms.Path) -> tuple[str, ...]:
    if not value.strip():
        wrong("blank", "This field may not be blank.", path)
    return tuple(dict.fromkeys(envelopes.kind_of(word.strip()) for word in value.split(",") if word.strip()))


QUERY: forms.Form = {
    "after": Field(_times),
    "event_types": Field(_words),
    "exclude_types": Field(_words),
    "limit": Field(forms.whole(least=1, most=MOST), default=LIMIT),
    "offset": Field(forms.whole(least=0), default=0),
}


def lines_in(headers: Any, body: bytes) -> tuple[WholeLine, ...]:
    """The entries of a request as lines. Raises `FieldError` and `WrongType`."""
    check_type(headers)
    lines = []
    for place, raw in enumerate(_entries(body)):
        if bytes(raw)[:1] != b"{":
            kind = type(msgspec.json.decode(raw)).__name__
            wrong("not_a_dict", f'Expected a dictionary of items but got type "{kind}".', (ENTRIES, place))
        line = envelopes.entry(raw)
        if line is not None:
            lines.append(line)
    return tuple(lines)


def _entries(body: bytes) -> list[Raw]:
    """The entries of a body, each as it was written."""
    try:
        body.isascii() or body.decode()
        found = _listed(body)
    except (UnicodeDecodeError, RecursionError) as error:
        wrong("parse_error", f"JSON parse error - {error}", ())
    except msgspec.DecodeError as error:
        if b"\\u" not in body:
            wrong("parse_error", f"JSON parse error - {error}", ())
        try:
            found = _listed(envelopes.mended(body))
        except msgspec.DecodeError as again:
            wrong("parse_error", f"JSON parse error - {again}", ())
    if not found:
        wrong("empty", "This list may not be empty.", (ENTRIES,))
    return found


def _listed(body: bytes) -> list[Raw]:
    try:
        given = _body(body or b"{}").entries
    except msgspec.ValidationError:
        wrong("invalid_input", "Invalid data. Expected a dictionary.", ())
    if not given:
        wrong("required", "This field is required.", (ENTRIES,))
    try:
        return _list(given)
    except msgspec.ValidationError:
        if bytes(given) == b"null":
            wrong("null", "This field may not be null.", (ENTRIES,))
        wrong("not_a_list", "Expected a list of items.", (ENTRIES,))


def wanted(said: dict[str, Any]) -> Wanted:
    """Which lines the query means."""
    return Wanted(
        kinds=said.get("event_types"),
        without=said.get("exclude_types", ()),
        later=said.get("after"),
        other=envelopes.CONSOLE,
    )


def line_out(line: Kept, run_id: str) -> bytes:
    """The line as it was written; a line of text as an envelope."""
    return console(line, run_id) if line.data is None else line.data.encode()


def console(line: Kept, run_id: str) -> bytes:
    """A line of text in an envelope."""
    params = ConsoleParams(session_id=run_id, level=level_of(line.level), message=line.message or "")
    moment = datetime.fromtimestamp(line.at // 1000 / 1000, UTC)
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{line.at // 1000 % 1000:03d}Z"
    return encode(ConsoleEntry(timestamp=stamp, notification=ConsoleNotification(params=params)))
