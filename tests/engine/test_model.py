"""The engine against a small model: random verbs by random holders, stale tokens, clock moves, timers, crashes.

`pytest --hypothesis-profile=deep tests/engine/test_model.py` looks much further.
"""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from runyard.domain.errors import Conflict, IllegalMove, LeaseLost
from runyard.domain.policy import Policy
from runyard.domain.records import Run
from runyard.domain.states import ENDED, LEASED, LIVE, RESOLVABLE, RUN_MOVES, RunState
from runyard.engine.leases import Granted
from runyard.storage.postgres import PostgresStore
from runyard.storage.sqlite import SqliteStore
from tests.support.model import DELAY, LEASE, LOST_LEASES, SECOND, Model, Modelled
from tests.support.stores import AnyStore, Clock, Shelf, clear, forget
from tests.support.yard import Yard, all_runs

S = RunState
POLICY = {"backoff": "fixed", "initial_delay": DELAY, "jitter": 0.0, "lease": LEASE, "lost_leases": LOST_LEASES}


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
    runs = Bundle("runs")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.clock = self.bench.clock
        self.yard = Yard(self.bench.empty(), self.clock)
        self.model = Model()
        self.cap = 2

    @initialize()
    def define_the_job(self) -> None:
        self.yard.job(max_concurrency=self.cap, max_per_key=1, policy=Policy(**POLICY))  # type: ignore[arg-type]

    # Making runs

    @rule(
        target=runs,
        priority=st.integers(0, 2),
        limited=st.booleans(),
        key=st.sampled_from([None, "a", "b"]),
        delay=st.sampled_from([None, None, 10]),
        ttl=st.sampled_from([None, None, 15]),
        timeout=st.sampled_from([None, 12]),
        max_attempts=st.integers(1, 3),
        draft=st.sampled_from([False, False, False, True]),
    )
    def create(self, *, limited: bool, key: str | None, delay: int | None, ttl: int | None, **new: Any) -> str:
        return self._create(limited=limited, key=key, delay=delay, ttl=ttl, **new)

    @rule(target=runs, parent=runs, count=st.integers(1, 2))
    def create_child(self, parent: str, count: int) -> str:
        if self.model.runs[parent].state in ENDED - {S.DEAD_LETTER}:
            with pytest.raises(Conflict):
                self.yard.create(parent_id=parent)
            return parent
        for _ in range(count):
            child = self._create(parent=parent, priority=1, max_attempts=1)
        return child

    def _create(
        self,
        *,
        priority: int,
        max_attempts: int,
        limited: bool = False,
        key: str | None = None,
        delay: int | None = None,
        ttl: int | None = None,
        timeout: int | None = None,
        draft: bool = False,
        parent: str | None = None,
    ) -> str:
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
        return run.id

    def _learn(self, run: Run, **known: Any) -> None:
        self.model.runs[run.id] = Modelled(
            id=run.id,
            priority=run.priority,
            max_attempts=run.policy.max_attempts,
            timeout=run.policy.timeout,
            created_at=self.clock.now(),
            parent=run.parent_id,
            replay_of=run.replay_of,
            **known,
        )

    # Executors

    @rule(target=leases, count=st.integers(1, 3))
    def claim(self, count: int) -> Any:
        now = self.clock.now()
        free = {run.id for run in self._seen() if run.state is S.QUEUED and run.hold is None}
        expected = sorted((run for run in self.model.runs.values() if run.id in free), key=lambda run: run.place)[
            :count
        ]
        granted = self.yard.claim(count)
        stale = [run for run in expected if run.expires_at is not None and run.expires_at <= now]
        assert [one.run.id for one in granted] == [run.id for run in expected if run not in stale]
        for one in granted:
            self.model.claim(self.model.runs[one.run.id], one.lease.token, now)
        for run in stale:
            self.model.expire(run)
        return granted[0] if granted else None

    @rule(target=leases)
    def claim_all(self) -> Any:
        return self.claim(50)

    @rule(held=leases)
    def start(self, held: Granted | None) -> None:
        self._report(held, self.yard.start, self.model.start)

    @rule(held=leases)
    def heartbeat(self, held: Granted | None) -> None:
        self._report(held, self.yard.heartbeat, self.model.heartbeat)

    @rule(held=leases)
    def complete(self, held: Granted | None) -> None:
        self._report(held, self.yard.complete, lambda run, _: self.model.complete(run), repeats=S.COMPLETED)

    @rule(held=leases, retryable=st.booleans())
    def fail(self, held: Granted | None, retryable: bool) -> None:
        self._report(
            held,
            lambda one: self.yard.fail(one, retryable=retryable),
            lambda run, now: self.model.fail(run, now, retryable=retryable),
            repeats=S.DEAD_LETTER,
        )

    @rule(held=leases, delay=st.sampled_from([0, 3 * SECOND]))
    def release(self, held: Granted | None, delay: int) -> None:
        self._report(
            held,
            lambda one: self.yard.release(one, delay=delay or None),
            lambda run, now: self.model.release(run, now, delay),
        )

    @rule(held=leases, kind=st.sampled_from(["children", "event"]), wait=st.sampled_from([None, 8]))
    def park(self, held: Granted | None, kind: str, wait: int | None) -> None:
        until = self.clock.now() + wait * SECOND if wait else None
        self._report(
            held,
            lambda one: self.yard.park(one, kind, until=until),
            lambda run, now: self.model.park(run, now, kind, until),
        )

    def _report(
        self,
        held: Granted | None,
        report: Callable[[Granted], Run],
        then: Callable[[Modelled, int], None],
        repeats: RunState | None = None,
    ) -> None:
        if held is None:
            return
        run, now = self.model.runs[held.run.id], self.clock.now()
        if self.model.holds(run, held.lease.token, now):
            report(held)
            then(run, now)
        elif run.state is repeats and run.token == held.lease.token:
            report(held)
        else:
            with pytest.raises(LeaseLost):
                report(held)

    # People

    @rule(run_id=runs)
    def cancel(self, run_id: str) -> None:
        self._decide(run_id, self.yard.cancel, LIVE | {S.CANCELED}, lambda run, _: self.model.cancel(run))

    @rule(run_id=runs)
    def pause(self, run_id: str) -> None:
        states = {state for state, verb in RUN_MOVES if verb == "pause"} | {S.PAUSED}
        self._decide(run_id, self.yard.pause, states, lambda run, _: self.model.pause(run))

    @rule(run_id=runs)
    def resume(self, run_id: str) -> None:
        self._decide(run_id, self.yard.resume, {S.PAUSED}, self.model.resume)

    @rule(run_id=runs)
    def publish(self, run_id: str) -> None:
        self._decide(run_id, self.yard.publish, {S.DRAFT}, self.model.publish)

    @rule(run_id=runs)
    def requeue(self, run_id: str) -> None:
        self._decide(run_id, self.yard.requeue, {S.DEAD_LETTER}, self.model.requeue)

    @rule(run_id=runs)
    def discard(self, run_id: str) -> None:
        self._decide(run_id, self.yard.discard, {S.DEAD_LETTER}, lambda run, _: self.model.discard(run))

    @rule(run_id=runs)
    def resolve(self, run_id: str) -> None:
        self._decide(run_id, self.yard.resolve, RESOLVABLE, lambda run, _: setattr(run, "resolved", True))

    @rule(run_id=runs, delay=st.sampled_from([None, 6]))
    def reschedule(self, run_id: str, delay: int | None) -> None:
        at = self.clock.now() + delay * SECOND if delay else None
        states = {S.DRAFT, S.SCHEDULED, S.QUEUED} if self.model.runs[run_id].epoch == 0 else set()
        self._decide(
            run_id,
            lambda one: self.yard.reschedule(one, at),
            states,
            lambda run, now: self.model.reschedule(run, now, at),
        )

    @rule(target=runs, run_id=runs)
    def replay(self, run_id: str) -> str:
        now, old = self.clock.now(), self.model.runs[run_id]
        if old.state not in ENDED:
            with pytest.raises(IllegalMove):
                self.yard.replay(run_id)
            return run_id
        run, ttl = self.yard.replay(run_id), old.time_to_live
        self._learn(run, state=S.QUEUED, rank_at=now, queued_at=now, expires_at=now + ttl if ttl is not None else None)
        return run.id

    def _decide(
        self,
        run_id: str,
        verb: Callable[[str], Run],
        allowed: frozenset[RunState] | set[RunState],
        then: Callable[[Modelled, int], None],
    ) -> None:
        run = self.model.runs[run_id]
        if run.state in allowed:
            verb(run_id)
            then(run, self.clock.now())
        else:
            with pytest.raises(IllegalMove):
                verb(run_id)

    @rule(cap=st.integers(1, 3))
    def change_the_limit(self, cap: int) -> None:
        self.cap = cap
        self.yard.job(max_concurrency=cap)

    # Time and chance

    @rule(seconds=st.sampled_from([1, 3, 5, 8, 13, 21]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds)

    @rule()
    def tick(self) -> None:
        self.yard.tick()
        self.model.tick(self.clock.now())

    @rule(seconds=st.sampled_from([5, 21]))
    def let_time_pass_and_tick(self, seconds: int) -> None:
        self.let_time_pass(seconds)
        self.tick()

    @rule()
    def crash(self) -> None:
        self.yard.store = self.bench.crash()

    # What must hold all the time

    def _seen(self) -> list[Run]:
        return self.yard.store.look(all_runs)

    @invariant()
    def engine_and_model_agree(self) -> None:
        seen = {run.id: _essence(run) for run in self._seen()}
        assert seen == {run.id: _modelled_essence(run) for run in self.model.runs.values()}

    @invariant()
    def no_rule_is_broken(self) -> None:
        self.yard.check()

    @invariant()
    def limits_hold(self) -> None:
        held: dict[int, list[Run]] = defaultdict(list)
        ready: dict[int, list[Run]] = defaultdict(list)
        waiting: dict[int, list[Run]] = defaultdict(list)
        for run in self._seen():
            for lane in (run.job_lane, run.key_lane):
                if lane is not None and run.state in LEASED:
                    held[lane].append(run)
                elif lane is not None and run.state is S.QUEUED and run.hold is None:
                    ready[lane].append(run)
                elif lane is not None and run.hold_lane == lane:
                    waiting[lane].append(run)
        caps: dict[int, int] = dict(self.yard.store.look(lambda tx: tx.rows("SELECT id, cap FROM lanes")))
        for lane in {*held, *ready}:
            assert not ready[lane] or len(held[lane]) + len(ready[lane]) <= caps[lane]
        for lane, runs in waiting.items():
            alone = [run for run in runs if run.job_lane is None or run.key_lane is None]
            if alone and ready[lane]:
                assert min(run.rank for run in alone) >= max(run.rank for run in ready[lane]) or len(alone) < len(runs)

    @invariant()
    def every_move_has_one_event(self) -> None:
        kinds: Counter[str] = Counter(
            kind for (kind,) in self.yard.store.look(lambda tx: tx.rows("SELECT type FROM events"))
        )
        assert kinds["run.created"] == len(self.model.runs)
        assert kinds["run.claimed"] == sum(run.epoch for run in self.model.runs.values())


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


def _modelled_essence(run: Modelled) -> dict[str, Any]:
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
    deep = settings.get_current_profile_name() == "deep"
    bench = Bench(engine, tmp_path, shelf.separate_place() if engine == "postgres" else "", shelf.clock)
    machine = type("Machine", (EngineMachine,), {"bench": bench})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=500 if deep else 10,
                stateful_step_count=80 if deep else 40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        bench.store.close()
