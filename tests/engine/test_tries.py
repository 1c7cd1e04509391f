"""Who may be tried when, and what becomes of webhooks at which nothing arrives."""

from __future__ import annotations

from datetime import timedelta

from runyard.domain import webhooks as rules
from runyard.domain.webhooks import Webhook
from runyard.engine import deliveries, tries, webhooks
from runyard.engine.tries import Pace
from runyard.storage.port import Store
from runyard.storage.statements.webhooks import Try
from tests.support.hooks import change, log, make, see, take, tried
from tests.support.stores import Clock
from tests.support.yard import SECOND, Yard


def send(store: Store, webhook: Webhook, count: int = 1) -> list[str]:
    return [store.transact(webhooks.test, 1, webhook.id).delivery.id for _ in range(count)]


def give_up(store: Store, clock: Clock, webhook: Webhook) -> None:
    """Send a message and let every try at it fail."""
    send(store, webhook)
    while (due := store.look(deliveries.next_due)) is not None:
        clock.forward(micros=max(0, due - clock.now()))
        for one in take(store):
            tried(store, one, "nobody there")


def test_a_receiver_that_is_gone_gets_nothing_more(store: Store):
    webhook = make(store)
    send(store, webhook, 2)
    # Both are due at the same instant: which is taken first is nobody's concern.
    first, second = sorted(take(store), key=lambda one: one.id)
    tried(store, first, "answered with status 410", gone=True)
    found = see(store, webhook)
    assert (found.enabled, found.disabled_reason) == (False, tries.GONE)
    assert store.transact(tries.take, 10, Pace()).webhooks == {}
    tried(store, second, "disabled", again=False)
    assert log(store, webhook) == [("failed", ["disabled"]), ("failed", ["answered with status 410"])]
    again = change(store, webhook, enabled=True)
    assert (again.failing_since, again.disabled_reason) == (None, None)


def test_a_webhook_at_which_nothing_arrives_for_days_is_disabled(yard: Yard, clock: Clock):
    webhook = make(yard.store)
    give_up(yard.store, clock, webhook)
    assert see(yard.store, webhook).enabled
    give_up(yard.store, clock, webhook)
    found = see(yard.store, webhook)
    assert (found.enabled, found.disabled_reason) == (False, "nothing arrived for 5 days")
    rows = yard.store.look(lambda tx: tx.rows("SELECT data FROM events WHERE type = 'webhook.disabled'"))
    assert len(rows) == 1
    assert webhook.id in rows[0][0]


def test_one_message_that_arrives_in_between_keeps_a_webhook(store: Store, clock: Clock):
    webhook = make(store)
    give_up(store, clock, webhook)
    send(store, webhook)
    tried(store, take(store)[0])
    give_up(store, clock, webhook)
    assert see(store, webhook).enabled


def test_a_pause_between_failures_disables_nothing(store: Store, clock: Clock):
    webhook = make(store)
    give_up(store, clock, webhook)
    clock.forward(hours=timedelta(days=30) / timedelta(hours=1))
    send(store, webhook)
    tried(store, take(store)[0], "answered with status 502")
    assert see(store, webhook).enabled


def test_a_receiver_that_asks_for_time_gets_it(store: Store, clock: Clock):
    webhook = make(store)
    send(store, webhook)
    tried(store, take(store)[0], "answered with status 429", retry_after=120 * SECOND)
    assert store.look(deliveries.next_due) == clock.now() + 120 * SECOND


def test_a_late_failure_changes_nothing_about_a_message_that_was_taken_anew(store: Store, clock: Clock):
    webhook = make(store)
    send(store, webhook)
    (slow,) = take(store)
    clock.forward(micros=deliveries.HELD)
    (again,) = take(store)
    tried(store, slow, "no answer within 20 seconds")
    assert store.look(deliveries.next_due) == clock.now() + deliveries.HELD
    tried(store, again)
    tried(store, slow, "no answer within 20 seconds")
    assert log(store, webhook) == [("delivered", ["no answer within 20 seconds", None])]


def test_a_message_at_which_its_senders_die_is_given_up_though_other_tries_were_settled(store: Store, clock: Clock):
    webhook = make(store)
    send(store, webhook)
    for number in range(5):
        (one,) = take(store)
        if number in (0, 3):
            tried(store, one, "answered with status 500")
        clock.forward(hours=30)
    assert take(store) == []
    assert log(store, webhook) == [("failed", ["answered with status 500"] * 2)]


def test_a_late_success_counts_and_the_failure_after_it_does_not(store: Store, clock: Clock):
    webhook = make(store)
    send(store, webhook)
    (slow,) = take(store)
    clock.forward(micros=deliveries.HELD)
    (again,) = take(store)
    tried(store, slow)
    tried(store, again, "answered with status 409")
    assert log(store, webhook) == [("delivered", [None, "answered with status 409"])]


def test_tries_that_are_settled_together_are_settled_each_for_itself(store: Store):
    webhook, other = make(store), make(store)
    send(store, webhook)
    send(store, other)
    both = sorted(take(store), key=lambda one: one.webhook_id == other.id)
    results = [
        tries.Tried(
            webhook_id=one.webhook_id or "",
            result=Try(delivery_id=one.id, number=1, at=0, status=status, duration_ms=1, error=error),
        )
        for one, status, error in ((both[0], 200, None), (both[1], 500, "answered with status 500"))
    ]
    store.transact(tries.settle, results)
    assert (log(store, webhook)[0][0], log(store, other)[0][0]) == ("delivered", "waiting")
    assert see(store, webhook).failing_since is None
    assert see(store, other).failing_since is not None


def test_a_try_at_a_message_that_is_gone_disturbs_nobody(store: Store):
    webhook = make(store)
    send(store, webhook)
    (one,) = take(store)
    store.transact(lambda tx: tx.run("DELETE FROM deliveries"))
    tried(store, one)
    assert log(store, webhook) == []


def test_messages_beyond_what_a_webhook_may_have_under_way_take_turns(store: Store, clock: Clock):
    webhook, quick = make(store), make(store)
    send(store, webhook, tries.MOST + 5)
    (last,) = send(store, quick)
    taken = store.transact(tries.take, 100, Pace({webhook.id: 4}))
    assert len(taken.deliveries) == tries.MOST - 4 + 1
    assert last in {one.id for one in taken.deliveries}
    assert taken.turns == {webhook.id: clock.now() + 9 * tries.GAP}
    # A message that had to wait was not tried.
    clock.forward(micros=10 * tries.GAP)
    late = take(store)
    assert (len(late), {one.attempts for one in late}) == (9, {0})


def test_turns_go_on_from_the_last_one_and_never_far_ahead(store: Store, clock: Clock):
    webhook = make(store)
    send(store, webhook, 2)
    busy = {webhook.id: tries.MOST}
    first = store.transact(tries.take, 1, Pace(busy)).turns
    second = store.transact(tries.take, 1, Pace(busy, first)).turns
    assert second[webhook.id] - first[webhook.id] == tries.GAP
    clock.forward(hours=1)
    far = {webhook.id: clock.now() + 3600 * SECOND}
    assert store.transact(tries.take, 1, Pace(busy, far)).turns == {webhook.id: clock.now() + tries.LONGEST_TURN}


def test_a_webhook_that_fails_has_few_messages_under_way(store: Store, clock: Clock):
    webhook = make(store)
    send(store, webhook)
    tried(store, take(store)[0], "nobody there")
    send(store, webhook, 10)
    assert len(take(store)) == tries.MOST_FAILING


def test_two_servers_never_take_one_message_of_a_webhook(two_servers: tuple[Store, Store]):
    first, second = two_servers
    webhook = make(first)
    send(first, webhook, 6)
    taken = [*take(first, 4), *take(second, 4), *take(first, 4)]
    assert len({one.id for one in taken}) == len(taken) == 6


def test_both_servers_may_disable_a_webhook(two_servers: tuple[Store, Store]):
    first, second = two_servers
    webhook = make(first)
    send(first, webhook, 2)
    for server, one in zip(two_servers, take(first), strict=True):
        tried(server, one, "answered with status 410", gone=True)
    assert see(second, webhook).disabled_reason == tries.GONE
    rows = first.look(lambda tx: tx.rows("SELECT 1 FROM events WHERE type = 'webhook.disabled'"))
    assert len(rows) == 1


def test_ten_tries_take_less_time_than_a_webhook_has_before_it_is_disabled():
    assert sum(rules.DELAYS) * (1 + rules.JITTER) < rules.DEAD
