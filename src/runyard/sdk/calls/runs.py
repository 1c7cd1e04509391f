"""Requests about runs, for those who ask for work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Unpack

import msgspec

from runyard.sdk import models
from runyard.sdk.call import Call, encode, get, present, query, segment, send, words
from runyard.sdk.fields import NewRun, Preset, RunFields, RunFilter


def create(payload: Any = None, **fields: Unpack[RunFields]) -> Call[models.Run]:
    """Ask for a run, of a `job` or ad hoc. A known `idempotency_key` finds its run instead: `duplicate` is set."""
    return send("POST", "/runs", models.Run, {"payload": payload, **fields})


def create_many(runs: Iterable[NewRun]) -> Call[list[models.Run]]:
    """Ask for many runs, all or none; each is a dictionary of what `create` takes."""
    body = encode({"runs": [*runs]})
    return Call(method="POST", path="/runs", shape=models.RunsOut[models.Run], then=attrgetter("runs"), body=body)


def filtered(where: RunFilter) -> dict[str, Any]:
    """A filter in the form of the query string: states joined by commas, JSON as text."""
    return {
        **where,
        **present(state=words(where.get("state"))),
        **{name: encode(where[name]).decode() for name in ("payload", "metadata") if name in where},
    }


def list_all(*, limit: int | None = None, **where: Unpack[RunFilter]) -> Call[models.Page[models.Run]]:
    """Runs, newest first, as many as there are or as `limit` says."""
    return get("/runs", models.Page[models.Run], query(limit=limit, **filtered(where)))


def read(run_id: str) -> Call[models.Run]:
    """One run."""
    return get(_run(run_id), models.Run)


def cancel(run_id: str, *, reason: str | None = None) -> Call[models.Run]:
    """Stop it and its children, in whatever state they are."""
    return _verb(run_id, "cancel", reason)


def pause(run_id: str, *, reason: str | None = None) -> Call[models.Run]:
    """Park it until it is resumed."""
    return _verb(run_id, "pause", reason)


def resume(run_id: str, *, reason: str | None = None) -> Call[models.Run]:
    """Queue it again after a pause."""
    return _verb(run_id, "resume", reason)


def restart(run_id: str, *, preset: Preset | None = None, reason: str | None = None) -> Call[models.Run]:
    """Queue a running or paused run again at the attempt it is at, a managed one perhaps with another preset."""
    return send("POST", f"{_run(run_id)}/restart", models.Run, present(preset=preset, reason=reason))


def publish(run_id: str, *, reason: str | None = None) -> Call[models.Run]:
    """Ask for a draft in earnest."""
    return _verb(run_id, "publish", reason)


def discard(run_id: str, *, reason: str | None = None) -> Call[models.Run]:
    """Give up a run that waits in the dead letter."""
    return _verb(run_id, "discard", reason)


def resolve(run_id: str, *, reason: str | None = None) -> Call[models.Run]:
    """Mark a failed run as dealt with."""
    return _verb(run_id, "resolve", reason)


def requeue(run_id: str, *, reason: str | None = None) -> Call[models.Run]:
    """Give a run in the dead letter, or one that nobody took, another chance in place."""
    return _verb(run_id, "requeue", reason)


def retry(run_id: str, *, config: Mapping[str, Any] | None = None) -> Call[models.Run]:
    """A new run like an ended one; `config` is merged over the payload's `config` object."""
    return send("POST", f"{_run(run_id)}/retry", models.Run, present(config=config))


def replay(run_id: str, *, payload: Any = msgspec.UNSET, from_checkpoint: int | None = None) -> Call[models.Run]:
    """A new run linked to the old one, with its payload or another."""
    body = present(from_checkpoint=from_checkpoint)
    return send("POST", f"{_run(run_id)}/replay", models.Run, body | _given(payload))


def reschedule(
    run_id: str,
    *,
    available_at: datetime | None = None,
    delay_seconds: float | None = None,
    payload: Any = msgspec.UNSET,
) -> Call[models.Run]:
    """Another time for a run that has not begun (now when none is given), perhaps another payload."""
    body = present(available_at=available_at, delay_seconds=delay_seconds)
    return send("POST", f"{_run(run_id)}/reschedule", models.Run, body | _given(payload))


def forget_idempotency_key(run_id: str) -> Call[None]:
    """Let the run's idempotency key make a new run from now on."""
    return send("DELETE", f"{_run(run_id)}/idempotency-key", None)


def attempts(run_id: str, *, limit: int | None = None) -> Call[models.Page[models.Attempt]]:
    """Every try at the run, oldest first."""
    return get(f"{_run(run_id)}/attempts", models.Page[models.Attempt], query(limit=limit))


def events(
    run_id: str, *, after: int | None = None, type: str | None = None, limit: int | None = None
) -> Call[models.Page[models.Event]]:
    """The run's lines of the journal, oldest first."""
    return get(f"{_run(run_id)}/events", models.Page[models.Event], query(after=after, type=type, limit=limit))


def logs(
    run_id: str, *, after: int | None = None, level: str | None = None, limit: int | None = None
) -> Call[models.Page[models.LogEntry]]:
    """The run's log, oldest line first."""
    return get(f"{_run(run_id)}/logs", models.Page[models.LogEntry], query(after=after, level=level, limit=limit))


def chunks(run_id: str, *, after: int | None = None, limit: int | None = None) -> Call[models.Page[models.Chunk]]:
    """The run's output of the last quarter of an hour as it came, oldest piece first."""
    return get(f"{_run(run_id)}/chunks", models.Page[models.Chunk], query(after=after, limit=limit))


def children(run_id: str, *, limit: int | None = None) -> Call[models.Page[models.Run]]:
    """The runs it spawned."""
    return get(f"{_run(run_id)}/children", models.Page[models.Run], query(limit=limit))


def lineage(run_id: str) -> Call[models.Lineage[models.Run]]:
    """Where the run comes from and what came of it."""
    return get(f"{_run(run_id)}/lineage", models.Lineage[models.Run])


def explain(run_id: str) -> Call[models.Explanation]:
    """Why the run is where it is, and what would move it."""
    return get(f"{_run(run_id)}/explain", models.Explanation)


def dependencies(run_id: str) -> Call[models.RunDependencies]:
    """What the run's job depends on, and whether that is met for the run as things are now."""
    return get(f"{_run(run_id)}/dependencies", models.RunDependencies)


def set_debug(run_id: str, *, on: bool) -> Call[models.Run]:
    """Ask for more detail of the run, or for no more."""
    return send("POST", f"{_run(run_id)}/debug", models.Run, {"on": on})


def debug(run_id: str) -> Call[models.DebugBundle]:
    """Everything recorded about the run, in one piece."""
    return get(f"{_run(run_id)}/debug", models.DebugBundle)


def checkpoints(run_id: str, *, limit: int | None = None) -> Call[models.Page[models.Checkpoint]]:
    """What the run's executors kept to resume from."""
    return get(f"{_run(run_id)}/checkpoints", models.Page[models.Checkpoint], query(limit=limit))


def checkpoint(run_id: str, number: int) -> Call[models.Checkpoint]:
    """One checkpoint."""
    return get(f"{_run(run_id)}/checkpoints/{segment(number)}", models.Checkpoint)


def usage(run_id: str, *, limit: int | None = None) -> Call[models.Page[models.Usage]]:
    """The run's usage ledger."""
    return get(f"{_run(run_id)}/usage", models.Page[models.Usage], query(limit=limit))


def tool_calls(run_id: str, *, limit: int | None = None) -> Call[models.Page[models.ToolCall]]:
    """The tools its agent called."""
    return get(f"{_run(run_id)}/tool-calls", models.Page[models.ToolCall], query(limit=limit))


def outputs(run_id: str, *, limit: int | None = None) -> Call[models.Page[models.Output]]:
    """The run's named results."""
    return get(f"{_run(run_id)}/outputs", models.Page[models.Output], query(limit=limit))


def output(run_id: str, key: str) -> Call[models.Output]:
    """One named result."""
    return get(f"{_run(run_id)}/outputs/{segment(key)}", models.Output)


def state(run_id: str, *, limit: int | None = None) -> Call[models.Page[models.StateEntry]]:
    """The values kept with the run."""
    return get(f"{_run(run_id)}/state", models.Page[models.StateEntry], query(limit=limit))


def state_entry(run_id: str, key: str) -> Call[models.StateEntry]:
    """One value kept with the run."""
    return get(f"{_run(run_id)}/state/{segment(key)}", models.StateEntry)


def artifacts(run_id: str, *, limit: int | None = None) -> Call[models.Page[models.Artifact]]:
    """The run's files."""
    return get(f"{_run(run_id)}/artifacts", models.Page[models.Artifact], query(limit=limit))


def artifact(run_id: str, artifact_id: str) -> Call[models.Artifact]:
    """One file's description."""
    return get(f"{_run(run_id)}/artifacts/{segment(artifact_id)}", models.Artifact)


def artifact_content(run_id: str, artifact_id: str) -> Call[bytes]:
    """One file's bytes."""
    return get(f"{_run(run_id)}/artifacts/{segment(artifact_id)}/content", bytes)


def stream_path(run_id: str) -> str:
    """Where everything about the run is followed."""
    return f"{_run(run_id)}/stream"


def _run(run_id: str) -> str:
    return f"/runs/{segment(run_id)}"


def _verb(run_id: str, verb: str, reason: str | None) -> Call[models.Run]:
    return send("POST", f"{_run(run_id)}/{verb}", models.Run, present(reason=reason))


def _given(payload: Any) -> dict[str, Any]:
    return {} if payload is msgspec.UNSET else {"payload": payload}
