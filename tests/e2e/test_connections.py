"""Connections that break between client and server: nothing is lost, nothing is done twice."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from runyard.sdk import Client, Context, Unreachable, Worker
from tests.e2e.conftest import Place, Working
from tests.e2e.cutter import Cutter
from tests.e2e.processes import until


def test_what_is_created_over_a_connection_that_keeps_breaking_is_created_once(place: Place) -> None:
    with (
        Cutter(place.server.url) as cutter,
        Client(cutter.url, place.server.key, place.project, retries=20) as client,
    ):
        alone = [client.runs.create(n, tags=["alone"]) for n in range(12)]
        named = [client.runs.create(n, tags=["named"], idempotency_key=f"key-{n // 2}") for n in range(8)]
        many = client.runs.create_many([{"payload": n, "tags": ["many"]} for n in range(50)])
        replayed = client.runs.replay(alone[0].cancel().id)
        job = client.jobs.create("made once")
        client.jobs.update("made once", description="changed once")
        lines = client.runs.add_logs(alone[1].id, [{"message": "said once"}])
        assert len(cutter.made) > 10, "the proxy did not do its work"

    created = Counter(run.id for run in place.client.runs.list())
    ids = {run.id for run in (*alone, *named, *many, replayed)}
    assert set(created) == ids
    assert len(ids) == 12 + 4 + 50 + 1
    assert [named[n].id for n in (0, 2, 4, 6)] == [named[n].id for n in (1, 3, 5, 7)]
    assert [run.payload for run in many] == [*range(50)]
    assert (job.version, place.client.jobs.get("made once").version) == (1, 2)
    assert lines.accepted == 1
    assert [line.message for line in place.client.runs.logs(alone[1].id)] == ["said once"]


def test_a_worker_behind_a_connection_that_keeps_breaking_completes_every_run_once(
    place: Place, working: Working
) -> None:
    seen: Counter[str] = Counter()
    with Cutter(place.server.url) as cutter:
        # What a lost claim was given comes back when its lease of a second has run out.
        worker = Worker(
            cutter.url, place.server.key, project=place.project, lease_seconds=1, wait_seconds=0.5, concurrency=4
        )

        @worker.fallback
        def handler(ctx: Context, payload: Any) -> Any:
            ctx.log(f"run {payload}")
            ctx.checkpoint({"n": payload})
            seen[ctx.run_id] += 1
            return payload

        runs = place.client.runs.create_many([{"payload": n} for n in range(10)])
        with working(worker):
            until(lambda: {run.state for run in place.client.runs.list()} == {"completed"})

    for n, run in enumerate(runs):
        assert run.refresh().output == n
        kinds = [event.type for event in place.client.runs.events(run.id)]
        assert kinds.count("run.completed") == 1
        # One whose answer was lost is kept and not counted, when the lease ran out before it was asked for again.
        kept = [one.state for one in place.client.runs.checkpoints(run.id)]
        assert len(kept) >= seen[run.id] >= 1
        assert kept == [{"n": n}] * len(kept)
    assert {"after", "midway"} <= set(cutter.made)


def test_a_client_gives_up_on_a_server_that_is_not_there(place: Place) -> None:
    with Cutter(place.server.url, ("refuse",)) as cutter, Client(cutter.url, "ry_k", retries=2) as client:
        with pytest.raises(Unreachable, match=re.escape(cutter.url)):
            client.runs.create()
        assert len(cutter.made) == 3
