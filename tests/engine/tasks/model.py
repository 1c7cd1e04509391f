"""What tasks, their runs and sessions do, said as plainly as can be: nothing is kept that can be found out anew.

A verb raises `Refused` before it changes anything. A run is known by its task and attempt until its id is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SECOND = 1_000_000
LEASE = 30 * SECOND
STARVES_AFTER, TOLD_AT, PARKED_AT = 120 * SECOND, 2, 3
MOST_LEVELS = 8
OPEN = ("queued", "claimed", "starting", "running", "needs_attention")
ACTIVE = OPEN[1:4]
WORKED_ON = OPEN[2:4]


class Refused(Exception):
    """The verb is not allowed now."""


def check(allowed: object) -> None:
    """Raise `Refused` unless it is allowed."""
    if not allowed:
        raise Refused


@dataclass(kw_only=True, eq=False)
class Run:
    """A run of a task."""

    task: Task
    attempt: int
    queued_at: int
    id: str = ""
    stage: str = "queued"
    session: str | None = None
    has_own_session: bool = False
    """Whether a session is to be there for it alone, whose id is not known yet."""
    leased: bool = False
    until: int | None = None
    previous: Run | None = None
    forced: bool = False
    starved: int = 0


@dataclass(kw_only=True, eq=False)
class Task:
    """A task."""

    id: str
    parent: Task | None
    workspace: str | None
    priority: int
    max_attempts: int
    manual: bool
    auto: bool
    owner: tuple[str, str] | None
    is_draft: bool
    approval: str = ""
    is_canceled: bool = False
    is_paused: bool = False
    owed: bool = False
    """Whether a run was due that a pause kept from being queued."""
    needs: set[str] = field(default_factory=set)
    runs: list[Run] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def open_run(self) -> Run | None:
        """Its run that has not ended."""
        return next((run for run in self.runs if run.stage in OPEN), None)

    @property
    def line_up(self) -> Iterator[Task]:
        """Itself and the tasks above it."""
        one: Task | None = self
        while one is not None:
            yield one
            one = one.parent

    @property
    def pause(self) -> str | None:
        """Which task holds it up."""
        return next((one.id for one in self.line_up if one.is_paused), None)

    @property
    def is_exhausted(self) -> bool:
        """Whether it can have no more runs."""
        return len(self.runs) >= self.max_attempts


def place(run: Run) -> tuple[int, int, str]:
    """Where a run stands among those that are handed out."""
    return -run.task.priority, run.queued_at, run.id


@dataclass(kw_only=True, eq=False)
class Session:
    """An agent at work."""

    id: str
    agent: str
    workspace: str | None
    state: str = "active"


@dataclass(eq=False)
class Model:
    """All there is."""

    tasks: dict[str, Task] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    keys: dict[str, Run] = field(default_factory=dict)
    is_paused: bool = False
    now: int = 0

    # What follows from the rest

    @property
    def runs(self) -> list[Run]:
        """All runs."""
        return [run for task in self.tasks.values() for run in task.runs]

    def is_blocked(self, task: Task) -> bool:
        """Whether a dependency or a decision is in the way."""
        unmet = any(self.status(self.tasks[one]) != "completed" for one in task.needs)
        return unmet or (task.manual and task.approval != "approved")

    def status(self, task: Task) -> str:
        """How the task stands."""
        if task.is_canceled or task.is_draft:
            return "canceled" if task.is_canceled else "draft"
        stages = [run.stage for run in task.runs]
        if "starting" in stages or "running" in stages:
            return "in_progress"
        waiting = "blocked" if self.is_blocked(task) else "ready"
        ended = [stage for stage in stages if stage not in OPEN]
        if "queued" in stages or "claimed" in stages or not ended:
            return waiting
        if ended[-1] == "failed":
            return "failed" if task.is_exhausted else waiting
        return ended[-1]

    def is_closed(self, task: Task) -> bool:
        """Whether nothing more is intended."""
        return self.status(task) in ("completed", "failed", "canceled")

    def is_handed_out(self, run: Run) -> bool:
        """Whether a session may have it, if any suits."""
        return run.stage == "queued" and not self.is_blocked(run.task) and run.task.pause is None

    def below(self, task: Task) -> list[Task]:
        """The task and all below it."""
        return [one for one in self.tasks.values() if task in one.line_up]

    def held_by(self, session_id: str) -> Run | None:
        """What the session has."""
        return next((run for run in self.runs if run.session == session_id and run.stage in ACTIVE), None)

    # Runs as they are queued and moved

    def queue(self, task: Task, line: str = "task.run_enqueued", previous: Run | None = None) -> Run:
        """Queue a run."""
        run = Run(task=task, attempt=len(task.runs) + 1, queued_at=self.now, previous=previous)
        task.runs.append(run)
        task.owed = False
        if line:
            task.lines.append(line)
        return run

    def check_queueable(self, task: Task) -> None:
        """Raise `Refused` where no run can be queued."""
        check(not task.is_draft and not task.is_canceled and task.open_run is None and not task.is_exhausted)

    def move(self, run: Run, stage: str, line: str = "") -> None:
        """Bring the run somewhere else."""
        run.stage = stage
        if stage == "queued":
            run.session, run.leased, run.until, run.forced = None, False, None, False
        run.starved = 0
        if line:
            run.task.lines.append(line)
        if stage == "canceled" and self.status(run.task) == "canceled":
            run.task.is_canceled = True

    def freeing(self, act: Callable[[], object]) -> None:
        """Do something after which runs are queued of tasks that it frees."""
        blocked = [task for task in self.tasks.values() if self.status(task) == "blocked"]
        act()
        for task in blocked:
            if task.id in self.tasks and not self.is_blocked(task) and self._wants(task):
                if task.pause is None:
                    self.queue(task)
                else:
                    task.owed = True

    def _wants(self, task: Task) -> bool:
        return task.auto and self.status(task) == "ready" and task.open_run is None and not task.is_exhausted

    def _stop(self, run: Run) -> None:
        """Ask the run's session to stop."""
        if run.session is not None and self.sessions[run.session].state == "active":
            self.sessions[run.session].state = "stopping"

    # Tasks

    def check_place(self, task: Task) -> None:
        """Raise `Refused` where the task cannot be made."""
        check(task.parent is None or task.parent.workspace in (None, task.workspace))
        check(len(list(task.line_up)) <= MOST_LEVELS)

    def make(self, task: Task) -> None:
        """A task was made."""
        task.approval = "pending" if task.manual else "not_required"
        task.lines.append("task.created")
        if task.parent is not None:
            task.parent.lines.append("task.child_created")
        self.tasks[task.id] = task

    def publish(self, task: Task) -> None:
        """Make a draft a task, and queue a run of it."""
        name = f"publish {task.id}"
        if (held := self.keys.get(name)) is not None and held.stage in OPEN:
            return
        check(task.is_draft or held is not None)
        check(not self.is_blocked(task))
        if task.is_draft:
            check(not task.is_canceled)
            task.is_draft = False
            task.lines.append("task.published")
        else:
            self.check_queueable(task)
        self.keys[name] = self.queue(task)

    def start(self, task: Task) -> None:
        """Queue a run of a task that nothing blocks."""
        name = f"start {task.id}"
        if (held := self.keys.get(name)) is not None and held.stage in OPEN:
            return
        check(self.status(task) != "blocked")
        self.check_queueable(task)
        self.keys[name] = self.queue(task)

    def enqueue(self, task: Task, key: str | None) -> None:
        """Queue a run, blocked or not, once for each key."""
        check(not task.is_draft and not task.is_canceled)
        if key is not None and key in self.keys:
            check(self.keys[key].task is task)
            return
        self.check_queueable(task)
        run = self.queue(task)
        if key is not None:
            self.keys[key] = run

    def approve(self, task: Task) -> None:
        """Say yes, and queue a run."""
        name = f"approve {task.id}"
        if (held := self.keys.get(name)) is not None and held.stage in OPEN:
            return
        again = held is not None and task.approval == "approved"
        check(again or (task.manual and task.approval == "pending"))
        self.check_queueable(task)
        if not again:
            task.approval = "approved"
            task.lines.append("task.approved")
        self.keys[name] = self.queue(task)

    def reject(self, task: Task) -> None:
        """Say no."""
        check(task.manual and task.approval == "pending")
        task.approval = "rejected"
        task.lines.append("task.rejected")

    def depend(self, task: Task, other: Task) -> None:
        """Let the task wait for the other one."""
        check(other.id not in task.needs and not self._reaches(other, task))
        task.needs.add(other.id)
        task.lines.append("task.dependency_added")

    def _reaches(self, task: Task, other: Task) -> bool:
        return task is other or any(self._reaches(self.tasks[one], other) for one in task.needs)

    def free(self, task: Task, other: Task) -> None:
        """Let it wait for the other one no longer."""
        check(other.id in task.needs)

        def act() -> None:
            task.needs.discard(other.id)
            task.lines.append("task.dependency_removed")

        self.freeing(act)

    def change(self, task: Task, name: str, value: object) -> None:
        """Let the task say something else."""
        if getattr(task, name) == value:
            return

        def act() -> None:
            setattr(task, name, value)
            if name == "manual":
                task.approval = "pending" if task.manual else "not_required"
            task.lines.append("task.updated")

        self.freeing(act)

    def pause(self, task: Task) -> None:
        """Hold the task up, and all below it."""
        check(not self.is_closed(task))
        task.is_paused = True
        task.lines.append("task.paused")

    def resume(self, task: Task) -> None:
        """Hold it up no longer; runs that were due meanwhile are queued."""
        task.is_paused = False
        task.lines.append("task.resumed")
        for one in self.below(task):
            if one.owed and one.pause is None:
                one.owed = False
                if self._wants(one):
                    self.queue(one)

    def cancel(self, task: Task) -> None:
        """Cancel the task and whatever is open below it."""
        if task.is_canceled:
            return
        check(not self.is_closed(task) or task.open_run is not None)
        for one in self.below(task):
            run = one.open_run
            if self.is_closed(one) and run is None:
                continue
            if run is not None:
                if run.stage in WORKED_ON:
                    self._stop(run)
                run.stage, run.starved = "canceled", 0
                one.lines.append("task.run_canceled")
            one.is_canceled, one.is_draft, one.owed = True, False, False
            one.lines.append("task.canceled")

    def delete(self, task: Task) -> None:
        """Delete the task."""
        check(not any(one.parent is task for one in self.tasks.values()))
        check(task.open_run is None or task.open_run.stage == "needs_attention")

        def act() -> None:
            del self.tasks[task.id]
            for one in self.tasks.values():
                one.needs.discard(task.id)
            self.keys = {name: run for name, run in self.keys.items() if run.task is not task}

        self.freeing(act)

    # Runs that sessions take and report on

    def next_for(self, session: Session, least: int) -> Run | None:
        """The best run that the session may have."""
        if self.is_paused:
            return None
        fitting = [
            run
            for run in self.runs
            if self.is_handed_out(run)
            and run.task.workspace == session.workspace
            and run.task.owner in (None, ("pool", session.agent))
            and run.task.priority >= least
        ]
        return min(fitting, key=place, default=None)

    def claim_next(self, session: Session, least: int) -> Run | None:
        """Take the best run; what was held too long is lost first."""
        held = self.held_by(session.id)
        check(session.state == "active")
        if held is not None:
            check(held.until is not None and held.until <= self.now)
            self.move(held, "queued", "task.run_lease_expired")
        run = self.next_for(session, least)
        if run is not None:
            self.move(run, "claimed", "task.run_claimed")
            run.session, run.leased, run.until = session.id, True, self.now + LEASE
        return run

    def report(self, verb: str, session: Session, run: Run) -> None:
        """The session says something of a run."""
        check(session.state == "active" and run.session == session.id and run.leased and run.stage in ACTIVE)
        check(run.until is not None and run.until > self.now)
        match verb:
            case "extend":
                run.until = self.now + LEASE
                run.task.lines.append("task.run_lease_extended")
            case "complete":
                self.freeing(lambda: self.move(run, "completed", "task.run_completed"))
            case "fail":
                self.move(run, "failed", "task.run_failed")
            case _:
                self.move(run, "queued", "task.run_released")

    def expire(self) -> None:
        """Leases that are over are lost."""
        for run in self.runs:
            if run.stage in ACTIVE and run.until is not None and run.until <= self.now:
                self.move(run, "queued", "task.run_lease_expired")

    def end(self, session: Session) -> None:
        """The session stops, and leaves what it has."""
        run = self.held_by(session.id)
        session.state = "stopped"
        if run is not None and (run.leased or run.stage == "claimed"):
            self.move(run, "queued", "task.run_released")
        elif run is not None:
            self.move(run, "failed", "task.run_failed")

    # Runs that people work on

    def operate(self, verb: str, run: Run) -> None:
        """A person does something to a run."""
        task = run.task
        can_be_worked_on = not (self.is_blocked(task) or task.is_draft or task.is_canceled)
        match verb:
            case "claim":
                check(can_be_worked_on and run.stage == "queued" and (task.owner is None or task.owner[0] != "pool"))
                self.move(run, "claimed", "task.run_claimed")
            case "start":
                check(can_be_worked_on)
                check(run.stage == "claimed" or (run.stage == "starting" and run.session is not None))
                if run.stage == "claimed":
                    self.move(run, "starting", "task.run_starting")
                    if run.session is None:
                        run.has_own_session = True
                        task.lines.append("task.run_session_bound")
                self.move(run, "running", "task.run_started")
            case "complete":
                check(not run.leased and run.stage == "running")
                self.freeing(lambda: self.move(run, "completed", "task.run_completed"))
                self._stop(run)
            case "fail":
                check(not run.leased and run.stage in WORKED_ON)
                self.move(run, "failed", "task.run_failed")
                self._stop(run)
            case _:
                check(run.stage in OPEN)
                if run.stage in WORKED_ON:
                    self._stop(run)
                self.move(run, "canceled", "task.run_canceled")

    def attach(self, run: Run, session: Session) -> None:
        """Bind a session to a run that has none."""
        task = run.task
        check(not (self.is_blocked(task) or task.is_draft or task.is_canceled))
        check(run.stage == "claimed" and run.session is None)
        check(session.state != "stopped" and self.held_by(session.id) is None)
        self.move(run, "starting", "task.run_session_bound")
        run.session = session.id

    def force(self, verb: str, run: Run) -> None:
        """A person forces something on a run."""
        task = run.task
        match verb:
            case "release":
                check(run.stage == "claimed")
                self.move(run, "queued", "task.run_released")
            case "fail":
                check(run.stage in ("queued", "claimed"))
                self.move(run, "failed", "task.run_operator_forced_fail")
                run.forced, run.leased = True, False
            case "retry":
                check(run.stage == "failed" and not self._has_successor(run))
                self.check_queueable(task)
                self.queue(task, "task.run_operator_retry", run)
            case _:
                check(run.stage == "needs_attention" and not task.is_canceled and not task.is_exhausted)
                self.move(run, "failed")
                run.forced = True
                self.queue(task, "task.run_recovered_from_attention", run)

    def _has_successor(self, run: Run) -> bool:
        return any(one.previous is run for one in run.task.runs)

    # What time does

    def look(self) -> None:
        """Look after the runs that nobody takes."""
        waiting = [run for run in self.runs if self.is_handed_out(run) and run.queued_at + STARVES_AFTER <= self.now]
        for run in waiting if not self.is_paused else ():
            run.starved += 1
            if run.starved == TOLD_AT:
                run.task.lines.append("task.run_starved")
            if run.starved >= PARKED_AT:
                self.move(run, "needs_attention", "task.run_needs_attention")
