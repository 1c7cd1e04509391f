"""Coding runs launched, called off, and begun anew in another sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from runyard.domain.actors import Doer
from runyard.domain.canonical import decoded
from runyard.domain.coding import RESUMED, SERVERS, CodingRun, CodingSeen, TaskSeen, entry_id
from runyard.domain.errors import Conflict, Invalid
from runyard.domain.moves import changed, move
from runyard.domain.policy import Failure
from runyard.domain.records import Run, TaskMove
from runyard.domain.states import ENDED, LIVE, RunState
from runyard.engine import cascades, classes, sizes
from runyard.engine.coding import changes, news, runs, showing, tasks
from runyard.engine.coding.changes import Change
from runyard.engine.coding.runs import NewCodingRun
from runyard.engine.failures import told
from runyard.engine.ledger import journal, wake
from runyard.engine.runs import MAX_DEPTH, because
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import coding_runs as sql
from runyard.storage.statements import manifests
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import tasks as tasks_sql

REASON = 4096
"""How long the reason of a cancellation may be."""
WAITING = frozenset({RunState.DRAFT, RunState.SCHEDULED, RunState.QUEUED, RunState.CLAIMED, RunState.NEEDS_ATTENTION})
"""Nobody works on such a run yet."""
ARTIFACTS = "pending_user_artifact_ids"
"""The part of a run's state that names the files of its first message."""
TO_QUEUE = {
    RunState.DRAFT: "publish",
    RunState.SCHEDULED: "run_now",
    RunState.CLAIMED: "release",
    RunState.STARTING: "release",
    RunState.RUNNING: "release",
    RunState.WAITING: "wake",
    RunState.PAUSED: "resume",
}
"""What queues a run that has not ended; those that have are reopened."""
_json = msgspec.json.Encoder()


class NotOfTask(Invalid):
    """The run to go on from is not one of this task; name one of its runs, or none."""


class UnknownArtifacts(Conflict):
    """The run has no such artifacts; upload them first, and name them by the ids the manifest has."""


class Stopped(NamedTuple):
    """A run, and whether it was this that ended it."""

    seen: CodingSeen
    anew: bool


def launch_run(
    tx: Tx, project_id: int, task_id: str, new: NewCodingRun, by: Doer, *, resume_from: str | None = None
) -> CodingSeen:
    """Make a run of the task, which goes on from another of its runs where one is named.

    Raises `NotFound`, `NotOfTask`, `UnknownArtifacts`, `TooLarge`, and `Conflict` where `runs.create` does.
    """
    task = tasks.find(tx, project_id, task_id)
    state = dict(new.state)
    if resume_from is not None:
        _check_of_task(tx, task.id, resume_from)
        state[RESUMED] = resume_from
    # It has none yet: who wants to send some makes the run first, and starts it once they are there.
    _check_artifacts(tx, [], state)
    return runs.create(tx, project_id, task.id, replace(new, state=state), by)


def launch(
    tx: Tx, project_id: int, task_id: str, new: NewCodingRun, by: Doer, *, resume_from: str | None = None
) -> TaskSeen:
    """`launch_run` in a sandbox, and the task as it is shown then."""
    wanted = replace(new, queued=True, sandboxed=True)
    launch_run(tx, project_id, task_id, wanted, by, resume_from=resume_from)
    return showing.see(tx, project_id, task_id)


def start_run(tx: Tx, project_id: int, task_id: str, run_id: str, said: Mapping[str, Any], by: Doer) -> CodingSeen:
    """Queue a run that is to be worked on in a sandbox, with these parts of its state.

    Raises `NotFound`, `UnknownArtifacts`, `TooLarge`, and `Conflict` for one outside, under way, or ended.
    """
    seen = runs.take(tx, project_id, task_id, run_id)
    if not seen.row.sandboxed:
        raise Conflict("the run is worked on outside; only one that is to have a sandbox can be started")
    if seen.run.state not in WAITING:
        raise Conflict(f"the run is {seen.run.state}; only one that has not begun can be started")
    _check_artifacts(tx, [run_id], said)
    wanted = Change(state=RunState.QUEUED, shared=dict(said))
    return changes.change(tx, project_id, task_id, run_id, wanted, by)


def start(tx: Tx, project_id: int, task_id: str, run_id: str, said: Mapping[str, Any], by: Doer) -> TaskSeen:
    """`start_run`, and its task as it is shown then."""
    start_run(tx, project_id, task_id, run_id, said, by)
    return showing.see(tx, project_id, task_id)


def cancel(tx: Tx, project_id: int, task_id: str, run_id: str, by: Doer, *, reason: str | None = None) -> Stopped:
    """Cancel a run in a sandbox; whoever has it loses its lease, and stops. One that has ended stays as it is.

    Raises `NotFound`, `Invalid`, and `Conflict` for a run that somebody works on outside.
    """
    sizes.plain("the reason", reason, longest=REASON)
    seen = runs.take(tx, project_id, task_id, run_id)
    run = seen.run
    if run.state in ENDED:
        return Stopped(runs.whole(tx, seen), anew=False)
    if not seen.row.sandboxed:
        raise Conflict("the run is worked on outside, where it must be stopped; say here that it is cancelled")
    said: dict[str, Any] = {"data": because(reason)}
    if reason:
        said |= {"error": told(Failure(message=reason, kind="canceled")), "error_class": "canceled"}
    one = move(run, "cancel", tx.now, actor=str(by.actor), **said)
    (after,) = apply(tx, [one.for_task(TaskMove(by=by, said={"reason": reason}))])
    cascades.cancel_below(tx, project_id, [run.id], actor=str(by.actor), among=LIVE, levels=MAX_DEPTH)
    return Stopped(runs.whole(tx, replace(seen, run=after)), anew=True)


def reopen(tx: Tx, project_id: int, task_id: str, run_id: str, by: Doer) -> CodingSeen:
    """Begin the run anew in another sandbox, whether it has ended or somebody works on it outside.

    It is the run's next attempt; what it and its agent said of themselves stays, but for why it ended. Raises
    `NotFound`, and `Conflict` for a run that waits for a sandbox or has one.
    """
    seen = runs.take(tx, project_id, task_id, run_id)
    run = seen.run
    if seen.row.sandboxed and run.state not in ENDED | {RunState.DRAFT, RunState.NEEDS_ATTENTION}:
        raise Conflict(f"the run is {run.state} in a sandbox already; cancel it first to begin anew")
    runs.check_free(tx, tasks_sql.lock(tx, [task_id])[task_id])
    row = _anew(tx, seen.row)
    sql.save(tx, [row])
    sql.forget_stream(tx, run.id)
    run = _inside(tx, run)
    if run.state is not RunState.QUEUED:
        one = move(run, TO_QUEUE.get(run.state, "reopen"), tx.now, actor=str(by.actor), **_fresh(tx, run))
        (run,) = apply(tx, [one.for_task(TaskMove(by=by))])
    else:
        news.tell(tx, CodingSeen(run=run, row=row))
        journal(tx, run, "run.amended", str(by.actor), {"fields": ["queue"]})
        wake(tx, [run])
    (row,) = sql.get(tx, [run.id]).values()
    return runs.whole(tx, CodingSeen(run=run, row=row))


def _anew(tx: Tx, row: CodingRun) -> CodingRun:
    """What stands beside the run, without what was of its sandbox."""
    state = {name: value for name, value in decoded(row.state).items() if name not in SERVERS}
    text = _json.encode(state).decode()
    return replace(row, sandboxed=1, state=text, sealed=None, updated_at=tx.now, relayed=0, streamed_at=None)


def _inside(tx: Tx, run: Run) -> Run:
    """The run, to be claimed for a sandbox from now on, and without why it ended."""
    class_id, queue = runs.place_of(tx, run.project_id, sandboxed=True)
    if queue != run.queue:
        runs_sql.set_queue(tx, run.id, queue)
    said: dict[str, Any] = {"class_id": class_id, "queue": queue, "error": None, "error_class": None}
    after = changed(run, updated_at=tx.now, **said)
    runs_sql.save(tx, [run], [after])
    return after


def _fresh(tx: Tx, run: Run) -> dict[str, Any]:
    """What is so of a run that begins anew, besides what follows from the verb."""
    attempt = run.attempt + (1 if run.epoch else 0)
    return {
        "attempt": attempt,
        # What a person begins anew is one more than the policy would have begun by itself.
        "policy": replace(run.policy, max_attempts=max(run.policy.max_attempts, attempt)),
        "lost": 0,
        "finished_at": None,
        "lease_hash": None,
        "lease_until": None,
        "error": None,
        "error_class": None,
        "resolved_at": None,
        "resolution": None,
        "queued_at": tx.now,
        "rank": classes.rank_of(tx, run.priority, tx.now),
        "worker": None,
        "claimed_at": None,
        "started_at": None,
        "heartbeat_at": None,
    }


def _check_of_task(tx: Tx, task_id: str, run_id: str) -> None:
    run = runs_sql.get(tx, [run_id]).get(run_id) if "\0" not in run_id else None
    if run is None or run.task_id != task_id:
        raise NotOfTask(f"the task has no run {run_id[:64]!r} to go on from")


def _check_artifacts(tx: Tx, run_ids: Sequence[str], said: Mapping[str, Any]) -> None:
    wanted = said.get(ARTIFACTS) or []
    if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        raise Invalid(f"{ARTIFACTS!r} must be a list of ids of artifacts, as the manifest has them")
    entries = manifests.of_runs(tx, run_ids) if wanted else {}
    known = {entry_id(entry.artifact_id) for some in entries.values() for entry in some}
    missing = [one for one in wanted if one not in known]
    if missing:
        raise UnknownArtifacts(f"there is no artifact {missing[0][:64]!r} of this run", missing=missing)
