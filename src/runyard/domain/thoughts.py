"""What an agent saw, thought and did, step by step, told from the record of its run. Pure."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Kind = Literal["sense", "think", "act"]
LONGEST = 4000
"""How much of a step's text is shown, in characters."""
WIDEST = 4000
"""Data longer than this (as JSON text) is not shown with a step."""
_SENSED = frozenset({"observation", "user", "environment"})
_SPEAKERS_SENSED = frozenset(f'"{who}"'.encode() for who in ("user", "environment", "system", "tool"))
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step; acts say in `metadata` which tool or action it was."""

    kind: Kind
    at: int
    content: str
    metadata: dict[str, Any] | None = None


class Line(msgspec.Struct, frozen=True):
    """A line of the log as far as it is shown, of a type that tells of thoughts."""

    at: int
    type: str
    message: str
    data: str | None


class Called(msgspec.Struct, frozen=True):
    """A tool call as far as it is shown."""

    at: int
    name: str
    status: str
    duration_ms: int | None
    error: str | None
    input: str | None


class Done(msgspec.Struct, frozen=True):
    """An action as far as it is shown."""

    at: int
    type: str
    description: str
    target: str | None
    url: str | None
    result: str


def told(line: Line) -> Step:
    """A line as a step: what came from outside is sensed, what the agent said itself is thought."""
    metadata = _object(line.data)
    sensed = line.type in _SENSED or bytes((metadata or {}).get("role", b"")) in _SPEAKERS_SENSED
    return Step(kind="sense" if sensed else "think", at=line.at, content=_cut(line.message), metadata=metadata)


def called(call: Called) -> Step:
    """A tool call as a step."""
    metadata = {
        "tool": call.name,
        "status": call.status,
        "duration_ms": call.duration_ms,
        "input": None if call.input is None else msgspec.Raw(call.input.encode()),
        "error": None if call.error is None else _cut(call.error),
    }
    said = f"{call.name}: {call.error}" if call.error else call.name
    return Step(kind="act", at=call.at, content=_cut(said), metadata=_present(metadata))


def done(action: Done) -> Step:
    """An action as a step."""
    metadata = {"action": action.type, "status": action.result, "target": action.target, "url": action.url}
    return Step(kind="act", at=action.at, content=_cut(action.description), metadata=_present(metadata))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _present(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _object(data: str | None) -> dict[str, Any] | None:
    if data is None:
        return None
    try:
        # Nobody looks further inside: numbers may be there that no program can hold.
        return dict(_members(data))
    except msgspec.ValidationError:
        return {"data": msgspec.Raw(data.encode())}
