"""Artifacts: names of stored bytes."""

from __future__ import annotations

import hashlib

import pytest

from runyard.artifacts.port import Blob
from runyard.domain.errors import Conflict, Invalid, LeaseLost, NotFound
from runyard.engine import artifacts
from runyard.engine.artifacts import NewArtifact
from tests.support.writers import anyone, holder


def blob(content=b"content"):
    return Blob(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def add(yard, writer, name="report.txt", content=b"content", content_type="text/plain"):
    new = NewArtifact(name=name, blob=blob(content), content_type=content_type)
    return yard.store.transact(artifacts.add, writer, new)


def test_an_artifact_names_its_bytes(yard):
    held = yard.running()
    made = add(yard, holder(held))
    assert yard.store.look(artifacts.get, 1, held.run.id, made.id) == made
    assert (made.size, made.sha256) == (7, blob().sha256)


def test_artifacts_are_listed_oldest_first(yard):
    held = yard.running()
    for name in "abcde":
        add(yard, holder(held), name)
    first = yard.store.look(artifacts.of_run, 1, held.run.id, limit=3)
    rest = yard.store.look(artifacts.of_run, 1, held.run.id, limit=3, after=first.more)
    assert [one.name for one in first.rows + rest.rows] == list("abcde")


def test_two_runs_may_share_bytes_of_their_project_only(yard):
    one, two = yard.running(), yard.running()
    add(yard, holder(one))
    add(yard, holder(two))
    hashes = [blob().sha256, blob(b"other").sha256]
    assert yard.store.look(artifacts.unused, 1, hashes) == [hashes[1]]
    assert yard.store.look(artifacts.unused, 2, hashes) == sorted(hashes)


def test_the_journal_says_what_was_added(yard):
    held = yard.running()
    made = add(yard, holder(held))
    assert yard.events(held)[-1].type == "run.artifact_added"
    assert yard.last(held) == {"id": made.id, "name": "report.txt", "size": 7}


def test_who_may_not_add_is_refused_before_the_bytes_are_taken(yard, clock):
    held = yard.running()
    yard.store.look(artifacts.check, holder(held), "a")
    yard.store.look(artifacts.check, anyone(held), "a")
    clock.forward(hours=2)
    with pytest.raises(LeaseLost):
        yard.store.look(artifacts.check, holder(held), "a")
    with pytest.raises(LeaseLost):
        add(yard, holder(held))
    yard.cancel(held)
    with pytest.raises(Conflict):
        yard.store.look(artifacts.check, anyone(held), "a")
    with pytest.raises(NotFound):
        yard.store.look(artifacts.check, anyone(held, project_id=2), "a")


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("", "text/plain"), ("a\nb", "text/plain"), ("a\0", "text/plain"), ("n" * 513, "text/plain"), ("a", "x\r\ny: z")],
)
def test_names_and_types_that_could_break_a_header_are_refused(yard, name, content_type):
    with pytest.raises(Invalid):
        add(yard, holder(yard.running()), name, content_type=content_type)


@pytest.mark.parametrize("artifact_id", ["", "nonsense", "a\0b"])
def test_an_artifact_that_is_not_there_is_not_found(yard, artifact_id):
    held = yard.running()
    with pytest.raises(NotFound):
        yard.store.look(artifacts.get, 1, held.run.id, artifact_id)


def test_an_artifact_is_found_under_its_own_run_only(yard):
    one, two = yard.running(), yard.running()
    made = add(yard, holder(one))
    with pytest.raises(NotFound):
        yard.store.look(artifacts.get, 1, two.run.id, made.id)
    with pytest.raises(NotFound):
        yard.store.look(artifacts.get, 2, one.run.id, made.id)
