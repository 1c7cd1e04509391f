"""A client of the BambooSnow dialect whose every request and reply is held to the contract."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from runyard.dialects.bamboosnow.mapping.values import read, shown
from runyard.domain.agents import AgentProfile
from runyard.domain.errors import DomainError
from runyard.domain.policy import Failure
from runyard.domain.records import Waiting
from runyard.engine import agents, approvals, claims, keys, leases, proofs, runs, timers
from runyard.engine.claims import Granted
from tests.dialects.bamboosnow.contract import PREFIX, SnowContract, the_contract
from tests.support.contract import decoded
from tests.support.stand import Stand
from tests.support.verbs import NOTHING, Json, Verbs, exchange

EVERY_EXECUTOR = ("worker", "agent")
_numbers = itertools.count(1)


class Snow(Verbs):
    """The dialect with one key (or none), and what executors do to the runs of the key's project."""

    def __init__(
        self,
        stand: Stand,
        contract: SnowContract,
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

    def as_key(self, key: str | None) -> Snow:
        """Another key (or none)."""
        return Snow(self.stand, self.contract, key, project=self.project, headers=self.headers)

    def saying(self, **headers: str) -> Snow:
        """The same key with further headers (`idempotency_key="once"`)."""
        said = {name.replace("_", "-"): text for name, text in headers.items()}
        return Snow(self.stand, self.contract, self.key, project=self.project, headers={**self.headers, **said})

    def with_scopes(self, *scopes: str) -> Snow:
        """A new key of the same project with these scopes; none means all."""
        return self.as_key(snow_key(self.stand, *scopes, project=self.project))

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

    # Agents and runs

    def agent(self, name: str | None = None, *, description: str = "", **profile: Any) -> Json:
        """Make an agent, deployed, with this profile (`template`, `repository_id`, `triggers`, `config`)."""
        if "repository_id" in profile:
            profile["repository_id"] = read("repo", profile["repository_id"])
        new = agents.NewAgent(
            name=name or f"agent {next(_numbers)}", description=description, profile=AgentProfile(**profile)
        )
        made = self.stand.store.transact(agents.create, self.project, new)
        return {"id": shown("agent", made.id), "name": made.name, "job": made.job.name}

    def run(self, agent: Json | str | None = None, payload: Json | None = None, **said: Any) -> Json:
        """A new run of the agent, or of one made for it; `said` as `engine.agents.ask` takes it (`trigger`, …)."""
        asked = read("agent", id_of(self.agent() if agent is None else agent))
        text = json.dumps(payload or {})
        run = self.stand.store.transact(agents.ask, self.project, asked, payload=text, **said)
        return {"id": shown("run", run.id), "uuid": run.id}

    def see(self, run: Json | str) -> Json:
        """The run as `/v1` shows it."""
        found: Json = good(self.get(f"/v1/runs/{id_of(run)}"))
        return found

    def status(self, run: Json | str) -> str:
        """The run's status on `/v1`."""
        return str(self.see(run)["status"])

    def sdk(self, run: Json | str) -> Json:
        """The run as `/api/v1` shows it."""
        found: Json = good(self.get(f"/api/v1/runs/{id_of(run)}"))
        return found

    # What executors do, by the engine's own operations

    def claim(self, run: Json | str | None = None) -> Granted:
        """Claim the run that stands in front; with a run: in front of those of its job, and it must be this one."""
        jobs = None if run is None else self._job(run)
        for executor in EVERY_EXECUTOR:
            asked = claims.ClaimRequest(project_id=self.project, executor=executor, worker="test", jobs=jobs)
            granted: list[Granted] = self.stand.store.transact(claims.claim, [asked])[0]
            if granted:
                found = shown("run", granted[0].run.id)
                assert run is None or found == id_of(run), "another run stood in front"
                return granted[0]
        raise AssertionError("there was nothing to claim")

    def _job(self, run: Json | str) -> tuple[str, ...] | None:
        found = self.stand.store.look(runs.find, self.project, read("run", id_of(run)))
        return None if found.job_name is None else (found.job_name,)

    def start(self, run: Json | str | None = None) -> Granted:
        """Claim a run and start it."""
        granted = self.claim(run)
        self.report(leases.start, leases.Start(**proof(granted)))
        return granted

    def complete(self, granted: Granted, output: Any = None) -> None:
        """Complete what was claimed."""
        self.report(leases.complete, leases.Complete(**proof(granted), output=json.dumps(output)))

    def fail(
        self, granted: Granted, kind: str = "error", *, message: str = "it broke", retryable: bool = False
    ) -> None:
        """Fail what was claimed."""
        failure = Failure(message=message, kind=kind, retryable=retryable)
        self.report(leases.fail, leases.Fail(**proof(granted), failure=failure))

    def park(self, granted: Granted, kind: Any = "event", **said: Any) -> None:
        """Let what was claimed wait for something."""
        waiting = Waiting(kind=kind, **said)
        self.report(leases.park, leases.Park(**proof(granted), waiting_for=waiting))

    def ask_person(self, granted: Granted, name: str = "merge", **said: Any) -> None:
        """Ask a person whether what was claimed may do something, and wait for the answer."""
        asked = {"action": "merge", "description": "Merge the pull request", "changes": ("main",), **said}
        self.report(approvals.request, approvals.NewApproval(**proof(granted), name=name, **asked))

    def report(self, op: Any, report: proofs.Report) -> None:
        """Report as an executor. Raises what the report is refused with."""
        (outcome,) = self.stand.store.transact(op, [report])
        if isinstance(outcome, DomainError):
            raise outcome

    def succeeded(self, agent: Json | str | None = None, payload: Json | None = None, **said: Any) -> Json:
        """A run that was carried out well."""
        run = self.run(agent, payload, **said)
        self.complete(self.start(run))
        return run

    def failed(self, agent: Json | str | None = None, payload: Json | None = None, **said: Any) -> Json:
        """A run that failed."""
        run = self.run(agent, payload, **said)
        self.fail(self.start(run))
        return run

    def tick(self, **time: float) -> None:
        """Let time pass and the timers notice it."""
        self.stand.clock.forward(**time)  # type: ignore[arg-type]
        self.stand.store.transact(timers.tick)


def snow(stand: Stand, *scopes: str, project: int = 1) -> Snow:
    """The dialect with a new key; no scopes are all of them."""
    return Snow(stand, the_contract(), snow_key(stand, *scopes, project=project), project=project)


def snow_key(stand: Stand, *scopes: str, project: int = 1) -> str:
    """A key in this dialect's form; no scopes are all of them."""
    made = stand.store.transact(keys.create, project, name="test", scopes=scopes, dialect="bamboosnow")
    return made.secret


def proof(granted: Granted) -> dict[str, Any]:
    """What every report of an executor names."""
    return {"project_id": granted.run.project_id, "run_id": granted.run.id, "token": granted.lease.token}


def good(response: httpx2.Response, status: int = 200) -> Any:
    """The body of a reply that must have this status."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:2000]}"
    if response.headers.get("content-type", "").startswith("text/plain"):
        return response.text
    return decoded(response.content) if response.content else None


def refused(response: httpx2.Response, status: int, *words: str) -> Json:
    """The error of a reply that must have this status, and say these words."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:2000]}"
    refusal: Json = response.json()
    assert all(word in refusal["message"] for word in words), refusal
    return refusal


def ids(things: Sequence[Json]) -> list[str]:
    """The ids of what was listed."""
    return [one["id"] for one in things]


def id_of(thing: Json | str) -> str:
    """The id of whatever stands for a thing."""
    return thing if isinstance(thing, str) else str(thing["id"])
