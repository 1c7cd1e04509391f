"""Looking at runs and acting on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.server import AT, OTHER_ID, RUN_ID, Script, page, run


def test_list_sends_its_filters(cli: Command, server: Script) -> None:
    server.on("GET", "/runs", page(run()))
    cli(
        *("runs", "list", "--state", "failed,dead_letter", "--state", "expired", "--job", "mail", "--queue", "q"),
        *("--tag", "team:blue", "--tag", "x", "--outcome", "unresolved", "--since", "2025-01-01T00:00:00Z"),
        *("--payload", '{"to":"ann"}', "--metadata", '{"a":1}', "--limit", "7", "--parent", OTHER_ID),
    )
    query = server.asked[0].query
    assert query["state"] == ["failed,dead_letter,expired"]
    assert query["tag"] == ["team:blue", "x"]
    assert query["payload"] == ['{"to":"ann"}']
    assert query["created_after"] == ["2025-01-01T00:00:00Z"]
    assert (query["limit"], query["parent_id"], query["outcome"]) == (["7"], [OTHER_ID], ["unresolved"])


def test_list_stops_at_its_limit(cli: Command, server: Script) -> None:
    server.on("GET", "/runs", page(run(), next_cursor="c"), page(run(id=OTHER_ID), run()))
    assert len(cli("runs", "list", "-n", "2", "-o", "json").json) == 2


def test_get_shows_what_there_is_and_leaves_out_what_is_not(cli: Command, server: Script) -> None:
    server.on("GET", f"/runs/{RUN_ID}", run(error={"message": "boom"}, error_class="ValueError"))
    text = cli("runs", "get", RUN_ID).out
    assert '{"message":"boom"}' in text.replace('": "', '":"')
    assert "attempt" in text
    assert "replay of" not in text


def test_create_sends_what_was_given_and_nothing_else(cli: Command, server: Script) -> None:
    server.on("POST", "/runs", run(), status=201)
    result = cli(
        *("runs", "create", "mail", "--queue", "q", "--priority", "7", "--tag", "team:blue", "--max-attempts", "2"),
        *("--run-timeout", "5m", "--delay", "1h", "--ttl", "1d", "--idempotency-key", "k1", "--draft"),
    )
    assert result.code == 0
    assert server.asked[0].body == {
        "payload": None,
        "job": "mail",
        "queue": "q",
        "priority": 7,
        "tags": {"team": "blue"},
        "retry": {"max_attempts": 2},
        "timeout_seconds": 300,
        "delay_seconds": 3600,
        "ttl_seconds": 86400,
        "idempotency_key": "k1",
        "draft": True,
    }
    assert RUN_ID in result.out
    assert f"runyard runs watch {RUN_ID}" in result.err


def test_a_payload_may_come_from_a_file(cli: Command, server: Script, tmp_path: Path) -> None:
    server.on("POST", "/runs", run(), status=201)
    file = tmp_path / "payload.json"
    file.write_text("[1, 2]")
    cli("runs", "create", "-p", f"@{file}")
    assert server.asked[0].body == {"payload": [1, 2]}


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "requeue", "discard", "resolve"])
def test_verbs_act_on_every_run_named(cli: Command, server: Script, verb: str) -> None:
    server.on("POST", f"/runs/{RUN_ID}/{verb}", run(state="canceled"))
    server.on("POST", f"/runs/{OTHER_ID}/{verb}", run(id=OTHER_ID, state="canceled"))
    result = cli("runs", verb, RUN_ID, OTHER_ID, "--reason", "tidy", "-o", "json")
    assert [item["id"] for item in result.json] == [RUN_ID, OTHER_ID]
    assert [item.body for item in server.asked] == [{"reason": "tidy"}] * 2


def test_one_refusal_among_many_does_not_stop_the_rest(cli: Command, server: Script) -> None:
    server.refuse("POST", f"/runs/{RUN_ID}/cancel", 409, "illegal_move", "it has ended")
    server.on("POST", f"/runs/{OTHER_ID}/cancel", run(id=OTHER_ID, state="canceled"))
    result = cli("runs", "cancel", RUN_ID, OTHER_ID, "-o", "json")
    assert result.code == 6
    assert [item["id"] for item in result.json] == [OTHER_ID]
    assert result.problem["message"] == f"{RUN_ID}: it has ended"


def test_a_single_run_is_answered_as_itself(cli: Command, server: Script) -> None:
    server.on("POST", f"/runs/{RUN_ID}/cancel", run(state="canceled"))
    assert cli("runs", "cancel", RUN_ID, "-o", "json").json["state"] == "canceled"


def test_reschedule_sends_the_new_time(cli: Command, server: Script) -> None:
    server.on("POST", f"/runs/{RUN_ID}/reschedule", run(state="scheduled", available_at=AT))
    result = cli("runs", "reschedule", RUN_ID, "--delay", "10m", "--payload", "null")
    assert server.asked[0].body == {"delay_seconds": 600, "payload": None}
    assert "2025-03-01T12:00:00Z" in result.out


def test_retry_and_replay_make_new_runs(cli: Command, server: Script) -> None:
    server.on("POST", f"/runs/{RUN_ID}/retry", run(id=OTHER_ID), status=201)
    server.on("POST", f"/runs/{RUN_ID}/replay", run(id=OTHER_ID), status=201)
    assert cli("runs", "retry", RUN_ID, "--config", '{"a":1}', "-q").out.strip() == OTHER_ID
    assert cli("runs", "replay", RUN_ID, "--payload", "5", "--from-checkpoint", "2", "-q").out.strip() == OTHER_ID
    assert [item.body for item in server.asked] == [{"config": {"a": 1}}, {"from_checkpoint": 2, "payload": 5}]


def test_explain_gives_reasons_and_remedies(cli: Command, server: Script) -> None:
    reason = {"code": "no_worker", "detail": "no worker asks", "remedy": "start one"}
    body = {"run_id": RUN_ID, "state": "queued", "summary": "it waits", "reasons": [reason], "position": 4}
    server.on("GET", f"/runs/{RUN_ID}/explain", body)
    text = cli("runs", "explain", RUN_ID).out
    assert "queued: it waits" in text
    assert "4 before it in its queue" in text
    assert "start one" in text


def test_attempts_children_and_lineage_are_lists(cli: Command, server: Script) -> None:
    attempt = {"run_id": RUN_ID, "attempt": 1, "outcome": "failed", "claimed_at": AT, "ended_at": AT, "worker": "w"}
    server.on("GET", f"/runs/{RUN_ID}/attempts", page({**attempt, "error": {"message": "boom"}}))
    server.on("GET", f"/runs/{RUN_ID}/children", page(run(id=OTHER_ID, parent_id=RUN_ID)))
    server.on("GET", f"/runs/{RUN_ID}/lineage", {"root": run(), "runs": [run(id=OTHER_ID, replay_of=RUN_ID)]})
    assert "boom" in cli("runs", "attempts", RUN_ID).out
    assert OTHER_ID in cli("runs", "children", RUN_ID).out
    assert f"replay of {RUN_ID}" in cli("runs", "lineage", RUN_ID).out


def test_logs_and_events_are_printed_oldest_first(cli: Command, server: Script) -> None:
    entry = {"seq": 1, "run_id": RUN_ID, "attempt": 1, "at": AT, "level": "info", "message": "first"}
    server.on("GET", f"/runs/{RUN_ID}/logs", page(entry, {**entry, "seq": 2, "message": "second"}))
    line = {"seq": 1, "type": "run.queued", "run_id": RUN_ID, "at": AT, "data": {"queue": "q"}}
    server.on("GET", f"/runs/{RUN_ID}/events", page(line))
    assert [text.split()[-1] for text in cli("runs", "logs", RUN_ID).out.splitlines()] == ["first", "second"]
    assert "queue=q" in cli("runs", "events", RUN_ID).out
    assert [item["seq"] for item in cli("runs", "logs", RUN_ID, "-o", "jsonl").lines] == [1, 2]
