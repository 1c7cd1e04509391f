"""Claims: runs are handed out under leases, each to one executor at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.moves import move
from runyard.domain.policy import Failure, Policy
from runyard.domain.records import Lease, Move, Run
from runyard.engine import classes, upgrades
from runyard.engine.failures import told
from runyard.engine.proofs import token_hash
from runyard.engine.transitions import apply
from runyard.storage.port import Tx, many
from runyard.storage.statements import runs as runs_sql


class ClaimRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for how much of which work. None means any queue, any job."""

    project_id: int | None
    """None is every project: for executors that are part of the server."""
    limit: int = 1
    executor: str = "worker"
    queues: tuple[str, ...] | None = None
    jobs: tuple[str, ...] | None = None
    runs: tuple[str, ...] | None = None
    """These and no others, as far as they may be claimed; who names runs has seen to it that they are its kind."""
    capabilities: frozenset[str] = frozenset()
    lease: int | None = None
    worker: str | None = None
    actor: str | None = None


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """A run handed out with its lease."""

    run: Run
    lease: Lease


@many
def claim(tx: Tx, requests: Sequence[ClaimRequest]) -> list[list[Granted]]:
    """Hand each caller up to `limit` runs: priority first, then time queued. No run is handed out twice."""
    answers: list[list[Granted]] = [[] for _ in requests]
    groups: dict[Any, list[int]] = {}
    for index, request in enumerate(requests):
        key = (request.project_id, request.executor, request.queues, request.jobs, request.runs, request.capabilities)
        groups.setdefault(key, []).append(index)
    for indexes in groups.values():
        first = requests[indexes[0]]
        found = _ready(tx, first, sum(requests[index].limit for index in indexes))
        newer = upgrades.at_claim(tx, found)
        moves: list[Move] = []
        owners: list[tuple[int, str]] = []
        takers = iter([index for index in indexes for _ in range(requests[index].limit)])
        for run in found:
            if run.expires_at is not None and run.expires_at <= tx.now:
                moves.append(expired(tx, run))
                owners.append((-1, ""))
                continue
            index, token = next(takers), tx.new_token()
            moves.append(_claimed(tx, run, requests[index], token, newer.get(run.id, {})))
            owners.append((index, token))
        for run, (index, token) in zip(apply(tx, moves), owners, strict=True):
            if index >= 0:
                lease = Lease(run_id=run.id, token=token, until=run.lease_until or 0)
                answers[index].append(Granted(run=run, lease=lease))
    return answers


def _ready(tx: Tx, request: ClaimRequest, limit: int) -> list[Run]:
    """The runs the caller may have, locked, in claim order."""
    if request.runs is not None:
        return runs_sql.ready_among(tx, request.runs)[:limit]
    eligible = classes.eligible(
        tx, request.project_id, request.executor, request.queues, request.jobs, request.capabilities
    )
    return runs_sql.ready(tx, eligible, limit) if eligible else []


def _claimed(tx: Tx, run: Run, request: ClaimRequest, token: str, newer: Mapping[str, Any]) -> Move:
    policy: Policy = newer.get("policy", run.policy)
    data: dict[str, Any] = {"worker": request.worker} if request.worker else {}
    if newer:
        data["job_version"] = newer["job_version"]
    return move(
        run,
        "claim",
        tx.now,
        actor=request.actor,
        data=data,
        epoch=run.epoch + 1,
        worker=request.worker,
        claimed_at=tx.now,
        heartbeat_at=tx.now,
        started_at=None,
        lease_hash=token_hash(token),
        lease_until=tx.now + (request.lease or policy.lease),
        **newer,
    )


def expired(tx: Tx, run: Run) -> Move:
    """The run's time to live is over before anybody took it."""
    return move(
        run, "expire", tx.now, error=told(Failure(message="run expired", kind="expired")), error_class="expired"
    )
