"""A client of the Strait dialect whose every request and reply is held to the contract."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from runyard.domain.errors import DomainError
from runyard.domain.policy import Failure
from runyard.domain.records import Key
from runyard.engine import claims, keys, leases, proofs, timers
from runyard.engine.claims import Granted
from runyard.storage.port import Tx
from runyard.storage.statements import keys as keys_sql
from tests.dialects.strait.contract import PREFIX, StraitContract
from tests.support.contract import decoded
from tests.support.stand import ADMIN, Stand
from tests.support.verbs import NOTHING, Json, Verbs, exchange

EVERY_EXECUTOR = ("http", "managed", "worker")
LONGEST_SILENCE = 10.0
"""Seconds after which a stream that only says that it is there is given up."""
_numbers = itertools.count(1)


class Strait(Verbs):
    """The dialect with one key: an API key, a run token, or none."""

    def __init__(
        self, stand: Stand, contract: StraitContract, key: str | None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.stand = stand
        self.contract = contract
        self.key = key
        self.headers = dict(headers or {})

    def as_key(self, key: str | None, **headers: str) -> Strait:
        """Another key (or none), with headers (`x_project_id="other"`) that every request carries."""
        return Strait(self.stand, self.contract, key, {name.replace("_", "-"): text for name, text in headers.items()})

    def saying(self, **headers: str) -> Strait:
        """The same key with further headers (`x_list_envelope="1"`)."""
        return self.as_key(self.key, **{**self.headers, **headers})

    def with_scopes(self, *scopes: str, project: int = 1) -> Strait:
        """A new key with these scopes; none means all."""
        return self.as_key(strait_key(self.stand, *scopes, project=project))

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

    # Jobs and runs

    def job(self, **fields: Any) -> Json:
        """Make a job over HTTP; what is not said is made up."""
        slug = f"job-{next(_numbers)}"
        body = {
            "project_id": "default",
            "name": slug,
            "slug": slug,
            **({} if fields.get("execution_mode") == "managed" else {"endpoint_url": "https://example.com/run"}),
            **fields,
        }
        made: Json = good(self.post("/v1/jobs", body), 201)
        return made

    def trigger(self, job: Json | str, **body: Any) -> Json:
        """Trigger a job over HTTP; the answer, with the run's id and token."""
        asked: Json = good(self.post(f"/v1/jobs/{_id(job)}/trigger", body), 201)
        return asked

    def run(self, job: Json | str | None = None, **body: Any) -> Json:
        """The run that a trigger makes."""
        return self.see(self.trigger(self.job() if job is None else job, **body))

    def see(self, run: Json | str) -> Json:
        """The run as it stands."""
        found: Json = good(self.get(f"/v1/runs/{_id(run)}"))
        return found

    def status(self, run: Json | str) -> str:
        """The run's status."""
        return str(self.see(run)["status"])

    # What executors do, by the engine's own operations

    def claim(self, run: Json | str | None = None) -> Granted:
        """Claim the run that stands in front; with a run: in front of those of its job, and it must be this one."""
        jobs = None if run is None else (str(good(self.get(f"/v1/jobs/{self.see(run)['job_id']}"))["slug"]),)
        for executor in EVERY_EXECUTOR:
            asked = claims.ClaimRequest(project_id=None, executor=executor, worker="test", jobs=jobs)
            granted: list[Granted] = self.stand.store.transact(claims.claim, [asked])[0]
            if granted:
                assert run is None or granted[0].run.id == _id(run), "another run stood in front"
                return granted[0]
        raise AssertionError("there was nothing to claim")

    def start(self, run: Json | str | None = None) -> Granted:
        """Claim a run and start it."""
        granted = self.claim(run)
        self.report(leases.start, leases.Start(**proof(granted)))
        return granted

    def complete(self, granted: Granted, output: str = "null") -> None:
        """Complete what was claimed (the executor's way, not by run token)."""
        self.report(leases.complete, leases.Complete(**proof(granted), output=output))

    def fail(self, granted: Granted, kind: str = "server", *, retryable: bool = False) -> None:
        """Fail what was claimed (the executor's way, not by run token)."""
        failure = Failure(message="it broke", kind=kind, retryable=retryable)
        self.report(leases.fail, leases.Fail(**proof(granted), failure=failure))

    def report(self, op: Any, report: proofs.Report) -> None:
        """Report as an executor. Raises what the report is refused with."""
        (outcome,) = self.stand.store.transact(op, [report])
        if isinstance(outcome, DomainError):
            raise outcome

    def tick(self, **time: float) -> None:
        """Let time pass and the timers notice it."""
        self.stand.clock.forward(**time)  # type: ignore[arg-type]
        self.stand.store.transact(timers.tick)

    def worker(self, granted: Granted) -> Worker:
        """The worker-side calls of a claimed run, with the token it got at dispatch."""
        token = self.stand.server.tokens.make(granted.run, attempt=granted.run.attempt)
        return Worker(self.stand, self.contract, token, granted.run.id)

    def executing(self, job: Json | str | None = None, **body: Any) -> Worker:
        """The worker-side calls of a run that was just triggered, claimed and started."""
        run = self.run(job, **body)
        return self.worker(self.start(run))

    # Streams

    @contextmanager
    def follow(self, path: str, **params: Any) -> Iterator[Follower]:
        """Follow a stream; every frame is held to the contract."""
        request = self.request("GET", path, params=params, headers={"accept": "text/event-stream"})
        response = self.stand.http.send(request, stream=True)
        try:
            assert response.status_code == 200, response.read()
            assert response.headers["content-type"].partition(";")[0] == "text/event-stream"
            assert response.headers["x-accel-buffering"] == "no"
            operation = self.contract.find("GET", request.url.path)
            assert operation is not None
            shapes = operation.spec.get("x-sse-data", [{"$ref": "#/components/schemas/EventTrigger"}])
            yield Follower(self.contract, response, shapes)
        finally:
            response.close()


class Worker(Strait):
    """Worker-side calls of one run."""

    def __init__(self, stand: Stand, contract: StraitContract, token: str, run_id: str) -> None:
        super().__init__(stand, contract, token)
        self.run_id = run_id

    def call(self, name: str, body: Any = NOTHING, *, method: str = "POST", **more: Any) -> httpx2.Response:
        """A call below `/sdk/v1/runs/{the run}/`."""
        return self.send(method, f"/sdk/v1/runs/{self.run_id}/{name}", body, **more)


@dataclass
class Follower:
    """The objects that come out of a stream."""

    contract: StraitContract
    response: httpx2.Response
    shapes: Sequence[Mapping[str, Any]]
    _lines: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = self.response.iter_lines()

    def __iter__(self) -> Iterator[Json]:
        return self

    def __next__(self) -> Json:
        lines: list[str] = []
        give_up = time.monotonic() + LONGEST_SILENCE
        for line in self._lines:
            assert time.monotonic() < give_up, "nothing came but keepalives"
            if line.startswith(":"):
                continue
            if line:
                lines.append(line)
            elif lines:
                return self._object(lines)
        raise StopIteration

    def _object(self, lines: Sequence[str]) -> Json:
        data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
        assert len(data) == 1, f"one frame, one line of data: {lines}"
        found: Json = json.loads(data[0])
        self.contract.validate({"anyOf": self.shapes}, found, f"frame {found}")
        return found

    def take(self, count: int) -> list[Json]:
        """The next objects."""
        return [next(self) for _ in range(count)]


def strait_key(stand: Stand, *scopes: str, project: int = 1) -> str:
    """A key in this dialect's form; no scopes are all of them."""

    def make(tx: Tx) -> str:
        secret = f"strait_{keys.hash_of(tx.new_token())}"
        made = Key(
            id=tx.new_id(),
            project_id=project,
            name="test",
            prefix=secret[:10],
            hash=keys.hash_of(secret),
            scopes=tuple(scopes),
            dialect="strait",
            created_at=tx.now,
            expires_at=None,
            revoked_at=None,
            last_used_at=None,
        )
        assert keys_sql.insert(tx, made)
        tx.wake("keys")
        return secret

    return stand.store.transact(make)


def internal(stand: Stand, contract: StraitContract) -> Strait:
    """The internal secret, as its header."""
    return Strait(stand, contract, None, {"x-internal-secret": ADMIN})


def proof(granted: Granted) -> dict[str, Any]:
    """What every report of an executor names."""
    return {"project_id": granted.run.project_id, "run_id": granted.run.id, "token": granted.lease.token}


def good(response: httpx2.Response, status: int = 200) -> Any:
    """The body of a reply that must have this status."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:2000]}"
    return decoded(response.content) if response.content else None


def refused(response: httpx2.Response, status: int, *words: str) -> Json:
    """The error of a reply that must have this status, and say these words."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:2000]}"
    refusal: Json = response.json()
    assert all(word in response.text for word in words), refusal
    return refusal


def ids(things: Sequence[Json]) -> list[str]:
    """The ids of what was listed."""
    return [one["id"] for one in things]


def _id(thing: Json | str) -> str:
    return thing if isinstance(thing, str) else str(thing["id"])
