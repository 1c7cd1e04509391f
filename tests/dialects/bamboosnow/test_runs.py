"""Runs as the seed has them: lists, detail, cancel, retry, logs and statistics (contract §3, §4)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from runyard.dialects.bamboosnow.mapping.statuses import PLAIN, SDK
from runyard.dialects.bamboosnow.mapping.values import NOBODY, read, shown
from runyard.domain.agents import DAY, Phase
from runyard.domain.errors import DomainError
from runyard.domain.findings import NewFinding, Severity
from runyard.domain.jobs import JobSpec, NewRun
from runyard.engine import actions, copies, creations, findings, jobs, logs, usage
from runyard.engine.facts import CreateRequest
from runyard.engine.fences import Writer
from runyard.storage.statements import runs as runs_sql
from tests.dialects.bamboosnow.client import Snow, good, ids, refused
from tests.support.verbs import Json

PULL = {
    "pull_request": {
        "number": 42,
        "title": "Add user authentication",
        "author": "developer",
        "html_url": "https://github.com/owner/repo/pull/42",
    },
    "commit": {"sha": "abc123", "message": "Implement login flow"},
}


def repository(snow: Snow, name: str = "owner/repo") -> str:
    """A connected repository, as its id on the wire."""
    text = (
        "INSERT INTO repositories (id, project_id, provider, full_name, default_branch, private, created_at, "
        "updated_at) VALUES (:id, :project_id, 'local', :name, 'main', 0, 0, 0)"
    )
    made = snow.stand.store.look(lambda tx: tx.new_id())
    snow.stand.store.transact(lambda tx: tx.run(text, id=made, project_id=snow.project, name=name))
    return shown("repo", made)


def writer(snow: Snow, run: Json) -> Writer:
    """Whoever may write to the run."""
    return Writer(project_id=snow.project, run_id=run["uuid"])


def tell(snow: Snow, run: Json, *severities: Severity, **said: Any) -> None:
    """Tell findings of a run that has not ended."""
    told = tuple(
        NewFinding(severity=one, type="missing_error_handling", file="src/login.ts", line=number, message=f"m{number}")
        for number, one in enumerate(severities)
    )
    snow.stand.store.transact(findings.add, writer(snow, run), findings.Findings(findings=told, **said))


def log(snow: Snow, run: Json, *entries: logs.NewEntry) -> None:
    """Append lines to a run's log."""
    snow.stand.store.transact(logs.append, [logs.AppendRequest(writer=writer(snow, run), entries=entries)])


def seconds(micros: int) -> str:
    """A time as runs show it."""
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%dT%H:%M:%S}Z"


# Lists


def test_a_run_in_a_list_has_the_shape_of_the_seed(snow: Snow) -> None:
    agent = snow.agent("code-reviewer", repository_id=repository(snow))
    run = snow.run(agent, PULL, trigger="pull_request", event="opened")
    granted = snow.start(run)
    began = snow.stand.clock.now()
    tell(snow, run, "warning", "warning", "info")
    snow.stand.clock.forward(seconds=45)
    snow.complete(granted)
    page = good(snow.get("/v1/runs"))
    assert page == {
        "data": [
            {
                "id": run["id"],
                "agent_id": agent["id"],
                "agent_name": "code-reviewer",
                "repository": "owner/repo",
                "status": "success",
                "trigger": "pull_request",
                "pr_number": 42,
                "started_at": seconds(began),
                "completed_at": seconds(began + 45_000_000),
                "duration_ms": 45_000,
                "issues_found": 3,
            }
        ],
        "meta": {"total": 1, "page": 1, "per_page": 20},
    }


def test_runs_stand_in_the_order_of_their_effective_times(snow: Snow) -> None:
    agent = snow.agent()
    made = []
    for _ in range(3):
        made.append(snow.run(agent))
        snow.stand.clock.forward(seconds=1)
    assert ids(good(snow.get("/v1/runs"))["data"]) == [run["id"] for run in reversed(made)]
    snow.start(made[0])
    assert ids(good(snow.get("/v1/runs"))["data"]) == [made[0]["id"], made[2]["id"], made[1]["id"]]


def test_filters_hold_together(snow: Snow) -> None:
    about = repository(snow)
    one, two = snow.agent(repository_id=about), snow.agent()
    first = snow.succeeded(one, {"pr_number": 7})
    snow.stand.clock.forward(seconds=10)
    second = snow.failed(one)
    snow.stand.clock.forward(seconds=10)
    third = snow.run(two, {"pr_number": 7})

    def found(**said: Any) -> list[str]:
        page = good(snow.get("/v1/runs", **said))
        assert page["meta"]["total"] == len(page["data"])
        return ids(page["data"])

    assert found(agent_id=one["id"]) == [second["id"], first["id"]]
    assert found(repository_id=about) == [second["id"], first["id"]]
    assert found(repository_id=about, status="failure") == [second["id"]]
    assert found(pr_number=7) == [third["id"], first["id"]]
    assert found(pr_number=7, agent_id=one["id"], status="success") == [first["id"]]
    assert found(pr_number=7, agent_id=one["id"], status="queued") == []
    times = [one["started_at"] for one in good(snow.get("/v1/runs", agent_id=one["id"]))["data"]]
    assert found(since=times[0]) != []
    assert found(until=times[1], agent_id=two["id"]) == []
    for said in ({"agent_id": two["id"], "repository_id": about}, {"agent_id": f"agent_{NOBODY}"}):
        assert found(**said) == []
    for wrong in ("nobody", "agent_x", "", f"run_{NOBODY}", "agent_%"):
        assert found(agent_id=wrong) == found(repository_id=wrong) == []


def test_since_and_until_are_strict_and_take_any_offset(snow: Snow) -> None:
    run = snow.run()
    micros = snow.stand.clock.now()
    when = datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)

    def total(**said: Any) -> int:
        # The document asks for an offset; a time without one is UTC all the same.
        response = snow.send("GET", "/v1/runs", params=said, loose=True)
        return int(good(response)["meta"]["total"])

    exact = when.isoformat()
    naive, utc = exact.removesuffix("+00:00"), exact.replace("+00:00", "Z")
    for text in (exact, naive, utc, when.astimezone(timezone(timedelta(hours=2))).isoformat()):
        assert total(since=text) == total(until=text) == 0
    before, after = (seconds(micros - 2_000_000), seconds(micros + 2_000_000))
    assert total(since=before, until=after) == 1
    assert total(since=after) == total(until=before) == total(since=after, until=before) == 0
    assert ids(good(snow.get("/v1/runs", since=before))["data"]) == [run["id"]]
    for wrong in ("yesterday", "", "2024-13-01T00:00:00Z", "1705312800", "2024-01-15T10:30:00+99:00"):
        refused(snow.get("/v1/runs", since=wrong), 400, "since", "ISO 8601")
        refused(snow.get("/v1/runs", until=wrong), 400, "until")


def test_what_no_filter_can_be_is_refused_with_what_would_be_right(snow: Snow) -> None:
    refused(snow.get("/v1/runs", status="completed"), 400, "status", "success", "timeout")
    refused(snow.get("/v1/runs", status="waiting_approval"), 400, "status")
    for wrong in ("0", "-1", "abc", "1.5", "", "9" * 30):
        refused(snow.get("/v1/runs", pr_number=wrong), 400, "pr_number")
    refused(snow.get("/v1/runs", period="x", per_page="101"), 400, "per_page")


@pytest.mark.parametrize("status", ["queued", "running", "success", "failure", "cancelled", "timeout"])
def test_every_status_finds_its_runs_and_shows_them_so(snow: Snow, status: str) -> None:
    agent = snow.agent()
    runs = {
        "timeout": _timed_out(snow, snow.agent()),
        "success": snow.succeeded(agent),
        "failure": snow.failed(agent),
        "running": _running(snow, agent),
        "cancelled": _cancelled(snow, agent),
        "queued": snow.run(agent),
    }
    page = good(snow.get("/v1/runs", status=status))
    assert [(one["id"], one["status"]) for one in page["data"]] == [(runs[status]["id"], status)]
    assert page["meta"]["total"] == 1
    assert snow.status(runs[status]) == status


def _timed_out(snow: Snow, agent: Json) -> Json:
    policy = {"timeout": 1_000_000, "max_attempts": 1}
    snow.stand.store.transact(jobs.update, snow.project, read("agent", agent["id"]), policy=policy)
    run = _running(snow, agent)
    snow.tick(seconds=2)
    return run


def _running(snow: Snow, agent: Json) -> Json:
    run = snow.run(agent)
    snow.start(run)
    return run


def _cancelled(snow: Snow, agent: Json) -> Json:
    run = snow.run(agent)
    good(snow.post(f"/v1/runs/{run['id']}/cancel"))
    return run


def test_every_phase_has_a_word_on_both_surfaces() -> None:
    assert PLAIN.keys() == SDK.keys() == set(Phase)
    assert set(PLAIN.values()) == {"queued", "running", "success", "failure", "cancelled", "timeout"}
    assert set(SDK.values()) == {"queued", "running", "waiting_approval", "completed", "failed", "cancelled"}


def test_a_run_that_waits_for_a_decision_or_its_next_try_is_running(snow: Snow) -> None:
    agent = snow.agent()
    deciding, trying = snow.run(agent), snow.run(agent)
    snow.park(snow.start(deciding), "decision")
    snow.fail(snow.start(trying), retryable=True)
    assert snow.status(deciding) == snow.status(trying) == "running"
    assert good(snow.get("/v1/runs", status="running"))["meta"]["total"] == 2


# Detail


def test_a_runs_detail_has_the_shape_of_the_seed(snow: Snow) -> None:
    about = repository(snow)
    agent = snow.agent("reviewer", template="code-reviewer", repository_id=about)
    run = snow.run(agent, PULL, trigger="pull_request", event="opened")
    granted = snow.start(run)
    began = snow.stand.clock.now()
    tell(snow, run, "warning", files_reviewed=8, lines_analyzed=450)
    url = "https://github.com/owner/repo/pull/42#issuecomment-123"
    action = actions.NewAction(type="comment", description="Commented", target="pull_request", url=url)
    snow.stand.store.transact(actions.add, writer(snow, run), action)
    used = usage.NewUsage(model="some-model", input_tokens=2500, output_tokens=800)
    snow.stand.store.transact(usage.add, writer(snow, run), used)
    snow.stand.clock.forward(seconds=45)
    snow.complete(granted)
    seen = snow.see(run)
    (issue,) = seen["results"].pop("issues")
    assert issue.pop("id").startswith("issue_")
    assert issue == {
        "severity": "warning",
        "type": "missing_error_handling",
        "file": "src/login.ts",
        "line": None,
        "message": "m0",
        "suggestion": None,
    }
    assert seen == {
        "id": run["id"],
        "agent": {"id": agent["id"], "name": "reviewer", "template": "code-reviewer"},
        "repository": {"id": about, "name": "owner/repo"},
        "status": "success",
        "trigger": {"type": "pull_request", "event": "opened"},
        "pull_request": {
            "number": 42,
            "title": "Add user authentication",
            "author": "developer",
            "url": "https://github.com/owner/repo/pull/42",
        },
        "commit": {"sha": "abc123", "message": "Implement login flow"},
        "started_at": seconds(began),
        "completed_at": seconds(began + 45_000_000),
        "duration_ms": 45_000,
        "results": {
            "summary": "Found 1 issue (0 errors, 1 warning, 0 info)",
            "files_reviewed": 8,
            "lines_analyzed": 450,
        },
        "actions_taken": [{"type": "comment", "target": "pull_request", "url": url}],
        "tokens_used": {"input": 2500, "output": 800},
    }


@pytest.mark.parametrize(
    ("severities", "summary"),
    [
        (("warning", "info", "warning"), "Found 3 issues (0 errors, 2 warnings, 1 info)"),
        (("error",), "Found 1 issue (1 error, 0 warnings, 0 info)"),
        ((), "Found 0 issues (0 errors, 0 warnings, 0 info)"),
    ],
)
def test_a_summary_counts_what_was_found_unless_the_agent_gave_one(
    snow: Snow, severities: tuple[Severity, ...], summary: str
) -> None:
    run = snow.run()
    assert snow.see(run)["results"] is None, "nothing was reported yet"
    tell(snow, run, *severities)
    assert snow.see(run)["results"]["summary"] == summary
    assert len(snow.see(run)["results"]["issues"]) == len(severities)
    tell(snow, run, summary="All is well")
    assert snow.see(run)["results"]["summary"] == "All is well"


def test_a_run_of_no_agent_is_shown_too(snow: Snow) -> None:
    job = snow.stand.store.transact(jobs.create, snow.project, name="build", spec=JobSpec())
    asked = CreateRequest(project_id=snow.project, runs=(NewRun(job="build"), NewRun(payload='{"pr_number":1}')))
    (answer,) = snow.stand.store.transact(creations.create, [asked])
    of_job, ad_hoc = (shown("run", one.run.id) for one in answer)
    seen = snow.see(of_job)
    assert seen["agent"] == {"id": shown("agent", job.id), "name": "build", "template": None}
    seen = snow.see(ad_hoc)
    assert seen["agent"] == {"id": f"agent_{NOBODY}", "name": "", "template": None}
    empty = ("repository", "pull_request", "commit", "results", "started_at", "completed_at", "duration_ms")
    assert {seen[name] for name in empty} == {None}
    assert (seen["actions_taken"], seen["tokens_used"]) == ([], {"input": 0, "output": 0})
    assert good(snow.get("/v1/runs"))["meta"]["total"] == 0, "lists are of runs of agents"
    assert good(snow.post(f"/v1/runs/{ad_hoc}/cancel"))["status"] == "cancelled"
    again = good(snow.post(f"/v1/runs/{ad_hoc}/retry", {"config_override": {"deep": 1}}))["new_run_id"]
    assert snow.status(again) == "queued"


# Cancel


def test_a_cancelled_run_has_its_reason_in_its_log_and_keeps_its_first_time(snow: Snow) -> None:
    run = snow.run()
    first = good(snow.post(f"/v1/runs/{run['id']}/cancel", {"reason": "No longer needed"}))
    assert first == {"id": run["id"], "status": "cancelled", "cancelled_at": seconds(snow.stand.clock.now())}
    snow.stand.clock.forward(minutes=5)
    assert good(snow.post(f"/v1/runs/{run['id']}/cancel", {"reason": "again"})) == first
    assert snow.see(run)["completed_at"] == first["cancelled_at"]
    (line,) = good(snow.get(f"/v1/runs/{run['id']}/logs"))["logs"]
    assert (line["level"], line["message"]) == ("info", "Canceled: No longer needed")
    assert line["data"] == {"reason": "No longer needed"}


def test_a_body_of_a_cancel_may_be_missing_empty_or_null(snow: Snow) -> None:
    as_json = {"content-type": "application/json"}
    ways: list[Json] = [{}, {"body": {}}, {"body": {"reason": None}}, {"headers": as_json}, {"content": b""}]
    for more in ways:
        run = snow.run()
        assert good(snow.post(f"/v1/runs/{run['id']}/cancel", **more))["status"] == "cancelled"


def test_what_has_ended_otherwise_is_not_cancelled(snow: Snow) -> None:
    agent = snow.agent()
    for run in (snow.succeeded(agent), snow.failed(agent)):
        before = snow.see(run)
        refused(snow.post(f"/v1/runs/{run['id']}/cancel"), 409, "ended")
        assert snow.see(run) == before
    long = snow.run(agent)
    refused(snow.post(f"/v1/runs/{long['id']}/cancel", {"reason": "x" * 1001}), 400, "1000")
    assert snow.status(long) == "queued"


def test_late_results_of_a_cancelled_run_are_dropped(snow: Snow) -> None:
    run = snow.run()
    granted = snow.start(run)
    good(snow.post(f"/v1/runs/{run['id']}/cancel"))
    with pytest.raises(DomainError):
        snow.complete(granted, {"late": True})
    assert snow.status(run) == "cancelled"


# Retry


def test_a_retry_is_a_new_run_about_the_same_and_links_both_ways(snow: Snow) -> None:
    agent = snow.agent(repository_id=repository(snow), config={"review_style": "quick", "depth": {"a": 1}})
    run = snow.run(agent, PULL, trigger="pull_request", event="opened")
    snow.complete(snow.start(run))
    before = snow.see(run)
    snow.stand.clock.forward(seconds=1)
    override = {"review_style": "thorough", "depth": {"b": 2}, "big": 10**30}
    answer = good(snow.post(f"/v1/runs/{run['id']}/retry", {"config_override": override}))
    assert (answer["original_run_id"], answer["status"]) == (run["id"], "queued")
    again = snow.see(answer["new_run_id"])
    same = ("agent", "repository", "trigger", "pull_request", "commit")
    assert {name: again[name] for name in same} == {name: before[name] for name in same}
    assert (again["status"], again["results"], again["started_at"]) == ("queued", None, None)
    made = snow.stand.store.look(lambda tx: _rows(tx, read("run", answer["new_run_id"])))
    assert (made.retry_of, json.loads(made.payload)) == (run["uuid"], PULL)
    assert json.loads(made.metadata)["config"] == override, "shallowly, over what the run had"
    assert snow.see(run) == before
    events = snow.stand.store.look(lambda tx: tx.rows("SELECT data FROM events WHERE type = 'run.retried'"))
    assert json.loads(events[0][0])["new_run_id"] == made.id


def _rows(tx: Any, run_id: str) -> Any:
    return runs_sql.get(tx, [run_id])[run_id]


def test_every_ended_run_is_retried_and_no_other(snow: Snow) -> None:
    agent = snow.agent()
    ended = [snow.succeeded(agent), snow.failed(agent), _cancelled(snow, agent), _timed_out(snow, snow.agent())]
    unfinished = [_running(snow, agent), snow.run(agent)]
    for run in ended:
        assert good(snow.post(f"/v1/runs/{run['id']}/retry"))["original_run_id"] == run["id"]
    for run in unfinished:
        refused(snow.post(f"/v1/runs/{run['id']}/retry"), 409, "not ended")


def test_an_override_is_an_object_or_nothing(snow: Snow) -> None:
    run = snow.succeeded()
    wrongs: list[Any] = [[], "thorough", 7, True]
    for wrong in wrongs:
        refused(snow.post(f"/v1/runs/{run['id']}/retry", {"config_override": wrong}), 400, "config_override")
    rights: list[Any] = [None, {}]
    for right in rights:
        assert good(snow.post(f"/v1/runs/{run['id']}/retry", {"config_override": right}))["status"] == "queued"
    huge = {"config_override": {"x": "y" * (2 << 20)}}
    refused(snow.post(f"/v1/runs/{run['id']}/retry", huge), 413)


def test_a_paused_agents_run_is_retried_and_an_archived_ones_is_not(snow: Snow) -> None:
    agent = snow.agent()
    run = snow.succeeded(agent)
    good(snow.post(f"/api/v1/agents/{agent['id']}/pause"))
    good(snow.post(f"/v1/runs/{run['id']}/retry"))
    good(snow.post(f"/api/v1/agents/{agent['id']}/archive"))
    refused(snow.post(f"/v1/runs/{run['id']}/retry"), 409, "archived")


def test_a_retry_with_the_same_key_makes_one_run(snow: Snow) -> None:
    run = snow.succeeded()
    once = snow.saying(idempotency_key="once")
    answers = [good(once.post(f"/v1/runs/{run['id']}/retry")) for _ in range(2)]
    assert answers[0] == answers[1]
    assert good(snow.get("/v1/runs"))["meta"]["total"] == 2


# Logs


def test_log_lines_have_the_shape_of_the_seed(snow: Snow) -> None:
    run = snow.run()
    at = 1_705_314_600_123_456
    log(
        snow,
        run,
        logs.NewEntry(message="Starting code review", at=at, data='{"files_count":8}'),
        logs.NewEntry(message="odd", at=at + 1_000_000, level="warning", data="[1]"),
        logs.NewEntry(message="none", at=at + 2_000_000, level="FATAL"),
    )
    found = good(snow.get(f"/v1/runs/{run['id']}/logs"))
    assert found["run_id"] == run["id"]
    assert found["logs"] == [
        {
            "timestamp": "2024-01-15T10:30:00.123Z",
            "level": "info",
            "message": "Starting code review",
            "data": {"files_count": 8},
        },
        {"timestamp": "2024-01-15T10:30:01.123Z", "level": "warn", "message": "odd", "data": {}},
        {"timestamp": "2024-01-15T10:30:02.123Z", "level": "error", "message": "none", "data": {}},
    ]

    def messages(**said: Any) -> list[str]:
        return [line["message"] for line in good(snow.get(f"/v1/runs/{run['id']}/logs", **said))["logs"]]

    assert messages(level="warn") == ["odd"]
    assert messages(level="debug") == []
    assert messages(since="2024-01-15T10:30:00.123Z") == ["odd", "none"], "not the line that shows this time"
    assert messages(since="2024-01-15T10:30:00.122Z", limit=1) == ["Starting code review"]
    assert messages(since="2024-01-15T12:30:01.123+02:00", level="error") == ["none"]


def test_what_a_log_cannot_be_asked_for_is_refused(snow: Snow) -> None:
    path = f"/v1/runs/{snow.run()['id']}/logs"
    for wrong in ("warning", "INFO", "", "fatal"):
        refused(snow.get(path, level=wrong), 400, "level", "warn")
    for wrong in ("0", "1001", "x", "", "-5"):
        refused(snow.get(path, limit=wrong), 400, "limit")
    refused(snow.get(path, since="soon"), 400, "since")


def test_a_log_is_there_after_the_run_has_ended(snow: Snow) -> None:
    run = snow.run()
    granted = snow.start(run)
    log(snow, run, *(logs.NewEntry(message=str(number)) for number in range(150)))
    snow.complete(granted)
    found = good(snow.get(f"/v1/runs/{run['id']}/logs"))["logs"]
    assert [line["message"] for line in found] == [str(number) for number in range(100)]
    assert len(good(snow.get(f"/v1/runs/{run['id']}/logs", limit=1000))["logs"]) == 150


# Statistics


def test_statistics_have_the_shape_of_the_seed(snow: Snow) -> None:
    about = repository(snow)
    one, two = snow.agent(repository_id=about), snow.agent()
    for severities in (("error", "info"), ("warning",), ()):
        run = snow.run(one)
        granted = snow.start(run)
        tell(snow, run, *severities)
        snow.stand.clock.forward(seconds=1)
        snow.complete(granted)
    snow.failed(two)
    _timed_out(snow, snow.agent())
    _cancelled(snow, two)
    snow.run(two)
    found = good(snow.get("/v1/runs/stats"))
    days = found["daily_breakdown"]
    assert found["period"] == "week"
    assert found["stats"] == {
        "total_runs": 7,
        "successful": 3,
        "failed": 2,
        "success_rate": 0.6,
        "avg_duration_ms": 1000,
        "total_issues_found": 3,
        "issues_by_severity": {"error": 1, "warning": 1, "info": 1},
    }
    assert (sum(day["runs"] for day in days), sum(day["successful"] for day in days)) == (7, 3)
    today = snow.stand.clock.now() // DAY
    dates = [seconds((today - back) * DAY)[:10] for back in range(6, -1, -1)]
    assert [day["date"] for day in days] == dates
    mine = good(snow.get("/v1/runs/stats", agent_id=one["id"], repository_id=about, period="month"))
    assert (mine["stats"]["total_runs"], mine["stats"]["success_rate"], len(mine["daily_breakdown"])) == (3, 1, 30)
    assert len(good(snow.get("/v1/runs/stats", period="day"))["daily_breakdown"]) == 1
    for said in ({"agent_id": f"agent_{NOBODY}"}, {"agent_id": "x"}, {"agent_id": two["id"], "repository_id": about}):
        nothing = good(snow.get("/v1/runs/stats", **said))["stats"]
        assert (nothing["total_runs"], nothing["success_rate"], nothing["avg_duration_ms"]) == (0, 0, 0)
    refused(snow.get("/v1/runs/stats", period="year"), 400, "period", "month")


def test_statistics_are_told_natively_too(snow: Snow) -> None:
    agent = snow.agent()
    snow.succeeded(agent)
    params = {"agent": read("agent", agent["id"]), "period": "day"}
    found = good(snow.stand.admin.get("/stats/agents", **params))
    assert (found["whole"]["total"], found["whole"]["success_rate"], len(found["days"])) == (1, 1.0, 1)
    assert good(snow.stand.admin.get("/stats/agents", agent="nobody"))["whole"]["total"] == 0


def test_a_copy_of_an_agents_run_made_elsewhere_is_listed_here(snow: Snow) -> None:
    run = snow.succeeded(snow.agent(), PULL)
    snow.stand.store.transact(copies.replay, snow.project, run["uuid"])
    assert good(snow.get("/v1/runs", pr_number=42))["meta"]["total"] == 2
