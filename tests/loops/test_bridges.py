"""Ends of tasks reach real receivers: signed, once, and again after failures, guards and deaths of servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook as Receiver

from runyard.domain.bridges import Bridge, BridgeState, Subscription
from runyard.engine.tasks import bridges, notifying
from runyard.engine.tasks.bridges import PURPOSE, TOPIC, NewBridge
from runyard.loops.bridges import Messenger
from runyard.outbound.client import Client
from runyard.outbound.messages import NoAnswer
from runyard.outbound.notifiers import Notifier
from runyard.settings import Settings
from runyard.storage.vault import Vault
from tests.engine.tasks.bridging import SECRET, due, now, see, settle, subscribe
from tests.engine.tasks.working import finish
from tests.support.endpoints import Endpoint, Open, Say
from tests.support.sending import SECRET as VAULT_SECRET
from tests.support.sending import Post
from tests.support.stores import AnyStore, Clock
from tests.support.yard import SECOND, Yard

# The first message through apprise loads all of it, with what is deprecated in there.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
OPEN = Settings(allow_private_endpoints=True, endpoint_ports=("*",), apprise_schemes=("json", "jsons"))


def bridge(store: AnyStore, url: str, settings: Settings = OPEN, **said: Any) -> Bridge:
    """A bridge to this place, sealed by the vault of the senders."""

    def seal(secret: str) -> str:
        return Vault(VAULT_SECRET).seal(secret, PURPOSE)

    secrets = {"url": url} if said.get("extension") == "apprise" else {"url": url, "signing_secret": SECRET}
    return store.transact(
        bridges.create, 1, NewBridge(display_name="bridge", secrets=secrets, **said), seal, settings
    ).bridge


def ended(yard: Yard, over: Bridge) -> Subscription:
    """A subscription of a task that is done."""
    task = yard.task("paint the fence")
    one = subscribe(yard.store, task, over, name="fence")
    finish(yard, yard.queue(task))
    return one


def test_a_webhook_is_told_with_a_signature_that_others_can_check(
    store: AnyStore, yard: Yard, post: Post, endpoint: Endpoint, clock: Clock
):
    one = ended(yard, bridge(store, f"{endpoint.url}hook"))
    endpoint.until(lambda: now(store, one).last_delivery_id)
    (heard,) = endpoint.heard
    said = json.loads(heard.body)
    assert (heard.method, heard.path) == ("POST", "/hook")
    assert heard.headers["webhook-id"] == said["id"] == now(store, one).last_delivery_id
    assert heard.headers["webhook-timestamp"] == str(clock.now() // SECOND)
    name, _, signature = heard.headers["webhook-signature"].partition(",")
    assert name == "v1"
    assert signature
    receiver = Receiver(SECRET)
    wanted = receiver.sign(heard.headers["webhook-id"], at(clock), heard.body.decode())
    assert heard.headers["webhook-signature"] == wanted
    assert said["data"]["text"] == "Task “paint the fence” has ended as completed"


def at(clock: Clock) -> Any:
    return datetime.fromtimestamp(clock.now() // SECOND, UTC)


def test_what_fails_is_sent_again_with_the_same_id(
    store: AnyStore, yard: Yard, post: Post, endpoint: Endpoint, clock: Clock
):
    endpoint.behave = lambda heard: Say(status=503 if len(endpoint.heard) < 3 else 204)
    over = bridge(store, endpoint.url)
    one = ended(yard, over)
    # What happens to the task while the first is under way has the second follow at once.
    endpoint.until(lambda: now(store, one).failures)
    assert now(store, one).last_error == "the webhook answered with status 503"
    assert see(store, over).state is BridgeState.FAILING

    def has_arrived() -> str | None:
        stands = now(store, one)
        if not stands.held:
            clock.forward(seconds=30)
            post.hub.publish(frozenset({TOPIC}))
        return stands.last_delivery_id

    endpoint.until(has_arrived)
    assert len({heard.headers["webhook-id"] for heard in endpoint.heard}) == 1
    assert len(endpoint.heard) == 3
    assert see(store, over).state is BridgeState.READY


def test_private_addresses_are_refused_and_told_of(store: AnyStore, yard: Yard, posts: Callable[..., Post], endpoint):
    posts(allow_private_endpoints=False)
    one = ended(yard, bridge(store, endpoint.url))
    endpoint.until(lambda: now(store, one).failures)
    assert "private" in (now(store, one).last_error or "")
    assert endpoint.heard == []


def test_what_was_sent_before_the_server_died_is_sent_again_with_the_same_id(
    store: AnyStore, yard: Yard, posts: Callable[..., Post], endpoint: Endpoint, clock: Clock
):
    one = ended(yard, bridge(store, endpoint.url))
    # A server that took it and sent it, and died before it could say so.
    (lost,) = due(store)
    assert lost.message is not None
    post = posts()
    endpoint.until(lambda: post.on_loop(_rested))
    assert endpoint.heard == [], "it is the other server's for as long as that may be alive"
    clock.forward(micros=notifying.LEASE)
    post.hub.publish(frozenset({TOPIC}))
    endpoint.until(lambda: now(store, one).last_delivery_id)
    # Once more it is looked whether there is more to tell.
    endpoint.until(lambda: now(store, one).look_at is None)
    assert [heard.headers["webhook-id"] for heard in endpoint.heard] == [lost.message.id]
    before = now(store, one)
    settle(store, lost, "I am back")
    assert now(store, one) == before


async def _rested() -> bool:
    await asyncio.sleep(0)
    return True


def test_one_slow_receiver_holds_up_nobody(store: AnyStore, yard: Yard, post: Post, endpoints: Open):
    slow, quick = endpoints(lambda heard: Say(after=60)), endpoints()
    subscribe(store, task := yard.task(), bridge(store, slow.url))
    finish(yard, yard.queue(task))
    slow.until(lambda: slow.heard)
    one = ended(yard, bridge(store, quick.url))
    quick.until(lambda: now(store, one).last_delivery_id)


@pytest.fixture
def notifier() -> Iterator[Notifier]:
    """Apprise, which may reach this machine."""
    made = Notifier(OPEN)
    yield made
    made.close()


def send(notifier: Notifier, url: str, timeout: float = 20) -> None:
    asyncio.run(notifier.send(url, "title", "text", timeout=timeout))


def test_apprise_reaches_the_listed_services_alone(endpoint: Endpoint, notifier: Notifier):
    url = endpoint.url.replace("http", "json")
    send(notifier, f"{url}room/?redirect=yes")
    (heard,) = endpoint.heard
    said = json.loads(heard.body)
    assert (heard.path.rstrip("/"), said["title"], said["message"]) == ("/room", "title", "text")
    endpoint.behave = lambda heard: Say(status=302, headers={"Location": f"{endpoint.url}secret"})
    with pytest.raises(NoAnswer, match="did not take"):
        send(notifier, f"{url}room/?redirect=yes")
    assert "/secret" not in [one.path for one in endpoint.heard]
    for wrong in ("xml://127.0.0.1/", "file:///etc/passwd", "json://"):
        with pytest.raises(NoAnswer) as refused:
            send(notifier, wrong)
        assert refused.value.trouble == "refused"


def test_apprise_is_no_way_around_the_guard(endpoint: Endpoint):
    guarded = Notifier(Settings(apprise_schemes=("json",)))
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(NoAnswer, match="private"):
            send(guarded, f"json://{host}:{endpoint.port}/")
    guarded.close()
    assert endpoint.heard == []


def test_a_service_that_does_not_answer_is_given_up(endpoint: Endpoint, notifier: Notifier):
    endpoint.behave = lambda heard: Say(after=30)
    with pytest.raises(NoAnswer):
        send(notifier, f"json://127.0.0.1:{endpoint.port}/", timeout=0.3)


def test_a_bridge_through_apprise_says_whom_the_message_is_for(
    store: AnyStore, yard: Yard, posts: Callable[..., Post], endpoint: Endpoint
):
    posts(apprise_schemes=("json",))
    url = f"json://127.0.0.1:{endpoint.port}/rooms/{{peer_id}}"
    one = ended(yard, bridge(store, url, extension="apprise"))
    endpoint.until(lambda: now(store, one).last_delivery_id or now(store, one).last_error)
    assert now(store, one).last_error is None
    (heard,) = endpoint.heard
    assert heard.path.rstrip("/") == "/rooms/ada"
    assert json.loads(heard.body)["title"] == "Task completed: paint the fence"


def test_draining_begins_nothing_more(store: AnyStore, yard: Yard):
    ended(yard, bridge(store, "https://example.com/"))

    async def drained() -> float | None:
        client, notifier = Client(OPEN), Notifier(OPEN)
        messenger = Messenger(store, client, notifier, Vault(VAULT_SECRET), wake=lambda topic: None)
        messenger.drain()
        found = await messenger.tell_once()
        await messenger.stop(0)
        client.close()
        return found

    assert asyncio.run(drained()) is None
    assert len(due(store)) == 1
