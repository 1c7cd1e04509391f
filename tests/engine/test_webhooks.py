"""Webhooks of a project: made, changed, given another secret, deleted; what was sent to them, and sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.webhooks import key_of
from runyard.engine import deliveries, projects, purges, webhooks
from runyard.engine.webhooks import NewWebhook
from runyard.storage.port import Store, Tx
from runyard.storage.statements import deliveries as deliveries_sql
from runyard.storage.statements import webhooks as sql
from tests.support.hooks import NEWER, SECRET, SETTINGS, URL, change, log, make, seal, see, take, tried
from tests.support.plans import plan
from tests.support.stores import Clock, Shelf
from tests.support.yard import SECOND, Yard

DAY = 24 * 3600 * SECOND


def test_a_webhook_is_made_listed_and_found(store: Store):
    first, second = make(store, "run.failed"), make(store)
    assert [one.id for one in store.look(webhooks.page, 1)] == [second.id, first.id]
    assert [one.id for one in store.look(webhooks.page, 1, before=second.id, limit=1)] == [first.id]
    assert (see(store, first).events, see(store, first).enabled) == (("run.failed",), True)


def test_another_projects_webhook_is_not_found(store: Store):
    webhook = make(store)
    ops: list[tuple[Callable[..., object], tuple[object, ...]]] = [
        (webhooks.get, ()),
        (webhooks.update, ({}, seal, SETTINGS)),
        (webhooks.rotate, (None, seal)),
        (webhooks.delete, ()),
        (webhooks.log, ()),
        (webhooks.test, ()),
    ]
    for op, more in ops:
        with pytest.raises(NotFound):
            store.transact(op, 2, webhook.id, *more)


@pytest.mark.parametrize(
    "said",
    [
        {"url": "http://127.0.0.1/"},
        {"url": "ftp://example.com/"},
        {"url": "https://example.com/" + "x" * 2048},
        {"events": ["run.exploded"]},
        {"events": []},
        {"description": "x" * 1025},
        {"description": "\0"},
        {"secret": "short"},
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_made_and_when_it_is_changed(store: Store, said: dict[str, Any]):
    with pytest.raises(Invalid):
        make(store, **said)
    webhook = make(store)
    with pytest.raises(Invalid):
        change(store, webhook, **said)
    assert store.look(webhooks.page, 1) == [webhook]


def test_a_project_has_so_many_webhooks_and_no_more(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(webhooks, "MOST", 2)
    make(store)
    gone = make(store)
    with pytest.raises(Conflict, match="delete one first"):
        make(store)
    store.transact(webhooks.delete, 1, gone.id)
    make(store)


def test_only_what_is_named_changes(store: Store, clock: Clock):
    webhook = make(store, "run.failed")
    clock.forward(seconds=1)
    after = change(store, webhook, events=["run.completed"], description="for the team")
    assert (after.events, after.description, after.url) == (("run.completed",), "for the team", webhook.url)
    assert (after.secret, after.old_secret) == (seal(SECRET), None)
    assert after.updated_at == webhook.updated_at + SECOND
    assert see(store, webhook) == after


def test_the_secret_before_signs_as_well_for_a_while(store: Store, clock: Clock):
    webhook = make(store)
    made = store.transact(webhooks.rotate, 1, webhook.id, None, seal, grace=60 * SECOND)
    assert made.webhook.secrets(clock.now()) == (seal(made.secret), seal(SECRET))
    clock.forward(seconds=60)
    assert see(store, webhook).secrets(clock.now()) == (seal(made.secret),)
    given = change(store, webhook, secret=NEWER)
    assert given.secrets(clock.now() + webhooks.GRACE - 1) == (seal(NEWER), seal(made.secret))


def test_secrets_are_made_unless_they_are_given_and_shown_in_one_form(store: Store):
    new = NewWebhook(url=URL, events=["*"])
    made = [store.transact(webhooks.create, 1, new, seal, SETTINGS).secret for _ in range(2)]
    assert made[0] != made[1]
    assert [len(key_of(secret)) for secret in made] == [32, 32]
    bare = NewWebhook(url=URL, events=["*"], secret=SECRET.removeprefix("whsec_"))
    assert store.transact(webhooks.create, 1, bare, seal, SETTINGS).secret == SECRET


def test_a_test_is_sent_whatever_the_webhook_hears_of(store: Store):
    webhook = make(store, "run.failed")
    sent = store.transact(webhooks.test, 1, webhook.id)
    (taken,) = take(store)
    assert (taken.id, taken.kind, taken.webhook_id) == (sent.delivery.id, "webhook.test", webhook.id)
    change(store, webhook, enabled=False)
    with pytest.raises(Conflict, match="enable it first"):
        store.transact(webhooks.test, 1, webhook.id)


def test_success_after_failures_is_written_down_with_every_try(store: Store, clock: Clock):
    webhook = make(store)
    store.transact(webhooks.test, 1, webhook.id)
    (first,) = take(store)
    tried(store, first, "answered with status 500")
    assert log(store, webhook) == [("waiting", ["answered with status 500"])]
    assert see(store, webhook).failing_since == clock.now()
    due = store.look(deliveries.next_due)
    assert due is not None
    assert 4.5 * SECOND <= due - clock.now() <= 5.5 * SECOND
    assert take(store) == []
    clock.forward(micros=due - clock.now())
    (second,) = take(store)
    assert (second.id, second.subject, second.body) == (first.id, first.subject, first.body)
    tried(store, second)
    assert log(store, webhook) == [("delivered", ["answered with status 500", None])]
    assert see(store, webhook).failing_since is None
    assert store.look(deliveries.next_due) is None


def test_a_message_is_given_up_after_ten_tries(store: Store, clock: Clock):
    webhook = make(store)
    store.transact(webhooks.test, 1, webhook.id)
    began = clock.now()
    while (due := store.look(deliveries.next_due)) is not None:
        clock.forward(micros=max(0, due - clock.now()))
        (taken,) = take(store)
        tried(store, taken, "nobody there")
    assert log(store, webhook) == [("failed", ["nobody there"] * 10)]
    assert 2.8 * DAY < clock.now() - began < 3.6 * DAY
    # One message that did not arrive is no reason to give up the webhook.
    assert see(store, webhook).enabled


def test_a_message_that_was_given_up_is_sent_again_with_its_own_id(store: Store):
    webhook = make(store)
    store.transact(webhooks.test, 1, webhook.id)
    (first,) = take(store)
    tried(store, first, "refused", again=False)
    again = store.transact(webhooks.redeliver, 1, webhook.id, first.id).delivery
    assert again.id != first.id
    (taken,) = take(store)
    assert (taken.id, taken.subject, taken.body, taken.kind) == (again.id, first.subject, first.body, first.kind)
    tried(store, taken)
    assert log(store, webhook) == [("delivered", [None]), ("failed", ["refused"])]


def test_a_message_that_waits_for_its_next_try_is_sent_at_once(store: Store):
    webhook = make(store)
    store.transact(webhooks.test, 1, webhook.id)
    (first,) = take(store)
    tried(store, first, "answered with status 503")
    assert take(store) == []
    store.transact(webhooks.redeliver, 1, webhook.id, first.id)
    (again,) = take(store)
    assert (again.id, again.attempts) == (first.id, 1)


def test_nothing_is_sent_again_for_another_webhook_or_a_disabled_one(store: Store):
    webhook, other = make(store), make(store)
    sent = store.transact(webhooks.test, 1, webhook.id).delivery
    for wrong in (sent.id.replace(sent.id[-1], "z"), "nothing"):
        with pytest.raises(NotFound):
            store.transact(webhooks.redeliver, 1, webhook.id, wrong)
    with pytest.raises(NotFound):
        store.transact(webhooks.redeliver, 1, other.id, sent.id)
    change(store, webhook, enabled=False)
    with pytest.raises(Conflict):
        store.transact(webhooks.redeliver, 1, webhook.id, sent.id)


def test_the_log_turns_pages_both_ways(store: Store, monkeypatch: pytest.MonkeyPatch):
    webhook = make(store)
    sent = [store.transact(webhooks.test, 1, webhook.id).delivery.id for _ in range(5)][::-1]
    page = [one.delivery.id for one in store.look(webhooks.log, 1, webhook.id, before=sent[1], limit=2)]
    assert page == sent[2:4]
    rows, total = store.look(webhooks.numbered, 1, webhook.id, offset=4, limit=2)
    assert ([one.delivery.id for one in rows], total) == (sent[4:], 5)
    monkeypatch.setattr(webhooks, "COUNTED", 3)
    rows, total = store.look(webhooks.numbered, 1, webhook.id, offset=2, limit=2)
    assert ([one.delivery.id for one in rows], total) == (sent[2:3], 3)
    assert store.look(webhooks.numbered, 1, webhook.id, offset=6, limit=2) == ([], 3)


def test_messages_of_webhooks_are_kept_for_a_month_and_their_tries_with_them(store: Store, clock: Clock):
    webhook = make(store)
    store.transact(webhooks.test, 1, webhook.id)
    (taken,) = take(store)
    tried(store, taken)
    clock.forward(hours=29 * 24)
    assert store.transact(deliveries.forget) == 0
    assert log(store, webhook) == [("delivered", [None])]
    clock.forward(hours=25)
    assert store.transact(deliveries.forget) == 2
    assert log(store, webhook) == []
    assert store.look(sql.tries, [taken.id]) == {}


def test_changes_stand_in_the_journal(yard: Yard):
    webhook = make(yard.store)
    change(yard.store, webhook, enabled=False)
    yard.store.transact(webhooks.delete, 1, webhook.id)
    rows = yard.store.look(lambda tx: tx.rows("SELECT type FROM events WHERE run_id IS NULL ORDER BY seq"))
    assert [row[0] for row in rows] == ["webhook.created", "webhook.updated", "webhook.deleted"]


def test_what_was_sent_goes_with_its_project(yard: Yard):
    store = yard.store
    project = store.transact(projects.create, slug="acme").id
    webhook = make(store, project_id=project)
    other = Yard(store, yard.clock, project)
    other.complete(other.running())
    store.transact(webhooks.test, project, webhook.id)
    for one in take(store):
        tried(store, one)
    store.transact(projects.delete, project)
    while store.transact(purges.step) is not None:
        pass
    left = {table: store.look(_count, table) for table in ("webhooks", "deliveries")}
    assert left == {"webhooks": 0, "deliveries": 0}


def _count(tx: Tx, table: str) -> int:
    return int(tx.rows(f"SELECT COUNT(*) FROM {table}")[0][0])


@pytest.mark.parametrize(
    ("statement", "index", "params"),
    [
        (sql.PAGE, "webhooks_project", {"project_id": 1, "before": "g", "n": 10}),
        (sql.ENABLED, "webhooks_project", {"ids": [1]}),
        (sql.LOG, "deliveries_webhook", {"webhook_id": "w", "before": "g", "n": 10, "offset": 0}),
        (sql.LOG_COUNT, "deliveries_webhook", {"webhook_id": "w", "most": 10}),
        (sql.OLD_TRIES, "delivery_attempts_at", {"before": 1, "n": 10}),
        (deliveries_sql.OLD, "deliveries_others", {"before": 1, "n": 10}),
        (deliveries_sql.OLDEST, "deliveries_old", {"before": 1, "n": 10}),
    ],
)
def test_what_is_looked_for_is_found_by_an_index_in_its_order(
    shelf: Shelf, engine: str, statement: str, index: str, params: dict[str, Any]
):
    found = plan(shelf.bare(engine), statement, **params)
    assert index in found
    assert "TEMP B-TREE" not in found
    assert "Sort" not in found
