"""Requests about secrets of jobs, and environments."""

from __future__ import annotations

from collections.abc import Mapping

from runyard.sdk import models
from runyard.sdk.call import Call, get, query, segment, send


def list_all(job: str) -> Call[models.Page[models.Secret]]:
    """A job's secrets by name, without their values."""
    return get(f"/jobs/{segment(job)}/secrets", models.Page[models.Secret])


def put(job: str, name: str, value: str) -> Call[models.Secret]:
    """Keep a secret of a job, over the one of that name; executors get it, no answer has it."""
    return send("PUT", _secret(job, name), models.Secret, {"value": value})


def delete(job: str, name: str) -> Call[None]:
    """Forget a secret."""
    return send("DELETE", _secret(job, name), None)


def environments(*, limit: int | None = None) -> Call[models.Page[models.Environment]]:
    """Environments by name, without the values of their variables."""
    return get("/environments", models.Page[models.Environment], query(limit=limit))


def environment(name: str) -> Call[models.Environment]:
    """One environment, without the values of its variables."""
    return get(_environment(name), models.Environment)


def put_environment(name: str, variables: Mapping[str, str]) -> Call[models.Environment]:
    """Make an environment, or give the one of that name these variables in the place of all it has."""
    return send("PUT", _environment(name), models.Environment, {"variables": dict(variables)})


def delete_environment(name: str) -> Call[None]:
    """Forget an environment that no job names."""
    return send("DELETE", _environment(name), None)


def _secret(job: str, name: str) -> str:
    return f"/jobs/{segment(job)}/secrets/{segment(name)}"


def _environment(name: str) -> str:
    return f"/environments/{segment(name)}"
