"""Triggers: one call asks for a run of a job, and the job's settings say what becomes of it.

In this order: the job is there and enabled; the payload is checked and written in one way (`domain.canonical`); a known
idempotency key is answered with its run; quotas and rate limits refuse; an equal payload is answered with its run;
debounce and batching put the trigger off; the window moves its start; dependencies let it wait. `drafts` has the steps
that hold for any new run, this module what belongs to triggers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from runyard.domain.canonical import canonical, digest
from runyard.domain.errors import DomainError, Invalid, RateLimited, TooLarge
from runyard.domain.jobs import NewRun
from runyard.domain.records import Job, Run
from runyard.engine import buffers, creations, debounces, dependents
from runyard.engine.buffers import Asked
from runyard.engine.creations import Created
from runyard.engine.drafts import Draft, draft_all
from runyard.engine.facts import CreateRequest, Facts
from runyard.engine.specs import LONGEST
from runyard.storage.port import Tx, many
from runyard.storage.statements import batches
from runyard.storage.statements.batches import Batch
from runyard.storage.statements.buffers import Buffer
from runyard.storage.statements.debounces import Pending

MAX_PAYLOAD = 5 * 1024 * 1024
MAX_ITEMS = 500

How = Literal["created", "key", "payload", "batch", "dry"]
"""Why a trigger is answered with a run: it made it, its key or payload did before, it filled a buffer, it would."""


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """A run asked for by a trigger."""

    run: NewRun
    debounce_key: str = ""
    batch_key: str = ""
    dry: bool = False
    """Only checked (in a call for many)."""


class TriggerRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A call: one trigger, or (`bulk`) many of one job, all of which are taken or none."""

    project_id: int
    job: str
    triggers: tuple[Trigger, ...]
    bulk: bool = False
    actor: str | None = None


class Triggered(msgspec.Struct, frozen=True, kw_only=True):
    """A run that answers a trigger."""

    run: Run
    hash: str
    how: How


class PutOff(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger that makes its run later: at that time unless another follows, or with others (None)."""

    fire_at: int | None


class Bulk(msgspec.Struct, frozen=True, kw_only=True):
    """What a call for many made."""

    batch: Batch
    results: list[Triggered]


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What a trigger would make."""

    job: Job
    run: Run
    hash: str
    warnings: list[str]


Outcome = Triggered | PutOff | Bulk | DomainError


@many
def trigger(tx: Tx, requests: Sequence[TriggerRequest]) -> list[Outcome]:
    """Take triggers. Each request is answered for itself, with a domain error when it is refused."""
    return _Round(tx, requests).outcomes()


def rehearse(tx: Tx, request: TriggerRequest) -> Rehearsal:
    """What a single trigger would make; nothing is written.

    Raises what it would be refused with, and `Invalid` where a limit would refuse it.
    """
    create, hashes = _create_request(tx, request)
    facts = Facts(tx, [create], dry=True)
    drafts = draft_all(tx, facts, create)
    if isinstance(drafts, RateLimited):
        raise Invalid(drafts.detail)
    if isinstance(drafts, DomainError):
        raise drafts
    (draft,) = drafts
    assert draft.job is not None
    return Rehearsal(job=draft.job, run=draft.run, hash=hashes[0], warnings=_warnings(tx, draft))


def _warnings(tx: Tx, draft: Draft) -> list[str]:
    found = []
    if draft.twin is not None:
        what = "an equal payload" if draft.by_payload else "the idempotency key"
        found.append(f"{what} has its run already: {draft.twin.id}")
    elif draft.spec.debounce_window:
        found.append("the trigger would be debounced")
    elif draft.spec.batch_window:
        found.append("the trigger would be gathered with others")
    if draft.run.waiting_for is not None and draft.run.waiting_for.kind == "window":
        found.append("the job's execution window puts the start off")
    if dependents.unmet(tx, [draft.run]) and draft.run.available_at is None:
        found.append("the run would wait for dependencies")
    return found


def _create_request(tx: Tx, request: TriggerRequest) -> tuple[CreateRequest, list[str]]:
    """The runs asked for, their payloads written in one way, and the hashes of those. Raises `Invalid`, `TooLarge`."""
    if request.bulk and not 1 <= len(request.triggers) <= MAX_ITEMS:
        raise Invalid(f"one call triggers 1 to {MAX_ITEMS} runs")
    batch_id = tx.new_id() if request.bulk else None
    runs, hashes = [], []
    for one in request.triggers:
        payload = canonical(one.run.payload)
        if len(payload) > MAX_PAYLOAD:
            raise TooLarge(f"a payload has at most {MAX_PAYLOAD} bytes")
        if one.run.available_at is not None and one.run.available_at > tx.now + LONGEST:
            raise Invalid("a run is scheduled for at most ten years ahead")
        hashes.append(digest(payload))
        key, metadata = _dependency_key(payload), one.run.metadata
        if key is not None:
            metadata = {**(metadata or {}), "dependency_key": key}
        runs.append(
            msgspec.structs.replace(
                one.run, job=request.job, payload=payload, dependency_key=key, metadata=metadata, batch_id=batch_id
            )
        )
    return CreateRequest(project_id=request.project_id, runs=tuple(runs), actor=request.actor), hashes


class _Key(msgspec.Struct):
    """What a payload that is an object says of itself."""

    dependency_key: Any = None


_keys = msgspec.json.Decoder(_Key)


def _dependency_key(payload: str) -> str | None:
    """The text at `dependency_key` of a payload that is an object."""
    if '"dependency_key"' not in payload:
        return None
    try:
        found = _keys.decode(payload).dependency_key
    except msgspec.MsgspecError:
        return None
    return found if isinstance(found, str) and found and len(found) <= 256 and "\0" not in found else None


class _Round:
    """One batch of calls on their way."""

    def __init__(self, tx: Tx, requests: Sequence[TriggerRequest]) -> None:
        self.tx = tx
        self.requests = requests
        self.refused: dict[int, DomainError] = {}
        self.creates: dict[int, CreateRequest] = {}
        self.hashes: dict[int, list[str]] = {}
        for index, request in enumerate(requests):
            try:
                self.creates[index], self.hashes[index] = _create_request(tx, request)
            except DomainError as error:
                self.refused[index] = error
        self.pending: dict[int, Pending] = {}
        self.gathered: dict[int, Asked] = {}
        self.dry: dict[int, dict[int, Draft]] = {}

    def outcomes(self) -> list[Outcome]:
        """What becomes of each call."""
        facts = Facts(self.tx, list(self.creates.values()))
        places = sorted(self.creates)
        settled = creations.settle(self.tx, [self._writable(facts, index) for index in places])
        debounces.put(self.tx, list(self.pending.values()))
        flushed = buffers.add(self.tx, list(self.gathered.values()))
        found: dict[int, Outcome] = dict(self.refused)
        for index, group in zip(places, settled, strict=True):
            if isinstance(group, DomainError):
                found[index] = self._named(index, group)
            elif self.requests[index].bulk:
                found[index] = self._bulk(index, group)
            elif group:
                found[index] = _triggered(group[0], self.hashes[index][0])
        found |= {index: PutOff(fire_at=one.fire_at) for index, one in self.pending.items()}
        for index, run in zip(self.gathered, flushed, strict=True):
            found[index] = (
                PutOff(fire_at=None) if run is None else Triggered(run=run, hash=self.hashes[index][0], how="batch")
            )
        bulks = [one.batch for one in found.values() if isinstance(one, Bulk)]
        if bulks:
            batches.add(self.tx, bulks)
        return [found[index] for index in range(len(self.requests))]

    def _writable(self, facts: Facts, index: int) -> list[Draft] | DomainError:
        """The drafts of a call that make runs now, or why it is refused; what is put off is kept apart."""
        request, create = self.requests[index], self.creates[index]
        drafts = draft_all(self.tx, facts, create)
        if isinstance(drafts, DomainError):
            return drafts
        if request.bulk:
            self.dry[index] = {item: draft for item, draft in enumerate(drafts) if request.triggers[item].dry}
            return [draft for item, draft in enumerate(drafts) if item not in self.dry[index]]
        (draft,) = drafts
        if draft.twin is not None or draft.job is None:
            return drafts
        asked, new = request.triggers[0], create.runs[0]
        new = msgspec.structs.replace(new, created_by=draft.run.created_by)
        if draft.spec.debounce_window:
            self.pending[index] = debounces.pending(
                self.tx, request.project_id, draft.job.id, asked.debounce_key, new, draft.spec.debounce_window
            )
            return []
        if draft.spec.batch_window:
            buffer = Buffer(job_id=draft.job.id, name=asked.batch_key, project_id=request.project_id)
            self.gathered[index] = Asked(buffer=buffer, spec=draft.spec, new=new)
            return []
        return drafts

    def _bulk(self, index: int, group: Sequence[Created]) -> Bulk:
        request, create, hashes = self.requests[index], self.creates[index], self.hashes[index]
        made = iter(group)
        dry = self.dry[index]
        results = [
            Triggered(run=dry[item].run, hash=hashes[item], how="dry")
            if item in dry
            else _triggered(next(made), hashes[item])
            for item in range(len(request.triggers))
        ]
        job_id = next((one.run.job_id for one in results if one.run.job_id), "")
        batch = Batch(
            id=create.runs[0].batch_id or "",
            project_id=request.project_id,
            job_id=job_id,
            item_count=len(results),
            created_count=sum(one.how == "created" for one in results),
            created_by=request.actor,
            created_at=self.tx.now,
            finished_at=self.tx.now,
        )
        return Bulk(batch=batch, results=results)

    def _named(self, index: int, error: DomainError) -> DomainError:
        """The error with the item of a call for many that is to blame."""
        item = error.extra.get("item")
        if self.requests[index].bulk and isinstance(item, int) and len(self.requests[index].triggers) > 1:
            error.args = (f"items[{item}]: {error.detail}",)
        return error


def _triggered(created: Created, hash_: str) -> Triggered:
    how: How = "created" if not created.duplicate else "payload" if created.by_payload else "key"
    return Triggered(run=created.run, hash=hash_, how=how)
