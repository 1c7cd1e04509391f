"""Lists of runs: every filter gives exactly what it says, in pages, from an index."""

from __future__ import annotations

import itertools
import random
from typing import Any

import msgspec
import psycopg
import pytest

from runyard.domain.containment import contains
from runyard.domain.errors import Invalid, NotFound
from runyard.domain.jobs import tag_pairs
from runyard.domain.states import UNSUCCESSFUL, RunState
from runyard.engine import families, listing, searches
from runyard.engine.filters import Filter
from runyard.storage.sql import for_postgres, for_sqlite
from runyard.storage.statements import listing as sql
from tests.support.yard import Yard, all_runs


@pytest.fixture
def crowd(yard, clock):
    """Runs of every kind; the fixture's value is all of project 1's, newest first."""
    yard.job("build")
    yard.job("test", queue="slow")
    parent = yard.create(job="build", payload='{"size": 0}')
    dice = random.Random(7)
    made = []
    for number in range(48):
        made.append(
            yard.create(
                job=dice.choice([None, "build", "test"]),
                tags=dice.choice([None, ["red"], ["red", "blue"], {"team": "a"}, {"team": "b", "red": ""}]),
                payload=f'{{"size": {number % 3}, "parts": [{number % 2}, "x"]}}',
                metadata=dice.choice([None, {"by": "me"}, {"by": "you", "deep": {"n": 1}}]),
                parent_id=dice.choice([None, parent.id]),
                task_id=dice.choice([None, "task-1"]),
                batch_id=dice.choice([None, "batch-1", "batch-2"]),
                draft=number % 16 == 1,
                trigger="cron" if number % 3 == 1 else "manual",
                executor="managed" if number % 16 == 3 else None,
                available_at=clock.now() + 10**9 if number % 16 == 2 else None,
            )
        )
        clock.forward(micros=1000)
    for index, granted in enumerate(yard.claim(30)):
        yard.start(granted)
        match index % 6:
            case 0:
                yard.complete(granted)
            case 1:
                yard.fail(granted, kind="boom", retryable=False)
            case 2:
                yard.fail(granted, kind="bang", retryable=False)
                yard.resolve(granted)
            case 3:
                yard.fail(granted)
            case 4:
                yard.cancel(granted)
    yard.pause(yard.claim_one())
    return list(reversed(yard.store.look(all_runs)))


def meets(run, wanted):
    """Whether the run meets the filter, the slow way."""
    states = {
        None: set(RunState),
        "failed": set(UNSUCCESSFUL),
        "succeeded": {RunState.COMPLETED},
        "canceled": {RunState.CANCELED},
        "unresolved": {*UNSUCCESSFUL, RunState.NEEDS_ATTENTION},
    }[wanted.outcome]
    tags = dict(tag_pairs(msgspec.json.decode(run.tags))) if run.tags else {}
    notes = msgspec.json.decode(run.metadata or "{}")
    return all(
        [
            run.state in states,
            wanted.outcome != "unresolved" or run.resolved_at is None,
            wanted.states is None or run.state in wanted.states,
            wanted.job is None or wanted.job in {run.job_id, run.job_name},
            wanted.queue in {None, run.queue},
            all(tag in tags and value in {None, tags[tag]} for tag, value in wanted.tags),
            wanted.parent_id in {None, run.parent_id},
            wanted.task_id in {None, run.task_id},
            wanted.batch_id in {None, run.batch_id},
            wanted.error_class in {None, run.error_class},
            not wanted.error_classes or run.error_class in wanted.error_classes,
            not wanted.but_error_classes or run.error_class not in {None, *wanted.but_error_classes},
            wanted.trigger in {None, run.trigger},
            wanted.executor in {None, run.executor},
            wanted.but_executor != run.executor,
            all(name in notes and value in {None, shown(notes[name])} for name, value in wanted.notes),
            wanted.resolved is None or wanted.resolved == (run.resolved_at is not None),
            wanted.created_after is None or run.created_at >= wanted.created_after,
            wanted.created_before is None or run.created_at < wanted.created_before,
            wanted.payload is None or contains(msgspec.json.decode(run.payload), msgspec.json.decode(wanted.payload)),
            wanted.metadata is None
            or contains(msgspec.json.decode(run.metadata or "{}"), msgspec.json.decode(wanted.metadata)),
        ]
    )


def shown(value):
    """An entry of metadata as text."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def collected(store, wanted, limit):
    """All pages one after the other; no page may be empty in the middle of nothing left to examine."""
    runs, before = [], None
    for _ in range(200):
        page = store.look(listing.page, 1, wanted, before=before, limit=limit)
        assert len(page.runs) <= limit
        runs += page.runs
        if page.after is None:
            return runs
        before = page.after
    raise AssertionError("the list has no end")


FILTERS: dict[str, dict[str, Any]] = {
    "everything": {},
    "one state": {"states": (RunState.QUEUED,)},
    "states": {"states": (RunState.QUEUED, RunState.DEAD_LETTER, RunState.DRAFT, RunState.PAUSED)},
    "no state": {"states": ()},
    "job": {"job": "build"},
    "job and live state": {"job": "build", "states": (RunState.RUNNING, RunState.QUEUED)},
    "job and ended state": {"job": "test", "states": (RunState.COMPLETED, RunState.CANCELED)},
    "job and both": {"job": "test", "states": (RunState.COMPLETED, RunState.QUEUED)},
    "no such job": {"job": "nobody"},
    "queue": {"queue": "slow"},
    "tag": {"tags": (("red", None),)},
    "tag with value": {"tags": (("team", "a"),)},
    "tags": {"tags": (("red", None), ("blue", ""))},
    "tags that exclude each other": {"tags": (("team", "a"), ("team", "b"))},
    "tag of any value": {"tags": (("team", None),)},
    "tag and state": {"tags": (("red", None),), "states": (RunState.QUEUED,)},
    "task": {"task_id": "task-1"},
    "batch": {"batch_id": "batch-2"},
    "batch, task and job": {"batch_id": "batch-1", "task_id": "task-1", "job": "build"},
    "failed": {"outcome": "failed"},
    "succeeded": {"outcome": "succeeded"},
    "canceled": {"outcome": "canceled"},
    "unresolved": {"outcome": "unresolved"},
    "unresolved and resolved": {"outcome": "unresolved", "resolved": True},
    "resolved": {"resolved": True},
    "failed but queued": {"outcome": "failed", "states": (RunState.QUEUED,)},
    "open dead letters": {"states": (RunState.DEAD_LETTER,), "resolved": False},
    "closed dead letters": {"states": (RunState.DEAD_LETTER,), "resolved": True},
    "error class": {"error_class": "boom"},
    "error classes": {"error_classes": ("boom", "bang")},
    "error class and error classes": {"error_class": "boom", "error_classes": ("boom", "bang")},
    "other error classes": {"but_error_classes": ("boom", "canceled")},
    "trigger": {"trigger": "cron"},
    "the common trigger": {"trigger": "manual"},
    "trigger and state": {"trigger": "cron", "states": (RunState.DEAD_LETTER,)},
    "managed": {"executor": "managed"},
    "another executor": {"executor": "worker"},
    "not managed": {"but_executor": "managed"},
    "note": {"notes": (("by", None),)},
    "note with a value": {"notes": (("by", "me"),)},
    "note that is no text": {"notes": (("deep", '{"n":1}'),)},
    "notes": {"notes": (("by", "you"), ("deep", None)), "trigger": "cron"},
    "payload": {"payload": '{"size": 1}'},
    "payload in an array": {"payload": '{"parts": [1]}', "states": (RunState.QUEUED,)},
    "metadata": {"metadata": '{"deep": {}}'},
    "metadata that is empty": {"metadata": "{}"},
    "payload and metadata": {"payload": '{"size": 2}', "metadata": '{"by": "me"}'},
    "with a NUL": {"queue": "a\0b"},
    "tag with a NUL": {"tags": (("a\0b", None),)},
    "note with a NUL": {"notes": (("a\0b", None),)},
    "error class with a NUL": {"error_classes": ("a\0b",)},
}


EMPTY = {
    "no state",
    "no such job",
    "tags that exclude each other",
    "unresolved and resolved",
    "failed but queued",
    "with a NUL",
    "tag with a NUL",
    "note with a NUL",
    "error class with a NUL",
}


def test_a_filter_gives_exactly_the_runs_that_meet_it(store, crowd):
    for name, fields in FILTERS.items():
        wanted = Filter(**fields)
        expected = [run.id for run in crowd if meets(run, wanted)]
        assert bool(expected) == (name not in EMPTY), name
        for limit in (3, 100):
            assert [run.id for run in collected(store, wanted, limit)] == expected, name


def test_pages_that_examine_little_go_on_where_they_stopped(store, crowd, monkeypatch):
    monkeypatch.setattr(searches, "EXAMINED", 4)
    monkeypatch.setattr(searches, "PROBE", 3)
    for fields in FILTERS.values():
        wanted = Filter(**fields)
        expected = [run.id for run in crowd if meets(run, wanted)]
        assert [run.id for run in collected(store, wanted, 2)] == expected


def test_a_page_stops_reading_large_payloads(store, yard, monkeypatch):
    monkeypatch.setattr(searches, "READ", 100)
    made = [yard.create(payload=f'{{"n": {n}, "fill": "{"x" * 50}"}}') for n in range(45)]
    page = store.look(listing.page, 1, Filter(payload='{"n": 0}'), limit=10)
    assert page.runs == []
    assert page.after == made[25].id
    assert [run.id for run in collected(store, Filter(payload='{"n": 0}'), 10)] == [made[0].id]


def test_runs_made_within_a_time_are_found(store, yard, clock):
    made = []
    for _ in range(5):
        made.append(yard.create())
        clock.forward(seconds=1)
    wanted = Filter(created_after=made[1].created_at, created_before=made[4].created_at)
    assert [run.id for run in collected(store, wanted, 2)] == [run.id for run in made[3:0:-1]]


def test_parents_list_their_children(store, yard):
    parent = yard.create()
    made = [yard.create(parent_id=parent.id) for _ in range(3)]
    page = store.look(listing.children, 1, parent.id, limit=2)
    assert [run.id for run in page.runs] == [made[2].id, made[1].id]
    page = store.look(listing.children, 1, parent.id, before=page.after)
    assert [run.id for run in page.runs] == [made[0].id]


def test_another_projects_runs_are_never_listed(store, crowd):
    for fields in FILTERS.values():
        assert store.look(listing.page, 2, Filter(**fields)).runs == []
    job_id = next(run.job_id for run in crowd if run.job_id)
    assert store.look(listing.page, 2, Filter(job=job_id)).runs == []
    with pytest.raises(NotFound):
        store.look(listing.children, 2, crowd[0].id)
    with pytest.raises(NotFound):
        store.look(families.lineage, 2, crowd[0].id)


def test_runs_of_a_deleted_job_are_found_by_its_id(store, yard):
    job = yard.job("gone")
    run = yard.create(job="gone")
    yard.cancel(run)
    store.transact(lambda tx: tx.run("DELETE FROM jobs"))
    assert [one.id for one in collected(store, Filter(job=job.id), 10)] == [run.id]


@pytest.mark.parametrize("text", ["", "{", "nonsense", "{'a': 1}", "[" * 5000, '"' + "x" * 70_000 + '"'])
def test_a_containment_that_is_no_json_is_refused(store, text):
    for name in ("payload", "metadata"):
        with pytest.raises(Invalid):
            store.look(listing.page, 1, Filter(**{name: text}))


def test_the_index_with_the_fewest_runs_is_taken(store, yard, monkeypatch):
    yard.create_many(300, tags=["common"], task_id="big")
    yard.create_many(3, tags=["common", "rare"], task_id="big")
    asked: list[int] = []
    real = sql.merged

    def merged(tx, project_id, ranges, *, n, **rest):
        asked.append(n)
        return real(tx, project_id, ranges, n=n, **rest)

    monkeypatch.setattr(sql, "merged", merged)
    wanted = Filter(tags=(("common", None), ("rare", None)), task_id="big", states=(RunState.QUEUED,))
    assert len(store.look(listing.page, 1, wanted).runs) == 3
    assert asked == [searches.PROBE] * 4, "four indexes were asked once, and none was read on"


INDEXES = {
    "state": "runs_state",
    "dead": "runs_dead",
    "job_live": "runs_job_live",
    "job_ended": "runs_job_ended",
    "parent": "runs_parent",
    "task": "runs_task",
    "batch": "runs_batch",
    "error": "runs_error",
    "trigger": "runs_trigger",
    "managed": "runs_managed",
    "tag": "run_tags_pkey",
    "tag_any": "run_tags_any",
}


def test_sqlite_reads_every_range_from_its_index_in_order(shelf):
    store = shelf.empty("sqlite")
    params = {"project_id": 1, "before": "x", "floor": "", "n": 5, "a0": "a", "b0": "b"}
    for kind, index in INDEXES.items():
        text = "EXPLAIN QUERY PLAN " + for_sqlite(sql._merged_text((kind,)))
        plan = " ".join(row[3] for row in store.look(lambda tx, text=text: tx.rows(text, **params)))
        assert "SCAN" not in plan, plan
        assert "TEMP B-TREE" not in plan, plan
        assert index in plan or (kind == "tag" and "PRIMARY KEY" in plan), plan


def test_postgresql_reads_every_range_from_its_index_whatever_it_believes_to_be_common(untouched, shelf):
    store, place = untouched
    yard = Yard(store, shelf.clock)
    job = yard.job("build")
    # Old runs of one kind in great majority, and newer ones of another before them in the primary key.
    old = {"job": "build", "tags": {"team": "a"}, "parent_id": yard.create().id, "task_id": "t", "batch_id": "b"}
    yard.create_many(800, **old)
    for granted in yard.claim(700):
        yard.complete(granted)
    yard.create_many(300, trigger="cron", executor="managed")
    for number, granted in enumerate(yard.claim(200, executor="managed")):
        dead = yard.fail(granted, kind="boom", retryable=False)
        if number % 4:
            yard.resolve(dead)
    yard.create_many(100, queue="other")
    params = {"project_id": 1, "before": "x", "floor": "", "n": 50, "b0": "completed"}
    values = {"state": "completed", "parent": old["parent_id"], "task": "t", "batch": "b", "tag_any": "team"}
    values |= {"error": "boom", "trigger": "cron"}
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("ANALYZE; SET enable_seqscan = off; SET enable_bitmapscan = off")
        for kind, index in INDEXES.items():
            said = params | {"a0": values.get(kind, job.id)} | ({"a0": "team", "b0": "a"} if kind == "tag" else {})
            text = "EXPLAIN " + for_postgres(sql._merged_text((kind,)))
            plan = " ".join(row[0] for row in connection.execute(text, said))
            assert f"using {index} " in plan, (kind, plan)
            assert "Sort" not in plan, (kind, plan)


def test_a_family_is_told_from_its_first_ancestor(store, yard):
    root = yard.running()
    child = yard.create(parent_id=root.run.id)
    other = yard.create(parent_id=root.run.id)
    grandchild = yard.create(parent_id=child.id)
    yard.cancel(grandchild)
    replay = yard.replay(grandchild)
    yard.cancel(replay)
    retry = yard.retry(replay)
    onward = yard.create(continuation_of=retry.id)
    yard.create()
    for member in (root.run.id, grandchild.id, onward.id):
        family = store.look(families.lineage, 1, member)
        assert family.root.id == root.run.id
        assert [run.id for run in family.runs] == [
            one.id for one in (root.run, child, other, grandchild, replay, retry, onward)
        ]
        assert family.complete


def test_a_run_alone_is_its_own_family(store, yard):
    run = yard.create()
    family = store.look(families.lineage, 1, run.id)
    assert (family.root.id, [one.id for one in family.runs], family.complete) == (run.id, [run.id], True)


def test_a_large_family_is_cut_and_says_so(store, yard, monkeypatch):
    monkeypatch.setattr(families, "FAMILY", 5)
    root = yard.create()
    for _ in range(5):
        yard.create(parent_id=root.id)
    family = store.look(families.lineage, 1, root.id)
    assert len(family.runs) == 5
    assert not family.complete


def test_a_family_whose_first_members_are_gone_begins_with_the_first_that_is_left(store, yard):
    first = yard.create()
    yard.cancel(first)
    second = yard.replay(first)
    yard.cancel(second)
    third = yard.replay(second)
    store.transact(lambda tx: tx.run("DELETE FROM runs WHERE id = :id", id=first.id))
    store.transact(lambda tx: tx.run("DELETE FROM events WHERE run_id = :id", id=first.id))
    family = store.look(families.lineage, 1, third.id)
    assert family.root.id == second.id


def test_pages_do_not_skip_or_repeat_while_runs_are_made(store, yard):
    yard.create_many(10)
    seen, before = [], None
    for _ in itertools.count():
        page = store.look(listing.page, 1, Filter(), before=before, limit=3)
        seen += [run.id for run in page.runs]
        yard.create()
        if page.after is None:
            break
        before = page.after
    assert len(seen) == len(set(seen)) == 10
    assert seen == sorted(seen, reverse=True)
