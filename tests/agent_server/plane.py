"""A stand-in for the control plane: what an agent server calls, held to the contract's document."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

from tests.contracts import document
from tests.support.contract import Contract, placed
from tests.support.endpoints import Heard, Say

PROJECT = 7
TASK = "0190c0de-0000-7000-8000-0000000000aa"
RUN = "0190c0de-0000-7000-8000-0000000000bb"
BEFORE = "0190c0de-0000-7000-8000-0000000000cc"
KEY = "phx_key_of_the_sandbox"
INGEST = "token-for-events"
WHEN = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
CONTRACT = Contract(placed(document("posthog"), ""))


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request as it came."""

    method: str
    path: str
    body: Any
    status: int

    @property
    def what(self) -> str:
        """The call without the path that all have."""
        return f"{self.method} {self.path.rstrip('/')}"


class Plane:
    """One task with one run, kept in memory."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.task: dict[str, Any] = {
            "id": TASK,
            "task_number": 0,
            "slug": "ABC-0",
            "title": "t",
            "title_manually_set": False,
            "description": "do something",
            "origin_product": "user_created",
            "repository": None,
            "github_integration": None,
            "json_schema": None,
            "internal": False,
            "latest_run": None,
            "created_at": WHEN,
            "updated_at": WHEN,
            "created_by": None,
        }
        self.runs = {RUN: _run(RUN), BEFORE: _run(BEFORE)}
        self.logs: dict[str, list[dict[str, Any]]] = {RUN: [], BEFORE: []}
        self.events: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.kept: list[tuple[str, str, str, bytes]] = []
        """Files that were added to those of the run: name, type, content type and bytes."""
        self.complete: int | None = None
        self.refuse: Callable[[str, Any], tuple[int, Any] | None] = lambda what, body: None
        """What is answered instead, if anything."""

    @property
    def run(self) -> dict[str, Any]:
        """The run that is worked on."""
        return self.runs[RUN]

    @property
    def log(self) -> list[dict[str, Any]]:
        """Its log."""
        return self.logs[RUN]

    def methods(self) -> list[str]:
        """The log in brief: the methods, updates by their kind."""
        return [brief(entry) for entry in self.log]

    def whats(self) -> list[str]:
        """The calls in brief."""
        return [call.what for call in self.calls]

    def behave(self, heard: Heard) -> Say:
        """The stand-in as an endpoint on a socket."""
        status, body = self._answered(heard.method, heard.path, heard.headers, heard.body)
        return Say(status=status, body=body, headers={"Content-Type": "application/json"})

    def transport(self) -> httpx2.MockTransport:
        """The stand-in within this process."""

        async def handle(request: httpx2.Request) -> httpx2.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            status, body = self._answered(request.method, request.url.path, headers, await request.aread())
            if status == 0:
                raise httpx2.ConnectError("nobody there", request=request)
            return httpx2.Response(status, content=body, headers={"Content-Type": "application/json"})

        return httpx2.MockTransport(handle)

    def _answered(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        place = path.removeprefix(f"/api/projects/{PROJECT}/tasks/{TASK}")
        assert place != path, path
        lines = headers.get("content-type") == "application/x-ndjson"
        given = body.decode() if lines else json.loads(body) if body else None
        operation = CONTRACT.find(method, path.rstrip("/"))
        assert operation is not None, f"{method} {path}: the contract knows no such operation"
        if given is not None and not lines:
            # Nothing is sent that the contract does not know.
            schema = operation.spec["requestBody"]["content"]["application/json"]["schema"]
            CONTRACT.validate(schema, given, f"{method} {path}")
        assert headers["authorization"] == f"Bearer {INGEST if lines else KEY}"
        status, said = self.refuse(f"{method} {place.rstrip('/')}", given) or self._act(method, place, given)
        self.calls.append(Call(method=method, path=place, body=given, status=status))
        return status, said if isinstance(said, bytes) else json.dumps(said).encode()

    def _act(self, method: str, place: str, body: Any) -> tuple[int, Any]:
        if place == "/":
            return 200, self.task
        found = re.fullmatch(r"/runs/([^/]+)/?([^/]*(?:/[^/]+)?)/?", place)
        assert found is not None, place
        run, verb = self.runs[found[1]], found[2]
        match method, verb:
            case "GET", "":
                pass
            case "GET", "logs":
                return 200, "\n".join(json.dumps(entry) for entry in self.logs[run["id"]]).encode()
            case "PATCH", "":
                self._patch(run, body)
            case "POST", "append_log":
                for entry in body["entries"]:
                    CONTRACT.validate({"$ref": "#/components/schemas/LogEntry"}, entry, "a log entry")
                assert not any(brief(entry) == "agent_message_chunk" for entry in body["entries"])
                self.logs[run["id"]] += body["entries"]
            case "PATCH", "set_output":
                run["output"] = body["output"]
            case "POST", "relay_message":
                return 200, {"status": "skipped"}
            case "POST", "artifacts/download":
                return 200, self.files[body["storage_path"]]
            case "POST", "artifacts":
                for one in body["artifacts"]:
                    assert one["content_encoding"] == "base64"
                    self.kept.append((one["name"], one["type"], one["content_type"], b64decode(one["content"])))
                return 200, {"artifacts": []}
            case "POST", "event_stream":
                return self._ingest(body)
            case _:
                raise AssertionError(f"{method} {place}")
        return 200, run

    def _patch(self, run: dict[str, Any], body: dict[str, Any]) -> None:
        for name in body.get("state_remove_keys", ()):
            run["state"].pop(name, None)
        for name, value in body.items():
            if name in {"state", "output"} and isinstance(value, dict):
                run[name] = {**(run[name] or {}), **value}
            elif name != "state_remove_keys":
                run[name] = value

    def _ingest(self, text: str) -> tuple[int, Any]:
        accepted = duplicate = 0
        for line in text.splitlines():
            one = json.loads(line)
            CONTRACT.validate({"$ref": "#/components/schemas/IngestLine"}, one, "a line of events")
            last = len(self.events)
            if self.complete is not None:
                return 409, {"error": "complete", "last_accepted_seq": last}
            if "final_seq" in one:
                self.complete = one["final_seq"]
                assert self.complete == last
            elif one["seq"] <= last:
                duplicate += 1
            elif one["seq"] == last + 1:
                self.events.append(one["event"])
                accepted += 1
            else:
                return 409, {"error": "gap", "last_accepted_seq": last}
        return 200, {"accepted": accepted, "duplicate": duplicate, "last_accepted_seq": len(self.events)}


def brief(event: dict[str, Any]) -> str:
    """An event or a log entry in one word."""
    notification = event.get("notification")
    if notification is None:
        return str(event["type"])
    if notification["method"] == "session/update":
        return str(notification["params"]["update"]["sessionUpdate"])
    return str(notification["method"]).removeprefix("_posthog/")


def _run(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "task": TASK,
        "stage": None,
        "branch": None,
        "status": "queued",
        "environment": "cloud",
        "log_url": "http://log",
        "error_message": None,
        "output": None,
        "state": {},
        "artifacts": [],
        "created_at": WHEN,
        "updated_at": WHEN,
        "completed_at": None,
    }
