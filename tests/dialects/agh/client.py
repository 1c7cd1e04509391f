"""A client of the AGH dialect whose every request and reply is held to the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from runyard.dialects.agh.mapping.values import shown
from runyard.domain.sessions import Session
from runyard.engine import keys, sessions, timers
from runyard.engine.sessions import NewSession
from tests.dialects.agh.contract import PREFIX, AghContract, the_contract
from tests.support.contract import decoded
from tests.support.stand import Stand
from tests.support.verbs import NOTHING, Json, Verbs, exchange


class Agh(Verbs):
    """The dialect with one key (or none), as a person or as the session of an agent."""

    def __init__(
        self,
        stand: Stand,
        contract: AghContract,
        key: str | None,
        *,
        project: int = 1,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.stand = stand
        self.contract = contract
        self.key = key
        self.project = project
        self.headers = dict(headers or {})

    def as_key(self, key: str | None) -> Agh:
        """Another key (or none)."""
        return Agh(self.stand, self.contract, key, project=self.project, headers=self.headers)

    def saying(self, **headers: str) -> Agh:
        """The same key with further headers (`x_agh_agent="coder"`)."""
        said = {name.replace("_", "-"): text for name, text in headers.items()}
        return Agh(self.stand, self.contract, self.key, project=self.project, headers={**self.headers, **said})

    def with_scopes(self, *scopes: str) -> Agh:
        """A new key of the same project with these scopes; none means all but `admin`."""
        return self.as_key(agh_key(self.stand, *scopes, project=self.project))

    def send(
        self,
        method: str,
        path: str,
        body: Any = NOTHING,
        *,
        loose: bool = False,
        prefix: str = PREFIX,
        **more: Any,
    ) -> httpx2.Response:
        """Send a request (JSON, or `content` as it is) and hold it and its reply to the contract.

        `loose` is for requests that break the contract's document and succeed all the same.
        """
        request = self.request(method, path, body, prefix=prefix, **more)
        response = self.stand.http.send(request)
        self.judge(request, response, loose=loose)
        return response

    def request(
        self, method: str, path: str, body: Any = NOTHING, *, prefix: str = PREFIX, **more: Any
    ) -> httpx2.Request:
        """A request that is not sent yet."""
        return self.built(self.stand.http, method, f"{prefix}{path}", body, **more)

    def judge(self, request: httpx2.Request, response: httpx2.Response, *, loose: bool = False) -> None:
        """Hold a request and its whole reply to the contract."""
        self.contract.check(*exchange(request, response), loose=loose)

    # Sessions, by the engine's own operation

    def session(self, agent: str = "coder", **new: Any) -> Session:
        """A session of an agent; `new` as `engine.sessions.NewSession` has it."""
        return self.stand.store.transact(sessions.create, self.project, NewSession(agent=agent, **new))

    def as_session(self, session: Session | None = None, **new: Any) -> Agh:
        """The same key, calling as the session, or as a new one."""
        session = session or self.session(**new)
        return self.saying(x_agh_session_id=shown("sess", session.id), x_agh_agent=session.agent)

    # Tasks

    def task(self, title: str = "a task", *, parent: Json | str | None = None, **said: Any) -> Json:
        """A task of no workspace, or what is said of it; below another where one is named."""
        path = "/api/tasks" if parent is None else f"/api/tasks/{id_of(parent)}/children"
        found: Json = good(self.post(path, {"scope": "global", "title": title, **said}), 201)["task"]
        return found

    def see(self, task: Json | str) -> Json:
        """The task's detail."""
        found: Json = good(self.get(f"/api/tasks/{id_of(task)}"))["task"]
        return found

    def status(self, task: Json | str) -> str:
        """The task's status."""
        return str(self.see(task)["task"]["status"])

    def start(self, task: Json | str | None = None, **said: Any) -> Json:
        """A new run of the task, or of one made for it."""
        task = self.task() if task is None else task
        run: Json = good(self.post(f"/api/tasks/{id_of(task)}/runs", said), 201)["run"]
        return run

    def claim(self, **said: Any) -> Json | None:
        """What the session this calls as is given, if there is anything."""
        response = self.post("/api/agent/tasks/claim-next", said)
        if response.status_code == 204:
            return None
        claim: Json = good(response)["claim"]
        return claim

    def tick(self, **time: float) -> None:
        """Let time pass and the timers notice it."""
        self.stand.clock.forward(**time)  # type: ignore[arg-type]
        self.stand.store.transact(timers.tick)


def agh(stand: Stand, *scopes: str, project: int = 1) -> Agh:
    """The dialect with a new key; no scopes are all but `admin`."""
    return Agh(stand, the_contract(), agh_key(stand, *scopes, project=project), project=project)


def agh_key(stand: Stand, *scopes: str, project: int = 1) -> str:
    """A key; no scopes are all but `admin`."""
    granted = scopes or tuple(sorted(keys.SCOPES - {"admin"}))
    return stand.store.transact(keys.create, project, name="test", scopes=granted, dialect="agh").secret


def good(response: httpx2.Response, status: int = 200) -> Any:
    """The body of a reply that must have this status."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:2000]}"
    return decoded(response.content) if response.content else None


def refused(response: httpx2.Response, status: int, *words: str, code: str | None = None) -> Json:
    """The error of a reply that must have this status, say these words, and have a diagnostic with this code."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:2000]}"
    refusal: Json = response.json()
    assert all(word in refusal["error"] for word in words), refusal
    assert refusal.get("diagnostic", {}).get("code") == code, refusal
    return refusal


def ids(things: Sequence[Json]) -> list[str]:
    """The ids of what was listed."""
    return [one["id"] for one in things]


def id_of(thing: Json | str) -> str:
    """The id of whatever stands for a thing."""
    return thing if isinstance(thing, str) else str(thing["id"])
