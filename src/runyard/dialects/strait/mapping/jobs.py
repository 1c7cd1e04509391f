"""Jobs, both ways: the flat fields of this dialect, and the definition the engine knows (contract §22).

A definition is read as fields and built from fields as a whole, so that whatever is changed leaves nothing behind.
Fields that nobody acts on live in the definition's `extra`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from runyard.dialects.strait.mapping.values import SECOND, version_id, when
from runyard.dialects.strait.wire import jobs as wire
from runyard.domain import records
from runyard.domain.errors import DomainError, Invalid, NotFound
from runyard.domain.jobs import Cron, Http, JobSpec, Managed, Rate, Webhook, tag_pairs
from runyard.domain.policy import Policy
from runyard.engine.job_health import Health
from runyard.engine.specs import spec_of

Seal = Callable[[str], str]
Fields = Mapping[str, Any]

TIMEOUT = 300
"""Seconds; told of jobs of other dialects that have no timeout as well."""
NEW = JobSpec(
    executor="http",
    policy=Policy(
        timeout=TIMEOUT * SECOND,
        min_delay=SECOND,
        heartbeat_grace=60 * SECOND,
        adaptive_timeout=True,
        non_retryable=("auth", "client", "oom", "budget"),
    ),
)
"""What applies to a job of this dialect unless its fields say otherwise (contract §10, §12)."""
KEPT = (
    "group_id",
    "region",
    "preferred_regions",
    "rate_limit_keys",
    "on_complete_trigger_workflow",
    "on_complete_payload_mapping",
    "max_iterations_per_run",
)
"""Fields that are kept and shown and that nobody acts on."""
SCHEMAS = ("payload_schema", "result_schema")
NAMES = tuple(wire.JobFields.__struct_fields__)
WINDOWS = {"1h": 3600 * SECOND, "1d": 86400 * SECOND, "7d": 7 * 86400 * SECOND, "30d": 30 * 86400 * SECOND}
_json = msgspec.json.Encoder()
_Keys = list[wire.RateLimitKey]


def job_id(value: str) -> str:
    """The id in its canonical form. Raises `NotFound` when it cannot be one."""
    try:
        return str(UUID(value))
    except ValueError:
        raise NotFound(f"there is no job {value[:64]!r}: ids are UUIDs") from None


def said(fields: wire.JobFields) -> dict[str, Any]:
    """What the request says; null says nothing, but for schemas."""
    found = {name: getattr(fields, name) for name in NAMES}
    return {
        name: value for name, value in found.items() if value is not UNSET and (value is not None or name in SCHEMAS)
    }


def made(asked: wire.CreateJobRequest, seal: Seal) -> JobSpec:
    """The definition asked for. Raises `Invalid`."""
    return _titled(built(NEW, said(asked)), asked.name, asked.webhook_secret, seal)


def changed(asked: wire.UpdateJobRequest, seal: Seal) -> Callable[[JobSpec], JobSpec]:
    """What the request makes of a definition, which raises `Invalid`.

    Fields say less than a definition can; so what they leave as it is stays as it was written, by whatever dialect.
    """
    new = said(asked)
    secret = None if asked.webhook_secret is None else seal(asked.webhook_secret) if asked.webhook_secret else ""

    def change(spec: JobSpec) -> JobSpec:
        known = fields_of(spec)
        before, after = built(spec, known), built(spec, {**known, **new})
        policy = replace(spec.policy, **_differing(before.policy, after.policy))
        changed = replace(spec, **{**_differing(before, after), "policy": policy})
        return _titled(changed, asked.name, secret, lambda sealed: sealed)

    return change


def _differing(before: msgspec.Struct, after: msgspec.Struct) -> dict[str, Any]:
    """The fields of `after` that are others in `before`."""
    found = {name: getattr(after, name) for name in after.__struct_fields__}
    return {name: value for name, value in found.items() if value != getattr(before, name)}


def _titled(spec: JobSpec, name: str | None, secret: str | None, seal: Seal) -> JobSpec:
    webhook = spec.webhook
    if webhook is not None and secret is not None:
        webhook = replace(webhook, secret=seal(secret) if secret else None)
    return replace(spec, title=spec.title if name is None else name, webhook=webhook)


def built(base: JobSpec, fields: Fields) -> JobSpec:
    """The definition that these fields make of another. Raises `Invalid`."""
    f = fields.get
    mode = f("execution_mode") or ("http" if f("endpoint_url") else None)
    executor = mode or base.executor
    if executor == "http" and not f("endpoint_url"):
        raise Invalid("endpoint_url is required unless execution_mode is managed")
    if executor == "managed" and not f("image_uri"):
        raise Invalid("a managed job needs image_uri")
    is_managed = executor == "managed"
    return replace(
        base,
        executor=executor,
        description=f("description") or "",
        tags=f("tags") or {},
        metadata=f("default_run_metadata") or {},
        http=_http(base, f("endpoint_url"), f("fallback_endpoint_url")),
        managed=Managed(image=f("image_uri") or "", preset=f("machine_preset") or "micro") if is_managed else None,
        webhook=_webhook(base, f("webhook_url")),
        cron=_cron(base, f("cron"), skip=bool(f("skip_if_running"))),
        window=f("execution_window_cron") or None,
        timezone=f("timezone") or None,
        environment_id=f("environment_id") or None,
        max_concurrency=f("max_concurrency") or None,
        max_per_key=f("max_concurrency_per_key") or None,
        rate=_rate(f("rate_limit_max"), f("rate_limit_window_secs")),
        ttl=_span(f("run_ttl_secs")),
        dedup_window=_span(f("dedup_window_secs")),
        debounce_window=_span(f("debounce_window_secs")),
        batch_window=_span(f("batch_window_secs")),
        batch_max=f("batch_max_size") or None,
        backwards_compatible=bool(f("backwards_compatible")),
        payload_schema=_schema_in(f("payload_schema")),
        policy=_policy(base.policy, fields),
        extra=_extra(fields, is_managed=is_managed),
    )


def _policy(base: Policy, fields: Fields) -> Policy:
    f = fields.get
    strategy, delays = f("retry_strategy") or "exponential", f("retry_delays_secs") or ()
    return replace(
        base,
        max_attempts=f("max_attempts") or 3,
        timeout=_span(f("timeout_secs")) or base.timeout,
        # An empty list of delays is the exponential strategy (contract §10).
        backoff="exponential" if strategy == "custom" and not delays else strategy,
        delays=tuple(delay * SECOND for delay in delays),
        retry_priority_boost=f("retry_priority_boost") or 0,
        upgrade=f("version_policy") or "pin",
        output_schema=_schema_in(f("result_schema")),
        max_tokens=f("max_tokens_per_run"),
        max_tool_calls=f("max_tool_calls_per_run"),
        allowed_tools=tuple(f("allowed_tools") or ()),
        blocked_tools=tuple(f("blocked_tools") or ()),
    )


def _extra(fields: Fields, *, is_managed: bool) -> dict[str, Any]:
    """What the definition has no place for."""
    f = fields.get
    kept = {name: fields[name] for name in KEPT if f(name) not in (None, "", [])}
    if "rate_limit_keys" in kept:
        kept["rate_limit_keys"] = msgspec.to_builtins(kept["rate_limit_keys"])
    for name in SCHEMAS:
        if f(name) is not None and supported(f(name)) != f(name):
            kept[name] = f(name)
    if not is_managed:
        kept |= {name: fields[name] for name in ("image_uri", "machine_preset") if f(name)}
    if f("skip_if_running") and not f("cron"):
        kept["skip_if_running"] = True
    if not (f("rate_limit_max") and f("rate_limit_window_secs")):
        kept |= {name: fields[name] for name in ("rate_limit_max", "rate_limit_window_secs") if f(name)}
    if f("retry_strategy") == "custom" and not f("retry_delays_secs"):
        kept["retry_strategy"] = "custom"
    return kept


def fields_of(spec: JobSpec) -> dict[str, Any]:
    """A definition as fields; what is empty is left out."""
    policy = spec.policy
    found: dict[str, Any] = {
        "description": spec.description,
        "tags": dict(tag_pairs(spec.tags)),
        "default_run_metadata": _strings(spec.metadata),
        "execution_mode": spec.executor if spec.executor in {"http", "managed"} else None,
        "endpoint_url": spec.http.url if spec.http is not None else None,
        "fallback_endpoint_url": spec.http.fallback_url if spec.http is not None else None,
        "image_uri": spec.managed.image if spec.managed is not None else None,
        "machine_preset": spec.managed.preset if spec.managed is not None else None,
        "webhook_url": spec.webhook.url if spec.webhook is not None else None,
        "cron": spec.cron.expression if spec.cron is not None else None,
        "skip_if_running": spec.cron is not None and spec.cron.overlap == "skip",
        "execution_window_cron": spec.window,
        "timezone": spec.timezone,
        "environment_id": spec.environment_id,
        "max_concurrency": spec.max_concurrency,
        "max_concurrency_per_key": spec.max_per_key,
        "rate_limit_max": spec.rate.max if spec.rate is not None else None,
        "rate_limit_window_secs": _seconds(spec.rate.window if spec.rate is not None else None),
        "run_ttl_secs": _seconds(spec.ttl),
        "dedup_window_secs": _seconds(spec.dedup_window),
        "debounce_window_secs": _seconds(spec.debounce_window),
        "batch_window_secs": _seconds(spec.batch_window),
        "batch_max_size": spec.batch_max,
        "max_attempts": policy.max_attempts,
        "timeout_secs": _seconds(policy.timeout),
        "retry_strategy": policy.backoff,
        "retry_delays_secs": [_seconds(delay) for delay in policy.delays],
        "retry_priority_boost": policy.retry_priority_boost,
        "version_policy": policy.upgrade,
        "allowed_tools": list(policy.allowed_tools),
        "blocked_tools": list(policy.blocked_tools),
        "backwards_compatible": spec.backwards_compatible,
    }
    schemas = {"payload_schema": spec.payload_schema, "result_schema": policy.output_schema}
    limits = {"max_tokens_per_run": policy.max_tokens, "max_tool_calls_per_run": policy.max_tool_calls}
    shown = {name: value for name, value in found.items() if value}
    shown |= {name: msgspec.json.decode(text) for name, text in schemas.items() if text is not None}
    shown |= {name: most for name, most in limits.items() if most is not None}
    return shown | _from_extra(spec)


def _from_extra(spec: JobSpec) -> dict[str, Any]:
    """What is kept beside the definition and still true of it: another dialect may have changed the rest."""
    kept = {name: value for name, value in spec.extra.items() if name in NAMES}
    for name, text in (("payload_schema", spec.payload_schema), ("result_schema", spec.policy.output_schema)):
        if name in kept and _schema_in(kept[name]) != text:
            del kept[name]
    if spec.policy.backoff != "exponential":
        kept.pop("retry_strategy", None)
    if spec.rate is not None:
        kept = {name: value for name, value in kept.items() if name not in {"rate_limit_max", "rate_limit_window_secs"}}
    return kept


def supported(schema: Any) -> Any:
    """The part of a JSON Schema that this dialect goes by: `type`, `required`, `properties`, `items` (contract §3)."""
    if not isinstance(schema, dict):
        return schema
    found = {name: schema[name] for name in ("type", "required", "properties", "items") if name in schema}
    if isinstance(found.get("properties"), dict):
        found["properties"] = {name: supported(inner) for name, inner in found["properties"].items()}
    if "items" in found:
        found["items"] = supported(found["items"])
    return found


def _schema_in(schema: Any) -> str | None:
    return None if schema is None else _json.encode(supported(schema)).decode()


def _http(base: JobSpec, url: str | None, fallback: str | None) -> Http | None:
    if not url:
        return None
    return Http(url=url, fallback_url=fallback or None, secret=base.http.secret if base.http is not None else None)


def _webhook(base: JobSpec, url: str | None) -> Webhook | None:
    if not url:
        return None
    return Webhook(url=url, secret=base.webhook.secret if base.webhook is not None else None)


def _cron(base: JobSpec, expression: str | None, *, skip: bool) -> Cron | None:
    if not expression:
        return None
    known = base.cron or Cron(expression=expression)
    overlap = "skip" if skip else "allow" if known.overlap == "skip" else known.overlap
    return replace(known, expression=expression, overlap=overlap)


def _rate(most: int | None, window: int | None) -> Rate | None:
    return Rate(max=most, window=window * SECOND, mode="refuse") if most and window else None


def _span(seconds: int | None) -> int | None:
    return seconds * SECOND if seconds else None


def _seconds(span: int | None) -> int | None:
    """Whole seconds: a part of one counts as one."""
    return None if span is None else -(-span // SECOND)


def _strings(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else _json.encode(value).decode() for name, value in metadata.items()}


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
