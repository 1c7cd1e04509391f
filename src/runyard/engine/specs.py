"""What a job's definition may say: every combination that makes no sense is refused with one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from runyard import sandbox
from runyard.domain import cron, presets
from runyard.domain.errors import Invalid
from runyard.domain.jobs import JobSpec, tag_pairs
from runyard.domain.policy import Policy
from runyard.domain.records import Job
from runyard.engine import schemas
from runyard.engine.tasks.queueing import OF_TASKS
from runyard.outbound import guard
from runyard.settings import Settings

LONGEST = 10 * 366 * 86400 * 1_000_000
"""Ten years: no duration is longer."""
_DAY = 86400 * 1_000_000
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_json = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(JobSpec)


def spec_of(job: Job) -> JobSpec:
    """The job's current definition."""
    return _decoder.decode(job.spec)


def check_payload(spec: JobSpec, payload: str) -> None:
    """Raises `PayloadMismatch` when the payload is not what the definition asks for."""
    problems = schemas.check(spec.payload_schema, payload) if spec.payload_schema is not None else None
    if problems:
        raise schemas.mismatch("the payload does not match the job's payload schema", problems)


def check_name(name: str) -> None:
    """Raises `Invalid` for a job's name that cannot be one, or that reads as an id."""
    if not name.strip() or len(name) > 128 or not name.isprintable():
        raise Invalid("a job's name has 1 to 128 printable characters")
    if _UUID.fullmatch(name):
        raise Invalid("a job's name may not look like an id")


def check(spec: JobSpec) -> None:
    """Raises `Invalid` for the first thing that is wrong."""
    for problem in _problems(spec):
        raise Invalid(problem)
    for schema in (spec.payload_schema, spec.policy.output_schema):
        if schema is not None:
            schemas.accept(schema)


def check_places(old: JobSpec | None, new: JobSpec, settings: Settings) -> None:
    """Raises `Invalid` for an address or a program that is new in the definition and that this server does not use."""
    before = old if old is not None else JobSpec()
    for url in sorted(_urls(new) - _urls(before)):
        guard.check_url(url, settings)
    if new.managed is not None and new.managed != before.managed:
        reason = sandbox.available(settings)
        if reason is not None:
            raise Invalid(f"this server takes no managed jobs: {reason}")
        sandbox.check_image(new.managed.image, settings)


def _urls(spec: JobSpec) -> set[str]:
    http, webhook = spec.http, spec.webhook
    found = {http.url, http.fallback_url} if http is not None else set()
    return {url for url in (*found, webhook.url if webhook is not None else None) if url is not None}


def _problems(spec: JobSpec) -> Iterator[str]:
    for what, word in (
        ("queue", spec.queue),
        ("executor", spec.executor),
        *(("capability", one) for one in spec.requires),
    ):
        if not word.strip() or len(word) > 128 or "\0" in word:
            yield f"{what} {word[:32]!r} must have 1 to 128 characters"
    if len(spec.requires) > 32:
        yield "a job requires at most 32 capabilities"
    if len(spec.description) > 4096 or "\0" in spec.description:
        yield "a description has at most 4096 characters"
    if not 0 <= spec.priority <= 10:
        yield "priority goes from 0 to 10"
    if spec.ttl is not None and not 0 < spec.ttl <= LONGEST:
        yield "the time to live must be longer than nothing and at most ten years"
    for what, cap in (("concurrency", spec.max_concurrency), ("concurrency per key", spec.max_per_key)):
        if cap is not None and not 1 <= cap <= 1_000_000:
            yield f"the limit of {what} goes from 1 to 1,000,000; leave it out for no limit"
    yield from _rate_problems(spec)
    yield from _label_problems(spec)
    yield from _executor_problems(spec)
    yield from _trigger_problems(spec)
    yield from _policy_problems(spec.policy)
    yield from _guard_problems(spec.policy)


def _executor_problems(spec: JobSpec) -> Iterator[str]:
    if spec.executor in OF_TASKS:
        yield f"executor {spec.executor!r} takes runs of tasks alone"
    if spec.executor == "http" and spec.http is None:
        yield "a job of executor 'http' needs its endpoint (`http`)"
    if spec.executor == "managed" and spec.managed is None:
        yield "a job of executor 'managed' needs its image (`managed`)"
    if spec.managed is not None and spec.managed.preset not in presets.PRESETS:
        yield f"{spec.managed.preset[:32]!r} is not a preset; there are {', '.join(presets.PRESETS)}"


def _trigger_problems(spec: JobSpec) -> Iterator[str]:
    for expression in (spec.cron.expression if spec.cron is not None else None, spec.window):
        if expression is not None:
            yield from _refused(cron.check, expression)
    if spec.timezone is not None:
        yield from _refused(cron.zone, spec.timezone)
    for what, span in (
        ("time in which equal payloads make one run", spec.dedup_window),
        ("debounce window", spec.debounce_window),
        ("batch window", spec.batch_window),
    ):
        if span is not None and not 0 < span <= 31 * _DAY:
            yield f"the {what} must be longer than nothing and at most 31 days; leave it out for none"
    if spec.debounce_window is not None and spec.batch_window is not None:
        yield "a job is debounced or batched, not both"
    if spec.batch_max is not None and not 1 <= spec.batch_max <= 1000:
        yield "a batch holds 1 to 1,000 items"


def _refused(check: Callable[[str], object], value: str) -> Iterator[str]:
    try:
        check(value)
    except ValueError as error:
        yield str(error)


def _guard_problems(policy: Policy) -> Iterator[str]:
    for what, most in (
        ("tokens", policy.max_tokens),
        ("micro-USD", policy.max_cost),
        ("tool calls", policy.max_tool_calls),
    ):
        if most is not None and not 0 <= most <= 2**53:
            yield f"the limit of {what} is not negative; leave it out for none"
    for tools in (policy.allowed_tools, policy.blocked_tools):
        if len(tools) > 256 or any(not 1 <= len(tool) <= 256 or "\0" in tool for tool in tools):
            yield "a list of tools has at most 256 names of 1 to 256 characters"


def _rate_problems(spec: JobSpec) -> Iterator[str]:
    if spec.rate is None:
        return
    if not 1 <= spec.rate.max <= 1_000_000 or not 0 < spec.rate.window <= 31 * 86400 * 1_000_000:
        yield "a rate limit lets 1 to 1,000,000 runs through in a window of up to 31 days"
    elif spec.rate.window < spec.rate.max:
        yield "a rate limit of more than one run a microsecond limits nothing"


def _label_problems(spec: JobSpec) -> Iterator[str]:
    pairs = tag_pairs(spec.tags)
    if len(pairs) > 64:
        yield "a job has at most 64 tags"
    if any(not 1 <= len(tag) <= 256 or len(value) > 256 or "\0" in tag + value for tag, value in pairs):
        yield "a tag has 1 to 256 characters, its value at most 256"
    if len(_json.encode(spec.metadata)) > 65_536:
        yield "metadata takes at most 64 KiB"
    if len(spec.title) > 255 or "\0" in spec.title:
        yield "a job's title has at most 255 characters"
    if len(_json.encode(spec.extra)) > 65_536:
        yield "what is kept with a job beside its definition takes at most 64 KiB"


def _policy_problems(policy: Policy) -> Iterator[str]:
    if not 1 <= policy.max_attempts <= 100:
        yield "attempts go from 1 to 100"
    if policy.backoff == "custom" and not policy.delays:
        yield "a custom backoff needs its list of delays"
    if len(policy.delays) > 100:
        yield "a custom backoff lists at most 100 delays"
    if any(
        not 0 <= delay <= LONGEST
        for delay in (policy.initial_delay, policy.min_delay, policy.max_delay, *policy.delays)
    ):
        yield "a delay is not negative and at most ten years"
    if policy.min_delay > policy.max_delay:
        yield "the shortest delay between attempts is longer than the longest"
    if not 0 <= policy.jitter <= 1:
        yield "jitter goes from 0 to 1"
    if len(policy.non_retryable) > 64 or any(not 1 <= len(kind) <= 128 for kind in policy.non_retryable):
        yield "at most 64 error classes of 1 to 128 characters can be excluded from retries"
    if not 0 <= policy.retry_priority_boost <= 10:
        yield "the boost of priority goes from 0 to 10"
    for what, time in (
        ("timeout", policy.timeout),
        ("heartbeat grace", policy.heartbeat_grace),
        ("lease", policy.lease),
    ):
        if time is not None and not 0 < time <= LONGEST:
            yield f"the {what} must be longer than nothing and at most ten years"
    if policy.lost_leases < 1:
        yield "a run may lose at least one lease"
    if policy.idempotency_window is not None and not 0 <= policy.idempotency_window <= LONGEST:
        yield "an idempotency key is kept for up to ten years, or for ever"
