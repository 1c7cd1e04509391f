"""What deleted jobs and projects leave goes in slices, whoever is at it."""

from __future__ import annotations

import pytest

from runyard.artifacts.objects import in_folder
from runyard.domain.errors import Conflict, NotFound
from runyard.domain.states import RunState
from runyard.engine import environments, job_secrets, jobs, keys, projects, purges
from tests.support.yard import Yard


def purged(yard: Yard) -> int:
    """Take everything away; how many slices it took."""
    slices = 0
    while yard.store.transact(purges.step) is not None:
        slices += 1
        assert slices < 100
    return slices


def rows(yard: Yard, table: str) -> int:
    found = yard.store.look(lambda tx: tx.rows(f"SELECT COUNT(*) FROM {table}"))
    return int(found[0][0])


def delete(yard: Yard, **said):
    return yard.store.transact(jobs.delete, 1, "build", **said)


def test_a_small_history_is_gone_with_the_answer(yard: Yard):
    yard.job("build")
    run = yard.create(job="build", tags=["a"], idempotency_key="k")
    yard.complete(yard.claim_one())
    delete(yard, history=True)
    with pytest.raises(NotFound):
        yard.run(run)
    assert [rows(yard, table) for table in ("runs", "run_tags", "attempts", "idempotency_keys")] == [0, 0, 0, 0]
    purged(yard)
    assert rows(yard, "purges") == 0


def test_a_large_history_goes_in_slices_and_nothing_else_does(yard: Yard, monkeypatch):
    monkeypatch.setattr(purges, "RUNS", 5)
    yard.job("build")
    kept = yard.create(job=None)
    for run in yard.create_many(23, job="build"):
        yard.cancel(run)
    delete(yard, history=True)
    assert rows(yard, "runs") == 19
    assert purged(yard) == 5
    assert rows(yard, "runs") == 1
    assert yard.state(kept) is RunState.QUEUED


def test_dead_letters_go_with_the_history_too(yard: Yard):
    yard.job("build")
    yard.buried(job="build")
    delete(yard, history=True)
    purged(yard)
    assert rows(yard, "runs") == 0


def test_without_history_ended_runs_stay(yard: Yard):
    yard.job("build")
    run = yard.complete(yard.running(job="build"))
    delete(yard)
    assert purged(yard) == 0
    assert yard.run(run).job_name == "build"


def test_secrets_and_versions_go_with_the_job(yard: Yard):
    yard.job("build")
    yard.store.transact(job_secrets.put, 1, "build", "A", "sealed")
    yard.store.transact(jobs.update, 1, "build", spec={"description": "x"})
    delete(yard)
    assert [rows(yard, table) for table in ("jobs", "job_versions", "job_secrets")] == [0, 0, 0]


def test_a_deleted_project_is_unreachable_at_once_and_gone_soon(yard: Yard):
    store = yard.store
    project = store.transact(projects.create, slug="acme")
    other = Yard(store, yard.clock, project.id)
    other.job("build", max_concurrency=1)
    other.cancel(other.create(job="build"))
    other.buried(job="build")
    store.transact(environments.put, project.id, "stage", {"A": "sealed"})
    key = store.transact(keys.create, project.id, name="k", scopes=["runs:read"]).key
    mine = yard.create()
    store.transact(projects.delete, project.id)
    for wanted in ("acme", project.id):
        with pytest.raises(NotFound):
            store.look(projects.find, wanted)
    assert store.look(keys.get, project.id, key.id).revoked_at is not None
    assert [one.id for one in store.look(projects.page)] == [projects.DEFAULT]
    purged(yard)
    for table in ("runs", "jobs", "environments", "api_keys", "events", "lanes", "claimers", "purges"):
        query = f"SELECT 1 FROM {table} WHERE project_id = :n"
        left = store.look(lambda tx, query=query: tx.rows(query, n=project.id))  # type: ignore[misc]
        assert left == [], table
    assert yard.state(mine) is RunState.QUEUED
    again = store.transact(projects.create, slug="acme")
    assert again.id != project.id


def test_a_project_with_live_runs_is_not_deleted(yard: Yard):
    project = yard.store.transact(projects.create, slug="acme")
    other = Yard(yard.store, yard.clock, project.id)
    run = other.create(draft=True)
    with pytest.raises(Conflict):
        yard.store.transact(projects.delete, project.id)
    other.cancel(run)
    yard.store.transact(projects.delete, project.id)
    with pytest.raises(NotFound):
        yard.store.transact(projects.delete, project.id)


def test_the_default_project_stays(store):
    store.transact(projects.ensure_default)
    with pytest.raises(Conflict):
        store.transact(projects.delete, projects.DEFAULT)


def test_a_run_made_in_the_moment_of_deletion_is_canceled_and_taken_away(yard: Yard):
    project = yard.store.transact(projects.create, slug="acme")
    yard.store.transact(projects.delete, project.id)
    late = Yard(yard.store, yard.clock, project.id)
    late.create()
    assert purged(yard) >= 2
    assert rows(yard, "runs") == 0


def test_a_deleted_projects_jobs_begin_nothing(yard: Yard):
    project = yard.store.transact(projects.create, slug="acme")
    other = Yard(yard.store, yard.clock, project.id)
    other.job("build")
    yard.store.transact(projects.delete, project.id)
    with pytest.raises(Conflict):
        other.create(job="build")


def test_a_pass_takes_slices_until_nothing_is_left(yard: Yard, tmp_path):
    blobs = in_folder(tmp_path)
    project = yard.store.transact(projects.create, slug="acme")
    yard.store.transact(projects.delete, project.id)
    assert purges.purge_once(yard.store, blobs) is True
    while purges.purge_once(yard.store, blobs):
        pass
    assert rows(yard, "purges") == 0


def test_two_servers_never_take_the_same_slice(two_servers, clock):
    here, there = two_servers
    yard = Yard(here, clock)
    yard.job("build")
    yard.complete(yard.running(job="build"))
    here.transact(jobs.delete, 1, "build", history=True)

    def both(tx):
        first = purges.step(tx)
        # The other server passes over what this one has locked.
        return first, there.transact(purges.step)

    first, second = here.transact(both)
    assert first is not None
    assert second is None
