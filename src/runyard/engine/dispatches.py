"""What an executor that is part of the server needs: which work is ready over all projects, and how to do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set

import msgspec

from runyard.domain.endpoints import Endpoint
from runyard.domain.jobs import JobSpec
from runyard.domain.records import Run
from runyard.engine import claims, endpoints, environments, job_secrets, leases
from runyard.engine.claims import ClaimRequest, Granted
from runyard.storage.port import Tx
from runyard.storage.statements import dispatches as sql

CLASSES = 1000
"""So many classes of runs are looked at in one pass; a further one goes on behind them."""
LONGEST_CHECKPOINT = 64 << 10

Definition = tuple[str, int]
"""A job and one of its versions."""
Heads = dict[int, list[tuple[int, str]]]
"""Rank and id of the first ready runs of each class."""
Allot = Callable[[Sequence[int]], Mapping[int, int]]
"""How many runs of each of these classes are worth looking at now; of those it leaves out none."""
_spec = msgspec.json.Decoder(JobSpec)


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Work that may be claimed this instant."""

    heads: Heads
    more_after: int | None = None
    """The class to go on behind, when not every class was looked at."""
    held_back: bool = False
    """Whether there are classes that were left out."""


class Luggage(msgspec.Struct, frozen=True, kw_only=True):
    """What runs are done with, read together; secrets and variables are still sealed."""

    specs: Mapping[Definition, JobSpec]
    secrets: Mapping[str, Mapping[str, str]]
    variables: Mapping[str, Mapping[str, str]]
    checkpoints: Mapping[str, tuple[int, str]]


class Boarded(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that were claimed, with what they take along."""

    granted: list[Granted]
    luggage: Luggage


def board(
    tx: Tx, request: ClaimRequest, known: Mapping[Definition, JobSpec], *, begin: Set[int] = frozenset(), lease: int
) -> Boarded:
    """Claim runs, begin at once (with a lease so long) those of the classes named, and read what all take along."""
    granted: list[Granted] = claims.claim(tx, [request])[0]
    at_once = [one for one in granted if one.run.class_id in begin]
    starts = [
        leases.Start(project_id=one.run.project_id, run_id=one.run.id, token=one.lease.token, lease=lease)
        for one in at_once
    ]
    begun: Sequence[leases.Outcome] = leases.start(tx, starts) if starts else ()
    runs = {one.run.id: one.run for one in begun if isinstance(one, leases.Reported)}
    granted = [msgspec.structs.replace(one, run=runs.get(one.run.id, one.run)) for one in granted]
    return Boarded(granted=granted, luggage=luggage(tx, [one.run for one in granted], known))


def ready(tx: Tx, executor: str, allot: Allot, *, after: int = 0, among: Sequence[int] | None = None) -> Ready:
    """The first runs of every class that has any, as many of each as `allot` wants to see.

    `among` looks at these classes alone, which costs no more where there are many others.
    """
    if among is None:
        found, more = sql.busy_classes(tx, executor, after=after, n=CLASSES)
    else:
        found, more = sql.claimable(tx, executor, among), None
    wanted: dict[int, list[int]] = {}
    for class_id, number in allot(found).items():
        wanted.setdefault(number, []).append(class_id)
    heads: Heads = {}
    for number, class_ids in wanted.items():
        heads |= {one: first for one, first in sql.heads(tx, class_ids, number).items() if first}
    return Ready(heads=heads, more_after=more, held_back=len(heads) < len(found))


def luggage(tx: Tx, runs: Sequence[Run], known: Mapping[Definition, JobSpec]) -> Luggage:
    """All that the runs take along, in a few queries. A job that is gone has no definition among `specs`."""
    wanted = {(run.job_id, run.job_version or 1) for run in runs if run.job_id is not None}
    specs = {definition: known[definition] for definition in wanted if definition in known}
    missing = wanted - set(specs)
    if missing:
        specs |= _definitions(tx, sorted(missing))
    retried = [run.id for run in runs if run.attempt > 1]
    named = sorted({spec.environment_id for spec in specs.values() if spec.environment_id is not None})
    return Luggage(
        specs=specs,
        secrets=job_secrets.secrets(tx, sorted({job_id for job_id, _ in wanted})) if wanted else {},
        variables=environments.variables(tx, named) if named else {},
        checkpoints=_checkpoints(tx, retried) if retried else {},
    )


def fare(tx: Tx, places: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Endpoint]:
    """How these addresses fare."""
    return endpoints.of(tx, places)


def _definitions(tx: Tx, missing: Sequence[Definition]) -> dict[Definition, JobSpec]:
    """The definitions by version; where a version is not kept, the job's current one."""
    kept = {one: _spec.decode(text) for one, text in sql.versions(tx, missing).items() if one in set(missing)}
    gone = [definition for definition in missing if definition not in kept]
    if gone:
        now = sql.current(tx, [job_id for job_id, _ in gone])
        kept |= {one: _spec.decode(now[one[0]]) for one in gone if one[0] in now}
    return kept


def _checkpoints(tx: Tx, run_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    found = sql.checkpoints(tx, run_ids, LONGEST_CHECKPOINT)
    return {run_id: one for run_id, one in found.items() if len(one[1].encode()) <= LONGEST_CHECKPOINT}
