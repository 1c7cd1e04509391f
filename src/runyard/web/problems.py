"""RFC 9457 problem details: the shape of errors outside all dialects, and of the native one."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.domain.errors import RateLimited, Unavailable
from runyard.web.errors import TABLE, AgentFailed, AgentSilent, Errors, Fault, Mistake
from runyard.web.reply import encode

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str = ""
    retryable: bool = False
    retry_after: int | None = None
    errors: list[dict[str, Any]] = []


def problem(fault: Fault) -> Problem:
    """The fault as problem details."""
    return Problem(
        type=f"urn:runyard:problem:{fault.code}",
        title=fault.code.replace("_", " ").capitalize(),
        status=fault.status,
        detail=fault.detail,
        code=fault.code,
        request_id=fault.request_id,
        retryable=isinstance(fault.error, RateLimited | Unavailable),
        retry_after=fault.retry_after,
        errors=[*map(_error, fault.mistakes), *_said(fault)],
    )


def _error(mistake: Mistake) -> dict[str, Any]:
    if mistake.source == "body":
        return {"pointer": mistake.pointer, "detail": mistake.detail}
    return {"parameter": str(mistake.path[0]), "in": mistake.source, "detail": mistake.detail}


def _said(fault: Fault) -> list[dict[str, Any]]:
    """What the engine found wrong inside a value."""
    said = fault.error.extra.get("errors", ())
    return list(said) if isinstance(said, list) else []


def shape(fault: Fault) -> bytes:
    """The fault as the body of a reply."""
    return encode(problem(fault))


PROBLEMS = Errors(shape, table={**TABLE, AgentFailed: (502, ""), AgentSilent: (504, "")}, media_type=MEDIA_TYPE)
