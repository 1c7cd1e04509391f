"""Whatever is done in whatever order, runs wait for jobs, events and descendants as a small model says."""

from __future__ import annotations

from dataclasses import dataclass, field
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

from runyard.domain.canonical import canonical
from runyard.domain.errors import AlreadyExists, Conflict, Invalid, NotFound
from runyard.domain.jobs import NewRun
from runyard.domain.states import ENDED, RunState
from runyard.domain.waits import is_met
from runyard.engine import dependencies, event_waits, projects, spawns
from runyard.engine.claims import Granted
from runyard.engine.proofs import Pass
from tests.support.effort import THOROUGH
from tests.support.stores import Shelf
from tests.support.yard import SECOND, Yard, all_runs

S = RunState
JOBS = ("a", "b", "c", "d")
KEYS = (None, None, "k", "l")
NAMES = ("x", "y")
POLICY = {"max_attempts": 1, "lease": 86400 * SECOND, "idempotency_window": 0}
jobs_drawn = st.sampled_from(JOBS)


@dataclass
class Known:
    """One run as it must be."""

    id: str
    job: str
    state: RunState
    key: str | None = None
    group: str | None = None
    parent: str | None = None
    kind: str | None = None
    """What it waits for."""
    name: str | None = None
    until: int | None = None
    ended_at: int = 0


@dataclass
class Model:
    """All runs, dependencies and events as they must be."""

    runs: dict[str, Known] = field(default_factory=dict)
    edges: dict[tuple[str, str], Any] = field(default_factory=dict)
    events: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """What became of the last wait of each name, and what came."""

    def is_free(self, run: Known) -> bool:
        """Whether all that the run's job depends on is met for it."""
        return all(is_met(how, self._last(on, run)) for (job, on), how in self.edges.items() if job == run.job)

    def _last(self, job: str, run: Known) -> RunState | None:
        ended = [one for one in self.runs.values() if one.job == job and one.state in ENDED]
        if run.key is not None:
            ended = [one for one in ended if one.key == run.key]
        elif run.group is not None:
            ended = [one for one in ended if one.group == run.group]
        return max(ended, key=lambda one: (one.ended_at, one.id)).state if ended else None

    def reaches(self, start: str, goal: str) -> bool:
        """Whether a job depends on another, directly or not."""
        return start == goal or any(self.reaches(on, goal) for job, on in self.edges if job == start)

    def below(self, run: Known) -> list[Known]:
        """All runs below a run."""
        children = [one for one in self.runs.values() if one.parent == run.id]
        return [*children, *(deeper for child in children for deeper in self.below(child))]

    def end(self, run: Known, state: RunState, now: int) -> None:
        """The run ends."""
        self.leave(run, state, "timed_out" if state is S.TIMED_OUT else "canceled")
        run.ended_at = now

    def leave(self, run: Known, state: RunState, became: str) -> None:
        """The run waits no longer."""
        if run.name is not None and self.events.get(run.name, ("", None))[0] == "waiting":
            self.events[run.name] = (became, None)
        run.state, run.kind, run.name, run.until = state, None, None, None

    def settle(self) -> None:
        """Let go what has what it waits for."""
        for run in self.runs.values():
            if run.kind == "descendants" and all(one.state in ENDED for one in self.below(run)):
                self.leave(run, S.QUEUED if run.state is S.WAITING else S.PAUSED, "received")
            elif run.kind == "dependency" and run.state is S.WAITING and self.is_free(run):
                self.leave(run, S.QUEUED, "received")


class WaitsMachine(RuleBasedStateMachine):
    """Does the same to the engine and to the model, and compares."""

    shelf: ClassVar[Shelf]
    engine: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        store = self.shelf.empty(self.engine)
        self.clock = self.shelf.clock
        self.yard = Yard(store, self.clock)
        self.model = Model()
        self.held: dict[str, Granted] = {}
        self.ids: dict[str, str] = {}
        store.transact(projects.ensure_default)
        for name in JOBS:
            self.ids[name] = self.yard.job(name, policy=_policy()).id

    @initialize()
    def begin_with_work_under_way(self) -> None:
        self.depend("b", "a", "completed")
        self.depend("d", "c", "any")
        for job, key, group in (
            ("a", "k", None),
            ("b", "k", None),
            ("b", None, "l"),
            ("c", None, "l"),
            ("a", None, "l"),
        ):
            self.create(job, key, group)
        for _ in range(3):
            self.work(1)

    def _has(self, *states: RunState) -> bool:
        return any(run.state in states for run in self.model.runs.values())

    def _pick(self, data: st.DataObject, *states: RunState) -> Known:
        return data.draw(st.sampled_from([run for run in self.model.runs.values() if run.state in states]))

    def _learn(self, run: Any, **more: Any) -> None:
        known = Known(run.id, run.job_name, S.QUEUED, run.idempotency_key, run.dependency_key, run.parent_id, **more)
        if not self.model.is_free(known):
            known.state, known.kind = S.WAITING, "dependency"
        self.model.runs[run.id] = known

    # Dependencies

    @rule(job=jobs_drawn, on=jobs_drawn, how=st.sampled_from(["completed", "failed", "any"]))
    def depend(self, job: str, on: str, how: str) -> None:
        if self.model.reaches(on, job):
            with pytest.raises(Invalid):
                self.yard.store.transact(dependencies.add, 1, job, depends_on=on, condition=how)
            return
        self.yard.store.transact(dependencies.add, 1, job, depends_on=on, condition=how)
        self.model.edges[job, on] = how
        self.model.settle()

    @precondition(lambda self: self.model.edges)
    @rule(data=st.data())
    def depend_no_more(self, data: st.DataObject) -> None:
        job, on = data.draw(st.sampled_from(sorted(self.model.edges)))
        (one,) = [edge for edge in self.yard.store.look(dependencies.page, 1, job) if edge.depends_on == self.ids[on]]
        self.yard.store.transact(dependencies.remove, 1, job, one.id)
        del self.model.edges[job, on]
        self.model.settle()

    # Runs

    @rule(job=jobs_drawn, key=st.sampled_from(KEYS), group=st.sampled_from(KEYS))
    def create(self, job: str, key: str | None, group: str | None) -> None:
        self.clock.forward(micros=1)
        twins = [one for one in self.model.runs.values() if key and (one.job, one.key) == (job, key)]
        live = [one.id for one in twins if one.state not in ENDED]
        (made,) = self.yard.ask(NewRun(job=job, idempotency_key=key, dependency_key=group))
        assert made.duplicate == bool(live)
        if not live:
            self._learn(made.run)

    @precondition(lambda self: self._has(S.QUEUED))
    @rule(count=st.integers(1, 3))
    def work(self, count: int) -> None:
        for granted in self.yard.claim(count):
            run = self.model.runs[granted.run.id]
            assert run.state is S.QUEUED
            self.yard.start(granted)
            self.held[run.id] = granted
            run.state = S.RUNNING

    @precondition(lambda self: self._has(S.RUNNING))
    @rule(data=st.data(), how=st.sampled_from([S.COMPLETED, S.COMPLETED, S.DEAD_LETTER, S.CANCELED]))
    def end(self, data: st.DataObject, how: RunState) -> None:
        run = self._pick(data, S.RUNNING)
        self.clock.forward(micros=1)
        if how is S.CANCELED:
            self.yard.cancel(run.id)
            self._canceled(run)
            return
        if how is S.COMPLETED:
            self.yard.complete(self.held[run.id])
        else:
            self.yard.fail(self.held[run.id])
        self.model.end(run, how, self.clock.now())
        self.model.settle()

    @precondition(lambda self: self._has(S.WAITING, S.PAUSED))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run = self._pick(data, S.WAITING, S.PAUSED)
        self.clock.forward(micros=1)
        self.yard.cancel(run.id)
        self._canceled(run)

    def _canceled(self, run: Known) -> None:
        for one in [run, *self.model.below(run)]:
            if one.state not in ENDED - {S.DEAD_LETTER}:
                self.model.end(one, S.CANCELED, self.clock.now())
        self.model.settle()

    @precondition(lambda self: self._has(S.WAITING, S.PAUSED))
    @rule(data=st.data())
    def pause_and_resume(self, data: st.DataObject) -> None:
        run = self._pick(data, S.WAITING, S.PAUSED)
        if run.state is S.WAITING:
            self.yard.pause(run.id)
            run.state = S.PAUSED
            return
        self.yard.resume(run.id)
        run.state = S.WAITING if run.kind is not None else S.QUEUED
        self.tick(0)

    @precondition(lambda self: self._has(S.RUNNING))
    @rule(data=st.data(), job=jobs_drawn, seconds=st.sampled_from([None, 30]))
    def spawn(self, data: st.DataObject, job: str, seconds: int | None) -> None:
        run = self._pick(data, S.RUNNING)
        self.clock.forward(micros=1)
        wait = None if seconds is None else seconds * SECOND
        asked = spawns.Spawn(project_id=1, run_id=run.id, token=Pass(), job=job, target=1, wait=wait)
        child = self.yard.store.transact(spawns.spawn, asked).child
        self._learn(child)
        if wait is not None:
            run.state, run.kind, run.until = S.WAITING, "descendants", self.clock.now() + wait

    # Events

    @precondition(lambda self: self._has(S.RUNNING))
    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def wait(self, data: st.DataObject, name: str) -> None:
        run = self._pick(data, S.RUNNING)
        asked = event_waits.NewWait(
            project_id=1, run_id=run.id, token=self.held[run.id].lease.token, name=name, timeout=20 * SECOND
        )
        (outcome,) = self.yard.store.transact(event_waits.begin, [asked])
        if self.model.events.get(name, ("", None))[0] == "waiting":
            assert isinstance(outcome, AlreadyExists)
            return
        assert isinstance(outcome, event_waits.Begun)
        run.state, run.kind, run.name, run.until = S.WAITING, "event", name, self.clock.now() + 20 * SECOND
        self.model.events[name] = ("waiting", None)

    @precondition(lambda self: self.model.events)
    @rule(name=st.sampled_from(NAMES), payload=st.sampled_from([None, '{"a":1}', '{ "a": 1 }', "2"]))
    def send(self, name: str, payload: str | None) -> None:
        became, came = self.model.events.get(name, ("", None))
        repeats = became == "received" and canonical(came or "null") == canonical(payload or "null")
        if became != "waiting" and not repeats:
            with pytest.raises(Conflict if became else NotFound):
                self.yard.store.transact(event_waits.send, 1, name, payload=payload)
            return
        self.yard.store.transact(event_waits.send, 1, name, payload=payload)
        for run in self.model.runs.values():
            if run.name == name:
                self.model.leave(run, S.QUEUED if run.state is S.WAITING else S.PAUSED, "received")
                self.model.events[name] = ("received", payload)

    @precondition(lambda self: self.model.events)
    @rule(name=st.sampled_from(NAMES))
    def cancel_wait(self, name: str) -> None:
        became, _ = self.model.events.get(name, ("", None))
        self.clock.forward(micros=1)
        if became != "waiting":
            with pytest.raises(Conflict if became else NotFound):
                self.yard.store.transact(event_waits.cancel, 1, name)
            return
        self.yard.store.transact(event_waits.cancel, 1, name)
        (run,) = [one for one in self.model.runs.values() if one.name == name]
        self._canceled(run)

    # Time

    @rule(seconds=st.sampled_from([0, 3, 11, 25]))
    def tick(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds, micros=1)
        self.yard.tick()
        now = self.clock.now()
        self.model.settle()
        for run in list(self.model.runs.values()):
            if run.state is S.WAITING and run.until is not None and run.until <= now:
                self.model.end(run, S.TIMED_OUT, now)
        self.model.settle()

    # What must hold all the time

    @invariant()
    def engine_and_model_agree(self) -> None:
        self.yard.check()
        seen = {
            run.id: (run.state, run.waiting_for.kind if run.waiting_for is not None else None)
            for run in self.yard.store.look(all_runs)
        }
        assert seen == {run.id: (run.state, run.kind) for run in self.model.runs.values()}
        for name, (became, came) in self.model.events.items():
            wait = self.yard.store.look(event_waits.find, 1, name)
            assert (wait.state, wait.response) == (became, came)


def _policy() -> Any:
    from runyard.domain.policy import Policy

    return Policy(**POLICY)  # type: ignore[arg-type]


def test_runs_wait_as_their_model_does(engine: str, shelf: Shelf):
    machine = type("Machine", (WaitsMachine,), {"shelf": shelf, "engine": engine})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=500 if THOROUGH else {"sqlite": 25, "postgres": 8}[engine],
            stateful_step_count=100 if THOROUGH else 50,
            deadline=None,
            # Shrinking takes minutes; that is for the thorough.
            phases=[phase for phase in Phase if THOROUGH or phase not in {Phase.shrink, Phase.explain}],
            suppress_health_check=list(HealthCheck),
        ),
    )
