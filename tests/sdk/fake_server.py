"""A server in memory, as much of it as a worker meets: jobs, claims, reports, logs and the writes of handlers."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import httpx2
import msgspec

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

Fault = Callable[[httpx2.Request], httpx2.Response | Exception | None]


class FakeServer:
    """Answers at `/runyard/v1` through a mock transport. `fault` may answer (or raise) in its place."""

    def __init__(self, *, lease_seconds: float = 30.0, scopes: frozenset[str] = frozenset({"admin"})) -> None:
        self.lease_seconds = lease_seconds
        self.scopes = scopes
        self.queue: deque[str] = deque()
        self.runs: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, list[dict[str, Any]]] = {}
        self.checkpoints: dict[str, list[dict[str, Any]]] = {}
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[tuple[str, Any]] = []
        self.headers: list[httpx2.Headers] = []
        self.reports: dict[str, list[int]] = {}
        self.claim_limits: list[int] = []
        self.fault: Fault | None = None
        self.changed = threading.Condition()
        self._tokens = itertools.count(1)
        self._arrived: asyncio.Event | None = None

    @property
    def transport(self) -> httpx2.MockTransport:
        """What to give to a client or worker."""
        return httpx2.MockTransport(self.answer)

    def add(self, payload: Any = None, *, job: str | None = None, queue: str = "default", attempt: int = 1) -> str:
        """Queue a run; call it before the worker starts, or on its loop."""
        run_id = f"run-{len(self.runs)}"
        self.runs[run_id] = {
            "id": run_id,
            "state": "queued",
            "job": job,
            "queue": queue,
            "payload": payload,
            "attempt": attempt,
            "tags": ["a tag"],
            "metadata": None,
            "created_at": START,
        }
        self.queue.append(run_id)
        if self._arrived is not None:
            self._arrived.set()
        return run_id

    def cancel(self, run_id: str) -> None:
        """Take the run away from whoever holds it."""
        self.runs[run_id].update(state="canceled", token=None)

    def wait_until(self, true: Callable[[], bool], seconds: float = 10.0) -> bool:
        """Wait, in another thread than the worker's, until something is so."""
        with self.changed:
            return self.changed.wait_for(true, seconds)

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        """One request."""
        path = request.url.path.removeprefix("/runyard/v1")
        self.calls.append((request.method, path))
        self.headers.append(request.headers)
        if self.fault is not None and (fault := self.fault(request)) is not None:
            if isinstance(fault, Exception):
                raise fault
            return fault
        json = request.headers.get("content-type", "").startswith("application/json")
        body = msgspec.json.decode(request.content) if request.content and json else None
        self.bodies.append((path, body))
        response = await self._route(request, path, body)
        with self.changed:
            self.changed.notify_all()
        return response

    async def _route(self, request: httpx2.Request, path: str, body: Any) -> httpx2.Response:
        parts = path.strip("/").split("/")
        if parts[0] == "jobs":
            return self._job(request.method, parts[1:], body)
        if parts == ["runs", "claim"]:
            return await self._claim(body)
        if len(parts) == 2 and parts[1] in VERBS:
            return self._report(parts[1], body["reports"])
        if parts == ["runs"]:
            return ok({"id": "child", "state": "queued", **body}, 201)
        return self._sub_resource(request, parts[1], parts[2:], body)

    def _job(self, method: str, parts: list[str], body: Any) -> httpx2.Response:
        if "admin" not in self.scopes:
            return problem(403, "forbidden", "The key lacks the scope jobs:write.")
        if method == "POST":
            name = body.pop("name")
            self.jobs[name] = {"id": f"job-{name}", "name": name, "version": 1, "enabled": True, "spec": body}
            return ok(self.jobs[name], 201)
        if parts[0] not in self.jobs:
            return problem(404, "not_found", "There is no such job.")
        job = self.jobs[parts[0]]
        if method == "PATCH":
            job["version"] += 1
            job["spec"] = {**job["spec"], **body}
        return ok(job)

    async def _claim(self, body: dict[str, Any]) -> httpx2.Response:
        self.claim_limits.append(body["limit"])
        claims = self._hand_out(body)
        if not claims and body.get("wait_seconds"):
            self._arrived = asyncio.Event()
            try:
                async with asyncio.timeout(body["wait_seconds"]):
                    await self._arrived.wait()
            except TimeoutError:
                pass
            claims = self._hand_out(body)
        return ok({"claims": claims})

    def _hand_out(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        claims: list[dict[str, Any]] = []
        passed: list[str] = []
        while self.queue and len(claims) < body["limit"]:
            run = self.runs[self.queue.popleft()]
            if body.get("jobs") is not None and run["job"] not in body["jobs"]:
                passed.append(run["id"])
                continue
            run.update(state="claimed", token=f"token-{next(self._tokens)}", claimed_at=START)
            shown = {name: value for name, value in run.items() if name != "token"}
            until = START + dt.timedelta(seconds=self.lease_seconds)
            claims.append({"run": shown, "lease": {"until": until, "token": run["token"]}})
        self.queue.extend(passed)
        return claims

    def _report(self, verb: str, reports: list[dict[str, Any]]) -> httpx2.Response:
        self.reports.setdefault(verb, []).append(len(reports))
        return ok({"results": [self._judge(verb, report) for report in reports]})

    def _judge(self, verb: str, report: dict[str, Any]) -> dict[str, Any]:
        run = self.runs[report["run_id"]]
        if run.get("token") != report["token"]:
            error = {"code": "lease_lost", "detail": "Gone.", "status": 409, "state": run["state"]}
            return {"run_id": run["id"], "ok": False, "error": error}
        run["state"] = VERBS[verb] or run["state"]
        if verb not in {"start", "heartbeat"}:
            run.update(token=None, report=report)
        else:
            run.setdefault(verb, []).append(report)
        if verb == "release":
            run["state"] = "released"
        return {"run_id": run["id"], "ok": True, "state": run["state"]}

    def _sub_resource(self, request: httpx2.Request, run_id: str, rest: list[str], body: Any) -> httpx2.Response:
        run = self.runs[run_id]
        if request.headers.get("x-runyard-lease") != run.get("token"):
            return problem(409, "lease_lost", "Somebody else holds this run.")
        if rest == ["logs"]:
            self.logs.setdefault(run_id, []).extend(body["entries"])
            return ok({"accepted": len(body["entries"])}, 201)
        if rest == ["checkpoints"]:
            kept = self.checkpoints.setdefault(run_id, [])
            if request.method == "POST":
                kept.append({"run_id": run_id, "number": len(kept) + 1, "state": body["state"]})
                return ok(kept[-1], 201)
            return ok({"data": kept[::-1][: int(request.url.params["limit"])], "next_cursor": None})
        run.setdefault("written", []).append((request.method, "/".join(rest), body or request.content))
        kept_as = {"id": "1", "run_id": run_id, "key": rest[-1], "name": "x", "model": "x", **(body or {})}
        return ok(kept_as)


VERBS: dict[str, str | None] = {
    "start": "running",
    "heartbeat": None,
    "complete": "completed",
    "fail": "failed",
    "release": "queued",
    "wait": "waiting",
}


def ok(value: Any, status: int = 200) -> httpx2.Response:
    """A good answer."""
    return httpx2.Response(status, content=msgspec.json.encode(value), headers={"content-type": "application/json"})


def problem(status: int, code: str, detail: str, **headers: str) -> httpx2.Response:
    """A refusal."""
    body = {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code, "request_id": "r1"}
    return httpx2.Response(
        status, content=msgspec.json.encode(body), headers={"content-type": "application/problem+json", **headers}
    )
