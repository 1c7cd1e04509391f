"""Claims by sessions: which run is whose, in which order, and each of them once."""

from __future__ import annotations

import threading
from typing import Any
from unittest import mock

import pytest

from runyard.domain.actors import Actor
from runyard.domain.errors import Conflict, DomainError, Forbidden, Invalid
from runyard.domain.profiles import Profile, Worker
from runyard.domain.sessions import Session
from runyard.domain.tasks import Stage
from runyard.engine import sessions
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import claims, queueing, scheduling, settling
from runyard.engine.tasks.claims import Ask, Handed
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import tasks as tasks_sql
from tests.support.yard import PERSON, SECOND, Yard

PLACE, ELSEWHERE = "workspace-1", "workspace-2"


def ask(session: Session, **asked: Any) -> Ask:
    return Ask(project_id=session.project_id, who=Claimed(session_id=session.id, agent=session.agent), **asked)


def together(yard: Yard, *asks: Ask) -> list[Handed | DomainError | None]:
    """What those are answered who ask at the same moment."""
    return list(yard.store.transact(claims.claim_next, asks))


def ids(answers: Any) -> list[str | None]:
    """Which run each was handed."""
    return [one.run.id if isinstance(one, Handed) else one for one in answers]


def require(yard: Yard, task: Any, *needs: str) -> None:
    """Let only those have the task's runs that can do this."""
    profile = Profile(worker=Worker(required_capabilities=needs))
    text = queueing._json.encode(profile).decode()
    yard.store.transact(lambda tx: tx.run("UPDATE tasks SET profile = :p WHERE id = :id", p=text, id=task.id))


def test_those_who_ask_at_once_get_different_runs_in_order(yard: Yard):
    """Some of them may have what others may not: their ways through the queue cross, and no run is handed out twice."""
    plain = [yard.task(priority=priority) for priority in (2, 8)]
    special = yard.task(priority=6)
    require(yard, special, "go")
    rows = [yard.queue(task) for task in (*plain, special)]
    asks = [ask(yard.session()), ask(yard.session(capabilities=["go"])), ask(yard.session(), least_priority=4)]
    asks += [ask(yard.session(), capabilities=frozenset({"go", "c"})), ask(yard.session())]
    got = together(yard, *asks)
    assert ids(got) == [rows[1].run_id, rows[2].run_id, None, rows[0].run_id, None]
    yard.check()


def test_a_session_that_asks_twice_at_once_has_one_run(yard: Yard):
    session = yard.session()
    assert together(yard, ask(session), ask(session)) == [None, None]
    row = yard.queue(yard.task())
    yard.queue(yard.task())
    first, second = together(yard, ask(session), ask(session))
    assert ids([first]) == [row.run_id]
    assert isinstance(second, Conflict)
    assert second.extra["run_id"] == row.run_id


def test_the_claim_says_what_the_task_is_then(yard: Yard):
    task = yard.task()
    row = yard.queue(task)
    session = yard.session()
    handed = yard.claim_next(session, lease=60 * SECOND)
    assert handed is not None
    (line,) = [line for line in yard.timeline(task) if line.type == "task.run_claimed"]
    assert handed.sequence == line.seq
    assert handed.task == yard.task_now(task)
    assert (handed.row.run_id, handed.row.stage, handed.row.session_id) == (row.run_id, Stage.CLAIMED, session.id)
    assert handed.run == yard.run(row.run_id)
    assert handed.run.lease_until == yard.clock.now() + 60 * SECOND
    assert (line.actor_kind, line.actor_ref) == ("agent_session", session.id)
    assert (handed.row.claimer_ref, handed.run.heartbeat_at) == (session.id, yard.clock.now())


def test_work_of_a_workspace_is_for_sessions_of_that_workspace(yard: Yard):
    here, nowhere = yard.queue(yard.task(workspace_id=PLACE)), yard.queue(yard.task())
    assert yard.claim_next(yard.session(workspace_id=ELSEWHERE)) is None
    assert ids([yard.claim_next(yard.session())]) == [nowhere.run_id]
    assert ids([yard.claim_next(yard.session(workspace_id=PLACE), workspace_id=PLACE)]) == [here.run_id]
    for session, named in ((yard.session(), PLACE), (yard.session(workspace_id=PLACE), ELSEWHERE)):
        with pytest.raises(Forbidden, match="own workspace"):
            yard.claim_next(session, workspace_id=named)


def test_a_session_in_a_channel_gets_runs_of_that_channel_alone(yard: Yard):
    yard.queue(yard.task(workspace_id=PLACE, priority=8))
    named = yard.queue(yard.task(workspace_id=PLACE, channel="ops"))
    yard.queue(yard.task(channel="ops", priority=8))
    assert ids([yard.claim_next(yard.session(workspace_id=PLACE, channel="ops"))]) == [named.run_id]
    assert yard.claim_next(yard.session(workspace_id=PLACE, channel="ops")) is None
    assert yard.claim_next(yard.session(channel="ops")) is None, "what is of no workspace has no channel"


def test_a_session_in_the_own_channel_of_a_run_gets_that_run(yard: Yard):
    yard.queue(yard.task(workspace_id=PLACE, priority=8))
    rows = [yard.queue(yard.task(workspace_id=PLACE, priority=priority)) for priority in (2, 4)]
    global_row = yard.queue(yard.task())
    own = [ask(yard.session(workspace_id=PLACE, channel=queueing.coordination_of(row.run_id))) for row in rows]
    picky = ask(yard.session(workspace_id=PLACE, channel=queueing.coordination_of(rows[0].run_id)), least_priority=4)
    strangers = [
        ask(yard.session(workspace_id=ELSEWHERE, channel=queueing.coordination_of(rows[0].run_id))),
        ask(yard.session(channel=queueing.coordination_of(global_row.run_id))),
        ask(yard.session(workspace_id=PLACE, channel="coord-run-" + "0" * 32)),
    ]
    many = [ask(yard.session(workspace_id=PLACE)) for _ in range(3)]
    got = together(yard, *strangers, picky, *own, *many)
    assert ids(got)[:6] == [None, None, None, None, rows[0].run_id, rows[1].run_id]
    taken = [one for one in ids(got) if one is not None]
    assert len(taken) == len(set(taken)) == 3
    assert queueing.run_of(queueing.coordination_of(rows[0].run_id)) == rows[0].run_id
    assert queueing.run_of("ops") is queueing.run_of(None) is queueing.run_of("coord-run-ops") is None


def test_the_own_channel_of_a_run_does_not_lift_its_conditions(yard: Yard):
    task = yard.task(workspace_id=PLACE, owner=Actor("pool", "tester"))
    channel = queueing.coordination_of(yard.queue(task).run_id)
    assert yard.claim_next(yard.session("coder", workspace_id=PLACE, channel=channel)) is None
    assert yard.claim_next(yard.session("tester", workspace_id=PLACE, channel=channel)) is not None


def test_what_one_session_owns_is_for_that_session(yard: Yard):
    mine, other = yard.session(), yard.session()
    row = yard.queue(yard.task(owner=Actor("agent_session", mine.id)))
    assert ids(together(yard, ask(other), ask(mine))) == [None, row.run_id]


def test_nothing_is_handed_out_while_the_scheduler_is_paused(yard: Yard):
    row = yard.queue(yard.task())
    session = yard.session()
    yard.store.transact(scheduling.pause, yard.project_id, PERSON)
    assert yard.claim_next(session) is None
    yard.store.transact(scheduling.resume, yard.project_id, PERSON)
    assert ids([yard.claim_next(session)]) == [row.run_id]


def test_who_has_a_lease_that_is_over_loses_the_run_and_may_ask_again(yard: Yard):
    task = yard.task(priority=8)
    first, second = yard.queue(task), yard.queue(yard.task(priority=2))
    session = yard.session()
    assert ids([yard.claim_next(session)]) == [first.run_id]
    yard.clock.forward(seconds=300)
    assert ids([yard.claim_next(session, least_priority=8)]) == [first.run_id], "before any timer looked"
    assert [line.type for line in yard.timeline(task)][-2:] == ["task.run_lease_expired", "task.run_claimed"]
    assert yard.run(first.run_id).epoch == 2
    assert yard.run(second.run_id).state == "queued"
    yard.check()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_cannot_be_asked_for(yard: Yard):
    yard.queue(yard.task())
    session = yard.session()
    wrong: list[dict[str, Any]] = [{"capabilities": frozenset({one})} for one in ("", "a b", "a,b", "é" * 65, "a\tb")]
    wrong += [{"capabilities": frozenset(map(str, range(claims.MOST_CAPABILITIES + 1)))}]
    wrong += [{"lease": one * SECOND} for one in (-1, 86401)] + [{"least_priority": -1}]
    for asked in wrong:
        with pytest.raises(Invalid):
            yard.claim_next(session, **asked)
    assert yard.claim_next(session, least_priority=11) is None
    assert yard.claim_next(session, lease=86400 * SECOND, capabilities=frozenset({"é" * 64})) is not None


def test_only_who_is_there_is_handed_work(yard: Yard):
    yard.queue(yard.task())
    session = yard.session()
    for who, error in (
        (Claimed(session_id="", agent="coder"), sessions.IdentityRequired),
        (Claimed(session_id=session.id, agent=""), sessions.IdentityRequired),
        (Claimed(session_id="nobody\0", agent="coder"), sessions.IdentityStale),
        (Claimed(session_id=session.id, agent="tester"), sessions.IdentityMismatch),
        (Claimed(session_id=session.id, agent="coder", workspace_id=PLACE), sessions.IdentityForbidden),
    ):
        for project_id in (1, 2):
            (answer,) = together(yard, Ask(project_id=project_id, who=who))
            assert isinstance(answer, error if project_id == 1 or not who.agent or not who.session_id else DomainError)
    yard.store.transact(settling.end, [session.id], PERSON)
    with pytest.raises(sessions.IdentityStale):
        yard.claim_next(session)


def test_a_claim_does_not_look_at_what_it_may_not_have(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    for _ in range(5):
        yard.queue(yard.task(owner=Actor("pool", "tester")))
    looked = mock.Mock(wraps=runs_sql.ready_ranks)
    monkeypatch.setattr(runs_sql, "ready_ranks", looked)
    assert yard.claim_next(yard.session("coder")) is None
    assert not looked.called
    assert together(yard, ask(yard.session("tester")), ask(yard.session("coder")))[1] is None
    assert [call.args[2] for call in looked.call_args_list] == [1], "one who may, one run to look at"


def test_two_servers_hand_out_each_run_once(two_servers, clock):
    here, there = (Yard(store, clock) for store in two_servers)
    tasks = [here.task(priority=(2, 4, 6, 8)[number % 4]) for number in range(60)]
    for number, task in enumerate(tasks):
        if number % 3 == 0:
            require(here, task, "go")
        here.queue(task)
    crew = [here.session(capabilities=["go"] if number % 2 else []) for number in range(80)]
    got: list[Handed | DomainError | None] = []

    def work(yard: Yard, mine: list[Session]) -> None:
        for start in range(0, len(mine), 4):
            got.extend(together(yard, *map(ask, mine[start : start + 4])))

    threads = [threading.Thread(target=work, args=(yard, crew[part::2])) for part, yard in ((0, here), (1, there))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [one for one in ids(got) if isinstance(one, str)]
    assert len(taken) == len(set(taken))
    left = here.store.look(lambda tx: tx.rows("SELECT id FROM runs WHERE state = 'queued'"))
    assert len(taken) + len(left) == 60
    assert len(taken) >= 40, "whoever asks is told that there is nothing only when others were quicker many times"
    here.check()


def test_two_servers_hand_one_session_one_run(two_servers, clock):
    here, there = (Yard(store, clock) for store in two_servers)
    session = here.session()
    for _ in range(20):
        here.queue(here.task())
    got: list[Any] = []
    threads = [
        threading.Thread(target=lambda yard=yard: got.extend(together(yard, ask(session)))) for yard in (here, there)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(one).__name__ for one in got) == ["Conflict", "Handed"]
    held = here.store.look(lambda tx: tx.rows("SELECT run_id FROM task_runs WHERE held = 1"))
    assert len(held) == 1


def test_a_session_that_ends_meanwhile_is_handed_nothing_it_would_keep(two_servers, clock):
    here, there = (Yard(store, clock) for store in two_servers)
    for _ in range(10):
        row = here.queue(here.task())
        session = here.session()
        thread = threading.Thread(target=lambda one=session: there.store.transact(settling.end, [one.id], PERSON))
        thread.start()
        together(here, ask(session))
        thread.join()
        assert here.state(row.run_id) == "queued", "either it was too late, or its run went back"
        task = here.store.look(tasks_sql.get, [row.task_id])[row.task_id]
        assert task.current_run_id is None
        here.cancel(row.run_id)
