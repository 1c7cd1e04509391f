"""Claiming: who gets which run, in which order."""

from __future__ import annotations

from runyard.domain.states import RunState
from tests.support.yard import Yard


def test_a_claimed_run_is_handed_out_once(yard: Yard):
    run = yard.create(payload='{"n": 1}')
    granted = yard.claim_one(worker="w1")
    assert granted.run.id == run.id
    assert granted.run.state is RunState.CLAIMED
    assert granted.run.payload == '{"n": 1}'
    assert yard.claim() == []
