"""A life of tasks, and what their rows come to when each is looked at: nothing here was ever added up."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import Any

from hypothesis import strategies as st

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.errors import DomainError
from runyard.domain.inbox import TriageVerb
from runyard.domain.tasks import ApprovalPolicy, Stage, Task, TaskRun
from runyard.engine import sessions
from runyard.engine.tasks import changing, deciding, deleting, depending, operating, triage
from runyard.engine.tasks.asking import Wish
from runyard.engine.tasks.changing import Change
from runyard.storage.port import Tx
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql
from tests.support.yard import Yard

VERBS = (
    *("make", "queue", "claim", "work", "complete", "fail", "fail") * 2,
    *("read", "read", "read", "archive", "dismiss", "dismiss") * 2,
    *("approve", "reject", "depend", "change", "cancel", "starve", "delete", "stop", "pass", "pass"),
)
STEPS = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 11), st.integers(0, 60)), min_size=10, max_size=70)
LOOKS = [verb.value for verb in TriageVerb]
ANN, BOB = Actor("human", "ann"), Actor("human", "bob")
OWNERS = (None, ANN, BOB, None, Actor("pool", "coder"), ANN)
WORKSPACES = (None, "w1", "w2")
CHANNELS = (None, "red", "blue")


class Life:
    """Tasks and those who look at them; a step that is refused changes nothing."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.tasks: list[str] = []
        self.session = yard.session()
        self.coder = sessions.actor_of(self.session)
        self.actors = (ANN, BOB, self.coder)
        for how in (0, 1, 2, 4, 5, 7, 9):
            self._make(how)

    def do(self, step: tuple[str, int, int]) -> None:
        """Take a step."""
        verb, which, how = step
        # A moment later, most of the time: much happens in one transaction, and at one instant then.
        if which % 3:
            self.yard.clock.forward(micros=1)
        task_id = self.tasks[which % len(self.tasks)] if self.tasks else ""
        with suppress(DomainError):
            if verb == "make":
                self._make(how)
            elif verb == "pass":
                self.yard.after(seconds=(1, 200, 400, 2000)[how % 4])
            elif task_id and verb in LOOKS:
                self._op(triage.triage, task_id, self.actors[how % 3], TriageVerb(verb))
            elif task_id:
                getattr(self, f"_{verb}")(task_id, how)

    def _op(self, op: Any, *said: Any, **more: Any) -> Any:
        return self.yard.store.transact(op, self.yard.project_id, *said, **more)

    def _by(self, how: int) -> Doer:
        return Doer(self.actors[how % 2], Origin("http", "tasks.test"))

    def _make(self, how: int) -> None:
        owner = OWNERS[how % 6] if how != 7 else self.coder
        policy = ApprovalPolicy.MANUAL if how % 5 == 0 else ApprovalPolicy.NONE
        task = self.yard.task(
            f"{'Straße' if how % 4 == 0 else 'road'} {how}",
            owner=owner,
            approval_policy=policy,
            workspace_id=WORKSPACES[how % 3],
            channel=CHANNELS[how % 7 % 3],
            priority=(2, 4, 8)[how % 11 % 3],
            max_attempts=1 + how % 3,
            draft=how % 13 == 0,
        )
        self.tasks.append(task.id)

    def _run(self, task_id: str) -> str:
        return self.yard.task_now(task_id).open_run_id or ""

    def _queue(self, task_id: str, how: int) -> None:
        self.yard.queue(task_id, channel=CHANNELS[how % 3])

    def _claim(self, task_id: str, how: int) -> None:
        if how % 3 == 0:
            self.yard.claim_next(self.session)
        else:
            self._op(operating.claim, self._run(task_id), self._by(how))

    def _work(self, task_id: str, how: int) -> None:
        self._op(operating.start, self._run(task_id), self._by(how))

    def _complete(self, task_id: str, how: int) -> None:
        self._begin(task_id, how)
        self._op(operating.complete, self._run(task_id), self._by(how))

    def _fail(self, task_id: str, how: int) -> None:
        self._begin(task_id, how)
        self._op(operating.fail, self._run(task_id), self._by(how), error="it broke")

    def _begin(self, task_id: str, how: int) -> None:
        """Bring the task as far as its run can end, wherever it stands."""
        task = self.yard.task_now(task_id)
        if task.open_stage is None:
            self._queue(task_id, how)
        if task.open_stage in (None, Stage.QUEUED):
            self._op(operating.claim, self._run(task_id), self._by(how))
        self._op(operating.start, self._run(task_id), self._by(how))

    def _cancel(self, task_id: str, how: int) -> None:
        self._op(operating.cancel, self._run(task_id), self._by(how))

    def _starve(self, task_id: str, how: int) -> None:
        task = self.yard.task_now(task_id)
        if task.open_stage is Stage.QUEUED:
            self.yard.starve(self._run(task_id))

    def _approve(self, task_id: str, how: int) -> None:
        self._op(deciding.approve, task_id, Wish(), self._by(how))

    def _reject(self, task_id: str, how: int) -> None:
        self._op(deciding.reject, task_id, self._by(how))

    def _depend(self, task_id: str, how: int) -> None:
        self._op(depending.add, task_id, self.tasks[how % len(self.tasks)], self._by(how))

    def _change(self, task_id: str, how: int) -> None:
        change = (
            Change(owner=OWNERS[how % 6]),
            Change(priority=2 + how % 7),
            Change(channel=CHANNELS[how % 3]),
            Change(approval_policy=ApprovalPolicy.MANUAL),
        )[how % 4]
        self._op(changing.change, task_id, change, self._by(how))

    def _delete(self, task_id: str, how: int) -> None:
        self._op(deleting.delete, task_id, self._by(how))
        self.tasks.remove(task_id)

    def _stop(self, task_id: str, how: int) -> None:
        if how % 4 == 0:
            self.yard.store.transact(_stop, self.session.id)


def _stop(tx: Tx, session_id: str) -> None:
    tx.run("UPDATE sessions SET state = 'stopped' WHERE id = :id", id=session_id)


class Row(dict[str, Any]):
    """A row by the names of its columns."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def rows(tx: Tx, table: str, columns: tuple[str, ...]) -> list[Row]:
    """All rows of a table."""
    return [Row(zip(columns, row, strict=True)) for row in tx.rows(f"SELECT {', '.join(columns)} FROM {table}")]


def later(*times: int | None) -> int:
    """The latest of times that may be missing."""
    return max(time for time in times if time is not None)


class Everything:
    """All that is kept, read row by row."""

    def __init__(self, tx: Tx) -> None:
        self.tasks = tx.records(Task, f"SELECT {tasks_sql.COLUMNS} FROM tasks")
        self.runs: dict[str, list[TaskRun]] = {task.id: [] for task in self.tasks}
        for run in tx.records(TaskRun, f"SELECT {task_runs_sql.COLUMNS} FROM task_runs"):
            self.runs[run.task_id].append(run)
        self.events: dict[str, list[int]] = {task.id: [] for task in self.tasks}
        for line in rows(tx, "task_events", ("task_id", "at")):
            self.events.get(line.task_id, []).append(line.at)
        kept = ("actor_kind", "actor_ref", "task_id", "archived", "dismissed", "seen_at")
        self.triage = {(Actor(one.actor_kind, one.actor_ref), one.task_id): one for one in rows(tx, "triage", kept)}

    def active_at(self, task: Task) -> int:
        """When something last happened to the task."""
        times = [time for run in self.runs[task.id] for time in (run.queued_at, run.claimed_at, run.started_at)]
        times += [run.ended_at for run in self.runs[task.id]]
        return later(task.created_at, task.updated_at, task.closed_at, *times, *self.events[task.id])


def lived_through(yard: Yard, steps: int = 200) -> Life:
    """A life in which most things happened."""
    life, dice = Life(yard), Random(7)
    for _ in range(steps):
        life.do((dice.choice(VERBS), dice.randrange(12), dice.randrange(61)))
    return life


def steps_of(tx: Tx, op: Any, *said: Any, **more: Any) -> list[str]:
    """How SQLite goes about each statement of an operation, step by step."""
    found: list[str] = []
    rows = tx.rows

    def spied(sql: str, /, **params: Any) -> list[Any]:
        found.extend(step[3] for step in rows(f"EXPLAIN QUERY PLAN {sql}", **params))
        return rows(sql, **params)

    tx.rows = spied  # type: ignore[method-assign]
    try:
        op(tx, *said, **more)
    finally:
        tx.rows = rows  # type: ignore[method-assign]
    return found
