"""Jobs and what belongs to them, both ways (contract §22)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import msgspec
from msgspec.structs import replace

from runyard.dialects.strait.mapping.definitions import TIMEOUT
from runyard.dialects.strait.mapping.fields import fields_of
from runyard.dialects.strait.mapping.values import SECOND, version_id, when
from runyard.dialects.strait.wire import jobs as wire
from runyard.domain import records
from runyard.domain.errors import DomainError, NotFound
from runyard.domain.jobs import JobSpec
from runyard.engine.job_health import Health
from runyard.engine.specs import spec_of

WINDOWS = {"1h": 3600 * SECOND, "1d": 86400 * SECOND, "7d": 7 * 86400 * SECOND, "30d": 30 * 86400 * SECOND}
_Keys = list[wire.RateLimitKey]


def job_id(value: str) -> str:
    """The id in its canonical form. Raises `NotFound` when it cannot be one."""
    try:
        return str(UUID(value))
    except ValueError:
        raise NotFound(f"there is no job {value[:64]!r}: ids are UUIDs") from None


def place(spec: JobSpec) -> str:
    """The endpoint shown of any job: what is not run over HTTP is named by a URN."""
    return spec.http.url if spec.http is not None else f"urn:runyard:executor:{spec.executor}"


def job_out(job: records.Job, slug: str) -> wire.Job:
    """A job on the wire."""
    spec = spec_of(job)
    fields = fields_of(spec)
    if "rate_limit_keys" in fields:
        fields["rate_limit_keys"] = msgspec.convert(fields["rate_limit_keys"], _Keys)
    return wire.Job(
        **{"timeout_secs": TIMEOUT, **fields, "endpoint_url": place(spec)},
        id=job.id,
        project_id=slug,
        name=spec.title or job.name,
        slug=job.name,
        enabled=job.enabled,
        version=job.version,
        version_id=version_id(job.id, job.version),
        created_at=when(job.created_at),
        updated_at=when(job.updated_at),
    )


def version_out(version: records.JobVersion, job: records.Job) -> wire.JobVersion:
    """A version of a job on the wire."""
    spec = msgspec.json.decode(version.spec, type=JobSpec)
    fields = fields_of(spec)
    names = (
        "description",
        "cron",
        "payload_schema",
        "tags",
        "fallback_endpoint_url",
        "webhook_url",
        "run_ttl_secs",
        "machine_preset",
        "image_uri",
        "region",
    )
    return wire.JobVersion(
        **{name: fields[name] for name in names if name in fields},
        id=str(uuid5(NAMESPACE_OID, f"{version.job_id}:{version.version}")),
        job_id=version.job_id,
        version=version.version,
        version_id=version_id(version.job_id, version.version),
        backwards_compatible=spec.backwards_compatible,
        name=spec.title or job.name,
        slug=job.name,
        endpoint_url=place(spec),
        max_attempts=fields["max_attempts"],
        timeout_secs=fields.get("timeout_secs", TIMEOUT),
        created_at=when(version.created_at),
    )


def version_number(job: records.Job, wanted: str) -> int:
    """Which version of the job goes by that id. Raises `NotFound`."""
    for number in range(job.version, 0, -1):
        if version_id(job.id, number) == wanted:
            return number
    raise NotFound(f"the job has no version {wanted[:32]!r}")


def version_place(place: tuple[int, str | None] | None, current: int) -> tuple[int, int | None]:
    """Below which number, and before which time, a page of superseded versions goes on."""
    if place is None:
        return current, None
    at, beyond = place
    return (current, at) if beyond is None else (min(UUID(beyond).int, current), None)


def place_of_version(version: records.JobVersion) -> tuple[int, str]:
    """The place of a version in the list by time: its number stands for its id."""
    return version.created_at, str(UUID(int=version.version))


def batch_out(
    outcomes: Sequence[records.Job | DomainError], slug: str, request_id: str
) -> wire.BatchCreateJobsResponse:
    """The jobs that were made, and why the others were not."""
    refused = [(index, one.detail) for index, one in enumerate(outcomes) if isinstance(one, DomainError)]
    answer = wire.BatchCreateJobsResponse(
        created=[job_out(one, slug) for one in outcomes if isinstance(one, records.Job)],
        errors=[wire.BatchError(index=index, message=detail) for index, detail in refused],
    )
    if answer.created:
        return answer
    said = f"none of the jobs was made; the first: {refused[0][1]}"
    return replace(answer, error=said, message=said, request_id=request_id)


def health_out(found: Health, window: Any) -> wire.JobHealth:
    """How a job fares, on the wire."""
    ended = found.ended
    return wire.JobHealth(
        job_id=found.job_id,
        window=window,
        since=when(found.since),
        total_runs=found.total,
        completed_runs=ended.get("completed", 0),
        failed_runs=sum(ended.get(state, 0) for state in ("failed", "dead_letter", "system_failed")),
        timed_out_runs=ended.get("timed_out", 0),
        crashed_runs=ended.get("crashed", 0),
        canceled_runs=ended.get("canceled", 0),
        expired_runs=ended.get("expired", 0),
        success_rate=round(found.success_rate, 6),
        avg_duration_secs=(found.average or 0) / SECOND,
        p95_duration_secs=(found.p95 or 0) / SECOND,
        p99_duration_secs=(found.p99 or 0) / SECOND,
        health_score=round(100 * found.success_rate, 2),
    )
