"""What the runs that a batch asks for refer to, read once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from runyard.domain.canonical import canonical, digest
from runyard.domain.errors import NotFound
from runyard.domain.jobs import JobSpec, NewRun
from runyard.domain.records import Job, Run
from runyard.engine import dedup, idempotency, quotas, rates
from runyard.engine.quotas import Quotas
from runyard.engine.specs import spec_of
from runyard.storage.port import Tx
from runyard.storage.statements import agents, jobs
from runyard.storage.statements import runs as sql

Checks = Literal["all", "limits", "none"]
"""What may refuse or answer a new run: everything; all but what depends on its payload; or nothing any more."""


class CreateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Runs to make for one caller: all of them or none."""

    project_id: int
    runs: tuple[NewRun, ...]
    actor: str | None = None
    checks: Checks = "all"
    """`limits` is for runs that bring no payload, `none` for those that were let through before."""
    relatives_in: int | None = None
    """The project of the runs that these hang on, where it is another."""


class Facts:
    """What the runs of a batch refer to, read once for all of them."""

    def __init__(self, tx: Tx, requests: Sequence[CreateRequest], *, dry: bool = False) -> None:
        self.dry = dry
        """Nothing may be written, not even an interned class."""
        self.jobs: dict[tuple[int, str], Job] = {}
        self.specs: dict[str, JobSpec] = {}
        self.parents: dict[str, Run] = {}
        self.recent: dict[str, int] = {}
        """How many runs of a job were made in the window of its rate limit."""
        self.asked: dict[str, int] = {}
        """How many runs of each job this batch asked for so far."""
        self.seen: set[tuple[str, ...]] = set()
        """Keys and payloads that this batch asked for so far: their repetitions count for nothing."""
        self._read_jobs(tx, requests)
        self.agents = agents.get(tx, sorted(job.id for job in self.jobs.values() if self.spec(job).agent is not None))
        self.settings = quotas.settings_of(tx, {request.project_id for request in requests if request.runs})
        self.quotas = Quotas(tx, self.settings)
        if not dry:
            self._queue_up(tx, requests)
        self.hashes: dict[int, str] = {}
        self.answers = self._read_answers(tx, requests)
        self.marks = self._read_marks(tx, requests)

    def spec(self, job: Job) -> JobSpec:
        """The job's definition."""
        found = self.specs.get(job.id)
        if found is None:
            found = self.specs[job.id] = spec_of(job)
        return found

    def job(self, project_id: int, new: NewRun) -> Job | None:
        """The job that the run is asked of, None when it is of none. Raises `NotFound`."""
        if new.job is None:
            return None
        job = self.jobs.get((project_id, new.job))
        if job is None:
            raise NotFound(f"there is no job {new.job[:128]!r} in this project")
        return job

    def _read_jobs(self, tx: Tx, requests: Sequence[CreateRequest]) -> None:
        wanted: dict[int, set[str]] = {}
        relatives: set[str] = set()
        for request in requests:
            for new in request.runs:
                if new.job is not None and "\0" not in new.job:
                    wanted.setdefault(request.project_id, set()).add(new.job)
                relatives.update(one for one in (new.parent_id, new.continuation_of) if one is not None)
        for project_id, names in wanted.items():
            for name, job in jobs.by_name_or_id(tx, project_id, sorted(names), keep=not self.dry).items():
                self.jobs[project_id, name] = job
        if relatives:
            self.parents = sql.get(tx, sorted(relatives))

    def _queue_up(self, tx: Tx, requests: Sequence[CreateRequest]) -> None:
        """Wait for others that count runs under the same limits."""
        limited = {request.project_id for request in requests if request.checks != "none"}
        refusing = [job for job in self.jobs.values() if job.project_id in limited and rates.refuses(self.spec(job))]
        counted = {one for one in limited & self.settings.keys() if self.settings[one].max_queued is not None}
        rates.queue_up(tx, refusing, counted)

    def _read_answers(self, tx: Tx, requests: Sequence[CreateRequest]) -> dict[tuple[int, str, str], Run]:
        """Which runs answer for idempotency keys, where a limit would refuse what has its run already.

        Where there is none, those who write find out when they take the key.
        """
        keys: dict[int, set[tuple[str, str]]] = {}
        for request in requests:
            for new in request.runs:
                if new.idempotency_key is None:
                    continue
                job = self.jobs.get((request.project_id, new.job)) if new.job is not None else None
                if self.dry or self._limits(request.project_id, job):
                    scope = job.id if job is not None else ""
                    keys.setdefault(request.project_id, set()).add((scope, new.idempotency_key))
        return {
            (project_id, *key): run
            for project_id, wanted in keys.items()
            for key, run in idempotency.answers(tx, project_id, sorted(wanted)).items()
        }

    def _limits(self, project_id: int, job: Job | None) -> bool:
        settings = self.settings.get(project_id)
        if settings is not None and quotas.is_limited(settings):
            return True
        if job is None:
            return False
        spec = self.spec(job)
        return rates.refuses(spec) or bool(spec.dedup_window or spec.debounce_window or spec.batch_window)

    def _read_marks(self, tx: Tx, requests: Sequence[CreateRequest]) -> dict[tuple[str, str], Run]:
        marks: set[tuple[str, str]] = set()
        for request in requests if self.jobs else ():
            for new in request.runs:
                job = self.jobs.get((request.project_id, new.job)) if new.job is not None else None
                if job is not None and request.checks != "limits" and self.spec(job).dedup_window:
                    self.hashes[id(new)] = digest(canonical(new.payload))
                    marks.add((job.id, self.hashes[id(new)]))
        return dedup.answers(tx, sorted(marks))
