"""Coding tasks and their runs, in short verbs."""

from __future__ import annotations

from typing import Any

from runyard.domain.coding import CodingSeen, TaskSeen
from runyard.domain.states import RunState
from runyard.domain.tasks import Task
from runyard.engine import projects
from runyard.engine.claims import Granted
from runyard.engine.coding import changes, changing, launching, making, runs
from runyard.engine.coding.changes import Change
from runyard.engine.coding.runs import NewCodingRun
from runyard.engine.coding.tasks import NewCodingTask
from runyard.engine.tasks import pausing
from runyard.engine.tasks.forcing import Force
from tests.engine.tasks import audit
from tests.support.yard import PERSON, Yard


class CodingYard:
    """One project's coding tasks."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.store = yard.store
        self.project_id = yard.project_id
        self.store.transact(projects.ensure_default)

    def make(self, title: str = "a task", **new: Any) -> TaskSeen:
        """A coding task."""
        return self.store.transact(changing.create, self.project_id, NewCodingTask(title=title, **new), PERSON)

    def task(self, title: str = "a task", **new: Any) -> str:
        """The id of a coding task."""
        return self.make(title, **new).row.task_id

    def run(self, task: str, state: RunState = RunState.QUEUED, **new: Any) -> CodingSeen:
        """A run of the task, in this state."""
        made = NewCodingRun(queued=state is RunState.QUEUED, **new)
        said = None if state in (RunState.DRAFT, RunState.QUEUED) else state
        return self.store.transact(making.create_in, self.project_id, task, made, PERSON, state=said)

    def change(self, seen: CodingSeen, state: RunState, **wanted: Any) -> CodingSeen:
        """The run after somebody said that it is in this state."""
        changed: CodingSeen = self._do(changes.change, seen, Change(state=state, **wanted), PERSON)
        return changed

    def cancel(self, seen: CodingSeen, **said: Any) -> CodingSeen:
        """The run after it was called off."""
        stopped: launching.Stopped = self._do(launching.cancel, seen, PERSON, **said)
        return stopped.seen

    def reopen(self, seen: CodingSeen) -> CodingSeen:
        """The run, begun anew."""
        reopened: CodingSeen = self._do(launching.reopen, seen, PERSON)
        return reopened

    def see(self, seen: CodingSeen) -> CodingSeen:
        """The run as it is now."""
        return self.store.look(runs.see, self.project_id, seen.row.task_id, seen.run.id)

    def _do(self, op: Any, seen: CodingSeen, *args: Any, **said: Any) -> Any:
        return self.store.transact(op, self.project_id, seen.row.task_id, seen.run.id, *args, **said)

    def take(self, n: int = 10) -> list[Granted]:
        """What the launcher of sandboxes is given now."""
        return self.yard.claim(n, executor="sandbox", queues=("default",))

    def now(self, task: str) -> Task:
        """The task as it stands."""
        return self.yard.task_now(task)

    def pause(self, task: str) -> None:
        """Hold the task up."""
        self.store.transact(pausing.pause, task, Force(project_id=self.project_id, by=PERSON, reason="wait"))

    def resume(self, task: str) -> None:
        """Let it go on."""
        self.store.transact(pausing.resume, task, Force(project_id=self.project_id, by=PERSON))

    def check(self) -> None:
        """Check what must hold of tasks and runs after any transaction."""
        problems = self.store.look(audit.broken_rules)
        assert not problems, "\n".join(problems)
        self.yard.check()
