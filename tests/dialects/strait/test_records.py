"""What runs leave behind, list by list: order, filters, pages (contract §19, §23)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runyard.engine import logs
from runyard.engine.logs import NewEntry
from tests.dialects.strait.client import Strait, Worker, good, refused
from tests.dialects.strait.hands import Hands
from tests.support.verbs import Json
from tests.support.writers import anyone, log

LISTS = ("events", "checkpoints", "usage", "tool-calls", "outputs")
every_list = pytest.mark.parametrize("name", LISTS)
MAKE: dict[str, Callable[[Worker, int], Any]] = {
    "events": lambda worker, n: worker.call("log", {"message": str(n)}),
    "checkpoints": lambda worker, n: worker.call("checkpoint", {"state": n}),
    "usage": lambda worker, n: worker.call("usage", {"provider": "p", "model": "m", "prompt_tokens": n}),
    "tool-calls": lambda worker, n: worker.call("tool-call", {"tool_name": f"t{n}"}),
    "outputs": lambda worker, n: worker.call("output", {"key": f"k{n}", "value": n}),
}
ASCENDING = {"events", "outputs"}


@pytest.fixture
def hands(strait: Strait) -> Hands:
    return Hands(strait)


def filled(hands: Hands, name: str, count: int = 7, *, apart: bool = False) -> tuple[str, list[Json]]:
    """The path of a list with so many entries, and the entries in its order."""
    worker = hands.worker()
    made = []
    for number in range(count):
        if apart:
            hands.strait.stand.clock.forward(seconds=1)
        made.append(good(MAKE[name](worker, number), 201))
    return f"/v1/runs/{worker.run_id}/{name}", made if name in ASCENDING else made[::-1]


def pages(strait: Strait, path: str, limit: int, **params: Any) -> list[list[Json]]:
    """The pages of a list, each begun at the cursor that the one before named."""
    found = []
    cursor: dict[str, str] = {}
    while True:
        reply = strait.get(path, limit=limit, **params, **cursor)
        found.append(good(reply))
        if "x-next-cursor" not in reply.headers:
            return found
        cursor = {"cursor": reply.headers["x-next-cursor"]}


@every_list
@pytest.mark.parametrize("apart", [True, False], ids=["apart", "at one time"])
def test_pages_hold_every_entry_once(hands: Hands, name: str, apart: bool) -> None:
    path, entries = filled(hands, name, apart=apart)
    assert good(hands.strait.get(path)) == entries
    for limit in (1, 3, 7):
        found = pages(hands.strait, path, limit)
        assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
        assert [entry for page in found for entry in page] == entries


@every_list
def test_a_plain_time_is_a_cursor_too(hands: Hands, name: str) -> None:
    path, entries = filled(hands, name, apart=True)
    assert good(hands.strait.get(path, cursor=entries[2]["created_at"])) == entries[3:]
    assert good(hands.strait.get(path, cursor=entries[-1]["created_at"])) == []


@every_list
def test_the_envelope_is_given_on_request(hands: Hands, name: str) -> None:
    path, entries = filled(hands, name, 3)
    page = good(hands.strait.saying(x_list_envelope="1").get(path, limit=2))
    assert (page["data"], page["has_more"]) == (entries[:2], True)
    rest = good(hands.strait.saying(x_list_envelope="1").get(path, limit=2, cursor=page["next_cursor"]))
    assert rest == {"data": entries[2:], "has_more": False}


@every_list
def test_bad_limits_and_cursors_are_refused(hands: Hands, name: str) -> None:
    path, entries = filled(hands, name, 2)
    for limit in ("0", "-1", "x", "1.5"):
        refused(hands.strait.get(path, limit=limit), 400)
    for cursor in ("x", "2026-13-01T00:00:00Z", "2026", "9" * 400):
        refused(hands.strait.get(path, cursor=cursor), 400)
    assert good(hands.strait.send("GET", path, params={"limit": "1000"}, loose=True)) == entries


@pytest.mark.parametrize("name", [*LISTS, "state"])
def test_a_list_of_an_unknown_run_is_not_found(hands: Hands, stranger: Strait, name: str) -> None:
    run = hands.yard.create()
    assert good(hands.strait.get(f"/v1/runs/{run.id}/{name}")) == []
    refused(hands.strait.get(f"/v1/runs/01890000-0000-7000-8000-000000000000/{name}"), 404)
    refused(hands.strait.get(f"/v1/runs/nonsense/{name}"), 404)
    refused(stranger.get(f"/v1/runs/{run.id}/{name}"), 404)
    refused(hands.strait.as_key(None).get(f"/v1/runs/{run.id}/{name}"), 401)
    refused(hands.strait.with_scopes("jobs:read").get(f"/v1/runs/{run.id}/{name}"), 403)


@every_list
def test_the_record_is_read_after_the_run_ended(hands: Hands, name: str) -> None:
    path, entries = filled(hands, name, 2)
    good(hands.strait.delete(path.rpartition("/")[0]))
    assert good(hands.strait.get(path)) == entries


def test_events_are_filtered_by_level_and_type(hands: Hands) -> None:
    worker = hands.worker()
    for number in range(4):
        good(worker.call("log", {"message": str(number), "level": "error" if number % 2 else "info"}), 201)
    good(worker.call("progress", {"percent": 1}), 201)
    good(worker.call("log", {"message": "own", "type": "mine", "level": "error"}), 201)
    path = f"/v1/runs/{worker.run_id}/events"

    def messages(**asked: str) -> list[str]:
        return [one["message"] for one in good(hands.strait.get(path, **asked))]

    assert messages(level="error") == ["1", "3", "own"]
    assert messages(type="progress") == [""]
    assert messages(type="mine", level="error") == ["own"]
    assert messages(level="nothing") == messages(type="ERROR") == []
    assert [page[0]["message"] for page in pages(hands.strait, path, 1, level="error")] == ["1", "3", "own"]


def test_a_rare_event_is_found_behind_pages_that_are_empty(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "SCAN", 3)
    worker = hands.worker()
    log(hands.yard, anyone(worker.run_id), *"abcde", NewEntry(message="rare", type="oom_risk"))
    found = pages(hands.strait, f"/v1/runs/{worker.run_id}/events", 5, type="oom_risk")
    assert [[one["message"] for one in page] for page in found if page] == [["rare"]]


def test_events_keep_their_ids_and_ids_are_never_shared(hands: Hands) -> None:
    (path, one), (_, other) = filled(hands, "events"), filled(hands, "events")
    assert good(hands.strait.get(path)) == good(hands.strait.get(path, limit=100)) == one
    assert len({entry["id"] for entry in [*one, *other]}) == 14
    for name in ("checkpoints", "outputs"):
        (_, one), (_, other) = filled(hands, name), filled(hands, name)
        assert len({entry["id"] for entry in [*one, *other]}) == 14


def test_an_output_set_again_keeps_its_place(hands: Hands) -> None:
    worker = hands.worker()
    for key in "abc":
        good(worker.call("output", {"key": key, "value": 1}), 201)
    path = f"/v1/runs/{worker.run_id}/outputs"
    cursor = hands.strait.get(path, limit=1).headers["x-next-cursor"]
    hands.strait.stand.clock.forward(seconds=1)
    good(worker.call("output", {"key": "a", "value": 2}), 201)
    assert [one["output_key"] for one in good(hands.strait.get(path, cursor=cursor))] == ["b", "c"]


def test_a_line_of_a_native_worker_is_an_event(hands: Hands) -> None:
    worker = hands.worker()
    native = hands.strait.stand.key()
    entries = [{"message": "hi", "level": "warning", "data": {"a": 1}, "at": "2020-01-02T03:04:05Z"}]
    native.post(f"/runs/{worker.run_id}/logs", {"entries": entries})
    (event,) = good(hands.strait.get(f"/v1/runs/{worker.run_id}/events"))
    assert (event["type"], event["level"], event["data"]) == ("log", "warning", {"a": 1})
    assert event["created_at"] == "2020-01-02T03:04:05Z"
    native.post(f"/runs/{worker.run_id}/checkpoints", {"state": {"n": 1}})
    (checkpoint,) = good(hands.strait.get(f"/v1/runs/{worker.run_id}/checkpoints"))
    assert (checkpoint["source"], checkpoint["sequence"], checkpoint["state"]) == ("sdk", 1, {"n": 1})
