"""Waits for events: a run parks under a name until somebody sends what it waits for."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from runyard.domain.errors import AlreadyExists, Conflict, DomainError, IllegalMove, Invalid, NotFound, RateLimited
from runyard.domain.policy import Failure
from runyard.domain.states import RunState
from runyard.domain.waits import EventWait, WaitState
from runyard.engine import event_waits, projects
from runyard.engine.claims import Granted
from runyard.engine.proofs import Pass
from tests.support.yard import SECOND, Yard

S = RunState
W = WaitState


def begin(yard: Yard, held: Granted, name: str = "go", *, token: Any = None, **said: Any) -> event_waits.Begun:
    """Let a held run wait for an event."""
    asked = event_waits.NewWait(
        project_id=yard.project_id, run_id=held.run.id, token=token or held.lease.token, name=name, **said
    )
    outcome: event_waits.Begun | DomainError = yard.store.transact(event_waits.begin, [asked])[0]
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def find(yard: Yard, name: str = "go") -> EventWait:
    """The wait of that name."""
    return yard.store.look(event_waits.find, yard.project_id, name)


def send(yard: Yard, name: str = "go", **said: Any) -> EventWait:
    """Send an event."""
    return yard.store.transact(event_waits.send, yard.project_id, name, **said)


def test_a_run_waits_for_its_event_and_goes_on_in_the_same_attempt(yard: Yard, clock):
    held = yard.running()
    begun = begin(yard, held)
    assert (begun.run.state, begun.wait.state) == (S.WAITING, W.WAITING)
    assert begun.wait.expires_at == clock.now() + 3600 * SECOND
    clock.forward(seconds=5)
    wait = send(yard, payload='{"ok":true}', actor="somebody")
    assert (wait.state, wait.response, wait.received_at, wait.sent_by) == (
        W.RECEIVED,
        '{"ok":true}',
        clock.now(),
        "somebody",
    )
    run = yard.run(held)
    assert (run.state, run.attempt, run.waiting_for, run.started_at) == (S.QUEUED, 1, None, None)
    assert yard.story(held) == ["created", "claimed", "started", "waiting", "event_received", "woken"]


def test_the_same_event_again_changes_nothing_and_another_is_refused(yard: Yard):
    held = yard.running()
    begin(yard, held)
    first = send(yard, payload='{"a":1,"b":[2]}')
    assert send(yard, payload='{ "b": [2], "a": 1 }') == first
    for other in ('{"a":1}', None):
        with pytest.raises(Conflict):
            send(yard, payload=other)
    with pytest.raises(NotFound):
        send(yard, "never")


def test_a_name_is_waited_for_once_at_a_time(yard: Yard):
    one, other = yard.running(), yard.running()
    begin(yard, one)
    with pytest.raises(AlreadyExists):
        begin(yard, other)
    assert yard.state(other) is S.RUNNING
    send(yard)
    begin(yard, other)
    assert find(yard).run_id == other.run.id


def test_runs_that_ask_for_one_name_in_one_transaction_are_answered_each_for_itself(yard: Yard):
    held = [yard.running() for _ in range(3)]
    asked = [event_waits.NewWait(project_id=1, run_id=one.run.id, token=one.lease.token, name="go") for one in held[:2]]
    twice = [event_waits.NewWait(project_id=1, run_id=held[2].run.id, token=held[2].lease.token, name=n) for n in "ab"]
    outcomes = yard.store.transact(event_waits.begin, [*asked, *twice])
    assert [type(outcome) for outcome in outcomes] == [
        event_waits.Begun,
        AlreadyExists,
        event_waits.Begun,
        Conflict,
    ]


@pytest.mark.parametrize("name", ["", "x" * 513, "a\nb", "a\0b", "\x85"])
def test_bad_names_are_refused(yard: Yard, name: str):
    with pytest.raises(Invalid):
        begin(yard, yard.running(), name)


@pytest.mark.parametrize("timeout", [0, -SECOND, 31 * 86400 * SECOND])
def test_bad_times_are_refused(yard: Yard, timeout: int):
    with pytest.raises(Invalid):
        begin(yard, yard.running(), timeout=timeout)


def test_with_a_run_token_only_a_run_at_work_begins_to_wait(yard: Yard):
    held = yard.claimed()
    with pytest.raises(IllegalMove):
        begin(yard, held, token=Pass())
    yard.start(held)
    begin(yard, held, token=Pass(attempt=1))
    with pytest.raises(IllegalMove):
        begin(yard, held, "other", token=Pass())


def test_a_project_has_only_so_many_runs_that_wait(yard: Yard):
    yard.store.transact(projects.ensure_default)
    yard.store.transact(projects.update, 1, settings={"max_event_waits": 1})
    begin(yard, yard.running(), "one")
    held = yard.running()
    with pytest.raises(RateLimited):
        begin(yard, held, "other")
    assert yard.state(held) is S.RUNNING
    send(yard, "one")
    begin(yard, held, "other")


def test_a_wait_whose_time_is_up_ends_with_its_run(yard: Yard):
    held = yard.running()
    begin(yard, held, timeout=5 * SECOND)
    yard.after(seconds=5)
    assert (yard.state(held), find(yard).state) == (S.TIMED_OUT, W.TIMED_OUT)
    with pytest.raises(Conflict):
        send(yard)


def test_canceling_a_wait_cancels_its_run_and_what_is_below(yard: Yard):
    held = yard.running()
    child = yard.create(parent_id=held.run.id)
    begin(yard, held)
    wait = yard.store.transact(event_waits.cancel, 1, "go", actor="somebody")
    assert (wait.state, yard.state(held), yard.state(child)) == (W.CANCELED, S.CANCELED, S.CANCELED)
    with pytest.raises(Conflict):
        yard.store.transact(event_waits.cancel, 1, "go")


@pytest.mark.parametrize("end", ["cancel", "complete", "fail"])
def test_a_wait_ends_with_its_run(yard: Yard, end: str):
    from runyard.engine import leases

    held = yard.running(policy={"max_attempts": 1, "dead_letter": False})
    begin(yard, held)
    if end == "cancel":
        yard.cancel(held)
    elif end == "complete":
        yard.report(leases.complete, leases.Complete(project_id=1, run_id=held.run.id, token=Pass()))
    else:
        failure = Failure(message="no")
        yard.report(
            leases.fail, leases.Fail(project_id=1, run_id=held.run.id, token=Pass(), failure=failure, final="failed")
        )
    assert find(yard).state is W.CANCELED


def test_an_event_that_comes_while_the_run_is_paused_is_not_lost(yard: Yard):
    held = yard.running()
    begin(yard, held)
    yard.pause(held)
    assert find(yard).state is W.WAITING
    send(yard)
    assert yard.state(held) is S.PAUSED
    assert yard.resume(held).state is S.QUEUED


def test_a_time_to_live_begins_anew_when_the_event_comes(yard: Yard, clock):
    held = yard.running(ttl=5 * SECOND)
    begin(yard, held)
    clock.forward(seconds=60)
    send(yard)
    assert yard.run(held).expires_at == clock.now() + 5 * SECOND
    assert yard.claim_one().run.id == held.run.id


def test_an_event_for_a_prefix_answers_all_waits_that_begin_so(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_waits, "SLICE", 2)
    held = {name: yard.running() for name in ("a", "a:1", "a:2", "a:\U0010fffe", "b", "aa")}
    for name, one in held.items():
        begin(yard, one, name)
    answered, after = [], ""
    while True:
        waits, more = yard.store.transact(event_waits.send_to_all, 1, "a:", payload="7", after=after)
        answered += [wait.name for wait in waits]
        if more is None:
            break
        after = more
    assert answered == ["a:1", "a:2", "a:\U0010fffe"]
    assert {name for name, one in held.items() if yard.state(one) is S.WAITING} == {"a", "b", "aa"}


def test_another_projects_wait_is_not_found(yard: Yard, clock):
    other = Yard(yard.store, clock, yard.store.transact(projects.create, slug="other").id)
    begin(yard, yard.running())
    for op in (event_waits.find, event_waits.send, event_waits.cancel):
        with pytest.raises(NotFound):
            yard.store.transact(op, other.project_id, "go")
    begin(other, other.running())


def test_waits_are_listed_newest_first_and_counted(yard: Yard, clock):
    for name in "abcd":
        begin(yard, yard.running(), name)
        clock.forward(seconds=1)
    send(yard, "a")
    yard.store.transact(event_waits.cancel, 1, "b")
    listed = yard.store.look(event_waits.page, 1, limit=3)
    assert [wait.name for wait in listed] == ["d", "c", "b"]
    assert [wait.name for wait in yard.store.look(event_waits.page, 1, before=listed[-1].id)] == ["a"]
    assert [wait.name for wait in yard.store.look(event_waits.page, 1, until=listed[0].requested_at)] == ["c", "b", "a"]
    assert [wait.name for wait in yard.store.look(event_waits.page, 1, state=W.WAITING)] == ["d", "c"]
    stats = yard.store.look(event_waits.stats, 1)
    assert stats.counts == {W.WAITING: 2, W.RECEIVED: 1, W.TIMED_OUT: 0, W.CANCELED: 1}
    assert stats.average == 4 * SECOND


def test_old_finished_waits_are_purged_and_open_ones_stay(yard: Yard, clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_waits, "SLICE", 2)
    for name in "abcd":
        begin(yard, yard.running(), name)
    for name in "abc":
        send(yard, name)
    clock.forward(hours=48)
    before = clock.now() - 86400 * SECOND
    assert yard.store.look(event_waits.count_old, 1, before=before) == 3
    gone = []
    while count := yard.store.transact(event_waits.purge, 1, before=before):
        gone.append(count)
    assert gone == [2, 1]
    assert [wait.name for wait in yard.store.look(event_waits.page, 1)] == ["d"]


def test_an_event_sent_on_two_servers_at_once_wakes_the_run_once(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    for number in range(20):
        held = yards[0].running()
        begin(yards[0], held, f"go{number}")
        outcomes: list[Any] = []

        def deliver(yard: Yard, name: str, payload: str, outcomes: list[Any] = outcomes) -> None:
            try:
                outcomes.append(send(yard, name, payload=payload))
            except Conflict as error:
                outcomes.append(error)

        threads = [
            threading.Thread(target=deliver, args=(yard, f"go{number}", str(place))) for place, yard in enumerate(yards)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "EventWait"]
        assert yards[0].story(held).count("woken") == 1
        yards[0].complete(yards[0].claim_one())


def test_a_run_whose_event_came_meanwhile_is_not_canceled(two_servers, clock, monkeypatch: pytest.MonkeyPatch):
    here, there = (Yard(server, clock) for server in two_servers)
    held = here.running()
    begin(here, held)
    look = event_waits.find

    def found_and_answered(tx: Any, project_id: int, name: str) -> EventWait:
        wait = look(tx, project_id, name)
        monkeypatch.setattr(event_waits, "find", look)
        send(there, name)
        return wait

    monkeypatch.setattr(event_waits, "find", found_and_answered)
    with pytest.raises(Conflict, match="received"):
        here.store.transact(event_waits.cancel, 1, "go")
    assert (here.state(held), find(here).state) == (S.QUEUED, W.RECEIVED)


def test_two_runs_that_ask_for_one_name_on_two_servers_at_once_do_not_both_wait(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    for number in range(20):
        held = [yards[0].running() for _ in range(2)]
        refused: list[Exception] = []

        def ask(yard: Yard, one: Granted, name: str, refused: list[Exception] = refused) -> None:
            try:
                begin(yard, one, name)
            except AlreadyExists as error:
                refused.append(error)

        threads = [
            threading.Thread(target=ask, args=(yard, one, f"go{number}")) for yard, one in zip(yards, held, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 1
        assert sorted(yards[0].state(one) for one in held) == [S.RUNNING, S.WAITING]
    yards[0].check()


def test_who_asked_to_be_told_is_told_of_the_wait(yard: Yard):
    import msgspec

    from runyard.engine import deliveries

    yard.store.transact(projects.ensure_default)
    begun = begin(yard, yard.running(), notify_url="https://example.com/told")
    begin(yard, yard.running(), "other")
    assert begun.wait.notify_state == "pending"
    (message,) = yard.store.transact(deliveries.take, 10)
    told = msgspec.json.decode(message.body)
    assert (message.url, told["event_key"], told["trigger_id"], told["run_id"], told["project_id"]) == (
        "https://example.com/told",
        "go",
        begun.wait.id,
        begun.run.id,
        "default",
    )
    yard.store.transact(deliveries.settle, [deliveries.Sent(id=message.id, attempts=1, error="away")])
    assert find(yard).notify_state == "pending"
    yard.store.transact(deliveries.settle, [deliveries.Sent(id=message.id, attempts=2)])
    assert (find(yard).notify_state, find(yard, "other").notify_state) == ("sent", None)
