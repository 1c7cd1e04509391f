"""Calls to the control plane: tried again where that may help (contract §2.7)."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import httpx2
import msgspec

from runyard.agent_server.clock import Clock
from runyard.agent_server.launch import Launch

log = logging.getLogger("runyard.agent_server")
TERMINAL = frozenset({"completed", "failed", "cancelled"})
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
PATIENT = 20
"""Attempts of what must be told: some eight minutes."""
USUAL = 8
"""Attempts of what the run waits for: some ninety seconds."""
_WORTH_AGAIN = frozenset({401, 408, 429})
"""A key may be renewed under us, hence 401 (contract §2.7)."""


class ControlError(Exception):
    """The control plane did not do what it was asked."""


class Refused(ControlError):
    """It never will, as the request stands."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"the control plane answers {status}: {said[:300]}")
        self.status = status


class Unreachable(ControlError):
    """It may, later; enough attempts were made for now."""


class Control:
    """The control plane, as far as one run goes."""

    def __init__(self, launch: Launch, http: httpx2.AsyncClient, clock: Clock) -> None:
        self._task = f"{launch.api_url}/api/projects/{launch.project}/tasks/{launch.task_id}"
        self._run = launch.run_id
        self._http = http
        self._clock = clock
        self._headers = {"Authorization": f"Bearer {launch.api_key}", "Content-Type": "application/json"}
        self.on_status: Callable[[str], None] = lambda status: None
        """Called with the status of our run whenever an answer tells it."""

    # -- what is asked for; all of it raises `ControlError`

    async def task(self) -> dict[str, Any]:
        """The task."""
        return await self._json("GET", "/")

    async def run(self, run_id: str | None = None, *, attempts: int = USUAL) -> dict[str, Any]:
        """Our run, or another one of the task."""
        return await self._json("GET", f"/runs/{run_id or self._run}/", attempts=attempts)

    async def logs(self, run_id: str) -> bytes:
        """The log of a run of the task, in JSON lines; empty when there is none."""
        try:
            # Without a slash: so the published agent asks, and nobody redirects.
            return await self._send("GET", f"/runs/{run_id}/logs")
        except Refused as error:
            if error.status == 404:
                return b""
            raise

    async def update(self, changes: dict[str, Any], *, attempts: int = USUAL) -> dict[str, Any]:
        """Change our run."""
        return await self._json("PATCH", f"/runs/{self._run}/", changes, attempts=attempts)

    async def set_output(self, output: dict[str, Any]) -> dict[str, Any]:
        """Give the run its structured output."""
        return await self._json("PATCH", f"/runs/{self._run}/set_output/", {"output": output}, attempts=PATIENT)

    async def append(self, entries: list[msgspec.Raw]) -> None:
        """Append to our log, in one attempt."""
        await self._json("POST", f"/runs/{self._run}/append_log/", {"entries": entries}, attempts=1)

    async def relay(self, text: str, parts: list[str]) -> None:
        """Have an answer told where the run was asked for."""
        await self._json("POST", f"/runs/{self._run}/relay_message/", {"text": text, "text_parts": parts}, attempts=3)

    async def artifact(self, storage_path: str) -> bytes:
        """The bytes of a file of the run."""
        return await self._send("POST", f"/runs/{self._run}/artifacts/download/", {"storage_path": storage_path})

    async def keep(self, name: str, kind: str, content_type: str, content: bytes) -> None:
        """Add a file to those of the run."""
        said = {"name": name, "type": kind, "source": "agent-server", "content_type": content_type}
        file = {**said, "content": b64encode(content).decode(), "content_encoding": "base64"}
        await self._json("POST", f"/runs/{self._run}/artifacts/", {"artifacts": [file]})

    # -- how

    async def _json(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, attempts: int = USUAL
    ) -> dict[str, Any]:
        content = await self._send(method, path, body, attempts=attempts)
        try:
            said = msgspec.json.decode(content, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise Unreachable(f"{method} {path} is answered with what is no JSON object: {error}") from None
        if said.get("id") == self._run and isinstance(said.get("status"), str):
            self.on_status(said["status"])
        return said

    async def _send(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, attempts: int = USUAL
    ) -> bytes:
        content = None if body is None else msgspec.json.encode(body)
        delay = FIRST_DELAY
        for attempt in range(1, attempts + 1):
            status, said, after = await self._once(method, path, content)
            if 200 <= status < 300:
                return said
            text = said.decode(errors="replace")
            if status and status < 500 and status not in _WORTH_AGAIN:
                raise Refused(status, text)
            log.warning("control.failed %s %s: %s %.200s (attempt %d)", method, path, status or "", text, attempt)
            if attempt == attempts:
                if status in _WORTH_AGAIN:
                    raise Refused(status, text)
                raise Unreachable(f"{method} {path} failed {attempts} times, last with {status or text}")
            await self._clock.sleep(max(delay, after))
            delay = min(2 * delay, LONGEST_DELAY)
        raise AssertionError("no attempts")

    async def _once(self, method: str, path: str, content: bytes | None) -> tuple[int, bytes, float]:
        """Status, body and the seconds to wait that were named; no status when nobody answered."""
        try:
            reply = await self._http.request(method, self._task + path, content=content, headers=self._headers)
        except httpx2.HTTPError as error:
            return 0, f"{type(error).__name__} {error}".encode(), 0.0
        after = reply.headers.get("retry-after", "")
        return reply.status_code, reply.content, min(float(after), 120.0) if after.isdigit() else 0.0
