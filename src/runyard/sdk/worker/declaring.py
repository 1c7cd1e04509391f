"""Brings the jobs of a worker into being: makes those that are missing, changes those that differ."""

from __future__ import annotations

import logging
from typing import Any

from runyard.sdk.async_client import AsyncClient
from runyard.sdk.errors import AlreadyExists, Forbidden, NotFound
from runyard.sdk.fields import JobFields

# The server may fill in the rest of these; schemas, tags and the like are meant exactly as declared.
PARTIAL = frozenset({"retry", "concurrency", "rate_limit", "guards", "cron", "batch", "managed"})
SEALED = frozenset({"http", "webhook"})
"""What has secrets."""

log = logging.getLogger("runyard.worker")


async def declare(client: AsyncClient, name: str, fields: JobFields) -> None:
    """Make the job say at least what is declared; a key that may not do so leaves it as it is."""
    try:
        await _declare(client, name, fields)
    except Forbidden as error:
        log.info("worker.job_not_declared job=%s reason=%s", name, error)


async def _declare(client: AsyncClient, name: str, fields: JobFields) -> None:
    try:
        job = await client.jobs.get(name)
    except NotFound:
        try:
            await client.jobs.create(name, **fields)
        except AlreadyExists:
            # Another worker was quicker; what it made may differ from what we declare.
            job = await client.jobs.get(name)
        else:
            log.info("worker.job_created job=%s", name)
            return
    changes = differing(fields, {**job.spec, "enabled": job.enabled})
    if changes:
        await client.jobs.update(name, **changes)
        log.info("worker.job_changed job=%s fields=%s", name, ",".join(changes))


def differing(fields: JobFields, spec: dict[str, Any]) -> JobFields:
    """The declared fields that the job does not have; what a job says beyond them is left alone."""
    changes: Any = {name: value for name, value in fields.items() if not _stands(name, spec.get(name), value)}
    return changes  # type: ignore[no-any-return]


def _stands(name: str, there: object, declared: object) -> bool:
    if name in SEALED and isinstance(there, dict) and isinstance(declared, dict):
        # Secrets are never shown: nobody can tell whether they differ, and a new version at each start would be worse.
        declared = {key: value for key, value in declared.items() if key != "secret"}
        return all(there.get(key) == value for key, value in declared.items())
    if name in PARTIAL and isinstance(there, dict) and isinstance(declared, dict):
        return all(there.get(key) == value for key, value in declared.items())
    return there == declared
