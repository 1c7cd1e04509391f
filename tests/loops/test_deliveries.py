"""Messages reach real endpoints, signed, and are tried again where that may help."""

from __future__ import annotations

import hashlib
import hmac
import json
from functools import partial

import pytest

from runyard.domain.jobs import Webhook
from runyard.engine import deliveries, job_secrets
from runyard.engine.deliveries import Message
from runyard.storage.port import Store
from tests.support.endpoints import Endpoint, Say
from tests.support.sending import Post, http_job, settled
from tests.support.stores import Clock
from tests.support.yard import SECOND, Yard


def told(store: Store, url: str) -> str:
    (made,) = store.transact(deliveries.add, [Message(project_id=1, run_id="r", url=url, body='{"n":1}', kind="test")])
    return made


def state(store: Store) -> tuple[str, int, str | None]:
    (one,) = store.look(deliveries.of_run, "r")
    return one.state, one.attempts, one.error


def is_due(store: Store, at: int) -> bool:
    return store.look(deliveries.next_due) == at


def test_the_end_of_a_dispatched_run_reaches_its_webhook_signed(
    yard: Yard, post: Post, endpoint: Endpoint, clock: Clock
):
    endpoint.behave = lambda heard: Say(body=b'{"ok":true}')
    hook = Webhook(url=f"{endpoint.url}hook", secret=post.vault.seal("shared", job_secrets.SIGNING))
    http_job(yard, endpoint, webhook=hook)
    run = yard.create(job="job")
    settled(yard, run)
    endpoint.until(lambda: len(endpoint.heard) == 2)
    heard = endpoint.heard[1]
    assert (heard.path, heard.headers["content-type"]) == ("/hook", "application/json")
    assert heard.headers["x-run-id"] == run.id
    timestamp = heard.headers["x-strait-timestamp"]
    assert timestamp == str(clock.now() // SECOND)
    wanted = "v1=" + hmac.new(b"shared", f"{timestamp}.".encode() + heard.body, hashlib.sha256).hexdigest()
    assert heard.headers["x-strait-signature"] == heard.headers["x-webhook-signature"] == wanted
    assert json.loads(heard.body)["result"] == {"ok": True}


def test_a_server_error_is_tried_again_and_then_arrives(store: Store, post: Post, endpoint: Endpoint, clock: Clock):
    endpoint.behave = lambda heard: Say(status=500 if len(endpoint.heard) < 3 else 204)
    told(store, endpoint.url)
    for delay in (1, 5):
        endpoint.until(partial(is_due, store, clock.now() + delay * SECOND))
        clock.forward(seconds=delay)
        tried = len(endpoint.heard)

        def comes_again(tried: int = tried) -> bool:
            # The courier rests for a while that no clock of ours shortens, unless it is woken, and may be about to.
            post.hub.publish(frozenset({deliveries.TOPIC}))
            return len(endpoint.heard) > tried

        endpoint.until(comes_again)
    endpoint.until(lambda: state(store)[0] == "delivered")
    assert len(endpoint.heard) == 3


@pytest.mark.parametrize("status", [400, 404, 410, 429])
def test_a_4xx_is_final(store: Store, post: Post, endpoint: Endpoint, status: int):
    endpoint.behave = lambda heard: Say(status=status)
    told(store, endpoint.url)
    endpoint.until(lambda: state(store)[0] == "failed")
    assert len(endpoint.heard) == 1


def test_a_redirect_is_not_followed(store: Store, post: Post, endpoint: Endpoint):
    endpoint.behave = lambda heard: Say(status=302, headers={"Location": f"{endpoint.url}other"})
    told(store, endpoint.url)
    endpoint.until(lambda: state(store)[2] == "answered with status 302")
    assert [heard.path for heard in endpoint.heard] == ["/"]


def test_messages_to_private_addresses_are_refused_unless_allowed(store: Store, posts, endpoint: Endpoint):
    posts(allow_private_endpoints=False)
    told(store, endpoint.url)
    endpoint.until(lambda: state(store)[0] == "failed")
    assert "private" in (state(store)[2] or "")
    assert endpoint.heard == []
