"""Tasks against a small model: random verbs by people and sessions on tasks that wait for each other; time passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from runyard.domain.actors import Actor, Origin
from runyard.domain.errors import DomainError
from runyard.domain.sessions import Session as Record
from runyard.domain.tasks import ApprovalPolicy
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import (
    asking,
    canceling,
    changing,
    deciding,
    deleting,
    depending,
    forcing,
    leases,
    operating,
    pausing,
    scheduling,
    settling,
    starving,
    succeeding,
    views,
)
from runyard.engine.tasks.asking import Wish
from runyard.engine.tasks.changing import Change
from runyard.engine.tasks.claims import Handed
from runyard.engine.tasks.forcing import Force
from runyard.engine.tasks.starving import Ladder
from runyard.storage.port import Tx
from tests.engine.tasks import audit
from tests.engine.tasks.model import (
    ACTIVE,
    LEASE,
    PARKED_AT,
    STARVES_AFTER,
    TOLD_AT,
    Model,
    Refused,
    Run,
    Session,
    Task,
    place,
)
from tests.support.effort import THOROUGH
from tests.support.stores import Shelf
from tests.support.yard import PERSON, SECOND, Yard

CYCLE = 15
LADDER = Ladder(after=STARVES_AFTER, cycle=CYCLE * SECOND, told=TOLD_AT, parked=PARKED_AT)
FORCE = Force(project_id=1, by=PERSON, reason="because")
ORIGIN = Origin("agent_session", "agent.test")
T = TypeVar("T")
SEEDS = st.binary(min_size=8, max_size=8)
MOST_TASKS = 12
OWNERS = [None, None, None, ("pool", "coder"), ("pool", "tester"), ("human", "ann")]
STEPS = {
    "add": 4,
    "ask": 6,
    "enqueue": 4,
    "depend": 3,
    "free": 3,
    "change": 4,
    "pause": 2,
    "resume": 3,
    "give_up": 2,
    "claim_next": 4,
    "report": 8,
    "work_in_a_session": 7,
    "end_session": 2,
    "operate": 6,
    "work": 7,
    "attach": 2,
    "force": 6,
    "switch": 2,
    "wait": 3,
    "look": 3,
}
"""What happens, and how often."""
USUAL = {"claim_next", "report complete", "operate complete", "enqueue", "start", "pause", "resume", "cancel", "free"}
"""What must have happened, however little is tried."""
REPORTS: dict[str, Callable[..., Any]] = {
    "extend": lambda **said: (leases.extend, leases.Extend(lease=LEASE, **said)),
    "complete": lambda **said: (leases.complete, leases.Complete(**said)),
    "fail": lambda **said: (leases.fail, leases.Fail(error="it broke", **said)),
    "release": lambda **said: (leases.release, leases.Release(**said)),
}
OPERATIONS: dict[str, tuple[Callable[..., Any], dict[str, Any], tuple[str, ...]]] = {
    "claim": (operating.claim, {}, ("queued",)),
    "start": (operating.start, {}, ("claimed", "starting")),
    "complete": (operating.complete, {}, ("running",)),
    "fail": (operating.fail, {"error": "it broke"}, ("running", "starting")),
    "cancel": (operating.cancel, {}, ("queued", "claimed", "starting", "running", "needs_attention")),
}
"""What people do to runs, and in which stages that makes sense."""
FORCES: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "release": (forcing.release, ("claimed",)),
    "fail": (forcing.fail, ("queued", "claimed")),
    "retry": (succeeding.retry, ("failed",)),
    "recover": (succeeding.recover, ("needs_attention",)),
}
ASKS: dict[str, tuple[Callable[..., Any], Callable[[Task], object]]] = {
    "start": (asking.start, lambda task: task.open_run is None and not task.is_draft),
    "publish": (asking.publish, lambda task: task.is_draft),
    "approve": (deciding.approve, lambda task: task.approval == "pending"),
}
ENDS: dict[str, tuple[Callable[..., Any], Callable[[Model, Task], object]]] = {
    "cancel": (canceling.cancel, lambda _, task: task.parent is not None),
    "delete": (deleting.delete, lambda model, task: model.is_closed(task) or task.is_draft),
    "reject": (deciding.reject, lambda _, task: task.approval == "pending"),
}
CHANGES: dict[str, tuple[Sequence[Any], Callable[[Any], Change]]] = {
    "priority": ([2, 4, 8], lambda value: Change(priority=value)),
    "max_attempts": ([1, 2, 3, 4, 5], lambda value: Change(max_attempts=value)),
    "auto": ([True, False], lambda value: Change(auto_enqueue=value)),
    "manual": ([True, False, False], lambda value: Change(approval_policy=_policy(manual=value))),
    "owner": (OWNERS, lambda value: Change(owner=_owner(value))),
}


def _policy(*, manual: bool) -> ApprovalPolicy:
    return ApprovalPolicy.MANUAL if manual else ApprovalPolicy.NONE


def _owner(owner: tuple[str, str] | None) -> Actor | None:
    return Actor(*owner) if owner is not None else None


class TaskMachine(RuleBasedStateMachine):
    """Does the same to the engine and to the model, and compares.

    What a step does is found by dice: many different things must happen to tasks before they become interesting.
    """

    shelf: ClassVar[Shelf]
    engine: ClassVar[str]
    steps: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.yard = Yard(self.shelf.empty(self.engine), self.shelf.clock)
        self.model = Model(now=self.shelf.clock.now())
        self.records: dict[str, Record] = {}
        self.dice = Random(0)
        self.agrees = False
        for agent, workspace in (("coder", None), ("tester", None), ("coder", "w1")):
            self._begin(agent, workspace)

    @initialize(seed=SEEDS)
    def begin_with_tasks_that_wait(self, seed: bytes) -> None:
        self.dice = Random(seed)
        usual: dict[str, Any] = {"workspace": None, "priority": 4, "max_attempts": 2, "owner": None, "is_draft": False}
        first = self._make(None, manual=False, auto=False, **usual)
        second = self._make(None, manual=self._seldom(), auto=True, **usual)
        third = self._make(second, manual=False, auto=True, **usual)
        for task, other in ((second, first), (third, first), (third, second)):
            self._op(self.model.depend, (task, other), depending.add, task.id, other.id, PERSON)
        self._op(self.model.enqueue, (first, None), asking.enqueue, first.id, Wish(), PERSON)

    @rule(seed=SEEDS)
    def step(self, seed: bytes) -> None:
        """One thing happens."""
        self.agrees = False
        # Hypothesis likes to say the same again and again.
        self.dice = Random(seed + self.dice.randbytes(8))
        what = self.dice.choices(list(STEPS), list(STEPS.values()))[0]
        note(what)
        getattr(self, f"_{what}")()

    # Doing and choosing

    def _both(self, model: Callable[..., Any], said: tuple[Any, ...], engine: Callable[[], Any]) -> None:
        """Do something to both; what the one refuses the other must refuse."""
        name = " ".join([model.__name__, *(one for one in said if isinstance(one, str))])
        try:
            model(*said)
        except Refused:
            self.steps[f"not {name}"] += 1
            with pytest.raises(DomainError):
                engine()
        else:
            self.steps[name] += 1
            engine()

    def _op(
        self, model: Callable[..., Any], said: tuple[Any, ...], op: Callable[..., Any], *more: Any, **by: Any
    ) -> None:
        self._both(model, said, lambda: self.yard.store.transact(op, self.yard.project_id, *more, **by))

    def _mostly(self) -> bool:
        return self.dice.random() < 0.9

    def _seldom(self) -> bool:
        return self.dice.random() < 0.2

    def _one(self, fitting: Iterable[T], others: Iterable[T]) -> T:
        """Mostly one that fits, now and then any."""
        some = list(fitting)
        return self.dice.choice(some if some and self._mostly() else list(others))

    def _task(self, fits: Callable[[Task], object] = bool) -> Task:
        tasks = list(self.model.tasks.values())
        return self._one(filter(fits, tasks), tasks) if tasks else self._make(None, **self._new())

    def _run(self, *stages: str) -> Run:
        runs = self.model.runs
        if not runs:
            self._enqueue()
            self._learn(self.yard.store.look(audit.Yardful))
            runs = self.model.runs or [Run(task=self._task(), attempt=0, queued_at=0, id="none", stage="none")]
        return self._one((run for run in runs if run.stage in stages), runs)

    def _pair(self, verbs: dict[str, tuple[str, ...]]) -> tuple[str, Run]:
        """One of the verbs and a run, mostly one in a stage where that makes sense."""
        runs = [*self.model.runs, self._run()]
        pairs = [(verb, run) for verb in verbs for run in runs]
        fitting = [(verb, run) for verb, run in pairs if run.stage in verbs[verb]]
        verb = self.dice.choice(sorted({verb for verb, _ in fitting}) or list(verbs))
        return self._one((pair for pair in fitting if pair[0] == verb), pairs)

    def _session(self) -> Session:
        """One of those that were begun here; others are there for one run alone."""
        return self._one((self.model.sessions[one] for one in self.records), [*self.model.sessions.values()])

    def _begin(self, agent: str, workspace: str | None) -> Session:
        record = self.yard.session(agent, workspace_id=workspace)
        self.records[record.id] = record
        session = self.model.sessions[record.id] = Session(id=record.id, agent=agent, workspace=workspace)
        return session

    # Tasks

    def _new(self) -> dict[str, Any]:
        return {
            "workspace": "w1" if self._seldom() else None,
            "priority": self.dice.choice([2, 4, 8]),
            "max_attempts": self.dice.choice([1, 2, 2, 4]),
            "manual": self._seldom(),
            "auto": self._mostly(),
            "owner": self.dice.choice(OWNERS),
            "is_draft": self._seldom(),
        }

    def _add(self) -> None:
        if len(self.model.tasks) >= MOST_TASKS:
            return
        new = self._new()
        parent = self._task() if self.dice.random() < 0.5 and self.model.tasks else None
        if parent is not None and parent.workspace is not None and self._mostly():
            new["workspace"] = parent.workspace
        task = self._make(parent, **new)
        if task.id and self._mostly():
            self._op(self.model.enqueue, (task, None), asking.enqueue, task.id, Wish(), PERSON)

    def _make(self, parent: Task | None, **new: Any) -> Task:
        task = Task(id="", parent=parent, **new)

        def act() -> None:
            task.id = self.yard.task(
                parent=parent.id if parent is not None else None,
                workspace_id=task.workspace,
                priority=task.priority,
                max_attempts=task.max_attempts,
                approval_policy=_policy(manual=task.manual),
                auto_enqueue=task.auto,
                owner=_owner(task.owner),
                draft=task.is_draft,
            ).id

        self._both(self.model.check_place, (task,), act)
        if task.id:
            self.model.make(task)
        return task

    def _ask(self) -> None:
        self._task()
        pairs = [(verb, task) for verb in ASKS for task in self.model.tasks.values()]
        verb, task = self._one(((verb, task) for verb, task in pairs if ASKS[verb][1](task)), pairs)
        self._op(getattr(self.model, verb), (task,), ASKS[verb][0], task.id, Wish(), PERSON)

    def _enqueue(self) -> None:
        task = self._task(lambda one: one.open_run is None and not one.is_exhausted)
        key = self.dice.choice([None, None, None, "one", "other"])
        self._op(self.model.enqueue, (task, key), asking.enqueue, task.id, Wish(key=key), PERSON)

    def _depend(self) -> None:
        task, other = self._task(), self._task()
        self._op(self.model.depend, (task, other), depending.add, task.id, other.id, PERSON)

    def _free(self) -> None:
        task = self._task(lambda one: one.needs)
        other = self._task(lambda one: one.id in task.needs)
        self._op(self.model.free, (task, other), depending.remove, task.id, other.id, PERSON)

    def _change(self) -> None:
        name = self.dice.choice(list(CHANGES))
        values, change = CHANGES[name]
        task, value = self._task(lambda one: one.open_run is not None), self.dice.choice(values)
        self._op(self.model.change, (task, name, value), changing.change, task.id, change(value), PERSON)

    def _pause(self) -> None:
        task = self._task(lambda one: not self.model.is_closed(one))
        self._both(self.model.pause, (task,), lambda: self.yard.store.transact(pausing.pause, task.id, FORCE))

    def _resume(self) -> None:
        task = self._task(lambda one: one.is_paused)
        self._both(self.model.resume, (task,), lambda: self.yard.store.transact(pausing.resume, task.id, FORCE))

    def _give_up(self) -> None:
        self._task()
        pairs = [(verb, task) for verb in ENDS for task in self.model.tasks.values()]
        verb, task = self._one(((verb, task) for verb, task in pairs if ENDS[verb][1](self.model, task)), pairs)
        self._op(getattr(self.model, verb), (task,), ENDS[verb][0], task.id, PERSON)

    # Sessions

    def _claim_next(self, session: Session | None = None) -> Run | None:
        session = session or self._session()
        if session.id not in self.records:
            return None
        record, least = self.records[session.id], self.dice.choice([0, 0, 0, 0, 4, 8])
        expected: list[Run | None] = []
        handed: list[Handed | None] = []

        def claim_next() -> None:
            expected.append(self.model.claim_next(session, least))

        self._both(
            claim_next, (), lambda: handed.append(self.yard.claim_next(record, lease=LEASE, least_priority=least))
        )
        assert [one and one.run.id for one in handed] == [one and one.id for one in expected]
        return expected[0] if expected else None

    def _report(self, session: Session | None = None, run: Run | None = None, verb: str = "") -> None:
        leased = (one for one in self.model.runs if one.leased and (one.until or 0) > self.model.now)
        run = run or self._one(leased, [self._run(*ACTIVE)])
        session = session or self._one(
            [self.model.sessions[run.session]] if run.session is not None else [], self.model.sessions.values()
        )
        verb = verb or self.dice.choice(list(REPORTS))
        who = Claimed(session_id=session.id, agent=session.agent)
        op, report = REPORTS[verb](project_id=1, who=who, run_id=run.id, origin=ORIGIN)
        self._both(self.model.report, (verb, session, run), lambda: self.yard.store.transact(leases.one, op, report))

    def _work_in_a_session(self) -> None:
        """A session takes something and ends it, mostly."""
        handed_out = [run.task.workspace for run in self.model.runs if self.model.is_handed_out(run)]
        session = self._begin("coder", self.dice.choice(handed_out) if handed_out else None)
        taken = self._claim_next(session)
        if taken is not None and self.dice.random() < 0.7:
            self._report(session, taken, self.dice.choice(["complete", "complete", "fail"]))

    def _end_session(self) -> None:
        busy = [one for one in self.model.sessions.values() if self.model.held_by(one.id) is not None]
        session = self._one(busy, self.model.sessions.values())
        self._both(self.model.end, (session,), lambda: self.yard.store.transact(settling.end, [session.id], PERSON))

    # People

    def _operate(self, run: Run | None = None, verb: str = "") -> None:
        if run is None:
            verb, run = self._pair({verb: stages for verb, (_, _, stages) in OPERATIONS.items()})
        op, said, _ = OPERATIONS[verb]
        self._op(self.model.operate, (verb, run), op, run.id, PERSON, **said)

    def _work(self) -> None:
        """Something that may be worked on is begun by a person and comes to an end, mostly."""
        begun = [run for run in self.model.runs if self.model.is_handed_out(run) or run.stage in ACTIVE]
        run = self._one(begun, [self._run("queued")])
        if run.leased and run.session is not None:
            self._report(self.model.sessions[run.session], run)
            return
        for verb in ("claim", "start", self.dice.choice(["complete", "complete", "fail", ""])):
            if verb and run.stage in OPERATIONS[verb][2]:
                self._operate(run, verb)

    def _attach(self) -> None:
        free = [run for run in self.model.runs if run.stage == "claimed" and run.session is None]
        run = self._one(free, [self._run("queued")])
        if run.stage == "queued" and self._mostly():
            self._operate(run, "claim")
        session = self._begin("coder", None) if self._mostly() else self._session()
        self._op(self.model.attach, (run, session), operating.attach, run.id, session.id, PERSON)

    def _force(self) -> None:
        verb, run = self._pair({verb: stages for verb, (_, stages) in FORCES.items()})
        self._both(self.model.force, (verb, run), lambda: self.yard.store.transact(FORCES[verb][0], run.id, FORCE))

    def _switch(self) -> None:
        """The scheduler is paused for a little while."""
        if self.model.is_paused or self._seldom():
            self.model.is_paused = not self.model.is_paused
            op = scheduling.pause if self.model.is_paused else scheduling.resume
            self.yard.store.transact(op, self.yard.project_id, PERSON)

    # Time

    def _wait(self) -> None:
        self.model.now = self.yard.clock.forward(seconds=self.dice.choice([0, 1, 31, 130]))
        if self._mostly():
            self.model.expire()
            self.yard.tick()

    def _look(self) -> None:
        """Somebody looks after runs that nobody takes."""
        for _ in range(self.dice.choice([1, 1, 4])):
            self.model.now = self.yard.clock.forward(seconds=self.dice.choice([CYCLE, STARVES_AFTER // SECOND]))
            self.model.look()
            self.yard.store.transact(starving.look, self.yard.project_id, LADDER)

    # What must hold all the time

    @invariant()
    def engine_and_model_agree(self) -> None:
        self.steps["all"] += 1
        self.yard.check()
        problems, found, lines, paused = self.yard.store.look(_everything)
        assert not problems, "\n".join(problems)
        assert found.tasks.keys() == self.model.tasks.keys()
        self._learn(found)
        for task in self.model.tasks.values():
            assert _essence(found, task.id) == _modelled(self.model, task)
            assert lines.get(task.id) == task.lines
            assert paused[task.id] == task.pause
        handed_out = sorted(
            (run.rank, run.id) for run in found.runs.values() if run.state == "queued" and run.hold is None
        )
        assert [run_id for _, run_id in handed_out] == [
            run.id for run in sorted(filter(self.model.is_handed_out, self.model.runs), key=place)
        ]
        self.agrees = True

    def _learn(self, found: audit.Yardful) -> None:
        """Ids that only the engine could give."""
        for run, row in [
            pair for task in self.model.tasks.values() for pair in zip(task.runs, found.rows[task.id], strict=True)
        ]:
            run.id = run.id or row.run_id
            if run.has_own_session and row.session_id is not None:
                run.has_own_session, run.session = False, row.session_id
                own = Session(id=row.session_id, agent="worker", workspace=run.task.workspace)
                self.model.sessions.setdefault(own.id, own)

    def teardown(self) -> None:
        """Everything that may be handed out is handed out, in its order."""
        if not self.agrees:
            return
        if self.model.is_paused:
            self.model.is_paused = False
            self.yard.store.transact(scheduling.resume, self.yard.project_id, PERSON)
        for agent, workspace in (("tester", None), ("coder", None), ("coder", "w1")):
            while self.model.next_for(session := self._begin(agent, workspace), 0) is not None:
                self._claim_next(session)
            assert self.yard.claim_next(self.records[session.id]) is None


def _everything(tx: Tx) -> tuple[list[str], audit.Yardful, dict[str, list[str]], dict[str, str | None]]:
    found = audit.Yardful(tx)
    lines: dict[str, list[str]] = {}
    for task_id, kind in tx.rows("SELECT task_id, type FROM task_events ORDER BY seq"):
        lines.setdefault(task_id, []).append(kind)
    paused = {one.task.id: one.paused_by for one in views.see(tx, list(found.tasks.values()))}
    return audit.broken_rules(tx), found, lines, paused


def _essence(found: audit.Yardful, task_id: str) -> list[Any]:
    task = found.tasks[task_id]
    return [
        (task.status.value, task.approval_state.value, task.attempts, task.priority, task.paused_at is not None),
        *(
            (
                row.stage.value,
                row.session_id,
                (run := found.runs[row.run_id]).lease_hash is not None,
                run.lease_until,
                row.queued_at,
                row.previous_run_id,
                row.failure_kind == "operator_forced",
                row.starved,
            )
            for row in found.rows[task_id]
        ),
    ]


def _modelled(model: Model, task: Task) -> list[Any]:
    return [
        (model.status(task), task.approval, len(task.runs), task.priority, task.is_paused),
        *(
            (
                run.stage,
                run.session,
                run.leased,
                run.until if run.stage in ("claimed", "starting", "running") else None,
                run.queued_at,
                run.previous.id if run.previous is not None else None,
                run.forced,
                run.starved,
            )
            for run in task.runs
        ),
    ]


def test_tasks_do_what_their_model_does(engine: str, shelf: Shelf):
    steps: Counter[str] = Counter()
    machine = type("Machine", (TaskMachine,), {"shelf": shelf, "engine": engine, "steps": steps})
    run_machine(
        machine,
        settings=settings(
            max_examples=500 if THOROUGH else {"sqlite": 40, "postgres": 8}[engine],
            stateful_step_count=100 if THOROUGH else 50,
            deadline=None,
            # Shrinking takes minutes; that is for the thorough.
            phases=[phase for phase in Phase if THOROUGH or phase not in {Phase.shrink, Phase.explain}],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert steps.keys() >= USUAL, "a model that is always refused proves nothing"
