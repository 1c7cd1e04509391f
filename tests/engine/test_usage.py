"""The usage ledger."""

from __future__ import annotations

import pytest

from runyard.domain.errors import Conflict, Invalid, LeaseLost, NotFound
from runyard.engine import usage
from runyard.engine.usage import NewUsage
from tests.support.writers import anyone, holder


def use(yard, writer, model="claude-sonnet-4-5", **said):
    return yard.store.transact(usage.add, writer, NewUsage(model=model, **said))


def test_a_reported_cost_is_kept_as_it_is(yard):
    line = use(yard, holder(yard.running()), input_tokens=10, cost_micro_usd=123)
    assert (line.cost_micro_usd, line.source, line.price) == (123, "reported", None)


def test_without_a_cost_the_price_list_is_asked_and_its_price_kept(yard):
    held = yard.running()
    line = use(yard, holder(held), input_tokens=1000, output_tokens=100)
    assert (line.cost_micro_usd, line.source) == (4500, "priced")
    assert line.price is not None
    assert yard.store.look(usage.of_run, 1, held.run.id).rows == [line]


def test_a_model_the_list_does_not_know_costs_nothing_and_says_so(yard):
    line = use(yard, holder(yard.running()), "my-own-model", input_tokens=1000)
    assert (line.cost_micro_usd, line.source, line.price) == (0, "unknown", None)


def test_the_run_adds_up_what_it_used_over_all_attempts(yard):
    held = yard.running()
    use(yard, holder(held), input_tokens=10, output_tokens=5, cost_micro_usd=7)
    yard.fail(held)
    yard.after(hours=1)
    again = yard.claim_one()
    use(yard, holder(again), input_tokens=1, output_tokens=1, cost_micro_usd=1)
    yard.complete(again)
    run = yard.run(held)
    assert (run.input_tokens, run.output_tokens, run.cost_micro_usd) == (11, 6, 8)
    assert [line.attempt for line in yard.store.look(usage.of_run, 1, held.run.id).rows] == [1, 2]


def test_absurd_reports_never_overflow_the_totals(yard):
    held = yard.running()
    for _ in range(3):
        use(yard, holder(held), input_tokens=2**53, output_tokens=2**53, cost_micro_usd=2**53)
    use(yard, holder(held), input_tokens=2**53, output_tokens=2**53)
    run = yard.run(held)
    assert run.input_tokens == run.output_tokens == run.cost_micro_usd == usage.MOST


def test_the_ledger_is_paged_oldest_first(yard):
    held = yard.running()
    for tokens in range(5):
        use(yard, holder(held), input_tokens=tokens)
    first = yard.store.look(usage.of_run, 1, held.run.id, limit=3)
    rest = yard.store.look(usage.of_run, 1, held.run.id, limit=3, after=first.more)
    assert [line.input_tokens for line in first.rows + rest.rows] == [0, 1, 2, 3, 4]
    assert rest.more is None


def test_the_journal_has_one_short_line_of_it(yard):
    held = yard.running()
    line = use(yard, holder(held), input_tokens=3, cost_micro_usd=9)
    assert yard.events(held)[-1].type == "run.usage_recorded"
    assert yard.last(held) == {
        "id": line.id,
        "model": line.model,
        "input_tokens": 3,
        "output_tokens": 0,
        "cost_micro_usd": 9,
    }


def test_refused_usage_changes_no_total(yard, clock):
    held = yard.running()
    clock.forward(hours=2)
    with pytest.raises(LeaseLost):
        use(yard, holder(held), input_tokens=1)
    yard.cancel(held)
    with pytest.raises(Conflict):
        use(yard, anyone(held), input_tokens=1)
    with pytest.raises(NotFound):
        use(yard, anyone(held, project_id=2), input_tokens=1)
    assert yard.run(held).input_tokens == 0


@pytest.mark.parametrize(
    "wrong", [{"input_tokens": -1}, {"cost_micro_usd": -1}, {"model": ""}, {"model": "a\0"}, {"provider": "p" * 129}]
)
def test_nonsense_is_refused(yard, wrong):
    with pytest.raises(Invalid):
        use(yard, holder(yard.running()), **wrong)
