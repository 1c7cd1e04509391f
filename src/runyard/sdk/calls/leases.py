"""Requests of executors: claim work and report on it. `token` is the lease's, which proves the right to report.

They are repeated after a lost answer without an idempotency key: the lease token already makes a second report
harmless. A claim whose answer is lost leaves leases behind that run out by themselves, and other claims get other runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeVar, Unpack

from runyard.sdk import models
from runyard.sdk.call import Call, encode, present, query, segment
from runyard.sdk.errors import error_for
from runyard.sdk.fields import ChildFields, LogFields

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
        then=attrgetter("claims"),
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


def encoded(
    verb: str,
    reports: Sequence[bytes],
    shape: Any,
    *,
    then: Callable[[Any], T] | None = None,
    timeout: float | None = None,
) -> Call[T]:
    """A call that takes many reports, made of reports that are encoded already."""
    return Call(
        method="POST",
        path=f"/runs/{verb}",
        shape=shape,
        then=then,
        body=b'{"reports":[' + b",".join(reports) + b"]}",
        repeatable=True,
        timeout=timeout,
    )


def log(run_id: str, lines: Sequence[bytes], *, token: str | None = None) -> Call[models.LogsOut]:
    """Append encoded lines to a run's log."""
    return Call(
        method="POST",
        path=f"/runs/{segment(run_id)}/logs",
        shape=models.LogsOut,
        body=b'{"entries":[' + b",".join(lines) + b"]}",
        headers=proof(token),
        repeatable=token is not None,
    )


def add_logs(run_id: str, entries: Iterable[LogFields], *, token: str | None = None) -> Call[models.LogsOut]:
    """Append lines to a run's log; each is a dictionary with `message` and perhaps `level`, `data`, `at`."""
    return log(run_id, [encode(entry) for entry in entries], token=token)


def beat(run_id: str, *, token: str = "", lease_seconds: float | None = None) -> Call[models.Result]:
    """Lengthen one lease; the answer raises `LeaseLost` or another `Conflict` when it is not to be had any more."""
    report = models.HeartbeatReport(run_id=run_id, token=token, lease_seconds=lease_seconds)
    return encoded("heartbeat", [encode(report)], models.ResultsOut, then=_the_one)


def spawn(
    parent_id: str,
    job: str | None = None,
    payload: Any = None,
    *,
    token: str | None = None,
    **fields: Unpack[ChildFields],
) -> Call[models.Run]:
    """Ask for a child of a run."""
    body = {"payload": payload, **fields, "parent_id": parent_id, **present(job=job)}
    return _fenced("POST", "/runs", models.Run, body, token)


def stream(
    run_id: str, chunk: str, *, stream: str = "default", done: bool = False, token: str | None = None
) -> Call[models.ChunksOut]:
    """Publish a piece of output to whoever follows the run; `done` says that nothing follows in its stream."""
    body = {"chunks": [{"chunk": chunk, "stream": stream, "done": done}]}
    return _fenced("POST", f"/runs/{segment(run_id)}/chunks", models.ChunksOut, body, token)


def checkpoint(
    run_id: str, state: Any, *, label: str | None = None, token: str | None = None
) -> Call[models.Checkpoint]:
    """Keep state to resume from."""
    body = {"state": state, **present(label=label)}
    return _fenced("POST", f"/runs/{segment(run_id)}/checkpoints", models.Checkpoint, body, token)


def last_checkpoint(run_id: str, *, token: str | None = None) -> Call[Any]:
    """The state of the newest checkpoint, or None."""
    return Call(
        method="GET",
        path=f"/runs/{segment(run_id)}/checkpoints",
        shape=models.Page[models.Checkpoint],
        then=_newest_state,
        query=query(limit=1),
        headers=proof(token),
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
    total_tokens: int | None = None,
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
        total_tokens=total_tokens,
        cost_micro_usd=cost_micro_usd,
    )
    return _fenced("POST", f"/runs/{segment(run_id)}/usage", models.Usage, body, token)


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
    status = status or ("error" if error else None)
    body = present(name=name, input=input, output=output, error=error, status=status, duration_ms=duration_ms)
    return _fenced("POST", f"/runs/{segment(run_id)}/tool-calls", models.ToolCall, body, token)


def output(
    run_id: str, key: str, value: Any, *, schema: dict[str, Any] | bool | None = None, token: str | None = None
) -> Call[models.Output]:
    """Keep a named result, checked against the schema when one is given."""
    body = {"value": value, **present(schema=schema)}
    return _fenced("PUT", f"/runs/{segment(run_id)}/outputs/{segment(key)}", models.Output, body, token)


def set_state(run_id: str, key: str, value: Any, *, token: str | None = None) -> Call[models.StateEntry]:
    """Keep a value with the run."""
    return _fenced("PUT", f"/runs/{segment(run_id)}/state/{segment(key)}", models.StateEntry, {"value": value}, token)


def get_state(run_id: str, key: str, *, token: str | None = None) -> Call[Any]:
    """A value kept with the run; the answer raises `NotFound` when there is none."""
    path = f"/runs/{segment(run_id)}/state/{segment(key)}"
    return Call(method="GET", path=path, shape=models.StateEntry, then=attrgetter("value"), headers=proof(token))


def delete_state(run_id: str, key: str, *, token: str | None = None) -> Call[None]:
    """Forget a value kept with the run."""
    path = f"/runs/{segment(run_id)}/state/{segment(key)}"
    return Call(method="DELETE", path=path, shape=None, headers=proof(token))


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
        headers=proof(token),
    )


def _reports(verb: str, reports: Iterable[models.Model]) -> Call[list[models.Result]]:
    return encoded(verb, [encode(report) for report in reports], models.ResultsOut, then=attrgetter("results"))


def _fenced(method: str, path: str, shape: type[T], body: object, token: str | None) -> Call[T]:
    return Call(method=method, path=path, shape=shape, body=encode(body), headers=proof(token))


def proof(token: str | None) -> tuple[tuple[str, str], ...]:
    """The header that names a lease."""
    # A header, because query strings end up in access logs.
    return (("X-Runyard-Lease", token),) if token else ()


def _the_one(answer: models.ResultsOut) -> models.Result:
    result = answer.results[0]
    if result.error is not None:
        raise error_for(result.error.code, result.error.detail, status=result.error.status)
    return result


def _newest_state(page: models.Page[models.Checkpoint]) -> Any:
    return page.data[0].state if page.data else None
