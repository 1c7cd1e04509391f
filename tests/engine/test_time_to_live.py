"""How long a run may wait to be taken stays what was asked for when it was made, however often it counts anew."""

from __future__ import annotations

import pytest

from runyard.domain.jobs import Rate
from runyard.domain.states import RunState
from runyard.engine import event_waits, pauses
from runyard.storage.port import Tx
from tests.support.yard import SECOND, Yard

TTL = 60 * SECOND


def resumed(yard: Yard, run_id: str) -> None:
    yard.pause(run_id)
    yard.clock.forward(hours=2)
    yard.resume(run_id)


def restarted(yard: Yard, run_id: str) -> None:
    yard.clock.forward(hours=2)
    yard.do(pauses.restart, run_id)


def woken(yard: Yard, run_id: str) -> None:
    run = yard.run(run_id)
    token = yard.held[run_id].lease.token
    asked = event_waits.NewWait(project_id=1, run_id=run_id, token=token, name="go", timeout=86400 * SECOND)
    yard.store.transact(event_waits.begin, [asked])
    yard.clock.forward(hours=2)
    yard.store.transact(event_waits.send, run.project_id, "go", payload="null")


@pytest.mark.parametrize("counts_anew", [resumed, restarted, woken])
@pytest.mark.parametrize("after", ["requeue", "replay", "retry", "resume"])
def test_it_is_the_same_after_it_counted_anew(yard: Yard, clock, counts_anew, after):
    granted = yard.running(ttl=TTL)
    yard.held[granted.run.id] = granted
    counts_anew(yard, granted.run.id)
    assert yard.run(granted).expires_at == clock.now() + TTL
    again = yard.claim_one()
    yard.start(again)
    if after == "resume":
        resumed(yard, again.run.id)
        assert yard.run(again).expires_at == clock.now() + TTL
        return
    yard.fail(again, retryable=False)
    if after == "retry":
        yard.discard(again)
    clock.forward(hours=1)
    assert getattr(yard, after)(again).expires_at == clock.now() + TTL


def test_it_is_the_same_for_a_run_that_waited_for_its_turn(yard: Yard, clock):
    yard.job("job", rate=Rate(max=1, window=30 * SECOND, mode="hold"))
    yard.create(job="job")
    run = yard.create(job="job", ttl=TTL)
    assert run.state is RunState.SCHEDULED
    assert yard.replay(yard.cancel(run)).expires_at == clock.now() + TTL


def test_copies_of_copies_have_it_too(yard: Yard, clock):
    run = yard.cancel(yard.create(available_at=clock.now() + 3600 * SECOND, ttl=TTL))
    for _ in range(3):
        clock.forward(hours=1)
        run = yard.replay(run)
        assert run.expires_at == clock.now() + TTL
        resumed(yard, run.id)
        run = yard.cancel(run)


def test_it_is_reckoned_where_a_run_does_not_say(yard: Yard, clock):
    run = yard.create(ttl=TTL)

    def forgotten(tx: Tx) -> None:
        tx.run("UPDATE runs SET ttl = NULL")

    yard.store.transact(forgotten)
    clock.forward(seconds=1)
    assert yard.replay(yard.cancel(run)).expires_at == clock.now() + TTL
