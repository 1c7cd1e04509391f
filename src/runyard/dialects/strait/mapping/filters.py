"""What a list of runs is narrowed by (contract §23), read from the query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from runyard.dialects.strait.mapping.runs import CLASSES, STATUS
from runyard.dialects.strait.mapping.values import cursor, lenient_id, place
from runyard.domain.errors import Invalid
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine.filters import Filter

STATES = {
    "replay_staged": frozenset[RunState](),
    **{word: frozenset(state for state, shown in STATUS.items() if shown == word) for word in STATUS.values()},
}
"""The states behind each status; no run is ever seen `replay_staged`."""
MODES: dict[str, dict[str, Any]] = {"http": {"but_executor": "managed"}, "managed": {"executor": "managed"}}
PAIRS = 16
"""How many tags, or entries of metadata, one list is narrowed by."""
Pair = tuple[str, str | None]


def filter_in(query: Sequence[tuple[str, str]]) -> Filter:
    """The filter that a query asks for; all of it must be met. Raises `Invalid`."""
    said = {name: value for name, value in query if value}
    tags, notes = _pairs(query, said, "tag", "tags"), _pairs(query, said, "metadata", "metadata")
    if tags and notes:
        raise Invalid("narrow the list by tags or by metadata, not by both")
    mode = said.get("execution_mode")
    if mode is not None and mode not in MODES:
        raise Invalid(f"there is no execution_mode {mode[:64]!r}; say http or managed")
    return Filter(
        states=_states([value for name, value in query if name in {"status", "statuses"}]),
        tags=tags,
        notes=notes,
        trigger=said.get("triggered_by"),
        batch_id=lenient_id(said["batch_id"]) if "batch_id" in said else None,
        payload=said.get("payload_contains"),
        **MODES.get(mode or "", {}),
        **_classes(said.get("error_class")),
    )


def waiting_in(job_id: str | None, batch_id: str | None, trigger: str | None, status: str | None) -> Filter:
    """The filter of a bulk cancellation, at least one of these. Raises `Invalid`."""
    if not (job_id or batch_id or trigger or status):
        raise Invalid("say which runs: at least one of job_id, batch_id, triggered_by, status")
    return Filter(
        job=lenient_id(job_id) if job_id else None,
        batch_id=lenient_id(batch_id) if batch_id else None,
        trigger=trigger or None,
        states=tuple(sorted(STATES[status])) if status else None,
    )


def before(value: str | None, wanted: Filter) -> tuple[Filter, str | None]:
    """The filter and the id that a page goes on below. Raises `Invalid` for a cursor that is none."""
    found = place(value)
    if found is None:
        return wanted, None
    at, run_id = found
    if run_id is not None:
        return wanted, run_id
    return msgspec.structs.replace(wanted, created_before=at), None


def after(runs: Sequence[Run], last: str | None) -> str | None:
    """The cursor of the page that goes on below this id: the last run shown, or the last one looked at."""
    if last is None:
        return None
    shown = next((run.created_at for run in runs if run.id == last), None)
    return cursor((UUID(last).int >> 80) * 1000 if shown is None else shown, last)


def _states(words: Iterable[str]) -> tuple[RunState, ...] | None:
    """The states of any of the statuses. Raises `Invalid` for a word that is none."""
    asked = [word.strip() for words_ in words for word in words_.split(",") if word.strip()]
    for word in asked:
        if word not in STATES:
            raise Invalid(f"there is no status {word[:64]!r}; there are {', '.join(STATES)}")
    return tuple(sorted(frozenset[RunState]().union(*(STATES[word] for word in asked)))) if asked else None


def _classes(word: str | None) -> dict[str, Any]:
    if word is None:
        return {}
    known = {shown for shown in CLASSES.values() if shown is not None}
    if word not in known:
        raise Invalid(f"there is no error_class {word[:64]!r}; there are {', '.join(sorted(known))}")
    if word == "unknown":
        return {"but_error_classes": tuple(kind for kind, shown in CLASSES.items() if shown != "unknown")}
    return {"error_classes": tuple(kind for kind, shown in CLASSES.items() if shown == word)}


def _pairs(query: Sequence[tuple[str, str]], said: Mapping[str, str], word: str, bracket: str) -> tuple[Pair, ...]:
    """Keys and values, by parameters of their own and in brackets. Raises `Invalid` for a value without key."""
    key, value = said.get(f"{word}_key"), said.get(f"{word}_value")
    if key is None and value is not None:
        raise Invalid(f"{word}_value needs {word}_key")
    found: list[Pair] = [(key, value)] if key is not None else []
    for name, text in query:
        if name.startswith(f"{bracket}[") and name.endswith("]"):
            found.append((name[len(bracket) + 1 : -1], text or None))
    if any(not 1 <= len(name) <= 256 or len(text or "") > 1024 for name, text in found):
        raise Invalid(f"a key of {bracket} has 1 to 256 characters, a value at most 1024")
    if len(found) > PAIRS:
        raise Invalid(f"narrow the list by at most {PAIRS} of {bracket}")
    return tuple(dict.fromkeys(found))
