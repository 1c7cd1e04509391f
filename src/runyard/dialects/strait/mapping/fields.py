"""Definitions of jobs as the flat fields of this dialect (contract §22)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from runyard.dialects.strait.mapping.schemas import schema_in
from runyard.dialects.strait.mapping.values import SECOND
from runyard.dialects.strait.wire import jobs as wire
from runyard.domain.jobs import JobSpec, tag_pairs

SCHEMAS = ("payload_schema", "result_schema")
NAMES = tuple(wire.JobFields.__struct_fields__)


def said(fields: wire.JobFields) -> dict[str, Any]:
    """What the request says; null says nothing, but for schemas."""
    found = {name: getattr(fields, name) for name in NAMES}
    return {
        name: value for name, value in found.items() if value is not UNSET and (value is not None or name in SCHEMAS)
    }


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
        if name in kept and schema_in(kept[name]) != text:
            del kept[name]
    if spec.policy.backoff != "exponential":
        kept.pop("retry_strategy", None)
    if spec.rate is not None:
        kept = {name: value for name, value in kept.items() if name not in {"rate_limit_max", "rate_limit_window_secs"}}
    return kept


def _seconds(span: int | None) -> int | None:
    """Whole seconds: a part of one counts as one."""
    return None if span is None else -(-span // SECOND)


def _strings(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in metadata.items()
    }
