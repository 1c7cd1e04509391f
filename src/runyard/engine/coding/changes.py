"""Changes of coding runs by whoever works on them: how they stand, and what they say of themselves."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from runyard.domain.actors import Doer
from runyard.domain.canonical import decoded
from runyard.domain.coding import CONNECT_TOKEN, SERVERS, SETTLED, CodingRun, CodingSeen, merged, way
from runyard.domain.moves import changed, move
from runyard.domain.policy import Failure
from runyard.domain.records import Json, Run, TaskMove
from runyard.domain.states import RunState
from runyard.engine import schemas, sizes
from runyard.engine.coding import news, permissions, runs, telling, usage
from runyard.engine.coding.following import STEP
from runyard.engine.failures import told
from runyard.engine.ledger import journal
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import coding_runs as sql
from runyard.storage.statements import coding_tasks as tasks_sql
from runyard.storage.statements import runs as runs_sql

__all__ = ["CONNECT_TOKEN", "Change", "change", "set_output"]
NO_REASON = "failed"
PULL_REQUEST = "pr_url"
_json = msgspec.json.Encoder()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of a run; what is UNSET stays as it is."""

    state: RunState | UnsetType = UNSET
    """One of `domain.coding.WANTED`. An ended run stays as it is, and so does why."""
    stage: str | None | UnsetType = UNSET
    branch: str | None | UnsetType = UNSET
    error: str | None | UnsetType = UNSET
    output: Any = UNSET
    """An object is merged into the one that is there; anything else takes its place, None too."""
    shared: dict[str, Any] = {}
    """Parts of the shared state that take the place of those of their names."""
    removed: tuple[str, ...] = ()
    appended: dict[str, Any] = {}
    outside: bool = False
    """Whether the run leaves its sandbox, to be worked on outside."""
    sealed: str | None | UnsetType = UNSET
    """The connect token of its sandbox, sealed."""
    trusted: bool = False
    """Whether whoever asks may set the server's parts of the shared state."""


def change(tx: Tx, project_id: int, task_id: str, run_id: str, wanted: Change, by: Doer) -> CodingSeen:
    """Change the run; the run as it is shown then. Raises `NotFound` and `TooLarge`."""
    seen = runs.take(tx, project_id, task_id, run_id)
    run, row = seen.run, seen.row
    final = run.is_final
    output = run.output if wanted.output is UNSET else _merged_output(run.output, wanted.output)
    row = _row(tx, row, wanted)
    fields: dict[str, Any] = {"output": output, "updated_at": tx.now}
    if wanted.error is not UNSET and not final:
        fields["error"] = None if wanted.error is None else told(Failure(message=wanted.error))
    left = bool(wanted.outside and row.sandboxed)
    if left:
        row = replace(row, sandboxed=0)
        fields |= {"lease_hash": None, "lease_until": None}
        class_id, queue = runs.place_of(tx, project_id, sandboxed=False)
        fields["class_id"] = class_id
        runs_sql.set_queue(tx, run.id, queue)
        permissions.close(tx, [run.id])
    sql.save(tx, [row])
    after = changed(run, **fields)
    runs_sql.save(tx, [run], [after])
    if usage.SUMS in wanted.shared:
        usage.summed(tx, after, decoded(row.state))
    if _pull_request(after.output) != _pull_request(run.output) or row.stage != seen.row.stage:
        telling.due(tx, [after])
    verbs = () if wanted.state is UNSET else way(after.state, wanted.state)
    if left or not verbs:
        journal(tx, after, "run.amended", str(by.actor), {"fields": _names(wanted, left=left)})
    if verbs:
        after = _brought(tx, after, verbs, wanted, by)
    else:
        news.tell(tx, CodingSeen(run=after, row=row))
    return runs.whole(tx, CodingSeen(run=after, row=row))


def set_output(tx: Tx, project_id: int, task_id: str, run_id: str, output: Json, by: Doer) -> CodingSeen:
    """Replace the run's output; where its task says what that must look like, the run is completed with it.

    The run as it is shown then. Raises `NotFound`, `Invalid` for an output of another form, and `TooLarge`.
    """
    seen = runs.take(tx, project_id, task_id, run_id)
    sizes.within(sizes.DOCUMENT, "the run's output", output)
    task = tasks_sql.get(tx, [task_id]).get(task_id)
    schema = task.output_schema if task is not None else None
    if schema is not None:
        _check_output(schema, output)
    row = replace(seen.row, updated_at=tx.now)
    sql.save(tx, [row])
    after = changed(seen.run, output=output, updated_at=tx.now)
    runs_sql.save(tx, [seen.run], [after])
    if _pull_request(output) != _pull_request(seen.run.output):
        telling.due(tx, [after])
    verbs = way(after.state, RunState.COMPLETED) if schema is not None else ()
    if verbs:
        after = _brought(tx, after, verbs, Change(state=RunState.COMPLETED), by)
    else:
        news.tell(tx, CodingSeen(run=after, row=row))
        journal(tx, after, "run.amended", str(by.actor), {"fields": ["output"]})
    return runs.whole(tx, CodingSeen(run=after, row=row))


def _check_output(schema: Json, output: Json) -> None:
    problems = schemas.check(schema, output)
    if problems:
        raise schemas.mismatch("the output does not match the task's schema", problems)


def _brought(tx: Tx, run: Run, verbs: tuple[str, ...], wanted: Change, by: Doer) -> Run:
    """The run after these moves, of which only the last is told."""
    for place, verb in enumerate(verbs, 1):
        data = {STEP: True} if place < len(verbs) else {}
        one = move(run, verb, tx.now, actor=str(by.actor), data=data, **_implied(tx, run, verb, wanted, by))
        taken = {"claimer_kind": by.actor.kind, "claimer_ref": by.actor.ref} if verb == "claim" else {}
        (run,) = apply(tx, [one.for_task(TaskMove(by=by, changes=taken))])
    return run


def _implied(tx: Tx, run: Run, verb: str, wanted: Change, by: Doer) -> dict[str, Any]:
    """What a move without a lease changes besides what follows from its verb."""
    match verb:
        case "claim":
            return {
                "epoch": run.epoch + 1,
                "worker": str(by.actor),
                "claimed_at": tx.now,
                "heartbeat_at": None,
                "started_at": None,
                "lease_hash": None,
                "lease_until": None,
            }
        case "start":
            return {"started_at": tx.now}
        case "complete":
            return {} if isinstance(wanted.error, str) else {"error": None, "error_class": None}
        case "fail" | "force_fail":
            said = run.error or told(Failure(message=NO_REASON))
            return {"error": said, "error_class": Failure(message="").kind}
        case _:
            return {}


def _merged_output(before: Json | None, given: Any) -> Json | None:
    if given is None:
        return None
    old = decoded(before) if before is not None else None
    if isinstance(given, dict) and isinstance(old, dict):
        given = merged(old, given)
    text = _json.encode(given).decode()
    sizes.within(sizes.DOCUMENT, "the run's output", text)
    return text


def _row(tx: Tx, row: CodingRun, wanted: Change) -> CodingRun:
    fields: dict[str, Any] = {"updated_at": tx.now}
    if wanted.stage is not UNSET:
        fields["stage"] = wanted.stage
    if wanted.branch is not UNSET:
        fields["branch"] = wanted.branch
    if wanted.sealed is not UNSET and wanted.trusted:
        fields["sealed"] = wanted.sealed
    if wanted.shared or wanted.removed or wanted.appended:
        kept = SETTLED | ({CONNECT_TOKEN} if wanted.trusted else SERVERS)
        state = merged(decoded(row.state), wanted.shared, removed=wanted.removed, appended=wanted.appended, kept=kept)
        text = _json.encode(state).decode()
        sizes.within(sizes.DOCUMENT, "the run's state", text)
        fields["state"] = text
    return replace(row, **fields)


def _pull_request(output: Json | None) -> Any:
    """The address of the pull request that an output names, if it does."""
    found = decoded(output) if output is not None and PULL_REQUEST in output else None
    return found.get(PULL_REQUEST) if isinstance(found, dict) else None


def _names(wanted: Change, *, left: bool) -> list[str]:
    """What was changed; a run that left its sandbox is of another queue, as one that comes back to one is."""
    said = {"stage": wanted.stage, "branch": wanted.branch, "error": wanted.error, "output": wanted.output}
    names = [name for name, value in said.items() if value is not UNSET]
    shared = ["state"] if wanted.shared or wanted.removed or wanted.appended else []
    return [*names, *shared, *(["queue"] if left else [])]
