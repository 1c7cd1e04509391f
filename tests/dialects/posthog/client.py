"""A client of the PostHog dialect whose every request and reply is held to the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from runyard.domain.actors import Actor, Doer, Origin
from runyard.engine import keys
from runyard.engine.coding import tasks
from runyard.engine.coding.tasks import NewCodingTask
from tests.dialects.posthog.contract import PREFIX, PosthogContract, the_contract
from tests.support.contract import decoded
from tests.support.stand import Stand
from tests.support.verbs import NOTHING, Json, Verbs, exchange

SOMEBODY = Doer(Actor("human", "test"), Origin("http", "test"))


class Posthog(Verbs):
    """The dialect with one key (or none)."""

    def __init__(
        self,
        stand: Stand,
        contract: PosthogContract,
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

    def as_key(self, key: str | None) -> Posthog:
        """Another key (or none)."""
        return Posthog(self.stand, self.contract, key, project=self.project, headers=self.headers)

    def with_scopes(self, *scopes: str) -> Posthog:
        """A new key of the same project with these scopes; none means all but `admin`."""
        return self.as_key(posthog_key(self.stand, *scopes, project=self.project))

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

        `loose` is for requests that break the contract's document and succeed all the same. A path that does not
        begin with a slash is below the project.
        """
        path = path if path.startswith("/") else f"/api/projects/{self.project}/{path}"
        request = self.built(self.stand.http, method, f"{prefix}{path}", body, **more)
        response = self.stand.http.send(request)
        self.contract.check(*exchange(request, response), loose=loose)
        return response

    def task(self, title: str = "a task", **new: Any) -> str:
        """The id of a new coding task; `new` as `engine.coding.tasks.NewCodingTask` has it."""
        made = self.stand.store.transact(tasks.create, self.project, NewCodingTask(title=title, **new), SOMEBODY)
        return made.row.task_id

    def runs(self, task: str) -> str:
        """The path of the task's runs."""
        return f"tasks/{task}/runs"

    def run(self, task: str | None = None, **said: Any) -> Json:
        """A new run of the task, or of one made for it."""
        made: Json = good(self.post(self.runs(task or self.task()), said), 201)
        return made

    def see(self, run: Json) -> Json:
        """The run as it is now."""
        found: Json = good(self.get(path_of(run)))
        return found

    def change(self, run: Json, **said: Any) -> Json:
        """The run after a PATCH."""
        found: Json = good(self.patch(path_of(run), said))
        return found


def path_of(run: Json, *below: str) -> str:
    """The path of a run, or of what is below it."""
    return "/".join([f"tasks/{run['task']}/runs/{run['id']}", *below])


def posthog(stand: Stand, *scopes: str, project: int = 1) -> Posthog:
    """The dialect with a new key; no scopes are all but `admin`."""
    return Posthog(stand, the_contract(), posthog_key(stand, *scopes, project=project), project=project)


def posthog_key(stand: Stand, *scopes: str, project: int = 1) -> str:
    """A key; no scopes are all but `admin`."""
    granted = scopes or tuple(sorted(keys.SCOPES - {"admin"}))
    return stand.store.transact(keys.create, project, name="test", scopes=granted, dialect="posthog").secret


def good(response: httpx2.Response, status: int = 200) -> Any:
    """The body of a reply that must have this status."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:2000]}"
    return decoded(response.content) if response.content else None


def refused(response: httpx2.Response, status: int, *, code: str | None = None, attr: str | None = None) -> Json:
    """The error of a reply that must have this status; without a code it is an action's own sentence."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:2000]}"
    refusal: Json = response.json()
    assert refusal.get("code") == code, refusal
    assert refusal.get("attr") == attr, refusal
    return refusal
