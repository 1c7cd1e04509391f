"""What servers tell each other of addresses."""

from __future__ import annotations

from runyard.domain.endpoints import Tried, closed_until
from runyard.engine import endpoints
from runyard.storage.port import Store
from tests.support.stores import Clock

URL = "http://x/run"


def test_circuits_are_kept_per_project_and_url(store: Store, clock: Clock):
    bad = [(False, 0.1)] * 5
    tried = [
        Tried(project_id=1, url=URL, results=bad),
        Tried(project_id=2, url=URL, results=[(True, 0.1)]),
        Tried(project_id=1, url="http://y", results=bad[:4]),
    ]
    known = store.transact(endpoints.record, tried)
    assert known == store.look(endpoints.of, [(1, URL), (2, URL), (1, "http://y")])
    shut = {place for place, one in known.items() if closed_until(one, clock.now()) is not None}
    assert shut == {(1, URL)}
    store.transact(endpoints.record, [Tried(project_id=1, url="http://y", results=bad[:1])])
    again = store.look(endpoints.of, [(1, "http://y"), (1, "http://unknown")])
    assert closed_until(again[1, "http://y"], clock.now()) == clock.now() + 60_000_000
    assert (1, "http://unknown") not in again


def test_two_servers_count_failures_together(two_servers: tuple[Store, Store], clock: Clock):
    first, second = two_servers
    first.transact(endpoints.record, [Tried(project_id=1, url=URL, results=[(False, 0.1)] * 3)])
    known = second.transact(endpoints.record, [Tried(project_id=1, url=URL, results=[(False, 0.1)] * 2)])
    assert closed_until(known[1, URL], clock.now()) is not None
    assert first.look(endpoints.of, [(1, URL)]) == known


def test_addresses_nothing_was_sent_to_for_long_are_forgotten(store: Store, clock: Clock):
    store.transact(endpoints.record, [Tried(project_id=1, url=URL, results=[(False, 0.1)])])
    assert store.transact(endpoints.forget) == 0
    clock.forward(hours=8 * 24)
    assert store.transact(endpoints.forget) == 1
