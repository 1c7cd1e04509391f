"""Annotations: merged into the metadata of a run, one call after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from runyard.domain.errors import Ended, Invalid, StaleAttempt, TooLarge
from runyard.engine import annotations as notes
from runyard.engine.fences import Writer
from runyard.engine.proofs import Pass
from tests.support.writers import anyone, holder


def note(yard, writer, **values):
    return yard.store.transact(notes.annotate, writer, values)


def metadata(yard, run):
    return msgspec.json.decode(yard.run(run).metadata or "{}")


def test_annotations_are_merged_into_the_metadata(yard, clock):
    held = yard.running(metadata={"kept": {"deep": 1}, "old": "1"})
    clock.forward(seconds=1)
    after = note(yard, holder(held), old="2", new="3")
    assert metadata(yard, held.run) == {"kept": {"deep": 1}, "old": "2", "new": "3"}
    assert (after.metadata, after.updated_at) == (yard.run(held.run).metadata, clock.now())
    assert (yard.events(held)[-1].type, yard.last(held)) == ("run.annotated", {"keys": ["new", "old"]})


def test_none_of_many_annotations_at_once_is_lost(yard):
    held = yard.running()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: note(yard, anyone(held), **{f"k{n}": str(n)}), range(40)))
    assert metadata(yard, held.run) == {f"k{n}": str(n) for n in range(40)}


def test_an_old_attempt_and_an_ended_run_take_no_annotations(yard):
    held = yard.running()
    with pytest.raises(StaleAttempt):
        note(yard, Writer(project_id=1, run_id=held.run.id, token=Pass(attempt=2)), a="1")
    yard.complete(held)
    with pytest.raises(Ended):
        note(yard, Writer(project_id=1, run_id=held.run.id, token=Pass(attempt=1)), a="1")
    assert yard.run(held.run).metadata is None


@pytest.mark.parametrize(
    "values",
    [{}, {"": "x"}, {"k" * 129: "x"}, {"k": "v" * 1025}, {f"k{n}": "x" for n in range(51)}, {"k": "a\0"}],
    ids=["none", "empty name", "long name", "long value", "many", "nul"],
)
def test_nonsense_is_refused(yard, values):
    held = yard.running()
    with pytest.raises(Invalid):
        note(yard, holder(held), **values)


def test_metadata_does_not_grow_without_end(yard):
    held = yard.running()
    for number in range(5):
        note(yard, holder(held), **{f"{number}-{n}": "v" * 1024 for n in range(50)})
    with pytest.raises(TooLarge):
        note(yard, holder(held), **{f"5-{n}": "v" * 1024 for n in range(50)})
    assert len(yard.run(held.run).metadata or "") <= notes.METADATA
