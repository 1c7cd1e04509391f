"""The transition table, and that nothing happens outside it."""

from __future__ import annotations

import itertools

import pytest

from runyard.domain.errors import IllegalMove
from runyard.domain.moves import move
from runyard.domain.states import (
    ENDED,
    EVENT_OF_VERB,
    FINAL,
    LEASED,
    LIVE,
    PARKED,
    RESOLVABLE,
    RUN_MOVES,
    UNSUCCESSFUL,
    RunState,
    is_final,
    target,
)
from tests.support.records import a_run

VERBS = sorted({verb for _, verb in RUN_MOVES})
REFUSED = sorted((state, verb) for state, verb in itertools.product(RunState, VERBS) if (state, verb) not in RUN_MOVES)


@pytest.mark.parametrize(("state", "verb"), sorted(RUN_MOVES), ids="-".join)
def test_a_move_of_the_table_leads_where_it_says(state: RunState, verb: str):
    run = a_run(state=state)
    moved = move(run, verb, now=7)
    assert moved.before is run
    assert moved.after.state is RUN_MOVES[state, verb]
    assert moved.after.updated_at == 7


@pytest.mark.parametrize(("state", "verb"), REFUSED, ids="-".join)
def test_every_other_move_is_refused(state: RunState, verb: str):
    assert target(state, verb) is None
    with pytest.raises(IllegalMove) as refusal:
        move(a_run(state=state), verb, now=7)
    assert refusal.value.extra == {"state": state.value}
    assert state.value in refusal.value.detail


def test_nothing_but_reopening_leads_out_of_a_final_state():
    assert {verb for source, verb in RUN_MOVES if source in FINAL} == {"reopen"}
    assert all(is_final(state) for state in FINAL)


def test_something_leads_into_every_state_and_out_of_every_live_one():
    assert set(RUN_MOVES.values()) == set(RunState)
    assert {source for source, verb in RUN_MOVES if verb != "reopen"} == LIVE


def test_every_live_run_can_be_canceled():
    assert all(target(state, "cancel") is RunState.CANCELED for state in LIVE)


def test_only_a_claim_gives_a_lease_and_only_holders_start():
    into_lease = {(source, verb) for (source, verb), to in RUN_MOVES.items() if to in LEASED and source not in LEASED}
    assert into_lease == {(RunState.QUEUED, "claim")}


def test_every_verb_has_an_event_and_every_event_a_verb():
    assert set(EVENT_OF_VERB) == set(VERBS)


def test_the_groups_of_states_fit_together():
    assert set(RunState) == FINAL | LIVE
    assert not FINAL & LIVE
    assert PARKED <= LIVE
    assert FINAL | {RunState.DEAD_LETTER} == ENDED
    assert RunState.COMPLETED not in RESOLVABLE
    assert UNSUCCESSFUL < ENDED
