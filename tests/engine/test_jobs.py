"""Jobs: definitions with versions, and what may not be done to them."""

from __future__ import annotations

import msgspec
import pytest

from runyard.domain.errors import AlreadyExists, Conflict, Invalid, NotFound
from runyard.domain.jobs import Cron, JobSpec, Rate
from runyard.domain.policy import Policy
from runyard.engine import job_secrets, jobs
from runyard.engine.jobs import NewJob

SCHEMA = '{"type": "object", "required": ["n"]}'


def make(store, name="build", project_id=1, **spec):
    return store.transact(jobs.create, project_id, name=name, spec=JobSpec(**spec))


def change(store, wanted="build", **changes):
    return store.transact(jobs.update, 1, wanted, **changes)


def versions(store, wanted="build"):
    return store.look(jobs.versions, 1, wanted)


def spec_of(record):
    return msgspec.json.decode(record.spec, type=JobSpec)


def test_a_job_is_found_by_its_name_and_by_its_id(store):
    made = make(store, queue="fast", policy=Policy(max_attempts=7))
    assert store.look(jobs.get, 1, "build") == made
    assert store.look(jobs.get, 1, made.id) == made
    assert spec_of(made) == JobSpec(queue="fast", policy=Policy(max_attempts=7))


def test_a_jobs_name_is_taken_once_in_a_project(store):
    make(store)
    with pytest.raises(AlreadyExists):
        make(store)
    assert make(store, project_id=2).project_id == 2


def test_the_same_name_asked_for_on_two_servers_is_given_once(two_servers):
    one, other = two_servers
    make(one)
    with pytest.raises(AlreadyExists):
        make(other)


@pytest.mark.parametrize("wanted", ["", "nobody", "a\0b", "x" * 5000, "0190a5a0-0000-7000-8000-000000000000"])
def test_an_unknown_job_is_not_found(store, wanted):
    for op in (jobs.get, jobs.versions):
        with pytest.raises(NotFound):
            store.look(op, 1, wanted)
    for op in (jobs.update, jobs.delete):
        with pytest.raises(NotFound):
            store.transact(op, 1, wanted)


def test_another_projects_job_is_not_found(store):
    made = make(store, project_id=2)
    for wanted in ("build", made.id):
        with pytest.raises(NotFound):
            store.look(jobs.get, 1, wanted)


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a\0b", "a\nb", "0190a5a0-0000-7000-8000-000000000000"])
def test_a_name_that_cannot_be_one_is_refused(store, name):
    with pytest.raises(Invalid):
        make(store, name)


@pytest.mark.parametrize(
    "spec",
    [
        {"queue": ""},
        {"executor": " "},
        {"requires": ("",)},
        {"requires": tuple(f"c{n}" for n in range(33))},
        {"priority": 11},
        {"priority": -1},
        {"ttl": 0},
        {"ttl": 2**62},
        {"max_concurrency": 0},
        {"max_per_key": -1},
        {"rate": Rate(max=0, window=1_000_000)},
        {"rate": Rate(max=1, window=0)},
        {"rate": Rate(max=1000, window=999)},
        {"tags": {"": "x"}},
        {"tags": ["a\0b"]},
        {"tags": [f"t{n}" for n in range(65)]},
        {"metadata": {"x": "y" * 70_000}},
        {"description": "x" * 5000},
        {"payload_schema": '{"type": "nonsense"}'},
        {"payload_schema": '{"$ref": "http://example.com/schema"}'},
        {"policy": Policy(output_schema='{"type": 7}')},
        {"policy": Policy(max_attempts=0)},
        {"policy": Policy(max_attempts=101)},
        {"policy": Policy(backoff="custom")},
        {"policy": Policy(backoff="custom", delays=(1, -1))},
        {"policy": Policy(min_delay=5, max_delay=4)},
        {"policy": Policy(jitter=1.5)},
        {"policy": Policy(timeout=0)},
        {"policy": Policy(heartbeat_grace=-1)},
        {"policy": Policy(lease=0)},
        {"policy": Policy(lost_leases=0)},
        {"policy": Policy(retry_priority_boost=11)},
        {"policy": Policy(non_retryable=("",))},
        {"policy": Policy(idempotency_window=-1)},
    ],
)
def test_a_definition_that_makes_no_sense_is_refused_when_made_and_when_changed(store, spec):
    with pytest.raises(Invalid):
        make(store, **spec)
    made = make(store, "good")
    fields = {name: value for name, value in spec.items() if name != "policy"}
    policy = msgspec.structs.asdict(spec["policy"]) if "policy" in spec else None
    with pytest.raises(Invalid):
        change(store, "good", spec=fields, policy=policy)
    assert store.look(jobs.get, 1, "good") == made


def test_usable_schemas_are_taken(store):
    made = make(store, payload_schema=SCHEMA, policy=Policy(output_schema="true"))
    assert spec_of(made).payload_schema == SCHEMA


def test_the_first_version_is_kept_too(store):
    made = make(store, queue="fast")
    (first,) = versions(store)
    assert (first.job_id, first.version, first.spec, first.created_at) == (made.id, 1, made.spec, made.created_at)


def test_a_change_makes_a_new_version_and_leaves_the_others_as_they_were(store, clock):
    made = make(store, queue="fast", priority=3)
    clock.forward(seconds=5)
    changed = change(store, spec={"priority": 4}, policy={"max_attempts": 9}, actor="key:boss")
    assert (changed.version, changed.updated_at, changed.created_at) == (2, clock.now(), made.created_at)
    assert spec_of(changed) == JobSpec(queue="fast", priority=4, policy=Policy(max_attempts=9))
    newest, first = versions(store)
    assert (newest.version, newest.spec, newest.created_by) == (2, changed.spec, "key:boss")
    assert (first.version, first.spec) == (1, made.spec)


def test_enabling_and_disabling_makes_no_version(store):
    make(store)
    assert change(store, enabled=False).enabled is False
    assert change(store, enabled=True).version == 1
    assert len(versions(store)) == 1


def test_a_change_to_what_is_there_already_is_none(store, clock):
    made = make(store, priority=3)
    clock.forward(seconds=5)
    assert change(store, spec={"priority": 3}, enabled=True) == made


def test_runs_keep_the_version_they_were_made_from(store, yard):
    make(store, priority=3)
    old = yard.create(job="build")
    change(store, spec={"priority": 4})
    new = yard.create(job="build")
    assert [(run.job_version, run.priority) for run in (yard.run(old), yard.run(new))] == [(1, 3), (2, 4)]


def test_a_disabled_job_takes_no_runs(store, yard):
    make(store)
    change(store, enabled=False)
    with pytest.raises(Conflict):
        yard.create(job="build")


def test_jobs_are_listed_newest_first_in_pages(store):
    made = [make(store, f"job-{n}") for n in range(5)]
    make(store, "elsewhere", project_id=2)
    first = store.look(jobs.page, 1, limit=2)
    assert first == [made[4], made[3]]
    assert store.look(jobs.page, 1, before=first[-1].id) == made[2::-1]


def test_versions_are_listed_in_pages(store):
    make(store)
    for priority in range(1, 5):
        change(store, spec={"priority": priority})
    first = store.look(jobs.versions, 1, "build", limit=2)
    assert [one.version for one in first] == [5, 4]
    rest = store.look(jobs.versions, 1, "build", before=4)
    assert [one.version for one in rest] == [3, 2, 1]


@pytest.mark.parametrize("stage", ["queued", "scheduled", "draft", "claimed", "retrying", "paused"])
def test_a_job_with_a_live_run_is_not_deleted(store, yard, clock, stage):
    make(store)
    run = yard.create(
        job="build", draft=stage == "draft", available_at=clock.now() + 10**9 if stage == "scheduled" else None
    )
    if stage in {"claimed", "retrying"}:
        granted = yard.claim_one()
        if stage == "retrying":
            yard.fail(granted)
    if stage == "paused":
        yard.pause(run)
    with pytest.raises(Conflict):
        store.transact(jobs.delete, 1, "build")
    yard.cancel(run)
    store.transact(jobs.delete, 1, "build")


def test_a_deleted_job_leaves_its_ended_runs_with_its_name(store, yard):
    make(store, max_concurrency=1, rate=Rate(max=5, window=10**9))
    done = yard.running(job="build")
    yard.complete(done)
    dead = yard.buried(job="build")
    store.transact(jobs.delete, 1, "build")
    with pytest.raises(NotFound):
        store.look(jobs.get, 1, "build")
    assert {yard.run(run).job_name for run in (done, dead)} == {"build"}
    for table in ("job_versions", "lanes", "rates", "cap_changes"):
        assert store.look(lambda tx, table=table: tx.rows(f"SELECT * FROM {table}")) == []


def test_a_name_is_free_again_after_its_job_was_deleted(store):
    old = make(store)
    store.transact(jobs.delete, 1, old.id)
    assert make(store).id != old.id


def test_the_journal_tells_of_jobs(store):
    make(store)
    change(store, enabled=False, actor="key:boss")
    store.transact(jobs.delete, 1, "build")
    rows = store.look(lambda tx: tx.rows("SELECT type, actor FROM events ORDER BY seq"))
    assert rows == [("job.created", None), ("job.updated", "key:boss"), ("job.deleted", None)]


def test_a_clone_is_a_job_of_its_own_with_the_same_definition_and_secrets(store):
    source = make(store, queue="fast", title="First")
    store.transact(job_secrets.put, 1, "build", "A", "sealed")
    change(store, spec={"description": "second version"})
    clone = store.transact(jobs.clone, 1, "build", name="copy", title="Copy")
    assert spec_of(clone) == JobSpec(queue="fast", title="Copy", description="second version")
    assert (clone.version, clone.enabled) == (1, True)
    assert store.look(job_secrets.secrets, [clone.id]) == {clone.id: {"A": "sealed"}}
    assert clone.id != source.id
    with pytest.raises(AlreadyExists):
        store.transact(jobs.clone, 1, "build", name="copy")


def test_a_job_is_renamed_while_no_run_goes_by_its_name(yard):
    job = yard.job("build")
    yard.job("taken")
    run = yard.create(job="build")
    with pytest.raises(Conflict):
        yard.store.transact(jobs.update, 1, "build", name="other")
    yard.cancel(run)
    with pytest.raises(AlreadyExists):
        yard.store.transact(jobs.update, 1, "build", name="taken")
    with pytest.raises(Invalid):
        yard.store.transact(jobs.update, 1, "build", name="")
    renamed = yard.store.transact(jobs.update, 1, "build", name="other")
    assert (renamed.id, renamed.name, renamed.version) == (job.id, "other", 2)
    assert yard.create(job="other").job_id == job.id


def test_a_version_is_made_whatever_is_changed_when_asked_for(store):
    make(store)
    assert change(store).version == 1
    assert change(store, always=True).version == 2
    assert [one.version for one in versions(store)] == [2, 1]


def test_jobs_are_enabled_and_disabled_together(yard):
    ids = [yard.job(name).id for name in ("a", "b")]
    foreign = make(yard.store, "c", project_id=2).id
    assert yard.store.transact(jobs.enable, 1, [*ids, foreign, "x"], enabled=False) == 2
    assert [yard.store.look(jobs.get, 1, one).enabled for one in ids] == [False, False]
    assert yard.store.look(jobs.get, 2, foreign).enabled
    assert yard.store.look(jobs.get, 1, ids[0]).version == 1
    with pytest.raises(Invalid):
        yard.store.transact(jobs.enable, 1, ["x"] * 51, enabled=True)


def test_each_job_of_many_is_made_by_itself(store):
    new = [
        NewJob(name="a", spec=JobSpec()),
        NewJob(name="a", spec=JobSpec()),
        Invalid("no"),
        NewJob(name="b", spec=JobSpec()),
    ]
    outcomes = store.transact(jobs.create_each, 1, new)
    assert [type(one).__name__ for one in outcomes] == ["Job", "AlreadyExists", "Invalid", "Job"]


def test_jobs_of_one_moment_are_paged_by_time_and_id(store):
    made = [make(store, f"job-{n}") for n in range(5)]
    found, before = [], None
    while True:
        page = store.look(jobs.page_by_time, 1, before=before, limit=2)
        found += page.jobs
        if page.more is None:
            break
        before = page.more
    assert found == made[::-1]


def test_few_jobs_with_a_tag_among_many_are_found_in_bounded_looks(store, monkeypatch):
    monkeypatch.setattr(jobs, "LOOK", 2)
    monkeypatch.setattr(jobs, "EXAMINED", 4)
    wanted = make(store, "wanted", tags={"team": "core"})
    for n in range(6):
        make(store, f"job-{n}")
    first = store.look(jobs.page_by_time, 1, limit=10, tag=("team", None))
    assert (first.jobs, first.more is None) == ([], False)
    second = store.look(jobs.page_by_time, 1, before=first.more, limit=10, tag=("team", "core"))
    assert (second.jobs, second.more) == ([wanted], None)


@pytest.mark.parametrize(
    "spec",
    [
        {"executor": "http"},
        {"executor": "managed"},
        {"cron": Cron(expression="x")},
        {"window": "x"},
        {"timezone": "nowhere"},
        {"debounce_window": 1, "batch_window": 1},
        {"dedup_window": 0},
        {"batch_max": 0},
        {"title": "x" * 256},
        {"extra": {"x": "y" * 70_000}},
        {"policy": Policy(max_tokens=-1)},
        {"policy": Policy(allowed_tools=("",))},
        {"environment_id": "nowhere"},
    ],
    ids=str,
)
def test_a_definition_that_makes_no_sense_beyond_its_parts_is_refused(store, spec):
    with pytest.raises(Invalid):
        make(store, **spec)
