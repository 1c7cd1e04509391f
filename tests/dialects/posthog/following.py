"""A follower of a run's stream, whose every event is held to the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx2

from tests.dialects.posthog.client import Posthog, path_of
from tests.dialects.posthog.contract import PREFIX
from tests.support.verbs import Json

EVENT = {"$ref": "#/components/schemas/StreamEvent"}


class Frame(NamedTuple):
    """One frame: ordinary events have an id and no name."""

    id: str | None
    name: str | None
    data: Any


class Follower:
    """The frames that come out of a stream, without keepalives."""

    def __init__(self, posthog: Posthog, response: httpx2.Response) -> None:
        self.posthog = posthog
        self.response = response
        self._lines = response.iter_lines()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        fields: dict[str, str] = {}
        for line in self._lines:
            if line:
                name, _, value = line.partition(": ")
                assert name in ("id", "event", "data"), line
                assert name not in fields, f"one frame, one line of {name}"
                fields[name] = value
            elif fields.get("event") == "keepalive":
                fields = {}
            elif fields:
                return self._frame(fields)
        raise StopIteration

    def _frame(self, fields: dict[str, str]) -> Frame:
        data = json.loads(fields["data"])
        if "event" not in fields:
            self.posthog.contract.validate(EVENT, data, f"frame {data}")
            milliseconds, seq = fields["id"].split("-")
            assert milliseconds.isdigit()
            assert seq.isdigit()
        return Frame(fields.get("id"), fields.get("event"), data)

    def take(self, count: int) -> list[Any]:
        """The data of the next frames."""
        return [next(self).data for _ in range(count)]


@contextmanager
def following(
    posthog: Posthog, run: Json, *, last: str | None = None, query: dict[str, str] | None = None
) -> Iterator[Follower]:
    """A stream from its beginning, or from where the header or the query says."""
    stand = posthog.stand
    headers = {"authorization": f"Bearer {posthog.key}"} | ({"last-event-id": last} if last is not None else {})
    url = f"{PREFIX}/api/projects/{posthog.project}/{path_of(run, 'stream')}/"
    request = stand.http.build_request("GET", url, params=query, headers=headers)
    response = stand.http.send(request, stream=True)
    try:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert (response.headers["cache-control"], response.headers["x-accel-buffering"]) == ("no-cache", "no")
        yield Follower(posthog, response)
    finally:
        response.close()


def whole(posthog: Posthog, run: Json, **more: Any) -> list[Frame]:
    """All frames of a stream that ends."""
    with following(posthog, run, **more) as follower:
        return list(follower)


def is_state(data: Any) -> bool:
    """Whether the event says how the run stands."""
    return isinstance(data, dict) and data.get("type") == "task_run_state"
