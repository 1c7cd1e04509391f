"""What the contract says in numbers and in words, where no other test of the dialect says it already."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest

from runyard.dialects.bamboosnow.mapping.values import read
from runyard.domain.findings import NewFinding, Severity
from runyard.engine import findings, jobs, timers
from runyard.engine.claims import Granted
from runyard.engine.fences import Writer
from tests.dialects.bamboosnow.client import Snow, good, ids, proof, refused
from tests.dialects.bamboosnow.contract import SnowContract
from tests.dialects.bamboosnow.recipes import RECIPES, deciding, send
from tests.support.verbs import Json

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def moment(snow: Snow) -> datetime:
    """What time it is for the server."""
    return datetime.fromtimestamp(snow.stand.clock.now() / 1e6, UTC)


def to_noon(snow: Snow) -> None:
    """Go on to noon, so that nothing falls on another day by chance."""
    snow.stand.clock.forward(hours=(36 - moment(snow).hour) % 24 or 24, minutes=-moment(snow).minute)


# §1: two surfaces, one store


def population(snow: Snow) -> list[Json]:
    """Runs in every status, made one after the other."""
    agent = snow.agent(template="code-reviewer")
    runs = [snow.succeeded(agent), snow.failed(agent), deciding(snow), snow.run(agent)]
    good(snow.post(f"/v1/runs/{runs[-1]['id']}/cancel"))
    hurried = snow.agent()
    policy = {"timeout": 1_000_000, "max_attempts": 1}
    snow.stand.store.transact(jobs.update, snow.project, read("agent", hurried["id"]), policy=policy)
    slow = snow.run(hurried)
    snow.start(slow)
    snow.tick(seconds=2)
    return [*runs, slow, snow.run(agent)]


def test_both_surfaces_show_the_same_runs_in_the_same_order_in_their_own_words(snow: Snow) -> None:
    population(snow)
    plain = good(snow.get("/v1/runs"))
    sdk = good(snow.get("/api/v1/runs"))
    assert ids(plain["data"]) == ids(sdk["items"])
    assert plain["meta"] == {"total": sdk["total"], "page": 1, "per_page": 20}
    statuses = {
        one["id"]: (one["status"], other["status"]) for one, other in zip(plain["data"], sdk["items"], strict=True)
    }
    assert set(statuses.values()) == {
        ("success", "completed"),
        ("failure", "failed"),
        ("running", "waiting_approval"),
        ("cancelled", "cancelled"),
        ("timeout", "failed"),
        ("queued", "queued"),
    }
    for run, (on_v1, on_sdk) in statuses.items():
        assert (snow.status(run), snow.sdk(run)["status"]) == (on_v1, on_sdk)
        assert run in ids(good(snow.get("/v1/runs", status=on_v1))["data"])
        assert run in ids(good(snow.get("/api/v1/runs", status=on_sdk))["items"])


def test_a_word_of_one_surface_is_none_of_the_other(snow: Snow) -> None:
    for word in ("success", "failure", "timeout", "RUNNING", ""):
        refused(snow.get("/api/v1/runs", status=word), 400, "waiting_approval")
    for word in ("completed", "failed", "waiting_approval", "dead_letter", ""):
        refused(snow.get("/v1/runs", status=word), 400, "success")
    for word in ("active", "error"):
        refused(snow.get("/api/v1/agents", status=word), 400, "deployed")
    for word in ("deployed", "archived"):
        refused(snow.get("/v1/agents", status=word), 400, "active")


# §2: limits and repeats


@on_sqlite
@pytest.mark.parametrize("name", ["runs_cancel", "sdk_runs_cancel", "sdk_agents_archive"])
def test_what_a_client_may_repeat_is_done_once(snow: Snow, name: str) -> None:
    ask = RECIPES[name](snow)
    first = good(send(ask))
    snow.stand.clock.forward(minutes=1)
    assert good(send(ask)) == first


@on_sqlite
@pytest.mark.parametrize("name", ["runs_retry", "sdk_runs_retry", "agents_run", "sdk_agents_trigger"])
def test_with_an_idempotency_key_a_repeat_makes_no_second_run(snow: Snow, name: str) -> None:
    ask = RECIPES[name](snow.saying(idempotency_key=f"once {name}"))
    before = good(snow.get("/v1/runs"))["meta"]["total"]
    assert good(send(ask)) == good(send(ask))
    assert good(snow.get("/v1/runs"))["meta"]["total"] == before + 1


# §3, §4: times and transitions


def test_a_duration_is_from_begin_to_end_in_milliseconds(snow: Snow) -> None:
    run = snow.run()
    assert snow.see(run)["duration_ms"] is None
    snow.stand.clock.forward(minutes=5)
    granted = snow.start(run)
    assert (snow.see(run)["duration_ms"], snow.see(run)["completed_at"]) == (None, None)
    snow.stand.clock.forward(seconds=45)
    snow.complete(granted)
    seen = snow.see(run)
    assert seen["duration_ms"] == 45_000
    begun, ended = (datetime.fromisoformat(seen[name]) for name in ("started_at", "completed_at"))
    assert (ended - begun).total_seconds() in {45, 46}, "shown in whole seconds"
    (listed,) = good(snow.get("/api/v1/runs"))["items"]
    assert listed["durationSeconds"] == 45


def test_a_run_whose_executor_falls_silent_is_a_failure(snow: Snow) -> None:
    run = snow.run()
    for _ in range(20):
        snow.start(run)
        snow.tick(hours=2)
        for _ in range(3):
            snow.stand.store.transact(timers.tick)
        if snow.status(run) in {"failure", "timeout"}:
            break
        assert snow.status(run) == "running", "it waits for its next try and has begun"
        snow.tick(hours=1)
    assert snow.status(run) in {"failure", "timeout"}
    assert snow.sdk(run)["status"] == "failed"
    assert snow.sdk(run)["errorMessage"]


def test_an_end_is_final(snow: Snow) -> None:
    for run in (snow.succeeded(), snow.failed()):
        seen = snow.see(run)
        refused(snow.post(f"/v1/runs/{run['id']}/cancel"), 409)
        refused(snow.post(f"/api/v1/runs/{run['id']}/approve", {"approved": True}), 409)
        assert snow.see(run) == seen


# §4: statistics


def tell(snow: Snow, granted: Granted, **counts: int) -> None:
    """Report so many findings of each severity, as the executor of the run."""
    told = [
        NewFinding(severity=cast("Severity", severity), type="style", message=f"{severity} {number}")
        for severity, count in counts.items()
        for number in range(count)
    ]
    writer = Writer(**proof(granted))
    snow.stand.store.transact(findings.add, writer, findings.Findings(findings=tuple(told)))


def test_the_numbers_of_the_seeds_sample(snow: Snow) -> None:
    to_noon(snow)
    agent = snow.agent()
    for number in range(156):
        granted = snow.start(snow.run(agent))
        if number == 0:
            tell(snow, granted, error=12, warning=189, info=222)
        if number < 150:
            snow.complete(granted)
        else:
            snow.fail(granted)
    found = good(snow.get("/v1/runs/stats"))
    stats = found["stats"]
    assert (found["period"], stats["total_runs"], stats["successful"], stats["failed"]) == ("week", 156, 150, 6)
    assert stats["success_rate"] == 0.962
    assert stats["total_issues_found"] == 423
    assert stats["issues_by_severity"] == {"error": 12, "warning": 189, "info": 222}
    (listed,) = [one for one in good(snow.get("/v1/agents"))["data"] if one["id"] == agent["id"]]
    assert (listed["runs_count"], listed["success_rate"]) == (156, 0.96)
    shown = good(snow.get(f"/api/v1/agents/{agent['id']}"))
    assert (shown["totalRuns"], shown["successfulRuns"]) == (156, 150)


def test_cancelled_and_unfinished_runs_count_in_the_total_alone(snow: Snow) -> None:
    agent = snow.agent()
    snow.succeeded(agent)
    snow.failed(agent)
    cancelled, begun = snow.run(agent), snow.run(agent)
    good(snow.post(f"/v1/runs/{cancelled['id']}/cancel"))
    snow.start(begun)
    snow.run(agent)
    stats = good(snow.get("/v1/runs/stats", period="month"))["stats"]
    assert (stats["total_runs"], stats["successful"], stats["failed"], stats["success_rate"]) == (5, 1, 1, 0.5)


def test_a_window_is_of_whole_days_and_a_run_counts_for_the_day_it_began(snow: Snow) -> None:
    to_noon(snow)
    agent = snow.agent()
    snow.succeeded(agent)
    late = snow.run(agent)
    snow.stand.clock.forward(hours=24)
    snow.complete(snow.start(late))
    today = moment(snow).date().isoformat()
    days = {one["date"]: one for one in good(snow.get("/v1/runs/stats"))["daily_breakdown"]}
    assert days[today] == {"date": today, "runs": 1, "successful": 1}
    for period, count, total in (("day", 1, 1), ("week", 7, 2), ("month", 30, 2)):
        found = good(snow.get("/v1/runs/stats", period=period))
        dates = [one["date"] for one in found["daily_breakdown"]]
        assert (len(dates), dates[-1], dates) == (count, today, sorted(dates))
        assert sum(one["runs"] for one in found["daily_breakdown"]) == found["stats"]["total_runs"] == total
    snow.stand.clock.forward(hours=24 * 6)
    assert good(snow.get("/v1/runs/stats"))["stats"]["total_runs"] == 1
    snow.stand.clock.forward(hours=24)
    assert good(snow.get("/v1/runs/stats"))["stats"]["total_runs"] == 0


def test_what_is_found_anew_by_a_later_try_takes_the_place_of_what_was(snow: Snow) -> None:
    run = snow.run(snow.agent())
    granted = snow.start(run)
    tell(snow, granted, error=3)
    snow.fail(granted, retryable=True)
    snow.tick(hours=1)
    granted = snow.start(run)
    tell(snow, granted, warning=1)
    snow.complete(granted)
    assert [issue["severity"] for issue in snow.see(run)["results"]["issues"]] == ["warning"]
    stats = good(snow.get("/v1/runs/stats"))["stats"]
    assert stats["issues_by_severity"] == {"error": 0, "warning": 1, "info": 0}


# §5: the SDK's surface


def test_an_agent_that_is_not_deployed_takes_no_triggers(snow: Snow) -> None:
    for verb in ("pause", "archive"):
        agent = snow.agent()
        good(snow.post(f"/api/v1/agents/{agent['id']}/{verb}"))
        refused(snow.post(f"/api/v1/agents/{agent['id']}/trigger"), 409)
        refused(snow.post(f"/v1/agents/{agent['id']}/run"), 409)
    good(snow.post(f"/api/v1/agents/{agent['id']}/archive"))
    refused(snow.post(f"/api/v1/agents/{agent['id']}/resume"), 409)
    assert agent["id"] not in ids(good(snow.get("/v1/agents", per_page=100))["data"])
    assert agent["id"] in ids(good(snow.get("/api/v1/agents", status="archived"))["items"])


def test_reliability_is_the_rate_of_success(snow: Snow) -> None:
    agent = snow.agent()
    for _ in range(3):
        snow.succeeded(agent)
    snow.failed(agent)
    health = good(snow.get(f"/api/v1/agents/{agent['id']}/health"))
    assert health["reliabilityScore"] == 75
    assert all(0 <= score <= 100 for name, score in health.items() if name != "grade")


def test_the_prefix_of_a_key_is_how_it_begins_and_the_secret_is_in_no_other_answer(snow: Snow) -> None:
    made = good(snow.post("/api/v1/api-keys", {"name": "mine"}), 201)
    assert made["key"].startswith(made["prefix"])
    assert len(made["prefix"]) < 20
    for path in ("/api/v1/api-keys", f"/api/v1/api-keys/{made['id']}"):
        assert made["key"] not in snow.get(path).text


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/analysis"),
        ("GET", "/api/v1/analysis"),
        ("GET", "/api/v1/analysis/x"),
        ("POST", "/api/v1/repositories/repo_1/sync"),
        ("GET", "/api/v1/repositories/repo_1/analysis"),
        ("GET", "/api/v1/users/someone"),
    ],
)
def test_what_is_not_offered_is_not_found_in_the_shape_of_errors(snow: Snow, method: str, path: str) -> None:
    refused(snow.send(method, path), 404)
    refused(snow.send(method, path, prefix=""), 404)


def test_no_answer_of_the_dialect_says_what_the_contract_has_no_word_for(snow: Snow, contract: SnowContract) -> None:
    """The judge itself: it finds fault with a word, a name and a time that are not the contract's."""
    run = snow.run()
    seen = snow.see(run)
    for wrong in ({**seen, "status": "completed"}, {**seen, "results": []}, {**seen, "tokens_used": 3}):
        with pytest.raises(AssertionError):
            contract.validate({"$ref": "#/components/schemas/RunDetail"}, wrong, "wrong")
    with pytest.raises(AssertionError):
        contract.judge_words({"pullRequest": None}, camel=False)
    with pytest.raises(AssertionError):
        contract.judge_words({"created_at": "2026-01-01T00:00:00+00:00"}, camel=False)
