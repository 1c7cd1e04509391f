"""The engine as tests speak of it: short verbs over a store, and the rules that must hold after any of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.agents import AgentProfile
from runyard.domain.errors import DomainError, NotFound
from runyard.domain.jobs import JobSpec, NewRun
from runyard.domain.moves import move, occupies
from runyard.domain.policy import Failure
from runyard.domain.records import Attempt, Event, Job, Run, Waiting
from runyard.domain.sessions import Session
from runyard.domain.states import EVENT_OF_VERB, LEASED, RUN_MOVES, RunState
from runyard.domain.tasks import Task, TaskEvent, TaskRun
from runyard.engine import (
    agents,
    cancellations,
    claims,
    copies,
    creations,
    jobs,
    leases,
    pauses,
    proofs,
    resolutions,
    runs,
    sessions,
    starts,
    timers,
    transitions,
)
from runyard.engine.agents import Agent
from runyard.engine.claims import Granted
from runyard.engine.creations import Created
from runyard.engine.sessions import Claimed, NewSession
from runyard.engine.tasks import claims as task_claims
from runyard.engine.tasks import desk, making, queueing
from runyard.engine.tasks.claims import Handed
from runyard.engine.tasks.making import NewTask
from runyard.storage.port import Store, Tx
from runyard.storage.statements import attempts, task_events
from runyard.storage.statements import runs as runs_sql

SECOND = 1_000_000
PERSON = Doer(Actor("human", "local-user"), Origin("http", "tasks.test"))
_EVENT_FIELDS = Event.__struct_fields__
_EVENTS = f"SELECT {', '.join(_EVENT_FIELDS)} FROM events WHERE run_id = :run_id ORDER BY seq"
_MOVE_EVENTS = frozenset(EVENT_OF_VERB.values())


class Ticking(Protocol):
    """A clock that tests move."""

    def now(self) -> int: ...
    def forward(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, micros: int = 0) -> int: ...


Known = Run | Granted | Created | str


def id_of(run: Known) -> str:
    """The id of whatever stands for a run."""
    if isinstance(run, str):
        return run
    return run.id if isinstance(run, Run) else run.run.id


class Yard:
    """One project's work on one store."""

    def __init__(self, store: Store, clock: Ticking, project_id: int = 1) -> None:
        self.store = store
        self.clock = clock
        self.project_id = project_id
        self.held: dict[str, Granted] = {}

    # Making runs

    def job(self, name: str = "job", *, enabled: bool = True, **spec: Any) -> Job:
        """A job with this definition; one of the same name is changed so."""
        return self.store.transact(_put_job, self.project_id, name, spec, enabled=enabled)

    def agent(self, name: str = "agent", **profile: Any) -> Agent:
        """An agent with this profile, deployed."""
        new = agents.NewAgent(name=name, profile=AgentProfile(**profile))
        return self.store.transact(agents.create, self.project_id, new)

    def ask_agent(self, agent: Agent | None = None, payload: Any = None, **said: Any) -> Run:
        """A new run of the agent, or of one made for it."""
        agent = agent or self.agent()
        text = json.dumps(payload or {})
        return self.store.transact(agents.ask, self.project_id, agent.id, payload=text, **said)

    def ask(self, *new: NewRun, actor: str | None = None) -> list[Created]:
        """Ask for runs in one request. Raises what the request is refused with."""
        request = creations.CreateRequest(project_id=self.project_id, runs=new, actor=actor)
        answer: list[Created] | DomainError = self.store.transact(creations.create, [request])[0]
        if isinstance(answer, DomainError):
            raise answer
        return answer

    def create(self, **new: Any) -> Run:
        """Make a run."""
        (created,) = self.ask(NewRun(**new))
        return created.run

    def create_many(self, count: int, **new: Any) -> list[Run]:
        """Make so many alike runs in one request."""
        return [created.run for created in self.ask(*[NewRun(**new)] * count)]

    # Tasks and the sessions that work on them

    def task(self, title: str = "a task", *, parent: Task | str | None = None, **new: Any) -> Task:
        """A task, below another one where that is named."""
        made = NewTask(title=title, **new)
        if parent is None:
            return self.store.transact(making.create, self.project_id, made, PERSON)
        above = parent if isinstance(parent, str) else parent.id
        return self.store.transact(making.create_child, self.project_id, above, made, PERSON)

    def task_now(self, task: Task | str) -> Task:
        """The task as it stands."""
        task_id = task if isinstance(task, str) else task.id
        return self.store.look(desk.find, self.project_id, task_id)

    def queue(self, task: Task | str, *, by: Doer | None = None, **asked: Any) -> TaskRun:
        """A new run of the task."""
        task_id = task if isinstance(task, str) else task.id
        return self.store.transact(_queue, self.project_id, task_id, by or PERSON, queueing.Asked(**asked))

    def session(self, agent: str = "coder", **new: Any) -> Session:
        """A session of an agent."""
        return self.store.transact(sessions.create, self.project_id, NewSession(agent=agent, **new))

    def starve(self, row: TaskRun | str) -> Run:
        """Let the queued run need attention."""
        return self.store.transact(_moved, row if isinstance(row, str) else row.run_id, "starve")

    def claim_next(self, session: Session, **asked: Any) -> Handed | None:
        """What the session is given, if there is anything. Raises what it is refused with."""
        who = Claimed(session_id=session.id, agent=session.agent)
        ask = task_claims.Ask(project_id=self.project_id, who=who, **asked)
        answer: Handed | DomainError | None = self.store.transact(task_claims.claim_next, [ask])[0]
        if isinstance(answer, DomainError):
            raise answer
        return answer

    def timeline(self, task: Task | str) -> list[TaskEvent]:
        """All lines of the task's timeline."""
        task_id = task if isinstance(task, str) else task.id
        return self.store.look(task_events.of_task, task_id, after=0, n=1000)

    # What executors do

    def claim(self, limit: int = 1, **request: Any) -> list[Granted]:
        """Claim up to `limit` runs."""
        asked = claims.ClaimRequest(project_id=self.project_id, limit=limit, **request)
        granted: list[Granted] = self.store.transact(claims.claim, [asked])[0]
        return granted

    def claim_one(self, **request: Any) -> Granted:
        """Claim the run that must be there."""
        (granted,) = self.claim(1, **request)
        return granted

    def claimed(self, **new: Any) -> Granted:
        """A run just made, and claimed at once."""
        run = self.create(**new)
        granted = self.claim_one(
            executor=run.executor, capabilities=frozenset(msgspec.json.decode(run.requires or "[]"))
        )
        assert granted.run.id == run.id, "another run stood in front"
        return granted

    def running(self, **new: Any) -> Granted:
        """A run just made, claimed and started."""
        granted = self.claimed(**new)
        self.start(granted)
        return granted

    def report(self, op: Callable[[Tx, Sequence[Any]], Sequence[Any]], report: proofs.Report) -> Run:
        """The run after the report. Raises what the report is refused with."""
        (outcome,) = self.store.transact(op, [report])
        if isinstance(outcome, DomainError):
            raise outcome
        assert isinstance(outcome, leases.Reported)
        return outcome.run

    def start(self, granted: Granted, **said: Any) -> Run:
        """Say that work begins."""
        return self.report(leases.start, leases.Start(**self._proof(granted), **said))

    def prepare(self, granted: Granted) -> Run:
        """Say that work is being prepared."""
        return self.start(granted, preparing=True)

    def heartbeat(self, granted: Granted, **said: Any) -> Run:
        """Say that the executor lives."""
        return self.report(leases.heartbeat, leases.Heartbeat(**self._proof(granted), **said))

    def complete(self, granted: Granted, output: str = "null", **said: Any) -> Run:
        """Say that the run is done."""
        return self.report(leases.complete, leases.Complete(**self._proof(granted), output=output, **said))

    def fail(self, granted: Granted, kind: str = "error", *, retryable: bool | None = None, **said: Any) -> Run:
        """Say that the attempt failed."""
        failure = Failure(message=said.pop("message", "it broke"), kind=kind, retryable=retryable)
        return self.report(leases.fail, leases.Fail(**self._proof(granted), failure=failure, **said))

    def release(self, granted: Granted, **said: Any) -> Run:
        """Give the run back."""
        return self.report(leases.release, leases.Release(**self._proof(granted), **said))

    def park(self, granted: Granted, kind: Any = "children", **said: Any) -> Run:
        """Let the run wait for something."""
        waiting = Waiting(kind=kind, **said)
        return self.report(leases.park, leases.Park(**self._proof(granted), waiting_for=waiting))

    def _proof(self, granted: Granted) -> dict[str, Any]:
        return {"project_id": self.project_id, "run_id": granted.run.id, "token": granted.lease.token}

    # What people do

    def do(self, op: Callable[..., Run], run: Known, **said: Any) -> Run:
        """Do something to a run."""
        return self.store.transact(op, self.project_id, id_of(run), **said)

    def cancel(self, run: Known, **said: Any) -> Run:
        return self.do(cancellations.cancel, run, **said)

    def pause(self, run: Known, **said: Any) -> Run:
        return self.do(pauses.pause, run, **said)

    def resume(self, run: Known, **said: Any) -> Run:
        return self.do(pauses.resume, run, **said)

    def publish(self, run: Known, **said: Any) -> Run:
        return self.do(starts.publish, run, **said)

    def reschedule(self, run: Known, available_at: int | None, **said: Any) -> Run:
        return self.do(starts.reschedule, run, available_at=available_at, **said)

    def requeue(self, run: Known, **said: Any) -> Run:
        return self.do(resolutions.requeue, run, **said)

    def discard(self, run: Known, **said: Any) -> Run:
        return self.do(resolutions.discard, run, **said)

    def resolve(self, run: Known, **said: Any) -> Run:
        return self.do(resolutions.resolve, run, **said)

    def replay(self, run: Known, **said: Any) -> Run:
        return self.do(copies.replay, run, **said)

    def retry(self, run: Known, **said: Any) -> Run:
        return self.do(copies.retry, run, **said)

    def buried(self, **new: Any) -> Run:
        """A run that failed for good and lies in the dead letter."""
        return self.fail(self.running(**new), retryable=False)

    def in_state(self, state: RunState) -> Run:
        """A run in this state; `held` has its lease when it has one."""
        run = self._made_in(state)
        assert run.state is state, f"meant to be {state}, is {run.state}"
        return run

    def _made_in(self, state: RunState) -> Run:
        match state:
            case RunState.DRAFT:
                return self.create(draft=True)
            case RunState.SCHEDULED:
                return self.create(available_at=self.clock.now() + 3600 * SECOND)
            case RunState.QUEUED:
                return self.create()
            case RunState.PAUSED:
                return self.pause(self.create())
            case RunState.EXPIRED:
                run = self.create(ttl=SECOND)
                self.after(seconds=1)
                return self.run(run)
            case RunState.DEAD_LETTER:
                return self.buried()
            case RunState.CANCELED:
                return self.cancel(self.create())
            case RunState.NEEDS_ATTENTION:
                return self.store.transact(_moved, self.create().id, "starve")
        return self._once_held(state, self.claimed(policy={"max_attempts": 1, "dead_letter": False}))

    def _once_held(self, state: RunState, granted: Granted) -> Run:
        self.held[granted.run.id] = granted
        match state:
            case RunState.CLAIMED:
                return granted.run
            case RunState.STARTING:
                return self.prepare(granted)
            case RunState.RUNNING:
                return self.start(granted)
            case RunState.WAITING:
                return self.park(granted, "event")
            case RunState.COMPLETED:
                return self.complete(granted)
            case RunState.FAILED:
                return self.fail(granted)
            case _:
                verbs = {
                    RunState.TIMED_OUT: "time_out",
                    RunState.CRASHED: "crash",
                    RunState.SYSTEM_FAILED: "system_fail",
                }
                return self.store.transact(_moved, granted.run.id, verbs[state])

    # What time does

    def tick(self) -> int:
        """One pass of the timer."""
        return self.store.transact(timers.tick)

    def after(self, **time: float) -> int:
        """Let time pass and the timer notice it; how many runs it moved."""
        self.clock.forward(**time)  # type: ignore[arg-type]
        return self.tick()

    # Looking

    def run(self, run: Known) -> Run:
        """The run as it stands."""
        return self.store.look(runs.find, self.project_id, id_of(run))

    def state(self, run: Known) -> RunState:
        """The run's state."""
        return self.run(run).state

    def events(self, run: Known) -> list[Event]:
        """The run's journal."""
        rows = self.store.look(lambda tx: tx.rows(_EVENTS, run_id=id_of(run)))
        return [Event(**dict(zip(_EVENT_FIELDS, row, strict=True))) for row in rows]

    def story(self, run: Known) -> list[str]:
        """The types of the run's events in order, without their common prefix."""
        return [event.type.removeprefix("run.") for event in self.events(run)]

    def last(self, run: Known) -> dict[str, Any]:
        """The data of the run's last event."""
        data: dict[str, Any] = msgspec.json.decode(self.events(run)[-1].data)
        return data

    def attempts(self, run: Known) -> list[Attempt]:
        """The run's attempts, oldest first."""
        return self.store.look(attempts.of_run, id_of(run), after=-1, n=1000)

    def check(self) -> None:
        """Check what must hold after any transaction."""
        problems = self.store.look(broken_rules)
        assert not problems, "\n".join(problems)


def _moved(tx: Tx, run_id: str, verb: str) -> Run:
    run = runs_sql.lock(tx, [run_id])[run_id]
    return transitions.apply(tx, [move(run, verb, tx.now)])[0]


def _put_job(tx: Tx, project_id: int, name: str, spec: dict[str, Any], *, enabled: bool) -> Job:
    try:
        return jobs.update(tx, project_id, name, spec=spec, enabled=enabled)
    except NotFound:
        return jobs.create(tx, project_id, name=name, spec=JobSpec(**spec), enabled=enabled)


def all_runs(tx: Tx) -> list[Run]:
    """Every run in the database."""
    return [runs_sql.from_row(row) for row in tx.rows(f"SELECT {runs_sql.COLUMNS} FROM runs ORDER BY id")]


def broken_rules(tx: Tx) -> list[str]:
    """Which rules the database breaks, one sentence each."""
    found = all_runs(tx)
    return [
        *_lane_problems(tx, found),
        *_attempt_problems(tx, found),
        *_journal_problems(tx, found),
        *_field_problems(found),
    ]


def _lane_problems(tx: Tx, found: Sequence[Run]) -> list[str]:
    through: Counter[int] = Counter()
    for run in found:
        if occupies(run):
            through.update(lane for lane in (run.job_lane, run.key_lane) if lane is not None)
    problems = []
    counted = {lane: (cap, used) for lane, cap, used in tx.rows("SELECT id, cap, used FROM lanes")}
    for lane, (_cap, used) in counted.items():
        if used != through[lane]:
            problems.append(f"lane {lane} counts {used} runs and lets {through[lane]} through")
    for run in found:
        if run.hold_lane is not None:
            cap, used = counted.get(run.hold_lane, (1, 0))
            if used < cap:
                problems.append(f"run {run.id} is held by lane {run.hold_lane}, which lets {used} of {cap} through")
        if (run.hold == "lane") != (run.hold_lane is not None):
            problems.append(f"run {run.id}: hold {run.hold!r} with hold_lane {run.hold_lane}")
    return problems


def _attempt_problems(tx: Tx, found: Sequence[Run]) -> list[str]:
    rows = tx.rows("SELECT run_id, epoch, attempt, ended_at, outcome FROM attempts ORDER BY run_id, epoch")
    by_run: dict[str, list[tuple[Any, ...]]] = {}
    for run_id, *rest in rows:
        by_run.setdefault(run_id, []).append(tuple(rest))
    problems = []
    for run in found:
        mine = by_run.get(run.id, [])
        if [epoch for epoch, *_ in mine] != list(range(1, run.epoch + 1)):
            problems.append(f"run {run.id} was claimed {run.epoch} times and has attempt rows {mine}")
        still_open = [epoch for epoch, _, ended_at, outcome in mine if ended_at is None or outcome is None]
        if still_open != ([run.epoch] if run.state in LEASED else []):
            problems.append(f"run {run.id} is {run.state} (epoch {run.epoch}) and has open attempts {still_open}")
    return problems


def _journal_problems(tx: Tx, found: Sequence[Run]) -> list[str]:
    rows = tx.rows("SELECT run_id, type, data FROM events WHERE run_id IS NOT NULL ORDER BY seq")
    by_run: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for run_id, kind, data in rows:
        by_run.setdefault(run_id, []).append((kind, msgspec.json.decode(data)))
    allowed = {(source.value, to.value, EVENT_OF_VERB[verb]) for (source, verb), to in RUN_MOVES.items()}
    allowed.add(("queued", "queued", "run.queued"))
    problems = []
    for run in found:
        lines = by_run.get(run.id, [])
        if not lines or lines[0][0] != "run.created":
            problems.append(f"run {run.id} has a journal that does not begin with its creation: {lines[:1]}")
            continue
        state = lines[0][1]["state"]
        for kind, data in lines[1:]:
            if kind not in _MOVE_EVENTS or "from" not in data:
                continue
            if data["from"] != state:
                problems.append(f"run {run.id}: {kind} left {data['from']}, and the run was {state}")
            if (data["from"], data["to"], kind) not in allowed:
                problems.append(f"run {run.id}: {kind} from {data['from']} to {data['to']} is not in the table")
            state = data["to"]
        if state != run.state:
            problems.append(f"run {run.id} is {run.state}, and its journal ends in {state}")
    return problems


def _field_problems(found: Sequence[Run]) -> list[str]:
    problems = []
    for run in found:
        leased = run.state in LEASED
        ended = run.is_final or run.state is RunState.DEAD_LETTER
        # Runs of tasks may be held without a lease: by people, and in sessions made for them.
        unleased = run.task_id is not None and run.lease_hash is None
        rules = {
            "a lease has an end exactly while it is held": (run.lease_until is not None) == (leased and not unleased),
            "a held run has a proof": not leased or unleased or run.lease_hash is not None,
            "a proof does not outlive its lease, but for the end": leased or ended or run.lease_hash is None,
            "finished_at is set exactly when the run has ended": (run.finished_at is not None) == ended,
            "only queued runs are held back": run.hold is None or run.state is RunState.QUEUED,
            "waiting_for is set while waiting": run.waiting_for is not None or run.state is not RunState.WAITING,
            "what has ended waits for nothing": not ended or (run.waiting_for is None and run.due_at is None),
            "queued runs know since when": run.queued_at is not None or run.state is not RunState.QUEUED,
            "held runs have a worker's claim time": run.claimed_at is not None or not leased,
        }
        problems += [f"run {run.id} ({run.state}): {rule}" for rule, holds in rules.items() if not holds]
    return problems


def _queue(tx: Tx, project_id: int, task_id: str, by: Doer, asked: queueing.Asked) -> TaskRun:
    task, _ = desk.take(tx, project_id, task_id)
    return queueing.queue(tx, task, by, asked)[2]
