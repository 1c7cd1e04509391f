"""What is told to whom when runs begin, end, find something, or ask."""

from __future__ import annotations

import re
from typing import Any

import pytest

from runyard.domain.approvals import Verdict
from runyard.domain.repositories import Repository
from runyard.domain.states import RunState
from runyard.engine import agent_runs, approvals, deliveries, leases, listeners, retention, webhooks
from runyard.engine.approvals import NewApproval
from runyard.storage.port import Store, Tx
from runyard.storage.statements import agent_runs as agent_runs_sql
from runyard.storage.statements import webhooks as sql
from tests.support.hooks import change, make, take, told, tried, types
from tests.support.yard import SECOND, Yard

ENDS = {
    RunState.COMPLETED: "run.completed",
    RunState.FAILED: "run.failed",
    RunState.CRASHED: "run.failed",
    RunState.SYSTEM_FAILED: "run.failed",
    RunState.EXPIRED: "run.failed",
    RunState.CANCELED: "run.canceled",
    RunState.TIMED_OUT: "run.timed_out",
    RunState.DEAD_LETTER: "run.dead_lettered",
}


def found(yard: Yard, run_id: str, **counts: int) -> None:
    """Note findings of a run."""

    def note(tx: Tx) -> None:
        agent_runs.count(tx, agent_runs_sql.get(tx, [run_id])[run_id], findings_attempt=1, **counts)

    yard.store.transact(note)


@pytest.mark.parametrize("state", ENDS)
def test_the_end_of_any_run_is_told(yard: Yard, state: RunState):
    make(yard.store)
    run = yard.in_state(state)
    (one,) = told(yard.store)
    assert (one["type"], one["data"]["status"], one["data"]["run"]) == (ENDS[state], state.value, run.id)
    assert (one["data"]["agent_id"], one["repository"]) == (None, None)


def test_a_message_says_what_happened_to_a_run_of_an_agent(yard: Yard):
    make(yard.store, "agent.completed")
    repository = Repository(
        id="0190aaaa-0000-7000-8000-000000000001",
        project_id=1,
        provider="git",
        full_name="acme/shop",
        url=None,
        path=None,
        default_branch="main",
        description=None,
        language=None,
        stack=None,
        private=0,
        secret=None,
        created_at=0,
        updated_at=0,
        synced_at=None,
    )
    names = ", ".join(Repository.__struct_fields__)
    marks = ", ".join(f":{name}" for name in Repository.__struct_fields__)
    fields = {name: getattr(repository, name) for name in Repository.__struct_fields__}
    yard.store.transact(lambda tx: tx.run(f"INSERT INTO repositories ({names}) VALUES ({marks})", **fields))
    agent = yard.agent("Our reviewer")
    pull = {"number": 42, "title": "Sell more", "author": "ann"}
    run = yard.ask_agent(agent, {"pull_request": pull, "repository": "acme/shop", "commit": "abc"}, trigger="push")
    granted = yard.claim_one()
    yard.start(granted)
    found(yard, run.id, errors=1, warnings=2)
    yard.clock.forward(seconds=3)
    yard.complete(granted)
    (one,) = told(yard.store)
    assert one.keys() == {"id", "type", "created", "timestamp", "data", "repository"}
    assert re.fullmatch(r"evt_[0-9a-f]{32}", one["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["created"])
    assert one["repository"] == {"id": "repo_0190aaaa000070008000000000000001", "name": "acme/shop"}
    data = one["data"]
    assert data == data | {
        "run_id": f"run_{run.id.replace('-', '')}",
        "run": run.id,
        "agent_id": f"agent_{agent.id.replace('-', '')}",
        "agent_name": "Our reviewer",
        "status": "completed",
        "trigger": "push",
        "pull_request": {**pull, "url": None},
        "commit": {"sha": "abc", "message": None},
        "issues_found": 3,
        "issues_by_severity": {"error": 1, "warning": 2, "info": 0},
        "duration_ms": 3000,
        "error": None,
    }


def test_a_run_of_an_agent_begins_once_and_ends(yard: Yard):
    make(yard.store)
    yard.ask_agent(yard.agent())
    granted = yard.claim_one()
    assert types(yard.store) == []
    yard.start(granted)
    assert types(yard.store) == ["agent.started"]
    yard.release(granted)
    again = yard.claim_one()
    yard.start(again)
    assert types(yard.store) == []
    yard.complete(again)
    assert types(yard.store) == ["agent.completed", "run.completed"]


def test_a_failed_run_of_an_agent_is_told_with_its_error_and_again_when_it_fails_again(yard: Yard):
    make(yard.store, "agent.failed", "agent.completed")
    yard.ask_agent(yard.agent())
    granted = yard.claim_one()
    yard.start(granted)
    run = yard.fail(granted, "Oops", retryable=False, message="x" * 5000)
    (one,) = told(yard.store)
    assert (one["type"], one["data"]["error"]["class"], len(one["data"]["error"]["message"])) == (
        "agent.failed",
        "Oops",
        2000,
    )
    yard.requeue(run)
    second = yard.claim_one()
    yard.start(second)
    yard.complete(second)
    assert types(yard.store) == ["agent.completed"]


def test_a_dead_letter_that_is_given_up_is_told_of_once(yard: Yard):
    make(yard.store)
    run = yard.buried()
    assert types(yard.store) == ["run.dead_lettered"]
    yard.discard(run)
    assert types(yard.store) == []


@pytest.mark.parametrize("end", ["complete", "cancel"])
def test_issues_are_told_of_when_the_run_has_ended_and_not_before(yard: Yard, end: str):
    make(yard.store, "agent.issues_found")
    run = yard.ask_agent(yard.agent())
    granted = yard.claim_one()
    yard.start(granted)
    found(yard, run.id, infos=2)
    assert told(yard.store) == []
    if end == "complete":
        yard.complete(granted)
    else:
        yard.cancel(run)
    (one,) = told(yard.store)
    assert one["data"]["issues_by_severity"] == {"error": 0, "warning": 0, "info": 2}


def test_a_run_that_found_nothing_has_no_issues_to_tell_of(yard: Yard):
    make(yard.store, "agent.issues_found")
    run = yard.ask_agent(yard.agent())
    granted = yard.claim_one()
    found(yard, run.id)
    yard.complete(granted)
    assert told(yard.store) == []


@pytest.mark.parametrize(("approved", "event"), [(True, "approval.approved"), (False, "approval.rejected")])
def test_approvals_are_told_of_as_they_are_asked_for_and_decided(yard: Yard, approved: bool, event: str):
    make(yard.store)
    yard.ask_agent(yard.agent("Careful"))
    granted = yard.claim_one()
    yard.start(granted)
    asked = NewApproval(
        project_id=1, run_id=granted.run.id, token=granted.lease.token, name="merge", action="merge the pull request"
    )
    ((outcome),) = yard.store.transact(approvals.request, [asked])
    started, requested = told(yard.store)
    assert (started["type"], requested["type"]) == ("agent.started", "approval.requested")
    assert requested["data"]["approval"]["action"] == "merge the pull request"
    assert (requested["data"]["agent_name"], requested["data"]["status"]) == ("Careful", "waiting")
    verdict = Verdict(approved=approved, comment="because", actor="ann")
    yard.store.transact(approvals.decide, 1, outcome.approval.id, verdict)
    (decided,) = told(yard.store)
    approval = decided["data"]["approval"]
    assert (decided["type"], approval["comment"], approval["decided_by"]) == (event, "because", "ann")


def test_an_approval_that_nobody_decides_in_time_is_told_of_as_rejected(yard: Yard):
    make(yard.store, "approval.rejected")
    granted = yard.running()
    asked = NewApproval(
        project_id=1, run_id=granted.run.id, token=granted.lease.token, name="n", action="do it", timeout=5 * SECOND
    )
    yard.store.transact(approvals.request, [asked])
    yard.after(seconds=6)
    (one,) = told(yard.store)
    assert (one["type"], one["data"]["agent_id"]) == ("approval.rejected", None)


def test_one_event_has_one_id_whoever_hears_of_it(yard: Yard):
    first, second = make(yard.store), make(yard.store, "run.completed")
    yard.complete(yard.running())
    yard.complete(yard.running())
    sent = take(yard.store)
    assert {one.webhook_id for one in sent} == {first.id, second.id}
    assert len(sent) == 4
    assert len({one.subject for one in sent}) == 2
    assert len({one.body for one in sent}) == 2


def test_only_those_are_told_who_listen(yard: Yard):
    make(yard.store, "run.failed")
    make(yard.store, enabled=False)
    make(yard.store, project_id=2)
    yard.complete(yard.running())
    assert told(yard.store) == []


def test_what_a_server_knows_of_webhooks_is_as_new_as_its_news(yard: Yard):
    def ended() -> list[str]:
        yard.complete(yard.running())
        return types(yard.store)

    assert ended() == []
    webhook = make(yard.store)
    assert ended() == ["run.completed"]
    change(yard.store, webhook, events=["run.failed"])
    assert ended() == []
    change(yard.store, webhook, events=["*"], enabled=False)
    assert ended() == []
    change(yard.store, webhook, enabled=True)
    assert ended() == ["run.completed"]
    yard.store.transact(webhooks.delete, 1, webhook.id)
    assert ended() == []


def test_another_servers_webhook_is_told_of_the_very_next_end(two_servers: tuple[Store, Store], clock: Any):
    first, second = two_servers
    here = Yard(first, clock)
    here.complete(here.running())
    assert types(first) == []
    webhook = make(second)
    here.complete(here.running())
    assert types(first) == ["run.completed"]
    second.transact(webhooks.delete, 1, webhook.id)
    here.complete(here.running())
    assert types(first) == []


def test_a_webhook_that_was_not_kept_is_not_remembered(yard: Yard):
    def made_and_undone(tx: Tx) -> None:
        sql.changed(tx)
        tx.run(
            "INSERT INTO webhooks (id, project_id, url, events, secret, enabled, description, created_at, updated_at) "
            "VALUES ('w', 1, 'https://example.com/', '[\"*\"]', '', 1, '', 0, 0)"
        )
        assert listeners.of(tx, {1})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        yard.store.transact(made_and_undone)
    yard.complete(yard.running())
    assert told(yard.store) == []


def test_where_nobody_listens_news_cost_one_look(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    yard.complete(yard.running())
    looked: list[str] = []

    def looking(name: str, answer: Any) -> Any:
        def look(*_: object) -> Any:
            looked.append(name)
            return answer

        return look

    monkeypatch.setattr(sql, "version", looking("version", 0))
    monkeypatch.setattr(sql, "enabled", looking("webhooks", []))
    granted = [yard.running() for _ in range(3)]
    assert looked == []

    def end_all(tx: Tx) -> None:
        for one in granted:
            report = leases.Complete(project_id=1, run_id=one.run.id, token=one.lease.token, output="null")
            leases.complete(tx, [report])

    yard.store.transact(end_all)
    assert [yard.state(one) for one in granted] == [RunState.COMPLETED] * 3
    assert looked == ["version"]


def test_messages_and_their_tries_go_with_their_run(yard: Yard):
    make(yard.store)
    granted = yard.running()
    yard.complete(granted)
    (one,) = take(yard.store)
    assert (one.run_id, one.kind) == (granted.run.id, "run.completed")
    tried(yard.store, one)
    assert yard.store.transact(retention.delete_runs, [granted.run.id]).done
    assert yard.store.look(deliveries.of_run, granted.run.id) == []
    assert yard.store.look(sql.tries, [one.id]) == {}
