"""Runs as BambooSnow's SDK sees them (contract §5, §6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runyard.dialects.bamboosnow.mapping.values import read
from runyard.domain.approvals import Risk
from runyard.domain.findings import NewFinding
from runyard.domain.policy import Failure
from runyard.domain.records import Run
from runyard.engine import actions, approvals, findings, leases, logs, outputs, runs, tool_calls, usage
from runyard.engine.claims import Granted
from runyard.engine.fences import Writer
from runyard.engine.logs import NewEntry
from runyard.storage.port import Tx
from tests.dialects.bamboosnow.client import Snow, good, id_of, ids, proof, refused
from tests.support.api import good as natively
from tests.support.stand import Stand
from tests.support.verbs import Json

REQUEST: dict[str, Any] = {
    "action": "Merge #42",
    "description": "It is green.",
    "risk": Risk.HIGH,
    "changes": ("a.py", "b.py"),
}
SHOWN = {"action": "Merge #42", "description": "It is green.", "risk": "high", "changes": ["a.py", "b.py"]}


def deciding(snow: Snow, agent: Json | None = None, **said: Any) -> Json:
    """A run that waits for a person."""
    run = snow.run(agent)
    snow.ask_person(snow.start(run), **(REQUEST | said))
    return run


def decide(snow: Snow, run: Json, approved: bool, **said: Any) -> Json:
    """Approve or reject; the run as it is answered."""
    answer: Json = good(snow.post(f"/api/v1/runs/{id_of(run)}/approve", {"approved": approved, **said}))
    return answer


def writer(held: Granted) -> Writer:
    """What a run's holder writes by."""
    return Writer(**proof(held))


def say(snow: Snow, held: Granted, *entries: NewEntry) -> None:
    """Write lines into the log of what was claimed."""
    (outcome,) = snow.stand.store.transact(
        logs.append, [logs.AppendRequest(writer=writer(held), entries=tuple(entries))]
    )
    assert outcome == len(entries)


def test_a_run_that_has_not_begun_has_every_key(snow: Snow) -> None:
    agent = snow.agent("Reviewer")
    run = snow.run(agent, {"pr_number": 7})
    shown = snow.sdk(run)
    assert shown.pop("createdAt").endswith("Z")
    assert shown == {
        "id": run["id"],
        "agentId": agent["id"],
        "agentName": "Reviewer",
        "status": "queued",
        "triggerType": "manual",
        "triggerPayload": {"pr_number": 7},
        "thoughtTrace": [],
        "actionsTaken": [],
        "result": None,
        "errorMessage": None,
        "tokensUsed": 0,
        "costUsd": 0.0,
        "requiresApproval": False,
        "approvalRequest": None,
        "startedAt": None,
        "completedAt": None,
        "durationSeconds": None,
    }


def test_a_run_that_went_well_tells_what_it_used_and_gave(snow: Snow) -> None:
    run = snow.run()
    held = snow.start(run)
    spent = usage.NewUsage(model="m", input_tokens=1200, output_tokens=34, cost_micro_usd=12_500)
    snow.stand.store.transact(usage.add, writer(held), spent)
    snow.stand.clock.forward(seconds=45, micros=900_000)
    snow.complete(held, {"verdict": "fine"})
    shown = snow.sdk(run)
    assert (shown["status"], shown["result"], shown["errorMessage"]) == ("completed", {"verdict": "fine"}, None)
    assert (shown["tokensUsed"], shown["costUsd"], shown["durationSeconds"]) == (1234, 0.0125, 45)
    assert shown["startedAt"] < shown["completedAt"]
    (listed,) = good(snow.get("/api/v1/runs"))["items"]
    assert listed == {name: shown[name] for name in listed}
    assert (listed["tokensUsed"], listed["costUsd"], listed["durationSeconds"]) == (1234, 0.0125, 45)


def test_a_payload_and_a_result_that_are_no_objects_are_wrapped(snow: Snow, stand: Stand) -> None:
    run = natively(stand.key().post("/runs", {"runs": [{"payload": [1, 2]}]}), 201)["runs"][0]
    held = snow.start()
    snow.complete(held, "done")
    shown = snow.sdk(f"run_{run['id'].replace('-', '')}")
    assert (shown["triggerPayload"], shown["result"]) == ({"payload": [1, 2]}, {"output": "done"})
    assert (shown["agentId"], shown["agentName"]) == ("agent_" + "0" * 32, "")


def test_named_outputs_are_the_result_of_a_run_that_gives_back_nothing(snow: Snow) -> None:
    run = snow.run()
    held = snow.start(run)
    snow.stand.store.transact(outputs.put, writer(held), outputs.NewOutput(name="report", value='{"n":1}'))
    snow.complete(held)
    assert snow.sdk(run)["result"] == {"report": {"n": 1}}


def test_what_was_found_is_the_result_of_a_run_that_gives_back_nothing(snow: Snow) -> None:
    run = snow.run()
    held = snow.start(run)
    told = findings.Findings(
        findings=(NewFinding(severity="warning", type="style", message="long"),), files_reviewed=3, summary="One."
    )
    snow.stand.store.transact(findings.add, writer(held), told)
    snow.complete(held)
    assert snow.sdk(run)["result"] == {
        "summary": "One.",
        "filesReviewed": 3,
        "linesAnalyzed": 0,
        "issuesFound": 1,
        "issuesBySeverity": {"error": 0, "warning": 1, "info": 0},
    }


def test_a_failed_run_says_why_and_one_that_took_too_long_says_so(snow: Snow) -> None:
    failed = snow.failed()
    assert (snow.sdk(failed)["status"], snow.sdk(failed)["errorMessage"]) == ("failed", "it broke")
    slow = snow.run()
    held = snow.start(slow)
    too_long = leases.Fail(
        **proof(held), failure=Failure(message="no answer", kind="timeout", retryable=False), timed_out=True
    )
    snow.report(leases.fail, too_long)
    assert snow.status(slow) == "timeout"
    shown = snow.sdk(slow)
    assert (shown["status"], shown["errorMessage"]) == ("failed", "timed out: no answer")
    assert ids(good(snow.get("/api/v1/runs", status="failed"))["items"]) == [slow["id"], failed["id"]]


def test_a_run_waits_for_a_person(snow: Snow) -> None:
    run = deciding(snow)
    shown = snow.sdk(run)
    assert (shown["status"], shown["requiresApproval"], shown["approvalRequest"]) == ("waiting_approval", True, SHOWN)
    assert snow.status(run) == "running"
    (listed,) = good(snow.get("/api/v1/runs", status="waiting_approval"))["items"]
    assert (listed["id"], listed["status"], listed["requiresApproval"]) == (run["id"], "waiting_approval", True)
    assert good(snow.get("/api/v1/runs", status="running"))["items"] == []


@pytest.mark.parametrize("approved", [True, False])
def test_a_decision_lets_the_run_go_on_and_its_agent_learns_of_it(snow: Snow, approved: bool) -> None:
    run = deciding(snow)
    shown = decide(snow, run, approved, comment="as you like")
    assert (shown["status"], shown["requiresApproval"], shown["approvalRequest"]) == ("running", False, None)
    assert shown == snow.sdk(run)
    assert good(snow.get("/api/v1/runs", status="waiting_approval"))["total"] == 0
    held = snow.claim(run)
    asked = approvals.NewApproval(**proof(held), name="merge", action="Merge #42")
    told = snow.stand.store.transact(approvals.ask, asked).approval
    assert (told.state, told.comment) == ("approved" if approved else "rejected", "as you like")
    snow.complete(held)
    assert snow.sdk(run)["status"] == "completed"
    refused(snow.post(f"/api/v1/runs/{run['id']}/approve", {"approved": True}), 409)


def test_a_refusal_cancels_a_run_that_cannot_go_on(snow: Snow) -> None:
    run = deciding(snow, on_reject="cancel")
    shown = decide(snow, run, approved=False, comment="not on a Friday")
    assert (shown["status"], shown["errorMessage"]) == ("cancelled", "not on a Friday")
    assert (shown["requiresApproval"], shown["approvalRequest"]) == (False, None)


def test_only_a_run_that_waits_for_a_person_is_approved(snow: Snow) -> None:
    queued = snow.run()
    body = {"approved": True}
    assert "waits for no decision" in refused(snow.post(f"/api/v1/runs/{queued['id']}/approve", body), 409)["message"]
    held = snow.start(queued)
    refused(snow.post(f"/api/v1/runs/{queued['id']}/approve", body), 409)
    snow.park(held)
    refused(snow.post(f"/api/v1/runs/{queued['id']}/approve", body), 409)
    run = deciding(snow)
    decide(snow, run, approved=True)
    refused(snow.post(f"/api/v1/runs/{run['id']}/approve", body), 409)
    ended = snow.succeeded()
    refused(snow.post(f"/api/v1/runs/{ended['id']}/approve", body), 409)


@pytest.mark.parametrize(
    "body", [{}, {"approved": "yes"}, {"approved": None}, {"approved": True, "comment": "x" * 10_001}, []]
)
def test_a_decision_that_is_none_is_refused(snow: Snow, body: Any) -> None:
    run = deciding(snow)
    refused(snow.send("POST", f"/api/v1/runs/{run['id']}/approve", body, loose=True), 400)
    assert snow.sdk(run)["requiresApproval"]


def test_what_nobody_decides_in_time_is_rejected(snow: Snow) -> None:
    run = deciding(snow, timeout=60_000_000)
    snow.tick(seconds=61)
    assert (snow.sdk(run)["status"], snow.sdk(run)["requiresApproval"]) == ("running", False)


def test_a_run_of_no_agent_asks_too(snow: Snow, stand: Stand) -> None:
    natively(stand.key().post("/runs", {"runs": [{}]}), 201)
    held = snow.start()
    snow.ask_person(held, **REQUEST)
    run = f"run_{held.run.id.replace('-', '')}"
    assert (snow.sdk(run)["status"], snow.sdk(run)["approvalRequest"]) == ("waiting_approval", SHOWN)
    assert decide(snow, {"id": run}, approved=True)["status"] == "running"


def test_lists_have_pages_and_filters(snow: Snow) -> None:
    one, other = snow.agent(), snow.agent()
    runs = [snow.run(one, trigger="push") for _ in range(3)]
    snow.stand.clock.forward(seconds=1)
    runs.append(snow.succeeded(other))

    def listed(**said: Any) -> tuple[list[str], dict[str, int]]:
        page = good(snow.get("/api/v1/runs", **said))
        return ids(page.pop("items")), page

    newest = ids(runs)[::-1]
    first = {"total": 4, "page": 1, "perPage": 3, "totalPages": 2}
    assert listed(per_page=3) == (newest[:3], first)
    assert listed(per_page=3, page=2) == (newest[3:], first | {"page": 2})
    assert listed(per_page=3, page=9) == ([], first | {"page": 9})
    assert listed(agent_id=one["id"])[0] == newest[1:]
    assert listed(agent_id=one["id"], trigger_type="push", status="queued")[0] == newest[1:]
    assert listed(trigger_type="manual")[0] == newest[:1]
    assert listed(status="completed")[0] == newest[:1]
    for nobody in ({"agent_id": "agent_" + "f" * 32}, {"agent_id": "nobody"}, {"trigger_type": "never"}):
        assert listed(**nobody) == ([], {"total": 0, "page": 1, "perPage": 20, "totalPages": 0})
    for wrong in ({"status": "timeout"}, {"status": "success"}, {"page": "0"}, {"per_page": "101"}, {"page": "x"}):
        refused(snow.send("GET", "/api/v1/runs", params=wrong, loose=True), 400)


def test_the_trace_tells_what_the_agent_saw_thought_and_did_in_order(snow: Snow) -> None:
    run = snow.run()
    held = snow.start(run)
    store, clock = snow.stand.store, snow.stand.clock

    def later() -> None:
        clock.forward(seconds=1)

    say(snow, held, NewEntry(message="12 files changed", type="observation", data='{"files":12}'))
    later()
    say(snow, held, NewEntry(message="started"), NewEntry(message="half", type="progress"))
    say(snow, held, NewEntry(message="look at a.py first", type="thought"))
    later()
    call = tool_calls.NewToolCall(name="grep", input='{"q":"x"}', duration_ms=12)
    store.transact(tool_calls.add, writer(held), call)
    later()
    store.transact(
        tool_calls.add, writer(held), tool_calls.NewToolCall(name="cat", status="error", error="no such file")
    )
    later()
    say(snow, held, NewEntry(message="please hurry", type="user"), NewEntry(message="I do", type="assistant"))
    say(snow, held, NewEntry(message="go", type="message", data='{"role":"user"}'))
    say(snow, held, NewEntry(message="ok", type="message", data="[1]"))
    later()
    did = actions.NewAction(
        type="comment", description="Commented", target="#7", url="https://x.test/1", details='{"n":1}'
    )
    store.transact(actions.add, writer(held), did)
    trace = good(snow.get(f"/api/v1/runs/{run['id']}/trace"))
    assert [(step["type"], step["content"], step["metadata"]) for step in trace] == [
        ("sense", "12 files changed", {"files": 12}),
        ("think", "look at a.py first", None),
        ("act", "grep", {"tool": "grep", "status": "ok", "duration_ms": 12, "input": {"q": "x"}}),
        ("act", "cat: no such file", {"tool": "cat", "status": "error", "error": "no such file"}),
        ("sense", "please hurry", None),
        ("think", "I do", None),
        ("sense", "go", {"role": "user"}),
        ("think", "ok", {"data": [1]}),
        ("act", "Commented", {"action": "comment", "status": "success", "target": "#7", "url": "https://x.test/1"}),
    ]
    times = [step["timestamp"] for step in trace]
    assert times == sorted(times)
    shown = snow.sdk(run)
    assert shown["thoughtTrace"] == trace
    (action,) = shown["actionsTaken"]
    assert action.pop("timestamp") == times[-1]
    assert action == {
        "type": "comment",
        "description": "Commented",
        "result": "success",
        "details": {"n": 1, "target": "#7", "url": "https://x.test/1"},
    }


def test_numbers_that_nothing_can_hold_are_passed_on(snow: Snow) -> None:
    run = snow.run()
    held = snow.start(run)
    say(snow, held, NewEntry(message="big", type="thought", data='{"n":1e999,"role":1e999}'))
    say(snow, held, NewEntry(message="plain", type="thought", data="1e999"))
    snow.stand.store.transact(tool_calls.add, writer(held), tool_calls.NewToolCall(name="t", input="1e999"))
    did = actions.NewAction(type="comment", description="Commented", details="1e999")
    snow.stand.store.transact(actions.add, writer(held), did)
    trace = good(snow.get(f"/api/v1/runs/{run['id']}/trace"))
    infinite = float("inf")
    assert [step["metadata"] for step in trace[:2]] == [{"n": infinite, "role": infinite}, {"data": infinite}]
    assert trace[2]["metadata"]["input"] == infinite
    assert snow.sdk(run)["actionsTaken"][0]["details"] == {"details": infinite}


def test_the_log_is_text_and_every_entry_one_line(snow: Snow) -> None:
    run = snow.run()
    held = snow.start(run)
    path = f"/api/v1/runs/{run['id']}/logs"
    assert good(snow.get(path)) == ""
    say(
        snow,
        held,
        NewEntry(message='{"looks": "like JSON"}', at=1_700_000_000_123_456),
        NewEntry(message="two\nlines\r\u2028three\x85", level="WARNING", at=1_700_000_001_000_000),
        NewEntry(message="", level="fatal", type="thought", at=1_700_000_002_000_000),
    )
    response = snow.get(path)
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text.splitlines() == [
        '2023-11-14T22:13:20.123Z INFO {"looks": "like JSON"}',
        "2023-11-14T22:13:21.000Z WARN two\\nlines\\r\\u2028three\\x85",
        "2023-11-14T22:13:22.000Z ERROR ",
    ]


def test_a_long_log_comes_whole(snow: Snow) -> None:
    run = snow.run()
    held = snow.start(run)
    for hundred in range(23):
        say(snow, held, *(NewEntry(message=f"line {hundred * 100 + number}") for number in range(100)))
    say(snow, held, *(NewEntry(message=str(number) * (1 << 20)) for number in range(9)))
    lines = good(snow.get(f"/api/v1/runs/{run['id']}/logs")).splitlines()
    assert [line.split(" ", 2)[2] for line in lines[:2300]] == [f"line {number}" for number in range(2300)]
    assert [(line[-1], len(line.split(" ", 2)[2])) for line in lines[2300:]] == [(str(n), 1 << 20) for n in range(9)]


def test_a_cancellation_answers_with_the_run_and_may_be_repeated(snow: Snow) -> None:
    run = deciding(snow)
    shown = good(snow.post(f"/api/v1/runs/{run['id']}/cancel", {"reason": "enough"}))
    assert (shown["status"], shown["errorMessage"], shown["requiresApproval"]) == ("cancelled", "enough", False)
    snow.stand.clock.forward(seconds=5)
    assert good(snow.post(f"/api/v1/runs/{run['id']}/cancel")) == shown
    other = snow.run()
    path = f"/api/v1/runs/{other['id']}/cancel"
    empty = snow.saying(content_type="application/json").send("POST", path, content=b"")
    assert good(empty)["status"] == "cancelled"
    ended = snow.succeeded()
    refused(snow.post(f"/api/v1/runs/{ended['id']}/cancel"), 409)


def test_a_retry_answers_with_the_new_run(snow: Snow) -> None:
    run = snow.failed(snow.agent(), {"n": 1}, trigger="push")
    shown = good(snow.post(f"/api/v1/runs/{run['id']}/retry"))
    assert shown["id"] != run["id"]
    assert (shown["status"], shown["triggerType"], shown["triggerPayload"]) == ("queued", "push", {"n": 1})
    assert shown == snow.sdk(shown)
    refused(snow.post(f"/api/v1/runs/{shown['id']}/retry"), 409)
    empty = snow.saying(content_type="application/json").send("POST", f"/api/v1/runs/{run['id']}/retry", content=b"")
    assert good(empty)["id"] not in {run["id"], shown["id"]}
    overlaid = good(snow.post(f"/api/v1/runs/{run['id']}/retry", {"config_override": {"depth": 2}}))
    held = snow.stand.store.look(_run, overlaid["id"])
    assert json.loads(held.metadata or "{}")["config"] == {"depth": 2}
    once = snow.saying(idempotency_key="once")
    path = f"/api/v1/runs/{run['id']}/retry"
    assert good(once.post(path)) == good(once.post(path))


def _run(tx: Tx, shown: str) -> Run:
    return runs.find(tx, 1, read("run", shown))


def test_another_project_sees_nothing(snow: Snow, stranger: Snow) -> None:
    run = deciding(snow)
    for path in ("", "/trace", "/logs"):
        refused(stranger.get(f"/api/v1/runs/{run['id']}{path}"), 404)
    refused(stranger.post(f"/api/v1/runs/{run['id']}/approve", {"approved": True}), 404)
    assert good(stranger.get("/api/v1/runs"))["items"] == []
    assert snow.sdk(run)["requiresApproval"]
