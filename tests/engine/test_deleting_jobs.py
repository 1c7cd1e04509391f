"""Jobs that are deleted at the very moment in which somebody needs them (PostgreSQL: two servers)."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from runyard.domain.errors import Conflict, DomainError, NotFound
from runyard.engine import copies, creations, jobs
from runyard.storage.postgres import PostgresStore
from tests.support.meanwhile import meanwhile
from tests.support.yard import Yard

Servers = tuple[PostgresStore, PostgresStore]


@pytest.fixture
def yards(two_servers: Servers, clock) -> tuple[Yard, Yard]:
    return Yard(two_servers[0], clock), Yard(two_servers[1], clock)


def interrupted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, yards: tuple[Yard, Yard]) -> list[Any]:
    """Have the job deleted by the other server before this function's first call; what that was refused with."""
    here, there = yards
    original, stack, refusals = getattr(module, name), contextlib.ExitStack(), list[Any]()

    def first(*args: Any, **said: Any) -> Any:
        monkeypatch.setattr(module, name, original)
        delete = meanwhile(here.store, lambda: there.store.transact(jobs.delete, 1, "build"))
        refusals.extend((stack, stack.enter_context(delete)))
        return original(*args, **said)

    monkeypatch.setattr(module, name, first)
    return refusals


def ended(refusals: list[Any]) -> list[DomainError]:
    stack, refused = refusals
    stack.close()
    assert isinstance(refused, list)
    return refused


def test_a_job_is_not_deleted_under_a_run_that_is_just_made(yards, monkeypatch):
    here, _ = yards
    job = here.job("build")
    refusals = interrupted(monkeypatch, creations, "settle", yards)
    run = here.create(job="build")
    assert [type(error) for error in ended(refusals)] == [Conflict]
    assert here.store.look(jobs.get, 1, "build") == job
    assert here.claim_one().run.id == run.id


def test_a_job_is_not_deleted_under_a_replay_that_is_just_made(yards, monkeypatch):
    here, _ = yards
    here.job("build")
    old = here.complete(here.running(job="build"))
    refusals = interrupted(monkeypatch, copies, "write", yards)
    here.replay(old)
    assert [type(error) for error in ended(refusals)] == [Conflict]


def test_a_job_that_is_just_deleted_takes_no_run(yards):
    here, there = yards
    here.job("build")
    with contextlib.ExitStack() as stack:

        def deleted(tx):
            jobs.delete(tx, 1, "build")
            return stack.enter_context(meanwhile(there.store, lambda: there.create(job="build")))

        refused = here.store.transact(deleted)
    assert [type(error) for error in refused] == [NotFound]
    assert here.store.look(lambda tx: tx.rows("SELECT id FROM runs")) == []


def test_changes_of_a_job_and_new_runs_of_it_wait_for_nobody(yards):
    here, there = yards
    here.job("build")

    def changed(tx):
        jobs.update(tx, 1, "build", spec={"max_concurrency": 1})
        return there.create(job="build")

    run = here.store.transact(changed)
    assert here.claim_one().run.id == run.id
