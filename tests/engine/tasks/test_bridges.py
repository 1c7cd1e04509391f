"""Bridges are made, changed and looked through; their secrets are kept sealed."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from runyard.domain.bridges import BridgeState, Routing
from runyard.domain.errors import Conflict, DomainError, Invalid, NotFound
from runyard.domain.webhooks import key_of
from runyard.engine.tasks import bridges, directory
from runyard.engine.tasks.directory import Ambiguous
from runyard.outbound import notifiers
from runyard.settings import Settings
from tests.engine.tasks.bridging import SECRET, bridge, change, made, see, subscribe
from tests.support.stores import AnyStore
from tests.support.yard import Yard


def test_a_bridge_without_a_place_to_lead_to_is_incomplete_until_it_has_one(store: AnyStore):
    one = bridge(store, url=None)
    assert (one.state, one.sealed) == (BridgeState.INCOMPLETE, None)
    one = change(store, one, {"url": "https://example.com/x", "signing_secret": SECRET})
    assert one.state is BridgeState.READY
    assert bridges.secrets_of(one) == {"signing_secret": f"sealed {SECRET}", "url": "sealed https://example.com/x"}
    assert change(store, one, {"url": None}).state is BridgeState.INCOMPLETE


def test_what_signs_is_made_where_none_is_given_and_said_once(store: AnyStore):
    first = made(store)
    assert first.signing_secret is not None
    assert len(key_of(first.signing_secret)) == 32
    assert made(store, secrets={"url": "https://example.com/", "signing_secret": SECRET}).signing_secret is None
    assert made(store, url=None).signing_secret is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"display_name": " "}, "name of a bridge"),
        ({"display_name": "x" * 129}, "129 characters"),
        ({"url": "http://127.0.0.1/"}, "private"),
        ({"url": "ftp://example.com/"}, "http"),
        ({"secrets": {"token": "x"}}, "no secret"),
        ({"secrets": {"url": "https://example.com/", "signing_secret": "short"}}, "whsec_"),
        ({"settings": {"routing": Routing(include_thread=True)}}, "threads"),
        ({"settings": {"config": "x" * 20_000}}, None),
    ],
)
def test_a_bridge_that_cannot_be_is_refused(store: AnyStore, said: dict[str, Any], words: str | None):
    with pytest.raises(DomainError, match=words):
        bridge(store, **({"extension": "webhook"} | said))
    assert store.look(bridges.page, 1) == []


def test_apprise_may_use_the_listed_schemes_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    settings = Settings()
    notifiers.check_url("slack://A/B/C/{group_id}", settings)
    for url in (
        "json://10.0.0.1/",
        "file:///etc/passwd",
        "syslog://",
        "slack://{group_id}/B",
        "slack://A/{secret}",
        "slack://A, json://10.0.0.1/",
        "nothing",
    ):
        with pytest.raises(Invalid):
            notifiers.check_url(url, settings)
    notifiers.check_url("json://example.com/", Settings(apprise_schemes=("json",)))
    with pytest.raises(Invalid, match="allowed are json"):
        notifiers.check_url("slack://A/B/C", Settings(apprise_schemes=("json",)))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Invalid, match=r"runyard\[notify\]"):
        notifiers.check_url("slack://A/B/C", settings)


def test_whom_a_message_is_for_cannot_change_where_it_goes():
    target = {"group_id": "a/../b?x=1@evil", "peer_id": None}
    assert notifiers.filled("slack://A/{group_id}/{peer_id}", target) == "slack://A/a%2F..%2Fb%3Fx%3D1%40evil/"


def test_enabling_and_restarting_forget_what_went_wrong(store: AnyStore):
    one = bridge(store)
    assert store.transact(bridges.disable, 1, one.id).state is BridgeState.DISABLED
    with pytest.raises(Conflict, match="enable it"):
        store.transact(bridges.restart, 1, one.id)
    assert store.transact(bridges.enable, 1, one.id).state is BridgeState.READY
    assert store.transact(bridges.restart, 1, one.id).enabled
    assert store.transact(bridges.enable, 1, bridge(store, url=None, enabled=False).id).state is BridgeState.INCOMPLETE


def test_a_bridge_is_deleted_once_nobody_is_told_over_it(store: AnyStore, yard: Yard):
    one = bridge(store)
    task = yard.task()
    subscribe(store, task, one)
    with pytest.raises(Conflict, match="subscriptions"):
        store.transact(bridges.delete, 1, one.id)
    other = bridge(store)
    store.transact(bridges.delete, 1, other.id)
    with pytest.raises(NotFound):
        see(store, other)


def test_a_bridge_of_another_project_is_not_there(store: AnyStore):
    one = bridge(store)
    for op in (bridges.enable, bridges.disable, bridges.restart, bridges.delete):
        with pytest.raises(NotFound):
            store.transact(op, 2, one.id)
    with pytest.raises(NotFound):
        store.look(bridges.get, 1, "\0")


def test_a_project_has_only_so_many_bridges(store: AnyStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bridges, "MOST", 2)
    bridge(store)
    bridge(store)
    with pytest.raises(Conflict, match="2 bridges"):
        bridge(store)


def test_targets_are_those_of_defaults_and_subscriptions_and_are_found_step_by_step(store: AnyStore, yard: Yard):
    one = bridge(store, settings={"defaults": '{"peer_id":"@Ada"}'})
    task = yard.task()
    for name in ("ops", "ops-eu", "dev"):
        subscribe(store, task, one, group_id=name)
    subscribe(store, task, one, group_id="dev", thread_id="42")
    found = store.look(directory.targets, 1, one.id).targets
    assert [target.route for target in found] == [
        "thread:dev/42", "user:@Ada", "group:dev", "group:ops", "group:ops-eu",
    ]  # fmt: skip
    assert [target.route for target in store.look(directory.targets, 1, one.id, query="#OPS").targets] == [
        "group:ops",
        "group:ops-eu",
    ]
    steps = {"group:ops": 1, "#Ops": 2, "dev/42": 3, "ops-": 4, "ada": 2}
    for name, step in steps.items():
        assert store.look(directory.resolve, 1, one.id, name).step == step, name
    with pytest.raises(Ambiguous, match="group:ops, group:ops-eu"):
        store.look(directory.resolve, 1, one.id, "op")
    with pytest.raises(NotFound):
        store.look(directory.resolve, 1, one.id, "nobody")
    with pytest.raises(NotFound):
        store.look(directory.resolve, 1, one.id, "#")
