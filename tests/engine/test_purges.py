"""What deleted jobs and projects leave goes in slices, whoever is at it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from runyard.artifacts.objects import in_folder
from runyard.domain.errors import Conflict, NotFound
from runyard.domain.jobs import NewRun
from runyard.domain.states import RunState
from runyard.engine import buffers, environments, job_secrets, jobs, keys, projects, purges, triggers
from runyard.engine.tasks import depending
from runyard.storage.statements import jobs as jobs_sql
from tests.support.yard import PERSON, SECOND, Yard, all_runs


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


def gathering(yard: Yard, count: int) -> str:
    """A job of which there is much besides its definition; its id."""
    job = yard.job("build", max_per_key=1, dedup_window=3600 * SECOND)
    for number in range(count):
        yard.cancel(yard.create(job="build", payload=str(number), concurrency_key=f"k{number}"))
    yard.job("build", max_per_key=1, dedup_window=None, batch_window=60 * SECOND)
    for number in range(count):
        new = NewRun(payload=str(number))
        call = triggers.TriggerRequest(project_id=yard.project_id, job="build", triggers=(triggers.Trigger(run=new),))
        yard.store.transact(triggers.trigger, [call])
    for number in range(count):
        yard.store.transact(jobs.update, yard.project_id, "build", spec={"description": str(number)})
    return job.id


def test_what_belongs_to_a_job_goes_in_slices_and_is_of_no_use_meanwhile(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    tables = ("job_versions", "buffered", "buffers", "payload_marks", "lanes")
    monkeypatch.setattr(purges, "ROWS", 10)
    job_id = gathering(yard, 15)
    yard.store.transact(job_secrets.put, 1, "build", "A", "sealed")
    before = sum(rows(yard, table) for table in tables)
    assert before > 60
    delete(yard)
    assert rows(yard, "job_secrets") == 0
    assert before - sum(rows(yard, table) for table in tables) <= 10
    assert yard.store.look(jobs_sql.version, job_id, 17) is None
    again = yard.job("build", dedup_window=3600 * SECOND)
    run = yard.create(job="build", payload="0", concurrency_key="k0")
    yard.after(minutes=5)
    # Made of the new job, not of what the old one had gathered.
    assert yard.store.transact(buffers.flush) == 1
    assert [one.job_id for one in yard.store.look(all_runs) if one.state is RunState.QUEUED] == [again.id]
    left = [sum(rows(yard, table) for table in tables)]
    while yard.store.transact(purges.step) is not None:
        left.append(sum(rows(yard, table) for table in tables))
    assert max(earlier - later for earlier, later in pairwise(left)) <= 10
    # The new job's version, and what its run left.
    assert [rows(yard, table) for table in (*tables, "deleted_jobs")] == [1, 0, 0, 1, 0, 0]
    assert yard.state(run) is RunState.QUEUED


def test_a_project_is_not_done_with_while_another_server_is_at_its_jobs(two_servers, clock, monkeypatch):
    here, there = two_servers
    monkeypatch.setattr(purges, "ROWS", 10)
    project = here.transact(projects.create, slug="acme")
    gathering(Yard(here, clock, project.id), 15)
    here.transact(projects.delete, project.id)
    while not here.look(lambda tx: tx.rows("SELECT 1 FROM deleted_jobs")):
        here.transact(purges.step)

    def both(tx):
        assert purges.step(tx) is not None
        for _ in range(100):
            assert there.transact(purges.step) is not None

    here.transact(both)
    assert here.look(lambda tx: tx.rows("SELECT 1 FROM purges")) != []
    while here.transact(purges.step) is not None:
        pass
    for table in ("purges", "deleted_jobs", "job_versions", "payload_marks", "lanes"):
        assert here.look(lambda tx, table=table: tx.rows(f"SELECT 1 FROM {table}")) == [], table


def test_a_deleted_project_is_unreachable_at_once_and_gone_soon(yard: Yard):
    store = yard.store
    project = store.transact(projects.create, slug="acme")
    other = Yard(store, yard.clock, project.id)
    other.job("build", max_concurrency=1)
    other.cancel(other.create(job="build"))
    other.buried(job="build")
    store.transact(environments.put, project.id, "stage", {"A": "sealed"})
    key = store.transact(keys.create, project.id, name="k", scopes=["runs:read"]).key
    first, second = other.task("first"), other.task("second")
    store.transact(depending.add, project.id, second.id, first.id, PERSON)
    other.cancel(other.queue(first).run_id)
    mine, kept = yard.create(), yard.task("mine")
    store.transact(projects.delete, project.id)
    for wanted in ("acme", project.id):
        with pytest.raises(NotFound):
            store.look(projects.find, wanted)
    assert store.look(keys.get, project.id, key.id).revoked_at is not None
    assert [one.id for one in store.look(projects.page)] == [projects.DEFAULT]
    purged(yard)
    of_tasks = ("tasks", "task_runs", "task_events", "task_dependencies", "task_sums", "task_run_sums")
    for table in ("runs", "jobs", "environments", "api_keys", "events", "lanes", "claimers", "purges", *of_tasks):
        query = f"SELECT 1 FROM {table} WHERE project_id = :n"
        left = store.look(lambda tx, query=query: tx.rows(query, n=project.id))  # type: ignore[misc]
        assert left == [], table
    assert yard.state(mine) is RunState.QUEUED
    assert yard.task_now(kept) == kept
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
