"""Managed runs: what their program is given, and what follows its end."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain import presets
from runyard.domain.errors import LeaseLost, NotFound
from runyard.domain.jobs import JobSpec, Managed
from runyard.domain.moves import changed, move
from runyard.domain.policy import Failure
from runyard.domain.presets import OVERRIDE, Preset
from runyard.domain.records import Move, Run
from runyard.domain.traces import Checkpoint, Usage
from runyard.engine import environments, job_secrets, transitions
from runyard.engine.failures import failed
from runyard.engine.ledger import journal
from runyard.engine.proofs import Report, fence
from runyard.storage.port import LogLine, Tx, many
from runyard.storage.statements import checkpoints, fences, jobs, usage
from runyard.storage.statements import runs as runs_sql

_MOST = 2**53 - 1
_json = msgspec.json.Encoder()
_specs = msgspec.json.Decoder(JobSpec)


class Equipment(msgspec.Struct, frozen=True, kw_only=True):
    """What a managed run starts with; secrets and variables are sealed."""

    managed: Managed
    preset: Preset
    secrets: Mapping[str, str]
    variables: Mapping[str, str]
    checkpoint: Checkpoint | None
    """The newest, when this is not the first attempt."""


class End(Report, frozen=True, kw_only=True):
    """The program of a managed run has ended, or could not be started (`unstarted` says why)."""

    charge: str
    """The id of the line in the ledger: an end that is told again, its answer lost, is not charged again."""
    preset: str
    code: int = 0
    oom: bool = False
    seconds: float = 0.0
    said: str = ""
    """The last of what it wrote to standard error."""
    unstarted: str | None = None
    released: str | None = None
    """Why the server ended it itself, in which case the run goes back to the queue."""


class Printed(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that a program printed, each with its level."""

    project_id: int
    run_id: str
    attempt: int
    lines: tuple[tuple[str, str], ...]


def equipment(tx: Tx, run: Run) -> Equipment:
    """What the run's program is started with. Raises `NotFound` when its job is gone or is not a managed one."""
    spec = _spec(tx, run)
    if run.job_id is None or spec is None or spec.managed is None:
        raise NotFound("the run has no managed job to take its program from")
    sealed = job_secrets.secrets(tx, [run.job_id]).get(run.job_id, {})
    variables = environments.variables(tx, [spec.environment_id]) if spec.environment_id is not None else {}
    newest = checkpoints.last_number(tx, run.id) if run.attempt > 1 else 0
    return Equipment(
        managed=spec.managed,
        preset=preset_of(run, spec.managed),
        secrets=sealed,
        variables=variables.get(spec.environment_id or "", {}),
        checkpoint=checkpoints.get(tx, run.id, newest) if newest else None,
    )


def preset_of(run: Run, managed: Managed) -> Preset:
    """The preset the run was given over its job's, else its job's."""
    override = _metadata(run).get(OVERRIDE)
    named = override if isinstance(override, str) and override in presets.PRESETS else managed.preset
    return presets.PRESETS.get(named, presets.DEFAULT)


def ended(tx: Tx, end: End) -> Run | None:
    """Charge for the machine, and decide what follows; nothing does when somebody else has decided about the run.

    The run afterwards; None when it is gone.
    """
    run = runs_sql.lock(tx, [end.run_id]).get(end.run_id)
    if run is None or run.project_id != end.project_id:
        return None
    _charge(tx, run, end)
    end = msgspec.structs.replace(end, said=end.said.replace("\0", "\ufffd"))
    if fence(run, end, tx.now) is not None:
        return run
    (after,) = transitions.apply(tx, [_after(tx, run, end)])
    return after


@many
def keep_output(tx: Tx, printed: Sequence[Printed]) -> list[None]:
    """Add what programs printed to the logs of their runs, also of those that have ended since.

    The server read it itself: it is no report of an executor, and the last lines tell most.
    """
    known = fences.get(tx, [one.run_id for one in printed])
    for one in printed:
        if one.run_id in known and known[one.run_id].project_id == one.project_id:
            for level, line in one.lines:
                text = line.replace("\0", "\ufffd")
                tx.emit(LogLine(one.project_id, one.run_id, one.attempt, tx.now, level, text, None))
    return [None] * len(printed)


def refuse(tx: Tx, report: Report, why: str) -> Run:
    """End the leased run as failed by the system: it will not fare better another time. Raises `LeaseLost`."""
    run = runs_sql.lock(tx, [report.run_id]).get(report.run_id)
    refused = fence(run, report, tx.now)
    if run is None or refused is not None:
        raise refused or LeaseLost()
    (after,) = transitions.apply(tx, [_system_failed(tx, run, why, report.actor)])
    return after


def _after(tx: Tx, run: Run, end: End) -> Move:
    if end.released is not None:
        return move(run, "release", tx.now, actor=end.actor, data={"reason": end.released})
    if end.unstarted is not None:
        failure = Failure(message=f"the program could not be started: {end.unstarted}", kind="transient")
        return failed(tx, run, failure, actor=end.actor)
    if end.oom:
        return _out_of_memory(tx, run, end)
    if end.code == 0:
        return _system_failed(tx, run, "the program ended without saying that the run is complete", end.actor)
    message = _ending(end)
    _log(tx, run, end, "container_crash_log", message)
    return failed(tx, run, Failure(message=message, kind="crash", data=_data(end)), actor=end.actor)


def _system_failed(tx: Tx, run: Run, why: str, actor: str | None) -> Move:
    error = _json.encode(Failure(message=why, kind="server")).decode()
    said = {"error": why, "error_class": "server"}
    return move(run, "system_fail", tx.now, actor=actor, data=said, error=error, error_class="server")


def _out_of_memory(tx: Tx, run: Run, end: End) -> Move:
    preset = presets.PRESETS.get(end.preset, presets.DEFAULT)
    larger = presets.larger(preset)
    message = f"the program needed more than the {preset.memory_mb} MiB of {preset.name}"
    _log(tx, run, end, "container_oom", message, {"next_preset": larger.name if larger is not None else None})
    # A larger machine may do, whatever is otherwise thought of errors of this class; beyond the largest nothing does.
    failure = Failure(message=message, kind="oom", retryable=larger is not None, data=_data(end))
    moved = failed(tx, run, failure, actor=end.actor)
    if larger is None or moved.verb != "retry":
        return moved
    metadata = _json.encode(_metadata(run) | {OVERRIDE: larger.name}).decode()
    return msgspec.structs.replace(
        moved, after=changed(moved.after, metadata=metadata), data=moved.data | {"preset": larger.name}
    )


def _charge(tx: Tx, run: Run, end: End) -> None:
    preset = presets.PRESETS.get(end.preset, presets.DEFAULT)
    cost = min(presets.cost(preset, end.seconds), _MOST)
    if cost == 0:
        return
    line = Usage(
        id=end.charge,
        project_id=run.project_id,
        run_id=run.id,
        attempt=run.attempt,
        at=tx.now,
        provider="runyard",
        model=preset.name,
        input_tokens=0,
        output_tokens=0,
        cache_read_tokens=0,
        cache_write_tokens=0,
        reasoning_tokens=0,
        cost_micro_usd=cost,
        source="managed",
        price=None,
    )
    if usage.add(tx, line, most=_MOST):
        said = {"id": line.id, "model": line.model, "cost_micro_usd": cost, "seconds": round(end.seconds, 3)}
        journal(tx, run, "run.usage_recorded", end.actor, said)


def _log(tx: Tx, run: Run, end: End, kind: str, message: str, more: dict[str, Any] | None = None) -> None:
    data = {"exit_code": end.code, "preset": end.preset, **(more or {}), "stderr": end.said}
    tx.emit(LogLine(run.project_id, run.id, run.attempt, tx.now, "error", message, _json.encode(data).decode(), kind))


def _ending(end: End) -> str:
    lines = [line.strip() for line in end.said.splitlines() if line.strip()]
    how = f"the program ended with code {end.code}"
    if end.code > 128:
        with contextlib.suppress(ValueError):
            how = f"the program was killed by {signal.Signals(end.code - 128).name}"
    return f"{how}: {lines[-1][:300]}" if lines else how


def _data(end: End) -> msgspec.Raw:
    return msgspec.Raw(_json.encode({"exit_code": end.code, "preset": end.preset, "stderr": end.said}))


def _spec(tx: Tx, run: Run) -> JobSpec | None:
    """The job's definition in the version of the run, or as it is now when that version is gone."""
    if run.job_id is None:
        return None
    kept = jobs.version(tx, run.job_id, run.job_version) if run.job_version is not None else None
    if kept is not None:
        return _specs.decode(kept.spec)
    job = jobs.by_name_or_id(tx, run.project_id, [run.job_id]).get(run.job_id)
    return _specs.decode(job.spec) if job is not None else None


def _metadata(run: Run) -> dict[str, Any]:
    return msgspec.json.decode(run.metadata, type=dict[str, Any]) if run.metadata else {}
