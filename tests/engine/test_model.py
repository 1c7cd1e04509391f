"""The engine against a small model: random verbs by random holders, stale tokens, clock moves, timers, crashes.

`pytest --hypothesis-profile=deep tests/engine/test_model.py` looks much further.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runyard.domain.errors import Conflict, IllegalMove, LeaseLost
from runyard.domain.policy import Policy
from runyard.domain.records import Run
from runyard.domain.states import ENDED, FINAL, LEASED, LIVE, RESOLVABLE, RUN_MOVES, RunState
from runyard.engine.claims import Granted
from runyard.storage.port import Tx
from runyard.storage.postgres import PostgresStore
from runyard.storage.sqlite import SqliteStore
from tests.support.effort import THOROUGH
from tests.support.model import DELAY, LEASE, LOST_LEASES, SECOND, Model, Modelled
from tests.support.stores import AnyStore, Clock, Shelf, clear, forget
from tests.support.yard import Yard, all_runs

S = RunState
POLICY = {"backoff": "fixed", "initial_delay": DELAY, "jitter": 0.0, "lease": LEASE, "lost_leases": LOST_LEASES}


PEOPLE = {
    "cancel": LIVE | {S.CANCELED},
    "pause": frozenset(state for state, verb in RUN_MOVES if verb == "pause") | {S.PAUSED},
    "resume": frozenset({S.PAUSED}),
    "publish": frozenset({S.DRAFT}),
    "requeue": frozenset({S.DEAD_LETTER}),
    "discard": frozenset({S.DEAD_LETTER}),
    "resolve": RESOLVABLE,
    "reschedule": frozenset({S.DRAFT, S.SCHEDULED, S.QUEUED}),
}
"""In which states each verb is allowed."""
Said = tuple[Callable[[Granted], Run], Callable[[Modelled], None], RunState | None]


class Bench:
    """A store that can crash: what it acknowledged is all that the next one finds."""

    def __init__(self, engine: str, folder: Path, place: str, clock: Clock) -> None:
        self.engine = engine
        self.folder = folder
        self.place = place
        self.clock = clock
        self.lives = 0
        self.store = self._open(folder / "0")

    def _open(self, folder: Path) -> AnyStore:
        if self.engine == "sqlite":
            return SqliteStore(folder / "runyard.db", clock=self.clock)
        return PostgresStore(self.place, clock=self.clock)

    def crash(self) -> AnyStore:
        """Leave the store as it is; another opens what it left behind."""
        before, self.lives = self.store, self.lives + 1
        old, new = self.folder / str(self.lives - 1), self.folder / str(self.lives)
        if self.engine == "sqlite":
            # A copy of the files taken now is what a process killed now leaves: no checkpoint, no clean close.
            shutil.copytree(old, new, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
        self.store = self._open(new)
        before.close()
        shutil.rmtree(old, ignore_errors=True)
        return self.store

    def empty(self) -> AnyStore:
        """The store without a row, and with a clock in the present."""
        self.clock.reset()
        self.store.transact(clear)
        forget(self.store)
        return self.store


class EngineMachine(RuleBasedStateMachine):
    """Does the same to the engine and to the model, and compares."""

    bench: ClassVar[Bench]

    def __init__(self) -> None:
        super().__init__()
        self.clock = self.bench.clock
        self.yard = Yard(self.bench.empty(), self.clock)
        self.model = Model()
        self.leases: list[Granted] = []

    @initialize(cap=st.integers(1, 3), priorities=st.lists(st.integers(0, 2), min_size=2, max_size=5))
    def begin_with_a_full_job(self, cap: int, priorities: list[int]) -> None:
        self.yard.job(max_concurrency=cap, max_per_key=1, policy=Policy(**POLICY))  # type: ignore[arg-type]
        for number, priority in enumerate(priorities):
            self._make(limited=True, key=[None, "a"][number % 2], priority=priority, timeout=12)

    # Making runs

    @rule(
        limited=st.booleans(),
        key=st.sampled_from([None, "a", "b"]),
        priority=st.integers(0, 2),
        delay=st.sampled_from([None, None, 10]),
        ttl=st.sampled_from([None, None, 15]),
        timeout=st.sampled_from([None, 4, 12]),
        max_attempts=st.integers(1, 3),
        draft=st.sampled_from([False, False, False, True]),
    )
    def create(self, **new: Any) -> None:
        self._make(**new)

    @rule(data=st.data(), count=st.integers(1, 3))
    def create_children(self, data: st.DataObject, count: int) -> None:
        parent = self._pick(data, LEASED | {S.WAITING})
        if parent.state in FINAL:
            with pytest.raises(Conflict):
                self.yard.create(parent_id=parent.id)
            return
        for _ in range(count):
            self._make(parent=parent.id, priority=1, max_attempts=1)

    def _make(
        self,
        *,
        priority: int,
        max_attempts: int = 3,
        limited: bool = False,
        key: str | None = None,
        delay: int | None = None,
        ttl: int | None = None,
        timeout: int | None = None,
        draft: bool = False,
        parent: str | None = None,
    ) -> None:
        now = self.clock.now()
        at = now + delay * SECOND if delay else None
        run = self.yard.create(
            job="job" if limited else None,
            priority=priority,
            available_at=at,
            ttl=ttl * SECOND if ttl else None,
            concurrency_key=key,
            max_per_key=1 if key else None,
            draft=draft,
            parent_id=parent,
            policy=POLICY | {"max_attempts": max_attempts, "timeout": timeout * SECOND if timeout else None},
        )
        self._learn(
            run,
            state=S.DRAFT if draft else S.SCHEDULED if at else S.QUEUED,
            rank_at=at or now,
            queued_at=None if at or draft else now,
            available_at=at,
            expires_at=(at or now) + ttl * SECOND if ttl else None,
        )

    def _learn(self, run: Run, *, expires_at: int | None, **known: Any) -> None:
        begins = known.get("available_at") or self.clock.now()
        self.model.runs[run.id] = Modelled(
            id=run.id,
            priority=run.priority,
            max_attempts=run.policy.max_attempts,
            timeout=run.policy.timeout,
            created_at=self.clock.now(),
            parent=run.parent_id,
            replay_of=run.replay_of,
            expires_at=expires_at,
            time_to_live=None if expires_at is None else expires_at - begins,
            **known,
        )

    def _pick(self, data: st.DataObject, states: Iterable[RunState]) -> Modelled:
        """Mostly a run in one of the states, now and then any."""
        fitting = self.model.in_states(states) if data.draw(st.integers(0, 9)) else []
        return data.draw(st.sampled_from(fitting or list(self.model.runs.values())))

    # Executors

    @rule(count=st.sampled_from([1, 2, 3, 50]))
    def claim(self, count: int) -> None:
        now = self.clock.now()
        free = {run.id for run in self._seen() if run.state is S.QUEUED and run.hold is None}
        expected = sorted((self.model.runs[run_id] for run_id in free), key=lambda run: run.place)[:count]
        granted = self.yard.claim(count)
        stale = [run for run in expected if run.expires_at is not None and run.expires_at <= now]
        assert [one.run.id for one in granted] == [run.id for run in expected if run not in stale]
        for one in granted:
            self.model.claim(self.model.runs[one.run.id], one.lease.token, now)
        for run in stale:
            self.model.expire(run)
        self.leases += granted

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), verb=st.sampled_from(["start", "heartbeat", "complete", "fail", "release", "park"]))
    def report(self, data: st.DataObject, verb: str) -> None:
        now = self.clock.now()
        held = self._pick_lease(data)
        run = self.model.runs[held.run.id]
        said, then, repeats = self._said(data, verb, now)
        if self._holds(held):
            said(held)
            then(run)
        elif run.state is repeats and run.token == held.lease.token:
            said(held)
        else:
            with pytest.raises(LeaseLost):
                said(held)

    def _pick_lease(self, data: st.DataObject) -> Granted:
        """Mostly one that holds, sometimes one whose run another holds or will, now and then any."""
        holding = [one for one in self.leases if self._holds(one)]
        passed = [one for one in self.leases if one not in holding and self.model.runs[one.run.id].state in LEASED]
        chance = data.draw(st.integers(0, 9))
        fitting = holding if chance > 2 else passed if chance else []
        return data.draw(st.sampled_from(fitting or self.leases))

    @precondition(lambda self: any(map(self._holds, self.leases)))
    @rule(data=st.data(), count=st.integers(1, 2))
    def spawn_and_wait(self, data: st.DataObject, count: int) -> None:
        held = data.draw(st.sampled_from([one for one in self.leases if self._holds(one)]))
        for _ in range(count):
            self._make(parent=held.run.id, priority=2, max_attempts=1, ttl=15)
        self.yard.park(held)
        self.model.park(self.model.runs[held.run.id], self.clock.now(), "children", None)

    def _holds(self, held: Granted) -> bool:
        return self.model.holds(self.model.runs[held.run.id], held.lease.token, self.clock.now())

    def _said(self, data: st.DataObject, verb: str, now: int) -> Said:
        """How to report, what the model makes of it, and the state in which a repetition is taken for one."""
        yard, model = self.yard, self.model
        match verb:
            case "start":
                return yard.start, lambda run: model.start(run, now), None
            case "heartbeat":
                return yard.heartbeat, lambda run: model.heartbeat(run, now), None
            case "complete":
                return yard.complete, model.complete, S.COMPLETED
            case "fail":
                again = data.draw(st.booleans())
                return (
                    lambda one: yard.fail(one, retryable=again),
                    lambda run: model.fail(run, now, retryable=again),
                    S.DEAD_LETTER,
                )
            case "release":
                delay = data.draw(st.sampled_from([None, 3 * SECOND]))
                return lambda one: yard.release(one, delay=delay), lambda run: model.release(run, now, delay), None
            case _:
                kind = data.draw(st.sampled_from(["children", "event"]))
                until = data.draw(st.sampled_from([None, now + 8 * SECOND]))
                return (
                    lambda one: yard.park(one, kind, until=until),
                    lambda run: model.park(run, now, kind, until),
                    None,
                )

    # People

    @precondition(lambda self: self.model.runs)
    @rule(data=st.data(), verb=st.sampled_from(sorted(PEOPLE)))
    def decide(self, data: st.DataObject, verb: str) -> None:
        now, states = self.clock.now(), PEOPLE[verb]
        run = self._pick(data, states)
        act, model = partial(getattr(self.yard, verb), run.id), getattr(self.model, verb)
        allowed = run.state in states
        if verb == "reschedule":
            at = data.draw(st.sampled_from([None, now + 6 * SECOND]))
            act, model = partial(act, at), partial(model, at=at)
            allowed = allowed and not run.begun
        if not allowed:
            with pytest.raises(IllegalMove):
                act()
            return
        act()
        model(run, now)

    @precondition(lambda self: self.model.runs)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        now, old = self.clock.now(), self._pick(data, ENDED)
        if old.state not in ENDED:
            with pytest.raises(IllegalMove):
                self.yard.replay(old.id)
            return
        ttl = old.time_to_live
        run = self.yard.replay(old.id)
        self._learn(run, state=S.QUEUED, rank_at=now, queued_at=now, expires_at=now + ttl if ttl is not None else None)

    @rule(cap=st.integers(1, 3))
    def change_the_limit(self, cap: int) -> None:
        self.yard.job(max_concurrency=cap)

    # Time and chance

    @rule(seconds=st.sampled_from([1, 5, 13, 21]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds)

    @rule(seconds=st.sampled_from([0, 3, 8, 21]))
    def tick(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds)
        self.yard.tick()
        self.model.tick(self.clock.now())

    @precondition(lambda self: len(self.leases) >= 2)
    @rule()
    def crash(self) -> None:
        self.yard.store = self.bench.crash()

    # What must hold all the time

    @invariant()
    def engine_and_model_agree(self) -> None:
        self.yard.check()
        runs, caps, kinds = self.yard.store.look(_everything)
        assert {run.id: _essence(run) for run in runs} == {run.id: _modelled(run) for run in self.model.runs.values()}
        assert kinds["run.created"] == len(runs)
        assert kinds["run.claimed"] == sum(run.epoch for run in runs)
        for lane, cap in caps.items():
            _limit_holds(cap, [run for run in runs if lane in {run.job_lane, run.key_lane}], lane)

    def _seen(self) -> list[Run]:
        return self.yard.store.look(all_runs)


def _everything(tx: Tx) -> tuple[list[Run], dict[int, int], Counter[str]]:
    """All runs, the caps of all lanes, and how many events there are of each type."""
    caps = {row[0]: row[1] for row in tx.rows("SELECT id, cap FROM lanes")}
    return all_runs(tx), caps, Counter(row[0] for row in tx.rows("SELECT type FROM events"))


def _limit_holds(cap: int, runs: list[Run], lane: int) -> None:
    """A limit that was lowered may be exceeded by what was held before, and lets nobody through until it is not."""
    held = [run for run in runs if run.state in LEASED]
    ready = [run for run in runs if run.state is S.QUEUED and run.hold is None]
    assert not ready or len(held) + len(ready) <= cap
    # With two limits a better run may have to wait for the other one; with one it never stands behind a worse run.
    waiting = [run for run in runs if run.hold_lane == lane]
    if ready and all(run.job_lane is None or run.key_lane is None for run in waiting):
        assert max(run.rank for run in ready) <= min((run.rank for run in waiting), default=2**63)


def _essence(run: Run) -> dict[str, Any]:
    waits = run.waiting_for
    return {
        "state": run.state,
        "attempt": run.attempt,
        "epoch": run.epoch,
        "lost": run.lost,
        "lease_until": run.lease_until,
        "expires_at": run.expires_at,
        "available_at": run.available_at,
        "queued_at": run.queued_at,
        "retry_at": run.next_retry_at,
        "waits": (waits.kind, waits.until) if waits is not None else None,
        "resolved": run.resolved_at is not None,
    }


def _modelled(run: Modelled) -> dict[str, Any]:
    return {
        "state": run.state,
        "attempt": run.attempt,
        "epoch": run.epoch,
        "lost": run.lost,
        "lease_until": run.lease_until,
        "expires_at": run.expires_at,
        "available_at": run.available_at,
        "queued_at": run.queued_at,
        "retry_at": run.retry_at,
        "waits": (run.waits_for, run.waits_until) if run.waits_for is not None else None,
        "resolved": run.resolved,
    }


def test_the_engine_does_what_its_model_does(engine: str, shelf: Shelf, tmp_path: Path):
    bench = Bench(engine, tmp_path, shelf.separate_place() if engine == "postgres" else "", shelf.clock)
    machine = type("Machine", (EngineMachine,), {"bench": bench})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=500 if THOROUGH else {"sqlite": 12, "postgres": 6}[engine],
                stateful_step_count=100 if THOROUGH else 50,
                deadline=None,
                # Shrinking takes minutes; that is for the thorough.
                phases=[phase for phase in Phase if THOROUGH or phase not in {Phase.shrink, Phase.explain}],
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        bench.store.close()
