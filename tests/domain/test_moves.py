"""What a move means for the other fields of a run, and its deadlines."""

from __future__ import annotations

import pytest

from runyard.domain.moves import changed, due, move, occupies, silent_at, times_out_at
from runyard.domain.policy import Policy
from runyard.domain.records import Waiting
from runyard.domain.states import ENDED, FINAL, LEASED, RUN_MOVES, RunState
from tests.support.records import a_run

S = RunState
OUT_OF_LEASE = sorted((s, v) for (s, v), to in RUN_MOVES.items() if s in LEASED and to not in LEASED)


@pytest.mark.parametrize(("state", "verb"), OUT_OF_LEASE, ids="-".join)
def test_whoever_gives_up_a_run_has_no_lease_left(state: RunState, verb: str):
    after = move(a_run(state=state), verb, now=9).after
    assert after.lease_until is None


@pytest.mark.parametrize(("state", "verb"), [m for m in OUT_OF_LEASE if RUN_MOVES[m] in ENDED], ids="-".join)
def test_an_ended_run_remembers_its_last_lease_and_when_it_ended(state: RunState, verb: str):
    after = move(a_run(state=state), verb, now=9).after
    assert after.lease_hash == "hash"
    assert after.finished_at == 9
    assert after.worker == "w"


@pytest.mark.parametrize(("state", "verb"), [m for m in OUT_OF_LEASE if RUN_MOVES[m] not in ENDED], ids="-".join)
def test_a_run_that_goes_on_later_forgets_its_lease_and_holder(state: RunState, verb: str):
    after = move(a_run(state=state, started_at=3), verb, now=9).after
    assert after.lease_hash is None
    assert (after.worker, after.claimed_at, after.started_at, after.heartbeat_at) == (None, None, None, None)
    assert after.finished_at is None


def test_queueing_keeps_the_first_queued_time_and_sets_a_missing_one():
    assert move(a_run(state=S.RUNNING, queued_at=5), "release", now=9).after.queued_at == 5
    assert move(a_run(state=S.SCHEDULED), "promote", now=9).after.queued_at == 9


def test_leaving_the_queue_lifts_every_hold():
    held = a_run(hold="lane", hold_lane=3)
    for verb in ("pause", "cancel", "expire", "reschedule"):
        after = move(held, verb, now=9).after
        assert (after.hold, after.hold_lane) == (None, None)


def test_what_has_ended_waits_for_nothing_and_is_never_due():
    for (state, verb), to in RUN_MOVES.items():
        if to in ENDED:
            after = move(a_run(state=state, expires_at=50, next_retry_at=20), verb, now=9).after
            assert (after.waiting_for, after.next_retry_at, after.due_at) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"state": S.SCHEDULED, "available_at": 30}, 30),
        ({"state": S.SCHEDULED, "available_at": 30, "expires_at": 20}, 20),
        ({"state": S.QUEUED}, None),
        ({"state": S.QUEUED, "expires_at": 20}, 20),
        ({"state": S.QUEUED, "hold": "retry", "next_retry_at": 15, "expires_at": 20}, 15),
        ({"state": S.QUEUED, "hold": "lane", "next_retry_at": 15}, None),
        ({"state": S.DRAFT, "expires_at": 20}, 20),
        ({"state": S.DRAFT}, None),
        ({"state": S.CLAIMED, "lease_until": 100}, 100),
        ({"state": S.CLAIMED, "lease_until": 100, "claimed_at": 10, "policy": Policy(timeout=20)}, 30),
        (
            {"state": S.RUNNING, "lease_until": 100, "claimed_at": 10, "started_at": 40, "policy": Policy(timeout=20)},
            60,
        ),
        ({"state": S.RUNNING, "lease_until": 100, "heartbeat_at": 50, "policy": Policy(heartbeat_grace=20)}, 70),
        ({"state": S.RUNNING, "lease_until": 60, "heartbeat_at": 50, "policy": Policy(heartbeat_grace=20)}, 60),
        ({"state": S.WAITING, "waiting_for": Waiting(kind="event", until=33)}, 33),
        ({"state": S.WAITING, "waiting_for": Waiting(kind="event")}, None),
        ({"state": S.PAUSED, "expires_at": 20}, None),
        ({"state": S.DEAD_LETTER, "expires_at": 20}, None),
        ({"state": S.NEEDS_ATTENTION, "expires_at": 20}, None),
    ],
)
def test_the_timer_looks_at_a_run_when_its_first_deadline_passes(changes: dict[str, object], expected: int | None):
    assert due(a_run(**changes)) == expected


def test_a_changed_run_has_its_deadline_recomputed():
    run = a_run(state=S.RUNNING, lease_until=100)
    assert changed(run, lease_until=500).due_at == 500


def test_a_timeout_counts_from_the_claim_until_work_starts():
    policy = Policy(timeout=10)
    assert times_out_at(a_run(state=S.CLAIMED, claimed_at=5, policy=policy)) == 15
    assert times_out_at(a_run(state=S.RUNNING, claimed_at=5, started_at=8, policy=policy)) == 18
    assert times_out_at(a_run(state=S.RUNNING)) is None
    assert silent_at(a_run(state=S.RUNNING)) is None


def test_only_claimable_and_held_runs_take_a_place_in_a_lane():
    assert occupies(a_run())
    assert all(occupies(a_run(state=state)) for state in LEASED)
    assert not any(occupies(a_run(hold=hold)) for hold in ("retry", "lane", "paused", "blocked"))
    others = FINAL | {S.DRAFT, S.SCHEDULED, S.WAITING, S.PAUSED, S.DEAD_LETTER, S.NEEDS_ATTENTION}
    assert not any(occupies(a_run(state=state)) for state in others)


def test_a_move_carries_who_and_why_for_the_journal():
    moved = move(a_run(), "cancel", now=9, actor="key:k1", data={"reason": "no longer needed"})
    assert (moved.actor, moved.data) == ("key:k1", {"reason": "no longer needed"})
