"""Runs of a disabled job stay queued until it is enabled again; executors of the server claim over all projects."""

from __future__ import annotations

from runyard.domain.states import RunState
from runyard.engine import claims, jobs, projects
from runyard.engine.claims import ClaimRequest
from tests.support.yard import Yard


def enable(yard: Yard, name: str, *, enabled: bool) -> None:
    yard.store.transact(jobs.update, yard.project_id, name, enabled=enabled)


def test_runs_of_a_disabled_job_are_not_handed_out(yard: Yard):
    yard.job("stopped")
    run, other = yard.create(job="stopped"), yard.create()
    enable(yard, "stopped", enabled=False)
    assert [one.run.id for one in yard.claim(10)] == [other.id]
    assert yard.state(run) is RunState.QUEUED
    enable(yard, "stopped", enabled=True)
    assert yard.claim_one().run.id == run.id


def test_another_server_hears_that_a_job_is_disabled(two_servers, clock):
    here, there = (Yard(store, clock) for store in two_servers)
    here.job("stopped")
    run = here.create(job="stopped")
    other = here.create(job="stopped")
    assert there.claim_one().run.id == run.id
    enable(here, "stopped", enabled=False)
    assert there.claim() == []
    enable(here, "stopped", enabled=True)
    assert there.claim_one().run.id == other.id


def test_a_part_of_the_server_claims_over_all_projects(yard: Yard):
    second = Yard(yard.store, yard.clock, yard.store.transact(projects.create, slug="second").id)
    low = yard.create(executor="http", priority=1)
    high = second.create(executor="http", priority=9)
    yard.create()
    (granted,) = yard.store.transact(claims.claim, [ClaimRequest(project_id=None, limit=10, executor="http")])
    assert [one.run.id for one in granted] == [high.id, low.id]
