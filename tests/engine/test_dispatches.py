"""Ready work over all projects, and what runs take along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runyard.domain.jobs import Http, JobSpec
from runyard.engine import checkpoints, claims, dispatches, environments, job_secrets
from runyard.engine.checkpoints import NewCheckpoint
from runyard.engine.claims import ClaimRequest, Granted
from runyard.engine.dispatches import Luggage
from runyard.engine.fences import Writer
from tests.support.yard import SECOND, Yard

HTTP: dict[str, Any] = {"executor": "http", "http": Http(url="http://x/run")}


def two_of_each(classes: Sequence[int]) -> dict[int, int]:
    return dict.fromkeys(classes, 2)


def ten_of_each(classes: Sequence[int]) -> dict[int, int]:
    return dict.fromkeys(classes, 10)


def claim(yard: Yard, *runs: str) -> list[Granted]:
    request = ClaimRequest(project_id=None, executor="http", runs=runs, limit=len(runs), lease=30 * SECOND)
    granted: list[Granted] = yard.store.transact(claims.claim, [request])[0]
    return granted


def packed(yard: Yard, *granted: Granted) -> Luggage:
    return yard.store.look(dispatches.luggage, [one.run for one in granted], {})


def test_the_first_runs_of_every_class_are_found_over_all_projects(yard: Yard):
    other = Yard(yard.store, yard.clock, project_id=2)
    yard.job("one", **HTTP)
    other.job("two", **HTTP)
    yard.job("off", enabled=True, **HTTP)
    yard.create(job="off")
    yard.job("off", enabled=False)
    yard.create(executor="http", requires=("gpu",))
    yard.create()
    low = [yard.create(job="one").id for _ in range(3)]
    high = yard.create(job="one", priority=5).id
    mine = other.create(job="two").id
    found = yard.store.look(dispatches.ready, "http", two_of_each)
    assert found.more_after is None
    runs = sorted([run for _, run in heads] for heads in found.heads.values())
    assert runs == sorted([[high, low[0]], [mine]])
    assert [one.run.id for one in claim(yard, mine, high)] == [high, mine]
    assert claim(yard, mine, high) == []
    assert [len(heads) for heads in yard.store.look(dispatches.ready, "http", ten_of_each).heads.values()] == [3]
    other.check()


def test_some_classes_can_be_looked_at_alone(yard: Yard):
    for name in ("one", "two", "off"):
        yard.job(name, **HTTP)
        yard.create(job=name)
    yard.job("off", enabled=False)
    classes = {run.job_name: run.class_id for run in (yard.create(job="one"), yard.create(job="two"))}
    off = yard.create(executor="worker").class_id
    asked = [classes["one"], off, 999_999]
    found = yard.store.look(dispatches.ready, "http", ten_of_each, among=asked)
    assert {one: len(heads) for one, heads in found.heads.items()} == {classes["one"]: 2}
    assert (found.more_after, found.held_back) == (None, False)
    claim(yard, *(run_id for _, run_id in found.heads[classes["one"]]))
    assert yard.store.look(dispatches.ready, "http", ten_of_each, among=asked).heads == {}


def test_classes_beyond_those_looked_at_come_in_the_next_pass(yard: Yard, monkeypatch):
    monkeypatch.setattr(dispatches, "CLASSES", 2)
    for number in range(3):
        yard.job(f"job-{number}", **HTTP)
        yard.create(job=f"job-{number}")
    first = yard.store.look(dispatches.ready, "http", ten_of_each)
    assert first.more_after is not None
    second = yard.store.look(dispatches.ready, "http", ten_of_each, after=first.more_after)
    assert (len(first.heads), len(second.heads), second.more_after) == (2, 1, None)


def test_a_run_takes_along_the_version_it_was_made_from(yard: Yard):
    yard.job("one", **HTTP)
    yard.create(job="one")
    yard.job("one", http=Http(url="http://new/run"))
    (old,) = claim(yard, *[run for _, run in _all_heads(yard)])
    spec = packed(yard, old).specs[old.run.job_id or "", 1]
    assert spec.http == Http(url="http://x/run")


def test_without_its_version_a_run_goes_by_what_the_job_says_now(yard: Yard):
    job = yard.job("one", **HTTP)
    yard.create(job="one")
    yard.store.transact(lambda tx: tx.run("DELETE FROM job_versions"))
    (granted,) = claim(yard, *[run for _, run in _all_heads(yard)])
    assert packed(yard, granted).specs[job.id, 1].http == Http(url="http://x/run")
    yard.store.transact(lambda tx: tx.run("DELETE FROM jobs"))
    assert packed(yard, granted).specs == {}
    known = {(job.id, 1): JobSpec()}
    assert yard.store.look(dispatches.luggage, [granted.run], known).specs == known


def test_secrets_and_variables_come_sealed(yard: Yard):
    made = yard.store.transact(environments.put, 1, "staging", {"ENDPOINT_URL": "sealed url"})
    job = yard.job("one", **HTTP, environment_id=made.id)
    yard.store.transact(job_secrets.put, 1, "one", "TOKEN", "sealed token")
    yard.create(job="one")
    luggage = packed(yard, *claim(yard, *[run for _, run in _all_heads(yard)]))
    assert luggage.secrets[job.id] == {"TOKEN": "sealed token"}
    assert luggage.variables[made.id] == {"ENDPOINT_URL": "sealed url"}


def test_the_last_checkpoint_comes_with_a_retry_unless_it_is_long(yard: Yard):
    yard.job("one", **HTTP)
    run = yard.create(job="one", policy={"initial_delay": 0, "min_delay": 0})
    (granted,) = claim(yard, run.id)
    _keep(yard, granted, '{"step":1}')
    _keep(yard, granted, '{"step":2}')
    assert packed(yard, granted).checkpoints == {}, "the first attempt has nothing to go on from"
    yard.fail(granted)
    yard.tick()
    (granted,) = claim(yard, run.id)
    assert packed(yard, granted).checkpoints[run.id][1] == '{"step":2}'
    _keep(yard, granted, f'"{"ä" * 40_000}"')
    assert packed(yard, granted).checkpoints == {}


def _keep(yard: Yard, granted: Granted, state: str) -> None:
    writer = Writer(project_id=1, run_id=granted.run.id, token=granted.lease.token)
    yard.store.transact(checkpoints.add, writer, NewCheckpoint(state=state))


def _all_heads(yard: Yard) -> list[tuple[int, str]]:
    found = yard.store.look(dispatches.ready, "http", ten_of_each)
    return [head for heads in found.heads.values() for head in heads]
