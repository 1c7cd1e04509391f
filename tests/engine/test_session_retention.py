"""Retention of sessions: which go, what goes with them, what keeps them, and how old lines about them go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runyard.domain.actors import Doer, Origin
from runyard.domain.errors import NotFound
from runyard.domain.sessions import Session
from runyard.engine import channels, prompts, retention, session_lists, session_retention, session_starts, sessions
from runyard.engine.channels import NewMessage
from runyard.engine.session_retention import START, Place
from runyard.engine.session_starts import Spawn
from runyard.engine.tasks import deleting, making, operating, settling
from runyard.engine.tasks.making import NewTask
from runyard.engine.workspaces import NewWorkspace, create
from runyard.loops import retention as loops
from runyard.settings import Settings
from runyard.storage.port import Tx
from runyard.storage.postgres import PostgresStore
from runyard.storage.statements import session_retention as sql
from tests.engine.tasks.life import steps_of
from tests.engine.tasks.test_routing import asked, given
from tests.support.judging import ended
from tests.support.stores import Clock
from tests.support.yard import PERSON, Yard

DAY = 24 * 3600 * 1_000_000
MONTH = {"hours": 24 * 30 + 1}
OF_SESSIONS = ("sessions", "session_events", "session_prompts", "channel_reads")
HELPER = Spawn(agent="helper", role="worker", ttl=86_400_000_000, key="once")


def stop(yard: Yard, session: Session, **said: Any) -> Session:
    yard.store.transact(settling.end, [session.id], PERSON, **said)
    return session


def walk(yard: Yard, settings: Settings | None = None, *, limit: int = 200) -> int:
    """A whole round; how many sessions went."""
    place: Place | None = START
    gone = 0
    while place is not None:
        before = retention.cutoffs(settings or Settings(), yard.clock.now())
        done = session_retention.retire_once(yard.store, before, place, limit=limit)
        place, gone = done.place, gone + done.deleted
    return gone


def kept(yard: Yard, session: Session) -> bool:
    try:
        return bool(yard.store.look(sessions.find, yard.project_id, session.id))
    except NotFound:
        return False


def counts(yard: Yard, *tables: str) -> list[int]:
    return yard.store.look(lambda tx: [tx.rows(f"SELECT COUNT(*) FROM {one}")[0][0] for one in tables])


def say(yard: Yard, session: Session, name: str) -> None:
    yard.store.transact(channels.say, session, name, NewMessage(kind="status", body='{"body":1}', key="k"))


def prune(yard: Yard) -> None:
    """What the loop does, until there is nothing left to do."""

    async def passes() -> None:
        while await loops.prune_once(yard.store) is not None:
            pass

    asyncio.run(passes())


def test_a_stopped_session_is_kept_as_long_as_runs_that_ended_like_it(yard: Yard) -> None:
    well, badly, there = stop(yard, yard.session()), stop(yard, yard.session(), failure="it broke"), yard.session()
    yard.clock.forward(hours=24 * 30 - 1)
    assert walk(yard) == 0
    yard.clock.forward(hours=2)
    assert walk(yard) == 1
    assert [kept(yard, one) for one in (well, badly, there)] == [False, True, True]
    yard.clock.forward(hours=24 * 60)
    assert walk(yard) == 1
    assert [kept(yard, one) for one in (badly, there)] == [False, True]
    stop(yard, there)
    yard.clock.forward(hours=24 * 9999)
    assert walk(yard, Settings(retention_completed_days=0)) == 0
    assert walk(yard, Settings(retention_failed_days=0)) == 1


def test_all_that_is_a_session_s_goes_with_it(yard: Yard) -> None:
    gone, other = yard.session(channel="lobby"), yard.session(channel="lobby")
    for one in (gone, other):
        yard.store.transact(prompts.queue, 1, one.id, "hello")
        say(yard, one, "lobby")
    for one in (gone, other):
        assert yard.store.transact(channels.receive, one, "lobby")
    before = counts(yard, *OF_SESSIONS)
    stop(yard, gone)
    yard.clock.forward(**MONTH)
    assert walk(yard) == 1
    assert [2 * count for count in counts(yard, *OF_SESSIONS)] == before
    assert counts(yard, "channel_messages") == [2], "what it said goes by its own age"
    assert [one.type for one in yard.store.look(session_lists.events, 1, other.id)] == [
        "session_started",
        "user_message",
    ]


def test_much_that_is_a_session_s_goes_in_slices(yard: Yard) -> None:
    session = yard.session()
    for number in range(5):
        yard.store.transact(prompts.queue, 1, session.id, str(number))
    stop(yard, session)
    slices = 0
    while yard.store.transact(session_retention.delete, [session.id], 8) is None:
        slices += 1
        assert kept(yard, session)
    assert slices > 3
    assert counts(yard, *OF_SESSIONS) == [0, 0, 0, 0]


def of_session(session: Session) -> Doer:
    return Doer(sessions.actor_of(session), Origin("http", "tasks.test"))


def by_its_run(yard: Yard, session: Session) -> None:
    ended(yard, yard.task(), by=session)


def by_a_run_it_claimed(yard: Yard, session: Session) -> None:
    row = yard.queue(yard.task())
    yard.store.transact(operating.claim, 1, row.run_id, of_session(session), key="k")
    # Which is another session's to work on.
    yard.store.transact(operating.start, 1, row.run_id, PERSON)


def by_a_review(yard: Yard, session: Session) -> None:
    asked(yard)
    assert given(yard, session)


def by_its_task(yard: Yard, session: Session) -> None:
    yard.task(owner=sessions.actor_of(session))


def by_a_task_it_made(yard: Yard, session: Session) -> None:
    yard.store.transact(making.create, 1, NewTask(title="made"), of_session(session))


def by_a_session_below_it(yard: Yard, session: Session) -> None:
    yard.store.transact(session_starts.spawn, session, HELPER)


NAMING = (by_its_run, by_a_run_it_claimed, by_a_review, by_its_task, by_a_task_it_made, by_a_session_below_it)


@pytest.mark.parametrize("naming", NAMING)
def test_a_session_stays_as_long_as_it_is_named(yard: Yard, naming: Callable[[Yard, Session], None]) -> None:
    session, other = yard.session(), yard.session()
    naming(yard, session)
    for one in (session, other):
        stop(yard, one)
    yard.clock.forward(**MONTH)
    assert walk(yard) == 1
    assert [kept(yard, one) for one in (session, other)] == [True, False]
    # Decided anew in the transaction that deletes: it may have been named a moment ago.
    assert yard.store.transact(session_retention.delete, [session.id]) == 0
    yard.store.transact(lambda tx: [tx.run(f"DELETE FROM {one}") for one in ("task_runs", "reviews", "tasks")])
    yard.store.transact(lambda tx: tx.run("UPDATE sessions SET stopped_at = :now WHERE role IS NOT NULL", now=tx.now))
    assert walk(yard) == 1
    assert not kept(yard, session)


def test_a_key_under_which_a_session_was_begun_is_free_when_that_is_gone(yard: Yard) -> None:
    parent = yard.session()
    child = yard.store.transact(session_starts.spawn, parent, HELPER)
    assert yard.store.transact(session_starts.spawn, parent, HELPER).id == child.id
    stop(yard, child)
    yard.clock.forward(**MONTH)
    assert walk(yard) == 1
    again = yard.store.transact(session_starts.spawn, parent, HELPER)
    assert again.id != child.id
    for one in (again, parent):
        stop(yard, one)
    yard.clock.forward(**MONTH)
    assert walk(yard) == 2
    assert counts(yard, "idempotency_keys") == [0]


def test_a_round_goes_on_behind_those_that_stay(yard: Yard) -> None:
    for number in range(7):
        session = yard.session()
        if number != 5:
            by_its_task(yard, session)
        stop(yard, session)
        yard.clock.forward(micros=number % 2)
    yard.clock.forward(**MONTH)
    turn = loops.Round(yard.store, Settings())
    assert asyncio.run(turn.step_once()) is None, "the round was over at once"
    assert counts(yard, "sessions") == [6]
    assert walk(yard, limit=2) == 0


def test_what_happened_and_was_said_long_ago_goes_though_the_session_be_there(yard: Yard) -> None:
    session = yard.session(channel="lobby")
    waits, taken = (yard.store.transact(prompts.queue, 1, session.id, text).prompt for text in ("waits", "taken"))
    yard.store.transact(prompts.take, 1, session.id, only=[taken.id])
    say(yard, session, "lobby")
    yard.clock.forward(hours=24 * 89)
    yard.store.transact(prompts.queue, 1, session.id, "young")
    prune(yard)
    assert counts(yard, "session_events", "session_prompts", "channel_messages") == [5, 3, 1]
    yard.clock.forward(hours=25)
    prune(yard)
    assert [one.number for one in yard.store.look(session_lists.events, 1, session.id)] == [5]
    assert waits.id in [one.id for one in yard.store.look(prompts.page, 1, session.id)]
    assert counts(yard, "session_prompts", "channel_messages") == [2, 0]
    say(yard, session, "lobby")
    assert [one.number for one in yard.store.look(channels.messages, 1, "lobby")] == [2], "numbers go on"
    yard.store.transact(prompts.take, 1, session.id)
    assert [one.number for one in yard.store.look(session_lists.events, 1, session.id)] == [5, 6]


def test_a_run_s_own_channel_goes_with_the_run(yard: Yard) -> None:
    place = yard.store.transact(create, 1, NewWorkspace(root_dir="/shop")).id
    worker, tasks = yard.session(workspace_id=place), [yard.task(workspace_id=place) for _ in range(2)]
    names = [ended(yard, task, by=worker).coordination or "" for task in tasks]
    for name in names:
        say(yard, worker, name)
    assert counts(yard, "channels", "channel_messages") == [2, 2]
    yard.store.transact(deleting.delete, 1, tasks[0].id, PERSON)
    assert [one.name for one in yard.store.look(channels.page, 1)] == names[1:]
    assert counts(yard, "channel_messages") == [1]


def test_two_servers_share_the_work(two_servers: tuple[PostgresStore, PostgresStore], clock: Clock) -> None:
    yards = [Yard(store, clock) for store in two_servers]
    for _ in range(30):
        stop(yards[0], yards[0].session())
    clock.forward(hours=24 * 91)
    before = clock.now() - 90 * DAY

    def work(at: int) -> int:
        pruned = 0
        while done := yards[at % 2].store.transact(session_retention.prune, before, 7):
            pruned += done
        return pruned + walk(yards[at % 2], limit=4)

    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(work, range(4)))
    # What one of them is at while another comes by is left to it.
    assert done == 90
    assert counts(yards[0], *OF_SESSIONS) == [0, 0, 0, 0]


def plans_of_old(tx: Tx) -> list[str]:
    plans = [tx.rows(f"EXPLAIN QUERY PLAN {one}", before=0, n=9) for one in sql.OLD]
    return [step[3] for plan in plans for step in plan]


@pytest.mark.parametrize("engine", ["sqlite"])
def test_nothing_is_looked_for_but_by_index(yard: Yard) -> None:
    session = stop(yard, yard.session())
    before = retention.cutoffs(Settings(), yard.clock.now())
    steps = yard.store.look(lambda tx: steps_of(tx, session_retention.find, before, START, 10))
    steps += yard.store.transact(lambda tx: steps_of(tx, session_retention.delete, [session.id]))
    steps += yard.store.look(plans_of_old)
    assert len(steps) > 20
    scans = [step for step in steps if step.startswith("SCAN") and "old" not in step and "json_each" not in step]
    assert scans == [], steps
