"""Requests of executors: claim work and report on it. `token` is the lease's, which proves the right to report.

They are repeated after a lost answer without an idempotency key: the lease token already makes a second report
harmless. A claim whose answer is lost leaves leases behind that run out by themselves, and other claims get other runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from runyard.sdk import models
from runyard.sdk.call import Call, encode, present, query, segment, send
from runyard.sdk.fields import LogFields, NewRun

T = TypeVar("T")


def claim(
    *,
    limit: int = 1,
    queues: Sequence[str] | None = None,
    jobs: Sequence[str] | None = None,
    executor: str | None = None,
    capabilities: Sequence[str] | None = None,
    lease_seconds: float | None = None,
    wait_seconds: float | None = None,
    worker: str | None = None,
) -> Call[list[models.Claim]]:
    """Take up to `limit` runs under leases, waiting up to `wait_seconds` for the first."""
    body = present(
        limit=limit,
        queues=queues,
        jobs=jobs,
        executor=executor,
        capabilities=capabilities,
        lease_seconds=lease_seconds,
        wait_seconds=wait_seconds,
        worker=worker,
    )
    return Call(
        method="POST",
        path="/runs/claim",
        shape=models.ClaimsOut,
        pick="claims",
        body=encode(body),
        repeatable=True,
        timeout=(wait_seconds or 0) + 15,
    )


def start(reports: Iterable[models.StartReport]) -> Call[list[models.Result]]:
    """Say that work on the runs has begun."""
    return _reports("start", reports)


def heartbeat(reports: Iterable[models.HeartbeatReport]) -> Call[list[models.Result]]:
    """Lengthen the leases; a result that is not `ok` means: stop working on that run."""
    return _reports("heartbeat", reports)


def complete(reports: Iterable[models.CompleteReport]) -> Call[list[models.Result]]:
    """Finish the runs with their outputs."""
    return _reports("complete", reports)


def fail(reports: Iterable[models.FailReport]) -> Call[list[models.Result]]:
    """End the attempts; each run's policy decides what follows."""
    return _reports("fail", reports)


def release(reports: Iterable[models.ReleaseReport]) -> Call[list[models.Result]]:
    """Give the runs back unfinished."""
    return _reports("release", reports)


def wait(reports: Iterable[models.WaitReport]) -> Call[list[models.Result]]:
    """Park the runs until their children have ended."""
    return _reports("wait", reports)


def encoded(verb: str, reports: Sequence[bytes], shape: Any) -> Call[Any]:
    """A call that takes many reports, made of reports that are encoded already."""
    return Call(
        method="POST",
        path=f"/runs/{verb}",
        shape=shape,
        body=b'{"reports":[' + b",".join(reports) + b"]}",
        repeatable=True,
    )


def log(run_id: str, lines: Sequence[bytes], *, token: str | None = None) -> Call[models.LogsOut]:
    """Append encoded lines to a run's log."""
    body = b'{"entries":[' + b",".join(lines) + b"]" + (b',"token":' + encode(token) if token else b"") + b"}"
    path = f"/runs/{segment(run_id)}/logs"
    return Call(method="POST", path=path, shape=models.LogsOut, body=body, repeatable=True)


def add_logs(run_id: str, entries: Iterable[LogFields], *, token: str | None = None) -> Call[models.LogsOut]:
    """Append lines to a run's log; each is a dictionary with `message` and perhaps `level`, `data`, `at`."""
    return log(run_id, [encode(entry) for entry in entries], token=token)


def spawn(parent_id: str, run: NewRun) -> Call[models.Run]:
    """Ask for a child of a run."""
    return send("POST", "/runs", models.Run, {**run, "parent_id": parent_id})


def checkpoint(
    run_id: str, state: Any, *, label: str | None = None, token: str | None = None
) -> Call[models.Checkpoint]:
    """Keep state to resume from."""
    body = {"state": state, **present(label=label, token=token)}
    return send("POST", f"/runs/{segment(run_id)}/checkpoints", models.Checkpoint, body)


def last_checkpoint(run_id: str, *, token: str | None = None) -> Call[list[models.Checkpoint]]:
    """The newest checkpoint in a list, or an empty list."""
    path = f"/runs/{segment(run_id)}/checkpoints"
    return Call(
        method="GET",
        path=path,
        shape=models.Page[models.Checkpoint],
        pick="data",
        query=query(limit=1),
        headers=_proof(token),
    )


def usage(
    run_id: str,
    *,
    model: str,
    provider: str | None = None,
    input_tokens: int = 0,
    output_tokens: int = 0,
    cache_read_tokens: int = 0,
    cache_write_tokens: int = 0,
    reasoning_tokens: int = 0,
    cost_micro_usd: int | None = None,
    token: str | None = None,
) -> Call[models.Usage]:
    """Record tokens used; without a cost the server's price list is asked."""
    body = present(
        model=model,
        provider=provider,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=cache_read_tokens,
        cache_write_tokens=cache_write_tokens,
        reasoning_tokens=reasoning_tokens,
        cost_micro_usd=cost_micro_usd,
        token=token,
    )
    return send("POST", f"/runs/{segment(run_id)}/usage", models.Usage, body)


def tool_call(
    run_id: str,
    name: str,
    *,
    input: Any = None,
    output: Any = None,
    error: str | None = None,
    status: str | None = None,
    duration_ms: int | None = None,
    token: str | None = None,
) -> Call[models.ToolCall]:
    """Record a tool the agent called; its status is `error` when there is an error and nothing else is said."""
    body = present(
        name=name,
        input=input,
        output=output,
        error=error,
        status=status or ("error" if error else None),
        duration_ms=duration_ms,
        token=token,
    )
    return send("POST", f"/runs/{segment(run_id)}/tool-calls", models.ToolCall, body)


def output(
    run_id: str, key: str, value: Any, *, schema: dict[str, Any] | bool | None = None, token: str | None = None
) -> Call[models.Output]:
    """Keep a named result, checked against the schema when one is given."""
    body = {"value": value, **present(schema=schema, token=token)}
    return send("PUT", f"/runs/{segment(run_id)}/outputs/{segment(key)}", models.Output, body)


def set_state(run_id: str, key: str, value: Any, *, token: str | None = None) -> Call[models.StateEntry]:
    """Keep a value with the run."""
    body = {"value": value, **present(token=token)}
    return send("PUT", f"/runs/{segment(run_id)}/state/{segment(key)}", models.StateEntry, body)


def get_state(run_id: str, key: str, *, token: str | None = None) -> Call[models.StateEntry]:
    """One value kept with the run."""
    path = f"/runs/{segment(run_id)}/state/{segment(key)}"
    return Call(method="GET", path=path, shape=models.StateEntry, headers=_proof(token))


def delete_state(run_id: str, key: str, *, token: str | None = None) -> Call[None]:
    """Forget a value kept with the run."""
    path = f"/runs/{segment(run_id)}/state/{segment(key)}"
    return Call(method="DELETE", path=path, shape=None, headers=_proof(token))


def upload(
    run_id: str,
    name: str,
    content: bytes | str,
    *,
    content_type: str | None = None,
    token: str | None = None,
) -> Call[models.Artifact]:
    """Keep a file with the run."""
    text = isinstance(content, str)
    return Call(
        method="POST",
        path=f"/runs/{segment(run_id)}/artifacts",
        shape=models.Artifact,
        query=query(name=name),
        body=content.encode() if isinstance(content, str) else bytes(content),
        content_type=content_type or ("text/plain; charset=utf-8" if text else "application/octet-stream"),
        # The token travels as a header: query strings end up in access logs.
        headers=_proof(token),
    )


def _reports(verb: str, reports: Iterable[models.Model]) -> Call[list[models.Result]]:
    body = encode({"reports": [*reports]})
    path = f"/runs/{verb}"
    return Call(method="POST", path=path, shape=models.ResultsOut, pick="results", body=body, repeatable=True)


def _proof(token: str | None) -> tuple[tuple[str, str], ...]:
    return (("X-Runyard-Lease", token),) if token else ()
