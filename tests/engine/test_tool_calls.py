"""Tool calls."""

from __future__ import annotations

import pytest

from runyard.domain.errors import Invalid, LeaseLost, NotFound, TooLarge
from runyard.engine import sizes, tool_calls
from runyard.engine.tool_calls import NewToolCall
from tests.support.writers import holder


def call(yard, writer, name="grep", **said):
    return yard.store.transact(tool_calls.add, writer, NewToolCall(name=name, **said))


def test_a_call_is_kept_whole_and_read_oldest_first(yard):
    held = yard.running()
    one = call(yard, holder(held), input='{"q":"x"}', output="[1,  2]", duration_ms=12)
    two = call(yard, holder(held), "rm", status="denied", error="not allowed")
    assert yard.store.look(tool_calls.of_run, 1, held.run.id).rows == [one, two]
    assert (one.input, one.output, two.status) == ('{"q":"x"}', "[1,  2]", "denied")


def test_calls_are_paged(yard):
    held = yard.running()
    for name in "abcde":
        call(yard, holder(held), name)
    first = yard.store.look(tool_calls.of_run, 1, held.run.id, limit=4)
    rest = yard.store.look(tool_calls.of_run, 1, held.run.id, limit=4, after=first.more)
    assert [one.name for one in first.rows + rest.rows] == list("abcde")


def test_the_journal_does_not_copy_what_went_in_and_out(yard):
    held = yard.running()
    made = call(yard, holder(held), input='"secret"', output='"secret"', duration_ms=5)
    assert yard.events(held)[-1].type == "run.tool_called"
    assert yard.last(held) == {"id": made.id, "name": "grep", "status": "ok", "duration_ms": 5}


def test_a_late_executor_records_no_call(yard, clock):
    held = yard.running()
    clock.forward(hours=2)
    with pytest.raises(LeaseLost):
        call(yard, holder(held))
    with pytest.raises(NotFound):
        yard.store.look(tool_calls.of_run, 2, held.run.id)


def test_too_much_and_nonsense_are_refused(yard):
    held = yard.running()
    with pytest.raises(TooLarge):
        call(yard, holder(held), output='"' + "x" * sizes.DOCUMENT + '"')
    for name in ("", "n" * 129, "a\0b"):
        with pytest.raises(Invalid):
            call(yard, holder(held), name)
