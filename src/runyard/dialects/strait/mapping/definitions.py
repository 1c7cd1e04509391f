"""Definitions of jobs, built from the flat fields of this dialect (contract §22).

A definition is built from fields as a whole, so that whatever is changed leaves nothing behind. Fields that nobody acts
on live in the definition's `extra`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from runyard.dialects.strait.mapping.fields import SCHEMAS, fields_of, said
from runyard.dialects.strait.mapping.schemas import schema_in, supported
from runyard.dialects.strait.mapping.values import SECOND
from runyard.dialects.strait.wire import jobs as wire
from runyard.domain.errors import Invalid
from runyard.domain.jobs import Cron, Http, JobSpec, Managed, Rate, Webhook
from runyard.domain.policy import Policy

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
        payload_schema=schema_in(f("payload_schema")),
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
        output_schema=schema_in(f("result_schema")),
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
