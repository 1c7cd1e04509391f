"""Many triggers in one call: all or none, under one record."""

from __future__ import annotations

import pytest

from runyard.domain.errors import Invalid, NotFound, PayloadMismatch, RateLimited
from runyard.domain.jobs import Rate
from runyard.engine import batches
from tests.support.triggering import HOUR, bulk, count, triggered
from tests.support.yard import Yard


def test_a_call_for_many_makes_all_with_a_record(yard: Yard, clock):
    job = yard.job()
    before = triggered(yard, idempotency_key="k")
    made = bulk(yard, {"payload": "1"}, {"idempotency_key": "k"}, {"payload": "2", "priority": 3})
    assert [one.how for one in made.results] == ["created", "key", "created"]
    assert made.results[1].run.id == before.id
    batch = yard.store.look(batches.get, 1, made.batch.id)
    assert batch == made.batch
    assert (batch.job_id, batch.item_count, batch.created_count, batch.created_by) == (job.id, 3, 2, "apikey:1")
    assert (batch.created_at, batch.finished_at) == (clock.now(), clock.now())
    assert [one.run.batch_id for one in made.results] == [batch.id, None, batch.id]
    assert yard.store.look(batches.page, 1) == [batch]
    with pytest.raises(NotFound):
        yard.store.look(batches.get, 2, batch.id)


def test_one_bad_item_of_many_refuses_all_and_is_named(yard: Yard):
    yard.job(payload_schema='{"type":"object"}')
    with pytest.raises(PayloadMismatch, match=r"^items\[1\]: "):
        bulk(yard, {"payload": "{}"}, {"payload": "1"}, {"payload": "{}"})
    assert count(yard) == 0
    assert yard.store.look(batches.page, 1) == []


def test_a_limit_in_the_middle_of_many_refuses_all(yard: Yard):
    yard.job(rate=Rate(max=2, window=HOUR, mode="refuse"))
    with pytest.raises(RateLimited, match=r"items\[2\]"):
        bulk(yard, {}, {}, {})
    assert count(yard) == 0


def test_many_are_five_hundred_at_most(yard: Yard):
    yard.job()
    assert bulk(yard, *[{}] * 500).batch.created_count == 500
    for wrong in (0, 501):
        with pytest.raises(Invalid):
            bulk(yard, *[{}] * wrong)


def test_items_of_many_that_are_only_tried_are_checked_and_not_made(yard: Yard):
    yard.job()
    made = bulk(yard, {"payload": "1"}, {"payload": "2"}, dry=frozenset({0}))
    assert [one.how for one in made.results] == ["dry", "created"]
    assert (made.batch.item_count, made.batch.created_count, count(yard)) == (2, 1, 1)


def test_old_records_of_batches_are_dropped(yard: Yard, clock):
    yard.job()
    bulk(yard, {})
    assert yard.store.transact(batches.prune) == 0
    clock.forward(hours=24 * 91)
    assert yard.store.transact(batches.prune) == 1
