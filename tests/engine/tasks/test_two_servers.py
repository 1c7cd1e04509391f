"""Two servers on one database let people and sessions do to the same tasks whatever they like, all at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from runyard.domain.errors import DomainError
from runyard.domain.sessions import Session
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
    settling,
    starving,
    succeeding,
)
from runyard.engine.tasks.asking import Wish
from runyard.engine.tasks.changing import Change
from runyard.engine.tasks.forcing import Force
from runyard.engine.tasks.starving import Ladder
from runyard.storage.port import Tx
from runyard.storage.postgres import PostgresStore
from tests.engine.tasks import audit
from tests.engine.tasks.test_model import ORIGIN
from tests.support.effort import THOROUGH
from tests.support.stores import Clock
from tests.support.yard import PERSON, Yard, broken_rules

ACTORS = 6
TURNS = 2000 if THOROUGH else 120
TASKS = 14
FORCE = Force(project_id=1, by=PERSON, reason="because")
PATIENCE = 600.0 if THOROUGH else 120.0
ONCE = {
    *("task.paused", "task.resumed", "task.dependency_added", "task.dependency_removed", "task.approved"),
    *("task.run_claimed", "task.run_completed"),
}
"""What a timeline tells exactly once for each time that somebody was told that it is so."""


class Somebody:
    """Does one thing after the other to whatever tasks there are, and notes what was acknowledged."""

    def __init__(self, yard: Yard, tasks: list[str], seed: int) -> None:
        self.yard = yard
        self.tasks = tasks
        self.dice = Random(seed)
        self.session = yard.session()
        self.done: Counter[tuple[str, str]] = Counter()
        self.refused = 0
        self.broken: list[BaseException] = []

    def live(self) -> None:
        """Take all turns."""
        verbs: list[Callable[[], None]] = [
            *[self._work] * 6,
            *[self._take] * 3,
            *[self._ask] * 3,
            *[self._depend] * 3,
            *[self._free] * 3,
            *(self._pause, self._pause, self._approve, self._change, self._force),
            *(self._cancel, self._end, self._pass, self._delete),
        ]
        for _ in range(TURNS):
            try:
                self.dice.choice(verbs)()
            except DomainError:
                self.refused += 1
            except BaseException as error:
                self.broken.append(error)
                return

    def _op(self, op: Callable[..., Any], *said: Any, **more: Any) -> Any:
        return self.yard.store.transact(op, self.yard.project_id, *said, **more)

    def _task(self) -> str:
        return self.dice.choice(self.tasks)

    def _run(self) -> tuple[str, str]:
        task_id = self._task()
        return task_id, self.yard.task_now(task_id).latest_run_id or ""

    def _note(self, task_id: str, line: str) -> None:
        self.done[task_id, line] += 1

    def _take(self) -> None:
        """Claim something and leave it, or say what became of it."""
        handed = self.yard.claim_next(self.session)
        if handed is not None:
            self._note(handed.task.id, "task.run_claimed")
            if self.dice.random() < 0.9:
                self._report(self.session, handed.task.id, handed.run.id)

    def _report(self, session: Session, task_id: str, run_id: str) -> None:
        report: dict[str, Any] = {"project_id": 1, "run_id": run_id, "origin": ORIGIN}
        report["who"] = Claimed(session_id=session.id, agent=session.agent)
        transact = self.yard.store.transact
        match self.dice.choice(["complete", "complete", "complete", "fail", "release"]):
            case "complete":
                transact(leases.one, leases.complete, leases.Complete(**report))
                self._note(task_id, "task.run_completed")
            case "fail":
                transact(leases.one, leases.fail, leases.Fail(**report, error="it broke"))
            case _:
                transact(leases.one, leases.release, leases.Release(**report))

    def _work(self) -> None:
        task_id, run_id = self._run()
        self._op(operating.claim, run_id, PERSON)
        self._note(task_id, "task.run_claimed")
        self._op(operating.start, run_id, PERSON)
        if self.dice.random() < 0.7:
            self._op(operating.complete, run_id, PERSON)
            self._note(task_id, "task.run_completed")
        else:
            self._op(operating.fail, run_id, PERSON, error="it broke")

    def _ask(self) -> None:
        for task_id in self.dice.sample(self.tasks, 4):
            if self.yard.task_now(task_id).open_run_id is None:
                self._op(self.dice.choice([asking.enqueue, asking.start]), task_id, Wish(), PERSON)

    def _depend(self) -> None:
        task_id = self._task()
        self._op(depending.add, task_id, self._task(), PERSON)
        self._note(task_id, "task.dependency_added")

    def _free(self) -> None:
        edges = self.yard.store.look(lambda tx: tx.rows("SELECT task_id, depends_on_id FROM task_dependencies"))
        task_id, other = self.dice.choice(edges) if edges else (self._task(), self._task())
        self._op(depending.remove, task_id, other, PERSON)
        self._note(task_id, "task.dependency_removed")

    def _pause(self) -> None:
        task_id = self._task()
        self.yard.store.transact(pausing.pause, task_id, FORCE)
        self._note(task_id, "task.paused")
        self.yard.store.transact(pausing.resume, task_id, FORCE)
        self._note(task_id, "task.resumed")

    def _approve(self) -> None:
        task_id = self._task()
        if self.dice.random() < 0.5:
            self._op(changing.change, task_id, Change(approval_policy=ApprovalPolicy.MANUAL), PERSON)
        # Asked for a second time it is answered with its run, and nothing is told anew.
        key = str(self.dice.random())
        self._op(deciding.approve, task_id, Wish(key=key), PERSON)
        self._note(task_id, "task.approved")

    def _change(self) -> None:
        change = self.dice.choice([Change(priority=self.dice.randrange(9)), Change(max_attempts=10)])
        self._op(changing.change, self._task(), change, PERSON)

    def _force(self) -> None:
        op = self.dice.choice([forcing.release, forcing.fail, succeeding.retry, succeeding.recover])
        self.yard.store.transact(op, self._run()[1], FORCE)

    def _cancel(self) -> None:
        if self.dice.random() < 0.3:
            self._op(operating.cancel, self._run()[1], PERSON)
        self._replace(canceling.cancel)

    def _delete(self) -> None:
        self._replace(deleting.delete)

    def _replace(self, op: Callable[..., Any]) -> None:
        """A task goes, and another one comes."""
        at = self.dice.randrange(len(self.tasks))
        self._op(op, self.tasks[at], PERSON)
        self.tasks[at] = make(self.yard, self.dice)

    def _end(self) -> None:
        self.yard.store.transact(settling.end, [self.session.id], PERSON)
        self.session = self.yard.session()

    def _pass(self) -> None:
        self.yard.clock.forward(seconds=20)
        self.yard.tick()
        self._op(starving.look, Ladder(parked=3))


def make(yard: Yard, dice: Random, parent: str | None = None) -> str:
    """A task that goes on by itself once nothing blocks it."""
    return yard.task(parent=parent, auto_enqueue=dice.random() < 0.5, max_attempts=10).id


def test_whatever_two_servers_do_at_once_leaves_everything_in_order(
    two_servers: tuple[PostgresStore, PostgresStore], clock: Clock
) -> None:
    here = Yard(two_servers[0], clock)
    tasks: list[str] = []
    for number in range(TASKS):
        tasks.append(make(here, Random(number), tasks[number // 2] if number % 3 else None))
    people = [Somebody(Yard(two_servers[at % 2], clock), tasks, at) for at in range(ACTORS)]
    threads = [threading.Thread(target=one.live) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert [error for one in people for error in one.broken] == []
    assert here.store.look(audit.broken_rules) == []
    assert here.store.look(broken_rules) == []
    done = sum((one.done for one in people), Counter[tuple[str, str]]())
    assert here.store.look(told_otherwise, done) == []
    assert {line for _, line in done} == ONCE


def told_otherwise(tx: Tx, done: Counter[tuple[str, str]]) -> list[str]:
    """Where timelines of tasks that are still there say something else than was acknowledged."""
    lines = "SELECT task_id, type, count(*) FROM task_events GROUP BY task_id, type"
    told = {(one, kind): n for one, kind, n in tx.rows(lines) if kind in ONCE}
    there = {row[0] for row in tx.rows("SELECT id FROM tasks")}
    known = {one: times for one, times in done.items() if one[0] in there}
    return [
        f"{one}: {told.get(one)} of {known.get(one)}" for one in told.keys() | known if told.get(one) != known.get(one)
    ]
