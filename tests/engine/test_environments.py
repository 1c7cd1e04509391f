"""Environments that are forgotten at the very moment in which a job begins to name them (PostgreSQL: two servers)."""

from __future__ import annotations

import contextlib

import pytest

from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.jobs import JobSpec
from runyard.engine import environments, jobs
from runyard.storage.statements.environments import Environment
from tests.support.meanwhile import meanwhile


def made(store) -> Environment:
    found = store.transact(environments.put, 1, "stage", {"A": "sealed"})
    assert isinstance(found, Environment)
    return found


@pytest.mark.parametrize("there_is", [False, True], ids=["made", "changed"])
def test_an_environment_is_not_forgotten_under_a_job_that_just_named_it(two_servers, there_is: bool):
    here, there = two_servers
    one = made(here)
    if there_is:
        here.transact(jobs.create, 1, name="build", spec=JobSpec())
    with contextlib.ExitStack() as stack:

        def named(tx):
            if there_is:
                jobs.update(tx, 1, "build", spec={"environment_id": one.id})
            else:
                jobs.create(tx, 1, name="build", spec=JobSpec(environment_id=one.id))
            remove = meanwhile(there, lambda: there.transact(environments.remove, 1, "stage"))
            return stack.enter_context(remove)

        refused = here.transact(named)
    assert [type(error) for error in refused] == [Conflict]
    assert here.look(environments.get, 1, "stage") == one


def test_an_environment_that_is_just_forgotten_is_named_by_no_job(two_servers):
    here, there = two_servers
    one = made(here)
    with contextlib.ExitStack() as stack:

        def removed(tx):
            environments.remove(tx, 1, "stage")
            spec = JobSpec(environment_id=one.id)
            create = meanwhile(there, lambda: there.transact(jobs.create, 1, name="build", spec=spec))
            return stack.enter_context(create)

        refused = here.transact(removed)
    assert [type(error) for error in refused] == [Invalid]
    with pytest.raises(NotFound):
        here.look(jobs.get, 1, "build")
