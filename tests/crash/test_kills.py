"""`kill -9` under load: what was confirmed stays, and no run has two holders."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

from runyard.storage.port import Tx
from tests.crash.conftest import reopened
from tests.crash.load import Load, check, listed
from tests.e2e.processes import ServerProcess
from tests.support.effort import THOROUGH
from tests.support.yard import broken_rules

KILLS = 10 if THOROUGH else 5


def double_holders(tx: Tx) -> list[Any]:
    """Attempts at one run that overlap."""
    rows = tx.rows("SELECT run_id, epoch, claimed_at, ended_at FROM attempts ORDER BY run_id, epoch")
    return [
        (before, after)
        for before, after in pairwise(rows)
        if before[0] == after[0] and (before[3] is None or before[3] > after[2] or before[1] + 1 != after[1])
    ]


def test_nothing_confirmed_is_lost_when_the_server_is_killed_many_times_under_load(server: ServerProcess) -> None:
    server.start()
    with Load([server.url], server.key) as load:
        for _ in range(KILLS):
            load.wait_for(created=30, completed=15)
            server.kill()
            server.start()
        load.settle()
    runs = listed(server.url, server.key)
    check(load, runs)
    assert load.answers["gone"] > 0
    assert set(load.completed) == set(load.created) == {run for run, one in runs.items() if one["state"] == "completed"}
    assert sorted(one["payload"] for one in runs.values()) == sorted(set(load.created.values()))
    assert server.stop() == 0
    store = reopened(server)
    try:
        assert store.look(broken_rules) == []
        assert store.look(double_holders) == []
    finally:
        store.close()
    assert threading.active_count() < 50
