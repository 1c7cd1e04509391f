"""A client of the native API whose every request and reply is held to the served OpenAPI document."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.support.contract import Contract
from tests.support.verbs import NOTHING, Json, Verbs, exchange

LONGEST_SILENCE = 10.0
"""Seconds after which a stream that only pings is given up."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One server-sent event; a comment has neither event nor data."""

    event: str = ""
    id: int | None = None
    data: Any = None
    comment: str = ""


class Api(Verbs):
    """The native API with one key."""

    def __init__(
        self, http: httpx2.Client, contract: Contract, key: str | None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.http = http
        self.contract = contract
        self.key = key
        self.headers = dict(headers or {})

    def within(self, project: str | int) -> Api:
        """The same key, acting in another project."""
        return Api(self.http, self.contract, self.key, {**self.headers, "x-runyard-project": str(project)})

    def as_key(self, key: str | None) -> Api:
        """Another key."""
        return Api(self.http, self.contract, key)

    def send(self, method: str, path: str, body: Any = NOTHING, **more: Any) -> httpx2.Response:
        """Send a request (JSON, or `content` as it is) and check it and its reply against the document."""
        request = self._request(method, path, body, **more)
        response = self.http.send(request)
        self.judge(request, response)
        return response

    def _request(self, method: str, path: str, body: Any = NOTHING, **more: Any) -> httpx2.Request:
        return self.built(self.http, method, f"{self.contract.prefix}/v1{path}", body, **more)

    def judge(self, request: httpx2.Request, response: httpx2.Response) -> None:
        """Check a request and its whole reply against the document."""
        self.contract.check(*exchange(request, response))

    # The words of the lifecycle

    def make(self, count: int, **run: Any) -> list[Json]:
        """Make so many alike runs in one call."""
        runs: list[Json] = good(self.post("/runs", {"runs": [run] * count}), 201)["runs"]
        return runs

    def run(self, **run: Any) -> Json:
        """Make a run."""
        return self.make(1, **run)[0]

    def see(self, run: Json | str) -> Json:
        """The run as it stands."""
        found: Json = good(self.get(f"/runs/{run if isinstance(run, str) else run['id']}"))
        return found

    def claim(self, limit: int = 1, **asked: Any) -> list[Json]:
        """Claim up to so many runs."""
        claims: list[Json] = good(self.post("/runs/claim", {"limit": limit, **asked}))["claims"]
        return claims

    def claimed(self, **run: Any) -> Json:
        """The claim of a run just made."""
        made = self.run(**run)
        (claim,) = self.claim(capabilities=made["capabilities"], executor=made["executor"])
        assert claim["run"]["id"] == made["id"], "another run stood in front"
        return claim

    def report(self, verb: str, *reports: Json) -> list[Json]:
        """Report; one result for each."""
        results: list[Json] = good(self.post(f"/runs/{verb}", {"reports": reports}))["results"]
        assert [one["run_id"] for one in results] == [one["run_id"] for one in reports]
        return results

    def complete(self, claim: Json, output: Any = None) -> Json:
        """Complete a claimed run."""
        (result,) = self.report("complete", {**proof(claim), "output": output})
        assert result["ok"], result
        return result

    def fail(self, claim: Json, error: Any = "it broke", **said: Any) -> Json:
        """Fail a claimed run."""
        (result,) = self.report("fail", {**proof(claim), "error": error, **said})
        assert result["ok"], result
        return result

    def done(self, **run: Any) -> Json:
        """A run that is completed."""
        claim = self.claimed(**run)
        self.complete(claim)
        return self.see(claim["run"])

    def buried(self, **run: Any) -> Json:
        """A run in the dead letter."""
        claim = self.claimed(retry={"max_attempts": 1}, **run)
        self.fail(claim)
        return self.see(claim["run"])

    def pages(self, path: str, **params: Any) -> list[list[Json]]:
        """The pages of a list, to its end."""
        pages = []
        cursor: str | None = None
        while True:
            page = good(self.get(path, **params, **({"cursor": cursor} if cursor else {})))
            pages.append(page["data"])
            cursor = page["next_cursor"]
            if cursor is None:
                return pages

    def listed(self, path: str, **params: Any) -> list[Json]:
        """All entries of a list."""
        return [entry for page in self.pages(path, **params) for entry in page]

    # Streams

    @contextmanager
    def follow(
        self, path: str, *, last: int | None = None, headers: Mapping[str, str] | None = None, **params: Any
    ) -> Iterator[Follower]:
        """Follow a stream."""
        sent = {"accept": "text/event-stream", **(headers or {})}
        if last is not None:
            sent["last-event-id"] = str(last)
        request = self._request("GET", path, params=params, headers=sent)
        response = self.http.send(request, stream=True)
        try:
            assert response.status_code == 200, response.read()
            assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
            operation = self.contract.find("GET", request.url.path)
            assert operation is not None
            assert "text/event-stream" in operation.spec["responses"]["200"]["content"]
            yield Follower(self.contract, response)
        finally:
            response.close()

    def streamed(self, path: str, *, last: int | None = None, **params: Any) -> list[Frame]:
        """The frames of a stream that ends."""
        with self.follow(path, last=last, **params) as follower:
            return list(follower)


@dataclass
class Follower:
    """What comes out of a stream; every line is held to the document."""

    contract: Contract
    response: httpx2.Response
    _lines: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = self.response.iter_lines()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        lines: list[str] = []
        give_up = time.monotonic() + LONGEST_SILENCE
        for line in self._lines:
            assert not line.startswith(":") or time.monotonic() < give_up, "nothing came but pings"
            if line:
                lines.append(line)
            elif lines:
                return self._frame(lines)
        raise StopIteration

    def take(self, count: int) -> list[Frame]:
        """The next frames that are no comments."""
        found: list[Frame] = []
        while len(found) < count:
            frame = next(self)
            if not frame.comment:
                found.append(frame)
        return found

    def until(self, event: str) -> list[Frame]:
        """The frames up to the first of this kind, that one too."""
        found: list[Frame] = []
        for frame in self:
            found.append(frame)
            if frame.event == event:
                return found
        raise AssertionError(f"the stream ended without {event}: {found}")

    def _frame(self, lines: Sequence[str]) -> Frame:
        if lines[0].startswith(":"):
            return Frame(comment=lines[0][1:].strip())
        said = dict(line.split(": ", 1) for line in lines)
        if said.keys() == {"id"}:  # where a client begins that loses the stream before its first event
            return Frame(id=int(said["id"]), comment="opening")
        assert said.keys() <= {"id", "event", "data"}, lines
        frame = Frame(event=said["event"], id=int(said["id"]) if "id" in said else None, data=json.loads(said["data"]))
        if frame.id is not None:
            schema = {"log": "LogEntry", "chunk": "Chunk"}.get(frame.event, "Event")
            self.contract.validate({"$ref": f"#/components/schemas/{schema}"}, frame.data, f"frame {frame.id}")
            assert frame.data["seq"] == frame.id
            assert frame.event in {"log", "chunk", frame.data.get("type")}
        else:
            assert frame.event in {"done", "resync"}, frame
        return frame


def good(response: httpx2.Response, status: int = 200) -> Any:
    """The body of a reply that must have this status."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:2000]}"
    return response.json() if response.content else None


def refused(response: httpx2.Response, status: int, code: str | None = None) -> Json:
    """The problem of a reply that must have this status, and this code when one is given."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:2000]}"
    problem: Json = response.json()
    assert code is None or problem["code"] == code, problem
    return problem


def proof(claim: Json) -> Json:
    """What every report on a claimed run names."""
    return {"run_id": claim["run"]["id"], "token": claim["lease"]["token"]}


def ids(runs: Sequence[Json]) -> list[str]:
    """The ids of what was listed."""
    return [one["id"] for one in runs]
