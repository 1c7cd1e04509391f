"""News reach real receivers, which verify them with the published library of Standard Webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest
from standardwebhooks.webhooks import Webhook as Receiver

from runyard.domain.webhooks import Webhook
from runyard.engine import deliveries, tries, webhooks
from runyard.storage.port import Store
from tests.support import hooks
from tests.support.endpoints import Endpoint, Heard, Say
from tests.support.hooks import NEWER, SECRET, change, log, see
from tests.support.sending import Post
from tests.support.stores import Clock
from tests.support.yard import SECOND, Yard


def hook(post: Post, endpoint: Endpoint) -> Webhook:
    """A webhook of the endpoint for all events, signed with `SECRET`."""
    new = webhooks.NewWebhook(url=f"{endpoint.url}hook", events=["*"], secret=SECRET)
    return post.store.transact(webhooks.create, 1, new, sealing(post), post.settings).webhook


def sealing(post: Post) -> Callable[[str], str]:
    """Seals secrets so that the senders can open them."""
    return lambda secret: post.vault.seal(secret, webhooks.PURPOSE)


def later(post: Post, clock: Clock, seconds: float) -> None:
    """Let time pass, and the senders notice it."""
    clock.forward(seconds=seconds)

    async def look() -> None:
        post.hub.publish(frozenset({deliveries.TOPIC}))

    post.on_loop(look)


def verified(heard: Heard, secret: str = SECRET) -> dict[str, object]:
    """The message, which must be genuine."""
    message: dict[str, object] = Receiver(secret).verify(heard.body, heard.headers)
    assert message["id"] == heard.headers["webhook-id"]
    return message


def test_the_end_of_a_run_is_told_and_verified(yard: Yard, post: Post, endpoint: Endpoint):
    webhook = hook(post, endpoint)
    run = yard.complete(yard.running())
    endpoint.until(lambda: log(yard.store, webhook) == [("delivered", [None])])
    (heard,) = endpoint.heard
    assert (heard.method, heard.path) == ("POST", "/hook")
    assert heard.headers["content-type"] == "application/json"
    message = verified(heard)
    assert message["type"] == "run.completed"
    assert json.loads(heard.body)["data"]["run"] == run.id
    (entry,) = yard.store.look(webhooks.log, 1, webhook.id)
    assert (entry.tries[0].status, entry.tries[0].number) == (200, 1)


def test_every_try_has_the_id_of_the_event_and_its_own_time(store: Store, post: Post, endpoint: Endpoint, clock: Clock):
    endpoint.behave = lambda heard: Say(status=200 if len(endpoint.heard) > 1 else 500)
    webhook = hook(post, endpoint)
    sent = store.transact(webhooks.test, 1, webhook.id).delivery
    endpoint.until(lambda: log(store, webhook) == [("waiting", ["answered with status 500"])])
    later(post, clock, 6)
    endpoint.until(lambda: log(store, webhook) == [("delivered", ["answered with status 500", None])])
    store.transact(webhooks.redeliver, 1, webhook.id, sent.id)
    endpoint.until(lambda: len(endpoint.heard) == 3)
    first, second, third = endpoint.heard
    assert len({heard.headers["webhook-id"] for heard in endpoint.heard}) == 1
    assert first.body == second.body == third.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 6
    for heard in endpoint.heard:
        verified(heard)


def test_while_a_secret_changes_both_sign(store: Store, post: Post, endpoint: Endpoint, clock: Clock):
    webhook = hook(post, endpoint)
    store.transact(webhooks.rotate, 1, webhook.id, NEWER, sealing(post), grace=60 * SECOND)
    store.transact(webhooks.test, 1, webhook.id)
    endpoint.until(lambda: len(endpoint.heard) == 1)
    assert verified(endpoint.heard[0], SECRET) == verified(endpoint.heard[0], NEWER)
    clock.forward(seconds=61)
    store.transact(webhooks.test, 1, webhook.id)
    endpoint.until(lambda: len(endpoint.heard) == 2)
    verified(endpoint.heard[1], NEWER)
    with pytest.raises(Exception, match="No matching signature"):
        verified(endpoint.heard[1], SECRET)


def test_a_message_goes_where_the_webhook_is_when_it_is_sent(
    store: Store, post: Post, endpoints: Callable[..., Endpoint], clock: Clock
):
    old, new = endpoints(lambda heard: Say(status=503)), endpoints()
    webhook = hook(post, old)
    store.transact(webhooks.test, 1, webhook.id)
    old.until(lambda: log(store, webhook) == [("waiting", ["answered with status 503"])])
    store.transact(webhooks.update, 1, webhook.id, {"url": new.url}, sealing(post), post.settings)
    later(post, clock, 6)
    new.until(lambda: log(store, webhook)[0][0] == "delivered")
    assert len(new.heard) == 1


def test_a_receiver_that_says_gone_is_told_nothing_more(store: Store, post: Post, endpoint: Endpoint):
    endpoint.behave = lambda heard: Say(status=410)
    webhook = hook(post, endpoint)
    store.transact(webhooks.test, 1, webhook.id)
    endpoint.until(lambda: not see(store, webhook).enabled)
    assert see(store, webhook).disabled_reason == tries.GONE


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_what_is_on_its_way_to_a_webhook_that_takes_nothing_is_given_up(
    store: Store, post: Post, endpoint: Endpoint, clock: Clock, end: str
):
    endpoint.behave = lambda heard: Say(status=500)
    webhook = hook(post, endpoint)
    store.transact(webhooks.test, 1, webhook.id)
    endpoint.until(lambda: log(store, webhook)[0][0] == "waiting" and log(store, webhook)[0][1])
    if end == "disable":
        store.transact(webhooks.update, 1, webhook.id, {"enabled": False}, sealing(post), post.settings)
    else:
        store.transact(webhooks.delete, 1, webhook.id)
    later(post, clock, 6)
    endpoint.until(lambda: store.look(deliveries.next_due) is None)
    assert len(endpoint.heard) == 1


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 502])
def test_anything_but_success_is_tried_again(store: Store, post: Post, endpoint: Endpoint, status: int):
    endpoint.behave = lambda heard: Say(status=status, headers={"Retry-After": "600", "Location": endpoint.url})
    webhook = hook(post, endpoint)
    store.transact(webhooks.test, 1, webhook.id)
    endpoint.until(lambda: log(store, webhook) == [("waiting", [f"answered with status {status}"])])
    assert store.look(deliveries.next_due) == store.now() + 600 * SECOND


@pytest.mark.parametrize("text", ["Wed, 21 Oct 2026 07:28:00 GMT", "-5", "1.5", "9" * 30, "²"])
def test_a_wait_that_is_no_number_of_seconds_is_passed_by(store: Store, post: Post, endpoint: Endpoint, text: str):
    endpoint.behave = lambda heard: Say(
        raw=f"HTTP/1.1 503 X\r\nContent-Length: 0\r\nRetry-After: {text}\r\n\r\n".encode()
    )
    webhook = hook(post, endpoint)
    store.transact(webhooks.test, 1, webhook.id)
    endpoint.until(lambda: log(store, webhook) == [("waiting", ["answered with status 503"])])
    due = store.look(deliveries.next_due)
    assert due is not None
    assert due - store.now() < 6 * SECOND


def test_news_never_go_to_private_addresses_unless_allowed(
    store: Store, posts: Callable[..., Post], endpoint: Endpoint
):
    lenient = posts()
    lenient.stop()
    webhook = hook(lenient, endpoint)
    posts(allow_private_endpoints=False)
    store.transact(webhooks.test, 1, webhook.id)
    endpoint.until(lambda: log(store, webhook)[0][0] == "failed")
    assert "private" in str(log(store, webhook)[0][1])
    assert endpoint.heard == []


def test_a_secret_that_does_not_open_sends_nothing(store: Store, post: Post, endpoint: Endpoint):
    webhook = hooks.make(store)
    store.transact(lambda tx: tx.run("UPDATE webhooks SET url = :url", url=endpoint.url))
    store.transact(webhooks.test, 1, webhook.id)
    endpoint.until(lambda: log(store, webhook)[0][0] == "failed")
    assert "does not open" in str(log(store, webhook)[0][1])
    assert endpoint.heard == []


def test_a_receiver_that_does_not_answer_leaves_places_to_others(
    store: Store, post: Post, endpoints: Callable[..., Endpoint], clock: Clock
):
    silent, quick = endpoints(lambda heard: Say(after=30)), endpoints()
    slow = hook(post, silent)
    for _ in range(150):
        store.transact(webhooks.test, 1, slow.id)
    silent.until(lambda: len(silent.heard) == tries.MOST)
    other = hook(post, quick)
    store.transact(webhooks.test, 1, other.id)
    quick.until(partial(_arrived, store, other))
    assert len(silent.heard) == tries.MOST


def test_a_webhook_that_is_enabled_again_is_told_again(yard: Yard, post: Post, endpoint: Endpoint):
    webhook = hook(post, endpoint)
    change(yard.store, webhook, enabled=False)
    yard.complete(yard.running())
    change(yard.store, webhook, enabled=True)
    run = yard.complete(yard.running())
    endpoint.until(lambda: _arrived(yard.store, webhook))
    assert [json.loads(heard.body)["data"]["run"] for heard in endpoint.heard] == [run.id]


def _arrived(store: Store, webhook: Webhook) -> bool:
    return [state for state, _ in log(store, webhook)] == ["delivered"]
