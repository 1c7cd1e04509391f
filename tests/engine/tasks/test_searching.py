"""Tasks found by a part of what they are called, whichever way they are looked for."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.inbox import InboxLane, TriageVerb
from runyard.domain.tasks import ApprovalPolicy
from runyard.engine.tasks import changing, deleting, inbox, listing, searching, triage
from runyard.engine.tasks.changing import Change
from runyard.engine.tasks.listing import Wanted
from runyard.engine.tasks.shelves import Wanted as Looked
from runyard.storage.migrate import available
from runyard.storage.port import Tx
from runyard.storage.statements import task_texts
from tests.support.plans import plan
from tests.support.stores import Shelf
from tests.support.yard import Yard

ANN = Actor("human", "ann")
BY = Doer(ANN, Origin("http", "tests"))
TITLES = [
    "100 % sure",
    "100 or so",
    "a_b",
    "aXb",
    "back\\slash",
    "Straße",
    "STRASSE 2",
    "Ärger",
    "ärger",
    "line\nbreak",
]
PARTS = {
    "% s": ["100 % sure"],
    "_": ["a_b"],
    "\\": ["back\\slash"],
    "A_B": ["a_b"],
    "strasse": ["STRASSE 2", "Straße"],
    "ß": ["STRASSE 2", "Straße"],
    "ÄRGER": ["Ärger", "ärger"],
    "E\nB": ["line\nbreak"],
    "100": ["100 % sure", "100 or so"],
    "nobody says so": [],
    "a\0": [],
    "x" * 100_000: [],
    f"so{'o' * 400}": [],
}


def called(yard: Yard, part: str) -> list[str]:
    found = yard.store.look(searching.called, yard.project_id, part)
    assert found is not None
    return sorted(task.title for task in found)


@pytest.mark.parametrize("part", PARTS, ids=range(len(PARTS)))
def test_a_part_is_found_in_any_case_and_means_what_it_says(yard: Yard, part: str):
    for title in TITLES:
        yard.task(title)
    assert called(yard, part) == sorted(PARTS[part])


def test_an_identifier_is_found_too_but_not_across_the_two(yard: Yard):
    yard.task("fix", identifier="OPS-7")
    assert called(yard, "ops-") == ["fix"]
    assert called(yard, "fix\nops") == []


def test_a_task_is_found_by_what_it_is_called_now(yard: Yard):
    task = yard.task("before")
    yard.store.transact(changing.change, yard.project_id, task.id, Change(title="After"), BY)
    assert (called(yard, "before"), called(yard, "after")) == ([], ["After"])


def test_a_deleted_task_leaves_nothing_to_be_found(yard: Yard):
    task = yard.task("gone")
    yard.store.transact(deleting.delete, yard.project_id, task.id, BY)
    assert yard.store.look(lambda tx: tx.rows("SELECT * FROM task_texts WHERE task_id = :id", id=task.id)) == []


def test_a_task_whose_text_is_not_known_is_found(yard: Yard):
    task = yard.task("Über")
    yard.task("another")
    yard.store.transact(lambda tx: tx.run("UPDATE task_texts SET text = NULL WHERE task_id = :id", id=task.id))
    assert called(yard, "über") == ["Über"]
    assert called(yard, "other") == ["another"]


def test_tasks_that_are_older_than_the_texts_are_found(yard: Yard, engine: str):
    yard.task("Old one", identifier="OPS-7")
    yard.task("Über")
    step = next(one for one in available(engine) if one.name == "task_texts")
    _, insert, rest = step.sql.partition("INSERT INTO task_texts")

    def begun_anew(tx: Tx) -> list[str | None]:
        tx.run("DELETE FROM task_texts WHERE project_id = :project_id", project_id=yard.project_id)
        tx.run(insert + rest)
        return [row[0] for row in tx.rows("SELECT text FROM task_texts WHERE text IS NOT NULL")]

    assert yard.store.transact(begun_anew) == ["old one\nops-7"]
    assert called(yard, "OLD ONE") == ["Old one"]
    assert called(yard, "über") == ["Über"]


def test_what_too_many_are_called_is_looked_for_in_order(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    yard.task("one of them")
    yard.task("another of them")
    monkeypatch.setattr(searching, "MOST", 1)
    assert yard.store.look(searching.called, yard.project_id, "of them") is None


@pytest.mark.parametrize("unread", [False, True])
def test_lists_and_inboxes_are_the_same_whichever_way(yard: Yard, monkeypatch: pytest.MonkeyPatch, unread: bool):
    tasks = [
        yard.task(
            f"Thing {number}", approval_policy=ApprovalPolicy.MANUAL if number % 2 else ApprovalPolicy.NONE, owner=owner
        )
        for number in range(8)
        for owner in (ANN, None)
    ]
    for verb, task in zip((TriageVerb.READ, TriageVerb.ARCHIVE, TriageVerb.DISMISS), tasks[:12:4], strict=True):
        yard.store.transact(triage.triage, yard.project_id, task.id, ANN, verb)

    def seen() -> tuple[Any, ...]:
        pages = [page(yard, after=None)]
        while pages[-1].after is not None:
            pages.append(page(yard, after=pages[-1].after))
        groups = yard.store.look(
            inbox.glance, Looked(project_id=yard.project_id, actor=ANN, text="THING", unread=unread), 3
        )
        shown = [(one.lane, one.count, [item.task.id for item in one.items], one.after) for one in groups]
        return pages, shown

    quick = seen()
    assert any(count.all for lane, count, *_ in quick[1] if lane is InboxLane.MY_WORK)
    monkeypatch.setattr(searching, "MOST", -1)
    assert seen() == quick


def page(yard: Yard, *, after: listing.Place | None) -> listing.Found:
    return yard.store.look(listing.find, yard.project_id, Wanted(text="thing"), after=after, limit=5)


def test_nothing_but_the_texts_of_the_project_is_read(shelf: Shelf, engine: str):
    steps = plan(shelf.bare(engine), task_texts.MAYBE, project_id=1, part="%x%", n=10)
    assert {"sqlite": "SEARCH task_texts USING PRIMARY KEY", "postgres": "task_texts_pkey"}[engine] in steps, steps


def test_tasks_of_others_are_not_found(yard: Yard):
    yard.task("secret")
    assert yard.store.look(searching.called, yard.project_id + 1, "secret") == []
