"""The trace of what an agent saw, thought and did."""

from __future__ import annotations

import pytest

from runyard.domain.errors import NotFound
from runyard.domain.thoughts import LONGEST, Step
from runyard.engine import logs, thoughts, tool_calls, transcripts
from runyard.engine.claims import Granted
from runyard.engine.fences import Writer
from runyard.engine.logs import NewEntry
from runyard.storage.statements import thoughts as sql
from tests.support.plans import plan
from tests.support.stores import Shelf
from tests.support.yard import Yard


def say(yard: Yard, held: Granted, *entries: NewEntry) -> None:
    """Write lines into the run's log."""
    writer = Writer(project_id=yard.project_id, run_id=held.run.id, token=held.lease.token)
    for at in range(0, len(entries), logs.ENTRIES):
        request = logs.AppendRequest(writer=writer, entries=entries[at : at + logs.ENTRIES])
        assert isinstance(yard.store.transact(logs.append, [request])[0], int)


def trace(yard: Yard, held: Granted) -> list[Step]:
    """The run's trace."""
    return yard.store.look(thoughts.of_run, yard.project_id, held.run.id)


def test_steps_go_by_time_and_of_one_time_by_their_writing(yard: Yard, clock):
    held = yard.running()
    now = clock.now()
    say(yard, held, *(NewEntry(message=f"{number}", type="thought", at=now) for number in range(5)))
    say(yard, held, NewEntry(message="before", type="observation", at=now - 1), NewEntry(message="a line"))
    assert [step.content for step in trace(yard, held)] == ["before", "0", "1", "2", "3", "4"]
    assert {step.kind for step in trace(yard, held)[1:]} == {"think"}


def test_of_very_many_steps_the_newest_are_told_and_the_first_says_so(yard: Yard, clock):
    held = yard.running()
    say(yard, held, *(NewEntry(message=f"{number}", type="thought") for number in range(thoughts.MOST)))
    assert trace(yard, held)[0].metadata is None
    clock.forward(seconds=1)
    writer = Writer(project_id=1, run_id=held.run.id, token=held.lease.token)
    yard.store.transact(tool_calls.add, writer, tool_calls.NewToolCall(name="grep"))
    found = trace(yard, held)
    assert (len(found), found[0].content, found[-1].content) == (thoughts.MOST, "1", "grep")
    assert found[0].metadata == {"earlier_left_out": True}
    assert found[1].metadata is None


def test_what_is_long_is_cut(yard: Yard):
    held = yard.running()
    wide = '{"x":"' + "y" * LONGEST + '"}'
    say(
        yard,
        held,
        NewEntry(message="é" * LONGEST, type="thought"),
        NewEntry(message="x" * (LONGEST + 1), type="thought", data=wide),
    )
    whole, cut = trace(yard, held)
    assert whole.content == "é" * LONGEST
    assert (cut.content, cut.metadata) == ("x" * LONGEST + "…", None)


def test_thoughts_are_found_by_their_index(shelf: Shelf, engine: str):
    assert "logs_thoughts" in plan(shelf.bare(engine), sql.LINES, run_id="x", n=10)


def test_thoughts_are_found_among_very_many_lines(yard: Yard):
    held = yard.running()
    say(yard, held, *(NewEntry(message="x") for _ in range(3000)), NewEntry(message="aha", type="thought"))
    assert [step.content for step in trace(yard, held)] == ["aha"]


def test_another_project_has_no_trace_and_no_transcript(yard: Yard):
    held = yard.running()
    for look in (thoughts.of_run, transcripts.of_run):
        with pytest.raises(NotFound):
            yard.store.look(look, 2, held.run.id)


def test_a_transcript_is_read_in_slices(yard: Yard):
    held = yard.running()
    say(yard, held, *(NewEntry(message=f"{number}") for number in range(transcripts.AT_ONCE + 1)))
    first = yard.store.look(transcripts.of_run, 1, held.run.id)
    assert first.more is not None
    rest = yard.store.look(transcripts.of_run, 1, held.run.id, after=first.more)
    assert [line.message for line in [*first.rows, *rest.rows]] == [str(n) for n in range(transcripts.AT_ONCE + 1)]
    assert rest.more is None
