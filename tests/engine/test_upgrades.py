"""What runs take over from their job after they were made: newer versions at claims, longer timeouts at starts."""

from __future__ import annotations

import msgspec
import pytest

from runyard.domain.jobs import JobSpec
from runyard.domain.policy import Policy
from runyard.engine import jobs, upgrades
from tests.support.yard import SECOND, Yard


def put(yard, upgrade="latest", **spec):
    return yard.job("build", policy=Policy(upgrade=upgrade, timeout=60 * SECOND), **spec)


def change(yard, policy=None, **said):
    return yard.store.transact(jobs.update, 1, "build", spec=said.get("spec"), policy=policy)


def forget_versions(tx):
    tx.run("DELETE FROM job_versions")
    return JobSpec()


def took(yard, seconds, n=1):
    for _ in range(n):
        granted = yard.running(job="build")
        yard.clock.forward(seconds=seconds)
        yard.complete(granted)


def test_a_pinned_run_keeps_the_version_it_was_made_from(yard: Yard):
    put(yard, "pin")
    yard.create(job="build")
    change(yard, policy={"max_attempts": 9})
    granted = yard.claim_one()
    assert granted.run.job_version == 1
    assert granted.run.policy.max_attempts == 3


def test_a_run_that_asks_for_the_latest_takes_it_at_its_claim(yard: Yard):
    put(yard)
    run = yard.create(job="build")
    change(yard, policy={"max_attempts": 9})
    change(yard, policy={"lease": 7 * SECOND})
    granted = yard.claim_one()
    assert granted.run.job_version == 3
    assert granted.run.policy == Policy(upgrade="latest", timeout=60 * SECOND, max_attempts=9, lease=7 * SECOND)
    assert granted.lease.until == yard.clock.now() + 7 * SECOND
    assert yard.run(run) == granted.run
    assert yard.last(run)["job_version"] == 3


def test_what_a_run_was_told_itself_outlives_an_upgrade(yard: Yard):
    put(yard)
    yard.create(job="build", policy={"max_attempts": 2})
    change(yard, policy={"max_attempts": 9, "timeout": 5 * SECOND})
    policy = yard.claim_one().run.policy
    assert (policy.max_attempts, policy.timeout) == (2, 5 * SECOND)


@pytest.mark.parametrize(("compatible", "version"), [(True, 2), (False, 1)])
def test_a_minor_upgrade_takes_only_a_compatible_version(yard: Yard, compatible, version):
    put(yard, "minor")
    yard.create(job="build")
    change(yard, spec={"backwards_compatible": compatible, "description": "newer"})
    assert yard.claim_one().run.job_version == version


def test_a_run_whose_snapshot_is_gone_takes_the_current_configuration(yard: Yard):
    put(yard)
    yard.create(job="build")
    change(yard, policy={"max_attempts": 9})
    yard.store.transact(forget_versions)
    granted = yard.claim_one()
    assert (granted.run.job_version, granted.run.policy.max_attempts) == (2, 9)


def test_a_retry_is_claimed_with_the_version_of_its_time(yard: Yard):
    put(yard)
    granted = yard.running(job="build")
    yard.fail(granted)
    change(yard, policy={"max_attempts": 9})
    yard.after(minutes=5)
    assert yard.claim_one().run.job_version == 2


def test_a_version_for_another_kind_of_executor_is_not_taken_by_this_one(yard: Yard):
    put(yard)
    yard.create(job="build")
    change(yard, spec={"executor": "other"})
    assert yard.claim_one().run.job_version == 1


def test_a_run_of_a_deleted_job_is_claimed_as_it_is(yard: Yard):
    put(yard)
    yard.create(job="build")
    yard.store.transact(lambda tx: tx.run("DELETE FROM jobs"))
    assert yard.claim_one().run.job_version == 1


def test_an_adaptive_timeout_grows_with_what_the_jobs_runs_need(yard: Yard):
    yard.job("build", policy=Policy(adaptive_timeout=True, timeout=60 * SECOND))
    took(yard, 50, n=3)
    yard.clock.forward(minutes=2)
    started = yard.start(yard.claimed(job="build"))
    assert started.policy.timeout == 75 * SECOND
    assert yard.store.look(upgrades.timeout_for, started) == 75 * SECOND


def test_an_adaptive_timeout_never_shrinks_and_is_asked_for(yard: Yard):
    yard.job("build", policy=Policy(adaptive_timeout=True, timeout=60 * SECOND))
    yard.job("other", policy=Policy(timeout=SECOND))
    took(yard, 1)
    yard.clock.forward(minutes=2)
    assert yard.start(yard.claimed(job="build")).policy.timeout == 60 * SECOND
    assert yard.start(yard.claimed(job="other")).policy.timeout == SECOND


def test_durations_are_measured_once_a_minute(yard: Yard):
    yard.job("build", policy=Policy(adaptive_timeout=True, timeout=SECOND))
    yard.start(yard.claimed(job="build"))
    took(yard, 0.9)
    assert yard.start(yard.claimed(job="build")).policy.timeout == SECOND
    yard.clock.forward(minutes=2)
    assert yard.start(yard.claimed(job="build")).policy.timeout == 1_350_000


def test_durations_of_the_day_before_yesterday_do_not_count(yard: Yard):
    yard.job("build", policy=Policy(adaptive_timeout=True, timeout=60 * SECOND))
    took(yard, 50)
    yard.clock.forward(hours=25)
    assert yard.start(yard.claimed(job="build")).policy.timeout == 60 * SECOND


@pytest.mark.parametrize(("values", "percent", "found"), [([], 95, None), ([5], 95, 5), (list(range(1, 101)), 95, 95)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(values, percent, found):
    assert upgrades.percentile(values, percent) == found


def test_an_upgrade_compares_with_the_version_the_run_came_from(yard: Yard):
    job = put(yard)
    assert msgspec.json.decode(job.spec, type=JobSpec).policy.upgrade == "latest"
    yard.create(job="build")
    change(yard, policy={"upgrade": "pin"})
    assert yard.claim_one().run.policy.upgrade == "pin"
