"""The outbox: what is told, when, how often, and for how long it is kept."""

from __future__ import annotations

import json

from runyard.domain.jobs import Webhook
from runyard.domain.states import RunState
from runyard.engine import deliveries
from runyard.engine.deliveries import Message, Sent
from runyard.storage.port import Store, Tx
from runyard.storage.statements.deliveries import Delivery
from tests.support.stores import Clock
from tests.support.yard import SECOND, Yard

HOOK = Webhook(url="http://hook/", secret="sealed")


def take(store: Store, limit: int = 10) -> list[Delivery]:
    return store.transact(deliveries.take, limit)


def settle(store: Store, **said: object) -> None:
    store.transact(deliveries.settle, [Sent(**said)])  # type: ignore[arg-type]


def message(store: Store) -> str:
    (made,) = store.transact(deliveries.add, [Message(project_id=1, url="http://hook/", body="{}", kind="test")])
    return made


def test_a_message_is_due_at_once_and_taken_by_one(store: Store):
    made = message(store)
    assert [one.id for one in take(store)] == [made]
    assert take(store) == []


def test_a_message_nobody_settled_is_taken_again_after_a_while(store: Store, clock: Clock):
    made = message(store)
    take(store)
    clock.forward(micros=deliveries.HELD)
    (again,) = take(store)
    assert (again.id, again.attempts) == (made, 1)


def test_a_message_at_which_its_senders_die_is_given_up(store: Store, clock: Clock):
    message(store)
    for _ in range(3):
        assert len(take(store)) == 1
        clock.forward(micros=deliveries.HELD)
    assert take(store) == []
    assert store.look(deliveries.next_due) is None
    assert _states(store) == [("failed", deliveries.LOST)]


def test_a_message_is_tried_three_times_with_growing_delays(store: Store, clock: Clock):
    made = message(store)
    for attempt, delay in ((1, 1), (2, 5)):
        assert len(take(store)) == 1
        settle(store, id=made, attempts=attempt, error="status 500")
        assert store.look(deliveries.next_due) == clock.now() + delay * SECOND
        clock.forward(seconds=delay)
    assert len(take(store)) == 1
    settle(store, id=made, attempts=3, error="status 500")
    assert store.look(deliveries.next_due) is None
    assert _states(store) == [("failed", "status 500")]


def test_what_arrived_or_cannot_arrive_is_not_tried_again(store: Store):
    for said in ({"error": None}, {"error": "status 400", "again": False}):
        made = message(store)
        take(store)
        settle(store, id=made, attempts=1, **said)
    assert store.look(deliveries.next_due) is None
    assert _states(store) == [("delivered", None), ("failed", "status 400")]


def test_old_messages_are_forgotten_once_they_are_no_longer_on_their_way(store: Store, clock: Clock):
    kept, gone = message(store), message(store)
    settle(store, id=gone, attempts=1)
    clock.forward(hours=8 * 24)
    assert store.transact(deliveries.forget) == 1
    assert [one.id for one in take(store)] == [kept]


def test_two_servers_never_take_one_message(two_servers: tuple[Store, Store]):
    first, second = two_servers
    for _ in range(6):
        message(first)
    assert (len(take(first, 4)), len(take(second, 4)), len(take(first, 4))) == (4, 2, 0)


def test_completed_dead_lettered_and_timed_out_runs_are_told_of(yard: Yard):
    yard.job("job", webhook=HOOK)
    done = yard.running(job="job")
    yard.complete(done, output='{"n":1}')
    buried = yard.running(job="job", policy={"max_attempts": 1})
    yard.fail(buried, message="it broke")
    late = yard.running(job="job", policy={"timeout": SECOND, "max_attempts": 1})
    yard.after(seconds=1)
    found = {one.run_id: one for one in take(yard.store)}
    news = {run: json.loads(found[run].body) for run in (done.run.id, buried.run.id, late.run.id)}
    assert [one["status"] for one in news.values()] == ["completed", "dead_letter", "timed_out"]
    first = news[done.run.id]
    assert (first["result"], first["attempt"], first["job_id"]) == ({"n": 1}, 1, done.run.job_id)
    assert "error" not in first
    assert first["timestamp"].endswith("Z")
    assert news[buried.run.id]["error"] == "it broke"
    assert "result" not in news[buried.run.id]
    assert {(one.url, one.secret, one.headers) for one in found.values()} == {
        ("http://hook/", "sealed", json.dumps({"X-Run-ID": run}, separators=(",", ":"))) for run in found
    }


def test_other_ends_and_jobs_without_a_webhook_are_told_to_nobody(yard: Yard):
    yard.job("job", webhook=HOOK)
    yard.cancel(yard.create(job="job"))
    failed = yard.running(job="job", policy={"dead_letter": False, "max_attempts": 1})
    assert yard.fail(failed).state is RunState.FAILED
    yard.job("silent")
    yard.complete(yard.running(job="silent"))
    yard.complete(yard.running())
    assert take(yard.store) == []


def test_a_run_tells_the_webhook_of_the_version_it_was_made_from(yard: Yard):
    yard.job("job", webhook=HOOK)
    old = yard.running(job="job")
    yard.job("job", webhook=Webhook(url="http://new/"))
    new = yard.running(job="job")
    yard.complete(old)
    yard.complete(new)
    assert {one.run_id: one.url for one in take(yard.store)} == {old.run.id: "http://hook/", new.run.id: "http://new/"}


def test_what_is_sent_about_a_run_can_be_looked_up(yard: Yard):
    yard.job("job", webhook=HOOK)
    granted = yard.running(job="job")
    yard.complete(granted)
    (one,) = yard.store.look(deliveries.of_run, granted.run.id)
    assert (one.kind, one.subject, one.state) == ("run.ended", "completed", "waiting")


def _states(store: Store) -> list[tuple[str, str | None]]:
    def read(tx: Tx) -> list[tuple[str, str | None]]:
        return [(row[0], row[1]) for row in tx.rows("SELECT state, error FROM deliveries ORDER BY id")]

    return store.look(read)
