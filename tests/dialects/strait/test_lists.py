"""Lists of runs: filters, pages, shapes (contract §23)."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.engine import searches
from tests.dialects.strait.client import Strait, good, refused
from tests.support.verbs import Json
from tests.support.yard import SECOND, Yard


def ids(rows: list[Json]) -> list[str]:
    return [row["id"] for row in rows]


def listed(strait: Strait, path: str = "/v1/runs", **params: Any) -> list[str]:
    """The ids of all pages of a list, by the cursors in its headers."""
    found: list[str] = []
    for _ in range(100):
        reply = strait.get(path, **params)
        found += ids(good(reply))
        if "x-next-cursor" not in reply.headers:
            return found
        params["cursor"] = reply.headers["x-next-cursor"]
    raise AssertionError("the list has no end")


@pytest.fixture
def crowd(yard: Yard) -> dict[str, str]:
    """A few runs, each with something of its own."""
    made = {
        "plain": yard.create(payload='{"n": 1, "deep": {"a": [1, 2]}}'),
        "red": yard.create(tags={"color": "red", "team": "a"}, trigger="cron", payload='{"n": 1}'),
        "blue": yard.create(tags={"color": "blue", "team": "a"}, metadata={"by": "me", "n": 5}),
        "later": yard.create(available_at=yard.clock.now() + 100 * SECOND, metadata={"by": "you"}),
        "machine": yard.create(executor="managed", batch_id="0190b0b0-0000-7000-8000-000000000001"),
        "busy": yard.running(priority=9).run,
        "dead": yard.buried(priority=9),
        "slow": yard.fail(yard.running(priority=9), kind="timeout", retryable=False),
        "odd": yard.fail(yard.running(priority=9), kind="own words", retryable=False),
    }
    return {name: run.id for name, run in made.items()}


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"status": "queued"}, ["machine", "blue", "red", "plain"]),
    ({"status": "delayed"}, ["later"]),
    ({"status": "executing"}, ["busy"]),
    ({"status": "replay_staged"}, []),
    ({"status": "dead_letter"}, ["odd", "slow", "dead"]),
    ({"statuses": ["delayed", "executing"]}, ["busy", "later"]),
    ({"statuses": ["delayed"], "status": "executing"}, ["busy", "later"]),
    ({"tag_key": "color"}, ["blue", "red"]),
    ({"tag_key": "color", "tag_value": "red"}, ["red"]),
    ({"tags[color]": "blue"}, ["blue"]),
    ({"tags[color]": "blue", "tags[team]": "b"}, []),
    ({"metadata_key": "by"}, ["later", "blue"]),
    ({"metadata_key": "by", "metadata_value": "me"}, ["blue"]),
    ({"metadata_key": "n", "metadata_value": "5"}, ["blue"]),
    ({"metadata[by]": "you"}, ["later"]),
    ({"triggered_by": "cron"}, ["red"]),
    ({"triggered_by": "nobody"}, []),
    ({"batch_id": "0190b0b0-0000-7000-8000-000000000001"}, ["machine"]),
    ({"batch_id": "nonsense"}, []),
    ({"payload_contains": '{"n": 1}'}, ["red", "plain"]),
    ({"payload_contains": '{"deep": {"a": [2]}}'}, ["plain"]),
    ({"execution_mode": "managed"}, ["machine"]),
    ({"error_class": "timeout"}, ["slow"]),
    ({"error_class": "unknown"}, ["odd", "dead"]),
    ({"error_class": "oom"}, []),
]


@pytest.mark.parametrize("limit", [1, 100])
def test_every_filter_gives_what_it_says(strait: Strait, crowd: dict[str, str], limit: int) -> None:
    for params, names in FILTERS:
        assert listed(strait, limit=limit, **params) == [crowd[name] for name in names], params
    everything = listed(strait, execution_mode="http", limit=limit)
    assert everything == [one for one in reversed(crowd.values()) if one != crowd["machine"]]


def test_an_empty_filter_is_none(strait: Strait, crowd: dict[str, str]) -> None:
    params = {"status": "", "tag_key": "", "payload_contains": "", "cursor": "", "limit": ""}
    reply = strait.send("GET", "/v1/runs", params=params, loose=True)
    assert ids(good(reply)) == list(reversed(crowd.values()))


def test_filters_combine_with_and(strait: Strait, crowd: dict[str, str]) -> None:
    both = {"tag_key": "team", "tag_value": "a"}
    assert listed(strait, **both) == [crowd["blue"], crowd["red"]]
    assert listed(strait, **both, triggered_by="cron") == [crowd["red"]]
    assert listed(strait, **both, status="executing") == []
    assert listed(strait, **both, payload_contains='{"n": 1}', **{"tags[color]": "red"}) == [crowd["red"]]


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"metadata_value": "x"}, "metadata_key"),
        ({"tag_value": "x"}, "tag_key"),
        ({"tag_key": "a", "metadata_key": "b"}, "both"),
        ({"tags[a]": "1", "metadata[b]": "2"}, "both"),
        ({"status": "sleeping"}, "sleeping"),
        ({"statuses": ["queued", "sleeping"]}, "sleeping"),
        ({"payload_contains": "{"}, "JSON"),
        ({"payload_contains": "[" * 3000}, "JSON"),
        ({"execution_mode": "carrier pigeon"}, "execution_mode"),
        ({"error_class": "gremlins"}, "error_class"),
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "1.5"}, "limit"),
        ({"cursor": "yesterday"}, "cursor"),
        ({"cursor": "2026-13-01T00:00:00Z"}, "cursor"),
        ({"tags[]": "x"}, "tags"),
        ({f"tags[k{n}]": "x" for n in range(17)}, "tags"),
        ({"tag_key": "k" * 300}, "tags"),
    ],
)
def test_a_bad_filter_is_refused(strait: Strait, params: dict[str, Any], word: str) -> None:
    refused(strait.send("GET", "/v1/runs", params=params, loose=True), 400, word)


def test_a_large_limit_is_clamped(strait: Strait, yard: Yard) -> None:
    yard.create_many(101)
    reply = strait.send("GET", "/v1/runs", params={"limit": 5000}, loose=True)
    assert len(good(reply)) == 100
    assert "x-next-cursor" in reply.headers
    assert len(good(strait.get("/v1/runs"))) == 50


def test_a_list_is_bare_and_in_an_envelope_on_request(strait: Strait, yard: Yard) -> None:
    made = [yard.create().id for _ in range(3)]
    reply = strait.get("/v1/runs", limit=2)
    assert ids(good(reply)) == made[:0:-1]
    page = good(strait.saying(x_list_envelope="1").get("/v1/runs", limit=2))
    assert (ids(page["data"]), page["has_more"]) == (made[:0:-1], True)
    assert page["next_cursor"] == reply.headers["x-next-cursor"]
    page = good(strait.saying(x_list_envelope="1").get("/v1/runs", limit=2, cursor=page["next_cursor"]))
    assert (ids(page["data"]), page["has_more"]) == ([made[0]], False)
    assert "next_cursor" not in page


def test_equal_timestamps_are_not_skipped(strait: Strait, yard: Yard) -> None:
    made = [run.id for run in yard.create_many(7)]
    assert listed(strait, limit=2) == made[::-1]


def test_created_at_of_the_last_entry_is_a_cursor(strait: Strait, yard: Yard) -> None:
    made = []
    for _ in range(4):
        made.append(yard.create().id)
        yard.clock.forward(micros=1500)
    page = good(strait.get("/v1/runs", limit=2))
    rest = good(strait.get("/v1/runs", cursor=page[-1]["created_at"]))
    assert ids(rest) == [made[1], made[0]]


def test_a_page_that_looked_at_enough_says_where_to_go_on(
    strait: Strait, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "EXAMINED", 3)
    monkeypatch.setattr(searches, "PROBE", 2)
    first = yard.create(metadata={"by": "me"})
    yard.create_many(10)
    reply = strait.get("/v1/runs", metadata_key="by")
    assert (good(reply), "x-next-cursor" in reply.headers) == ([], True)
    assert listed(strait, metadata_key="by") == [first.id]


@pytest.mark.parametrize("path", ["/v1/runs", "/v1/runs/dlq"])
def test_a_project_may_be_named_if_it_is_ones_own(strait: Strait, internal: Strait, yard: Yard, path: str) -> None:
    run = yard.buried()
    strait.stand.project("other")
    assert ids(good(strait.get(path, project_id="default"))) == [run.id]
    refused(strait.get(path, project_id="other"), 403)
    refused(strait.get(path, project_id="nonsense"), 403)
    assert good(internal.get(path, project_id="other")) == []
    assert ids(good(internal.get(path, project_id="default"))) == [run.id]


def test_another_projects_runs_are_not_listed(stranger: Strait, crowd: dict[str, str]) -> None:
    for params, _ in FILTERS:
        assert listed(stranger, **params) == []
    assert listed(stranger, "/v1/runs/dlq") == []


def test_dead_letters_are_listed_newest_first(strait: Strait, yard: Yard) -> None:
    dead = [yard.buried().id for _ in range(5)]
    yard.resolve(dead[2])
    yard.create()
    assert listed(strait, "/v1/runs/dlq", limit=2) == dead[::-1]
    refused(strait.send("GET", "/v1/runs/dlq", params={"limit": "0"}, loose=True), 400)
    refused(strait.send("GET", "/v1/runs/dlq", params={"cursor": "x"}, loose=True), 400)


def test_a_run_leaves_out_what_there_is_nothing_to_say_of(strait: Strait, yard: Yard) -> None:
    body = strait.see(yard.create().id)
    assert None not in {key: value for key, value in body.items() if key != "payload"}.values()
    always = {"id", "job_id", "project_id", "status", "attempt", "triggered_by", "priority", "job_version"}
    assert always | {"debug_mode", "lineage_depth", "created_at"} <= body.keys()
    assert body["project_id"] == "default"
