"""Two servers on one PostgreSQL database share the work: each run is held once, limits hold, deadlocks pass by."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from runyard.domain.errors import Unavailable
from runyard.domain.states import RunState
from runyard.engine import timers
from runyard.storage.port import Tx
from runyard.storage.postgres import PostgresStore
from tests.support.postgres import fresh_database
from tests.support.stalling import PATIENCE, stalled, submit
from tests.support.yard import Yard, all_runs

LOCK = "SELECT id FROM runs WHERE id = :id {lock}"


def together(*works: Callable[[], object]) -> None:
    """Do all of it at once; raise what went wrong first."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_each_run_is_claimed_once_and_completed_once(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    yards[0].create_many(150)
    yards[1].create_many(150)
    claims: Counter[str] = Counter()

    def work(yard: Yard) -> None:
        while granted := yard.claim(7):
            for one in granted:
                claims[one.run.id] += 1
                yard.complete(one)

    together(*[lambda yard=yard: work(yard) for yard in yards * 3])
    assert len(claims) == 300
    assert set(claims.values()) == {1}
    assert {run.state for run in yards[0].store.look(all_runs)} == {RunState.COMPLETED}
    yards[0].check()


def test_a_lease_given_by_one_server_is_good_on_the_other(two_servers, clock):
    one, other = (Yard(server, clock) for server in two_servers)
    run = one.create()
    granted = other.claim_one()
    assert one.heartbeat(granted).id == run.id
    assert other.complete(granted).state is RunState.COMPLETED
    assert one.state(run) is RunState.COMPLETED


def test_limits_are_not_overshot(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    yards[0].job(max_concurrency=3, max_per_key=2)
    for number in range(30):
        yards[number % 2].create(job="job", concurrency_key="abc"[number % 3], priority=number % 2)
    done: list[str] = []

    def work(yard: Yard) -> None:
        while len(done) < 30:
            for one in yard.claim(2):
                yard.complete(one)
                done.append(one.run.id)

    def watch(yard: Yard) -> None:
        while len(done) < 30:
            leased = [run for run in yard.store.look(all_runs) if run.is_leased]
            assert len(leased) <= 3
            assert max(Counter(run.concurrency_key for run in leased).values(), default=0) <= 2

    together(*[lambda yard=yard: work(yard) for yard in yards * 2], lambda: watch(yards[0]))
    assert len(set(done)) == len(done) == 30
    yards[0].check()


def test_timers_on_both_servers_move_each_run_once(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    runs = yards[0].create_many(200, available_at=clock.now() + 1)
    clock.forward(seconds=1)
    moved: list[int] = []

    def work(yard: Yard) -> None:
        while count := yard.store.transact(timers.tick, 20):
            moved.append(count)

    together(*[lambda yard=yard: work(yard) for yard in yards * 2])
    yards[0].tick()
    assert all(yards[0].story(run) == ["created", "queued"] for run in runs[::20])
    yards[0].check()


def test_operations_that_lock_each_other_out_are_both_done(two_servers, clock):
    one, other = (Yard(server, clock) for server in two_servers)
    first, second = one.create_many(2)
    both = threading.Barrier(2)
    tries: Counter[str] = Counter()

    def lock_both(tx: Tx, mine: str, theirs: str) -> None:
        tries[mine] += 1
        tx.run("SET LOCAL deadlock_timeout = '20ms'")
        tx.rows(LOCK, id=mine)
        if tries[mine] == 1:
            both.wait(PATIENCE)
        tx.rows(LOCK, id=theirs)
        tx.run("UPDATE runs SET worker = COALESCE(worker, '') || 'x' WHERE id = :id", id=theirs)

    together(
        lambda: one.store.transact(lock_both, first.id, second.id),
        lambda: other.store.transact(lock_both, second.id, first.id),
    )
    # The one that gave way tried again, perhaps more than once.
    assert sum(tries.values()) >= 3
    assert [one.run(run).worker for run in (first, second)] == ["x", "x"]


def test_a_batch_that_meets_a_deadlock_is_written_one_by_one(two_servers, clock):
    one, other = (Yard(server, clock) for server in two_servers)
    first, second = one.create_many(2)
    both = threading.Barrier(2)
    tries: Counter[str] = Counter()

    def lock_both(tx: Tx, mine: str, theirs: str) -> None:
        tries[mine] += 1
        tx.run("SET LOCAL deadlock_timeout = '20ms'")
        tx.rows(LOCK, id=mine)
        if tries[mine] == 1:
            both.wait(PATIENCE)
        tx.rows(LOCK, id=theirs)

    waiting = []
    with stalled(one.store), stalled(other.store):
        for yard, mine, theirs in ((one, first.id, second.id), (other, second.id, first.id)):
            waiting += [submit(yard.store, lambda tx: tx.wake("x")) for _ in range(3)]
            waiting.append(submit(yard.store, lock_both, mine, theirs))
    for one_ in waiting:
        one_.result(PATIENCE)
    assert sum(tries.values()) >= 3


def test_a_new_kind_of_work_made_on_one_server_is_claimed_on_the_other(two_servers, clock):
    one, other = (Yard(server, clock) for server in two_servers)
    assert other.claim() == []
    for name in ("a", "b"):
        run = one.create(queue=name, requires=(name,))
        assert other.claim_one(capabilities=frozenset({name})).run.id == run.id


def test_the_same_new_kind_of_work_made_on_both_servers_at_once_is_one(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    for number in range(10):
        together(*[lambda yard=yard, queue=f"q{number}": yard.create(queue=queue) for yard in yards])
    runs = yards[0].store.look(all_runs)
    assert len({run.class_id for run in runs}) == 10
    assert len(yards[1].claim(50)) == 20


def test_servers_that_start_at_once_make_the_schema_once(postgres_dsn, clock):
    place = fresh_database(postgres_dsn)
    stores: list[PostgresStore] = []
    together(*[lambda: stores.append(PostgresStore(place, clock=clock)) for _ in range(4)])
    assert len(stores) == 4
    together(*[store.close for store in stores])


def test_connections_that_break_are_opened_again(two_servers, clock):
    one, other = (Yard(server, clock) for server in two_servers)
    kept = one.create()
    cut = (
        "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'runyard'"
    )
    other.store.transact(lambda tx: tx.rows(cut))
    made = 0
    for _ in range(20):
        try:
            one.create()
            other.create()
            made += 1
        except Unavailable:
            continue
    assert made >= 10
    assert one.run(kept).id == kept.id
    granted = one.claim_one()
    assert granted.run.id == kept.id
