"""Retention: what is taken away, when, and that nothing is lost on the way."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from runyard.artifacts.objects import in_folder
from runyard.domain.errors import NotFound, Unavailable
from runyard.domain.states import FINAL, RunState
from runyard.engine import archives, artifacts, checkpoints, events, retention, runs
from runyard.settings import Settings
from runyard.storage.port import JournalLine
from runyard.storage.statements import replies
from tests.engine.test_archives import busy
from tests.support.stores import tables
from tests.support.writers import holder, log
from tests.support.yard import Yard

DAY = 24 * 3600 * 1_000_000


@pytest.fixture
def blobs(tmp_path):
    return in_folder(tmp_path)


def ended(yard, state="completed", **new):
    """A run that ended this way."""
    held = yard.running(**new)
    if state == "completed":
        yard.complete(held)
    elif state == "canceled":
        yard.cancel(held)
    elif state == "failed":
        yard.discard(yard.fail(held, retryable=False))
    else:
        yard.fail(held, retryable=False)
    return held


def retire(yard, blobs, *, days=0.0, **said):
    """One pass that keeps every outcome for this many days."""
    before = dict.fromkeys(FINAL, yard.clock.now() - round(days * DAY))
    return retention.retire_once(yard.store, blobs, before, **said)


def left(yard):
    """How many rows each table has, but for the tables that outlive runs."""
    kept = {"counters", "schema_versions", "run_classes", "lanes", "projects", "jobs", "job_versions", "rates"}
    return yard.store.look(
        lambda tx: {
            name: count
            for name in tables(tx)
            if name not in kept and (count := tx.rows(f"SELECT COUNT(*) FROM {name}")[0][0])
        }
    )


def archived(blobs, *passes):
    """The ids of the runs in the archives that passes wrote."""
    return [line["run"]["id"] for one in passes for name in one.archives for line in read(blobs, name)]


def read(blobs, name):
    return archives.read_archive(blobs.folder / name)


def test_a_run_is_archived_and_leaves_no_row_behind(yard, blobs, clock):
    held = busy(yard, tags={"a": "b"}, idempotency_key="once")
    yard.complete(held)
    clock.forward(seconds=1)
    done = retire(yard, blobs)
    assert (done.claimed, done.deleted) == (1, 1)
    assert archived(blobs, done) == [held.run.id]
    assert left(yard) == {}
    with pytest.raises(NotFound):
        yard.run(held)


def test_other_runs_lose_nothing(yard, blobs, clock):
    old = busy(yard, tags={"a": "b"}, idempotency_key="old")
    yard.complete(old)
    young = busy(yard, tags={"a": "b"}, idempotency_key="young")
    before = left(yard)
    clock.forward(seconds=1)
    retire(yard, blobs)
    after = left(yard)
    assert after["events"] == before["events"] - 9
    assert {name: after[name] * 2 for name in after if name != "events"} == {
        name: before[name] for name in before if name != "events"
    }
    assert yard.run(young).state is RunState.RUNNING


def test_each_outcome_is_kept_for_its_own_time(yard, blobs, clock):
    states = {name: ended(yard, name) for name in ("completed", "canceled", "failed")}
    settings = Settings(retention_completed_days=1, retention_canceled_days=2, retention_failed_days=3)
    for gone in ("completed", "canceled", "failed"):
        clock.forward(hours=23)
        assert retention.retire_once(yard.store, blobs, retention.cutoffs(settings, clock.now())).deleted == 0
        clock.forward(hours=1, seconds=1)
        assert retention.retire_once(yard.store, blobs, retention.cutoffs(settings, clock.now())).deleted == 1
        with pytest.raises(NotFound):
            yard.run(states[gone])


def test_retention_is_on_by_default_and_none_for_zero_days():
    now = 1000 * DAY
    default = retention.cutoffs(Settings(), now)
    assert default[RunState.COMPLETED] == now - 30 * DAY
    assert default[RunState.TIMED_OUT] == now - 90 * DAY
    assert set(default) == FINAL
    assert RunState.CANCELED not in retention.cutoffs(Settings(retention_canceled_days=0), now)


def test_what_is_not_final_is_never_taken_away(yard, blobs, clock):
    kept = [yard.buried(), yard.create(draft=True), yard.running(), yard.pause(yard.create()), yard.create()]
    clock.forward(hours=24 * 1000)
    before = dict.fromkeys(RunState, clock.now())
    assert retention.retire_once(yard.store, blobs, before).claimed == 0
    assert [yard.state(run) for run in kept]


def test_without_an_archive_runs_are_only_deleted(yard, blobs, clock, tmp_path):
    ended(yard)
    clock.forward(seconds=1)
    done = retire(yard, blobs, archive=False)
    assert (done.deleted, done.archives) == (1, ())
    assert not (tmp_path / "archive").exists()


def test_a_pass_is_bounded(yard, blobs, clock):
    for _ in range(5):
        ended(yard)
    clock.forward(seconds=1)
    assert [retire(yard, blobs, limit=2).deleted for _ in range(4)] == [2, 2, 1, 0]


def test_a_heavy_run_is_deleted_slice_by_slice(yard, blobs, clock, monkeypatch):
    held = yard.running()
    log(yard, holder(held), *map(str, range(50)))
    for number in range(3):
        yard.store.transact(checkpoints.add, holder(held), checkpoints.NewCheckpoint(state=str(number)))
    yard.complete(held)
    clock.forward(seconds=1)
    monkeypatch.setattr(retention.delete_runs, "__defaults__", (20,))
    slices: Counter[str] = Counter()
    transact = yard.store.transact

    def counted(op, *args, **kwargs):
        slices[op.__name__] += 1
        return transact(op, *args, **kwargs)

    monkeypatch.setattr(yard.store, "transact", counted)
    done = retire(yard, blobs)
    assert done.deleted == 1
    assert slices["delete_runs"] > 5
    (line,) = read(blobs, done.archives[0])
    assert len(line["logs"]) == 50
    assert left(yard) == {}


def test_a_crash_before_the_archive_is_whole_loses_nothing(yard, blobs, clock):
    held = ended(yard)
    clock.forward(seconds=1)
    assert [one.run_id for one in yard.store.transact(retention.claim, {RunState.COMPLETED: clock.now()})] == [
        held.run.id
    ]
    assert retire(yard, blobs).claimed == 0
    clock.forward(minutes=11)
    done = retire(yard, blobs)
    assert archived(blobs, done) == [held.run.id]
    assert left(yard) == {}


def test_a_crash_between_archive_and_delete_only_deletes_later(yard, blobs, clock):
    held = ended(yard)
    clock.forward(seconds=1)
    claimed = yard.store.transact(retention.claim, {RunState.COMPLETED: clock.now()})
    archives.write(yard.store, blobs, claimed)
    yard.store.transact(retention.set_archived, [held.run.id])
    yard.store.transact(retention.delete_runs, [held.run.id], 1)
    clock.forward(minutes=11)
    done = retire(yard, blobs)
    assert (done.deleted, done.archives) == (1, ())
    assert left(yard) == {}


def test_when_the_archive_cannot_be_stored_nothing_is_deleted(yard, blobs, clock, tmp_path):
    held = ended(yard)
    clock.forward(seconds=1)
    (tmp_path / "archive").write_text("a file stands in the way")
    with pytest.raises((Unavailable, OSError)):
        retire(yard, blobs)
    assert yard.run(held).state is RunState.COMPLETED
    (tmp_path / "archive").unlink()
    clock.forward(minutes=11)
    assert archived(blobs, retire(yard, blobs)) == [held.run.id]


def test_an_idempotency_key_is_free_when_its_run_is_gone(yard, blobs, clock):
    held = yard.running(idempotency_key="once", policy={"idempotency_window": None})
    yard.complete(held)
    clock.forward(seconds=1)
    retire(yard, blobs)
    assert yard.create(idempotency_key="once").id != held.run.id


def test_a_key_that_another_run_took_over_stays_taken(yard, blobs, clock):
    old = yard.running(idempotency_key="daily", policy={"idempotency_window": 1000})
    yard.complete(old)
    clock.forward(seconds=1)
    young = yard.create(idempotency_key="daily")
    assert young.id != old.run.id
    retire(yard, blobs)
    assert yard.create(idempotency_key="daily").id == young.id


def test_a_follower_learns_that_lines_are_gone(yard, blobs, clock):
    old = ended(yard)
    last = yard.events(old)[-1].seq
    yard.create()
    clock.forward(seconds=1)
    retire(yard, blobs)
    assert yard.store.look(events.oldest_seq, 1) == last
    assert [event.seq for event in yard.store.look(events.of_project, 1).rows] == [last + 1]


def test_children_and_replays_outlive_what_they_come_from(yard, blobs, clock):
    parent = yard.running()
    child = yard.create(parent_id=parent.run.id)
    yard.complete(parent)
    replay = yard.replay(parent)
    clock.forward(seconds=1)
    retire(yard, blobs)
    for run in (child, replay):
        assert yard.complete(yard.claim_one()).state is RunState.COMPLETED
        assert yard.run(run).is_final


# Bytes


def with_artifact(yard, blobs, content=b"content"):
    held = yard.running()
    blob = blobs.put(1, content)
    new = artifacts.NewArtifact(name="a", blob=blob)
    yard.store.transact(artifacts.add, holder(held), new)
    yard.complete(held)
    return held, blob


def old(blobs, blob, project=1):
    """Make a blob as old as the epoch."""
    os.utime(blobs.folder / f"artifacts/{project}/{blob.sha256[:2]}/{blob.sha256}", (0, 0))


def test_bytes_go_with_the_last_run_that_refers_to_them(yard, blobs, clock):
    _, blob = with_artifact(yard, blobs)
    clock.forward(seconds=1)
    edge = clock.now()
    clock.forward(seconds=1)
    with_artifact(yard, blobs)
    clock.forward(seconds=1)
    old(blobs, blob)
    retention.retire_once(yard.store, blobs, {RunState.COMPLETED: edge})
    assert blobs.read(1, blob.sha256) == b"content"
    retire(yard, blobs)
    with pytest.raises(NotFound):
        blobs.read(1, blob.sha256)


def test_bytes_of_another_project_are_not_touched(yard, blobs, clock):
    _, blob = with_artifact(yard, blobs)
    blobs.put(2, b"content")
    for project in (1, 2):
        old(blobs, blob, project)
    clock.forward(seconds=1)
    retire(yard, blobs)
    assert blobs.read(2, blob.sha256) == b"content"


def test_bytes_that_were_just_stored_again_stay_until_they_are_swept(yard, blobs, clock):
    _, blob = with_artifact(yard, blobs)
    clock.forward(seconds=1)
    retire(yard, blobs)
    assert blobs.read(1, blob.sha256) == b"content"
    shard = int(blob.sha256[:2], 16)
    assert retention.sweep_once(yard.store, blobs, 1, shard) == 0
    clock.forward(hours=2)
    assert retention.sweep_once(yard.store, blobs, 1, shard + 1) == 0
    assert retention.sweep_once(yard.store, blobs, 1, shard) == 1
    with pytest.raises(NotFound):
        blobs.read(1, blob.sha256)


def test_a_sweep_leaves_what_is_referred_to(yard, blobs, clock):
    _, blob = with_artifact(yard, blobs)
    clock.forward(hours=2)
    assert retention.sweep_once(yard.store, blobs, 1, int(blob.sha256[:2], 16)) == 0
    assert blobs.read(1, blob.sha256) == b"content"


def test_a_sweep_removes_uploads_that_never_finished(yard, blobs, clock):
    half = blobs.folder / "artifacts/incoming/half"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    assert retention.sweep_once(yard.store, blobs, 1, 0) == 0
    clock.forward(hours=25)
    assert retention.sweep_once(yard.store, blobs, 1, 0) == 1
    assert not half.exists()


# Rows that belong to no run


def test_old_replies_and_old_events_about_no_run_are_pruned(yard, clock):
    def remember(tx, number):
        reply = replies.StoredReply(body_hash="h", status=201, body="{}")
        replies.keep(tx, 1, f"key-{number}", "POST /runs", reply=reply)
        tx.emit(JournalLine(1, None, "job.created", None, "{}"))

    run = yard.create()
    yard.store.transact(remember, 1)
    clock.forward(hours=25)
    yard.store.transact(remember, 2)
    assert yard.store.transact(retention.prune, events_before=clock.now() - DAY) == 2
    assert yard.store.transact(retention.prune, events_before=clock.now() - DAY) == 0
    assert left(yard)["replies"] == 1
    assert [event.type for event in yard.store.look(events.of_project, 1).rows] == ["run.created", "job.created"]
    assert yard.events(run)


# Several servers


def test_two_servers_share_the_work(two_servers, blobs, clock):
    yards = [Yard(store, clock) for store in two_servers]
    ids = [ended(yards[0]).run.id for _ in range(40)]
    clock.forward(seconds=1)

    def work(yard):
        passes = []
        while (done := retire(yard, blobs, limit=3)).claimed:
            passes.append(done)
        return passes

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(work, yards)
    assert sorted(archived(blobs, *first, *second)) == sorted(ids)
    assert sum(one.deleted for one in first + second) == 40
    assert left(yards[0]) == {}


def test_a_live_run_is_never_deleted_though_it_be_named(yard):
    held = yard.running()
    before = left(yard)
    assert yard.store.transact(retention.delete_runs, [held.run.id]).runs == 0
    assert yard.store.look(runs.find, 1, held.run.id)
    assert left(yard) == before
