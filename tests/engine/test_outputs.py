"""Named outputs."""

from __future__ import annotations

import pytest

from runyard.domain.errors import Conflict, Invalid, LeaseLost, NotFound, PayloadMismatch, TooLarge
from runyard.engine import outputs, sizes
from runyard.engine.outputs import NewOutput
from tests.support.writers import anyone, holder


def put(yard, writer, name="result", value="1", schema=None):
    return yard.store.transact(outputs.put, writer, NewOutput(name=name, value=value, schema=schema))


def test_an_output_is_set_and_set_again(yard):
    held = yard.running()
    put(yard, holder(held), value="1")
    made = put(yard, holder(held), value='{"a":  2}')
    assert yard.store.look(outputs.get, 1, held.run.id, "result") == made
    assert made.value == '{"a":  2}'


def test_outputs_are_listed_by_name(yard):
    held = yard.running()
    for name in ("b", "c", "a", "Ä"):
        put(yard, holder(held), name)
    first = yard.store.look(outputs.of_run, 1, held.run.id, limit=2)
    rest = yard.store.look(outputs.of_run, 1, held.run.id, limit=2, after=first.more)
    assert [one.name for one in first.rows + rest.rows] == ["a", "b", "c", "Ä"]


def test_an_output_must_match_the_schema_it_comes_with(yard):
    held = yard.running()
    schema = '{"type":"object","required":["a"]}'
    assert put(yard, holder(held), value='{"a":1}', schema=schema).schema == schema
    with pytest.raises(PayloadMismatch) as refused:
        put(yard, holder(held), value="{}", schema=schema)
    assert refused.value.extra["errors"]
    assert yard.store.look(outputs.get, 1, held.run.id, "result").value == '{"a":1}'


def test_a_schema_that_is_none_is_invalid(yard):
    with pytest.raises(Invalid):
        put(yard, holder(yard.running()), schema='{"type":"nonsense"}')


def test_the_journal_names_the_output_and_not_its_value(yard):
    held = yard.running()
    put(yard, holder(held), "report", '"secret"')
    assert yard.events(held)[-1].type == "run.output_set"
    assert yard.last(held) == {"key": "report", "size": 8}


def test_outputs_are_fenced_like_every_report(yard, clock):
    held = yard.running()
    put(yard, anyone(held), "outside")
    clock.forward(hours=2)
    with pytest.raises(LeaseLost):
        put(yard, holder(held))
    yard.cancel(held)
    with pytest.raises(Conflict):
        put(yard, anyone(held))


def test_limits_are_named(yard, monkeypatch):
    held = yard.running()
    with pytest.raises(TooLarge):
        put(yard, holder(held), value='"' + "x" * sizes.DOCUMENT + '"')
    with pytest.raises(Invalid):
        put(yard, holder(held), name="n" * 257)
    monkeypatch.setattr(outputs, "MOST", 1)
    put(yard, holder(held), "a")
    put(yard, holder(held), "a", "2")
    with pytest.raises(Conflict):
        put(yard, holder(held), "b")


@pytest.mark.parametrize("name", ["nothing", "a\0b", ""])
def test_an_output_that_is_not_set_is_not_found(yard, name):
    held = yard.running()
    with pytest.raises(NotFound):
        yard.store.look(outputs.get, 1, held.run.id, name)
