"""What is posted to an endpoint: the payload as it was accepted, and headers that say what run it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from runyard.domain.policy import SECOND
from runyard.domain.records import Run
from runyard.outbound.messages import Outgoing
from runyard.outbound.signatures import signed

LONGEST_ERROR = 2048
MARGIN = 0.05
"""So many seconds before its time is over an attempt is given up here, so that its trace comes with the report."""
_ODD = re.compile(r"[^\x20-\x7e]")


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A run with all that goes out with it; secrets are open."""

    run: Run
    urls: tuple[str, ...]
    """The endpoint, and its fallback if it has one."""
    token: str
    secrets: Mapping[str, str] = {}
    signing: str | None = None
    checkpoint: tuple[int, str] | None = None
    """When it was kept, and its state."""

    @property
    def place(self) -> tuple[int, str]:
        """Its project and endpoint, by which health is kept."""
        return self.run.project_id, self.urls[0]


def outgoing(parcel: Parcel, url: str, seconds: int) -> Outgoing:
    """The request, sent at that time (unix seconds)."""
    run = parcel.run
    body = run.payload.encode()
    headers = [
        ("Content-Type", "application/json"),
        ("User-Agent", "runyard"),
        ("X-Run-ID", run.id),
        ("X-Job-ID", run.job_id or ""),
        ("X-Attempt", str(run.attempt)),
        ("X-Run-Token", parcel.token),
        *((f"X-Secret-{name}", value) for name, value in parcel.secrets.items()),
        *_tracing(run),
        *(_resuming(parcel) if run.attempt > 1 else ()),
        *signed(parcel.signing, body, seconds),
    ]
    return Outgoing(url=url, headers=headers, body=body)


def seconds_left(run: Run, now: int) -> float | None:
    """How long the request may take, a little less than what the engine's timer allows; None is no limit."""
    if run.policy.timeout is None:
        return None
    timeout = run.policy.timeout / SECOND
    return timeout - (now - (run.started_at or now)) / SECOND - min(MARGIN, timeout / 20)


def redacted(parcel: Parcel, text: str) -> str:
    """The text without the secrets that were sent, in case the endpoint repeats them."""
    for value in (*parcel.secrets.values(), parcel.signing, parcel.token):
        if value:
            text = text.replace(value, "***")
    return text


def _tracing(run: Run) -> list[tuple[str, str]]:
    if run.metadata is None or "_trace_" not in run.metadata:
        return []
    metadata: dict[str, Any] = msgspec.json.decode(run.metadata)
    names = {"Traceparent": "_trace_parent", "Tracestate": "_trace_state"}
    return [(header, _plain(str(metadata[name]))) for header, name in names.items() if metadata.get(name)]


def _resuming(parcel: Parcel) -> list[tuple[str, str]]:
    headers = []
    if parcel.checkpoint is not None:
        at, state = parcel.checkpoint
        headers += [("X-Last-Checkpoint", _one_line(state)), ("X-Checkpoint-At", _when(at))]
    if parcel.run.error is not None:
        said = msgspec.json.decode(parcel.run.error)
        message = said.get("message", "") if isinstance(said, dict) else str(said)
        headers.append(("X-Previous-Error", _plain(str(message))[:LONGEST_ERROR]))
    return headers


def _one_line(text: str) -> str:
    """JSON as a header can carry it: the same values in one line of printable ASCII."""
    return _ODD.sub(_escaped, msgspec.json.format(text, indent=-1))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code < 0x10000 else json.dumps(found[0])[1:-1]


def _plain(text: str) -> str:
    """The text as a header can carry it: one line of printable ASCII."""
    return "".join(char if " " <= char <= "~" else " " if char.isspace() else "?" for char in text).strip()


def _when(micros: int) -> str:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
