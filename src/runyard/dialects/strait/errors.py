"""How the Strait dialect tells errors (contract §24): a string, the request id, and a top-level `message`."""

from __future__ import annotations

import re

import msgspec

from runyard.dialects.strait.mapping.runs import STATUS
from runyard.domain import errors as domain
from runyard.domain.errors import DomainError, Ended
from runyard.domain.states import RunState
from runyard.web.errors import Broken, Errors, Fault, WrongMethod, WrongType
from runyard.web.reply import encode

MEDIA_TYPE = "application/json"
_STATES = re.compile(rf"\b(run (?:that )?is )({'|'.join(RunState)})\b")


class ResultMismatch(domain.PayloadMismatch):
    """The result is not what the job's result schema asks for (contract §16)."""


class APIError(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was wrong, in detail."""

    code: str
    message: str
    details: list[str] = []


class ErrorResponse(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The body of every error."""

    error: str | APIError
    message: str
    """The same in words, where the published client looks for it."""
    request_id: str = ""
    details: list[str] = []
    """Where a value differs from its schema."""


class Exceeded(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The body of a 403 or 429 that a guardrail of the run gave (contract §17)."""

    error: str
    message: str
    request_id: str
    current: int | None = None
    limit: int | None = None
    tool: str | None = None


def spoken(text: str) -> str:
    """A sentence of the engine about a run's state, in the words of this dialect (DESIGN §4)."""
    return _STATES.sub(lambda found: found[1] + STATUS[RunState(found[2])], text)


def shape(fault: Fault) -> bytes:
    """The fault as the body of a reply. `guard` in the error's extra names a guardrail of contract §17."""
    fault = msgspec.structs.replace(fault, detail=spoken(fault.detail))
    said = fault.error.extra
    guard = said.get("guard")
    if isinstance(guard, str):
        current, limit, tool = said.get("current"), said.get("limit"), said.get("tool")
        return encode(
            Exceeded(
                error=guard,
                message=fault.detail,
                request_id=fault.request_id,
                current=current if isinstance(current, int) else None,
                limit=limit if isinstance(limit, int) else None,
                tool=tool if isinstance(tool, str) else None,
            )
        )
    details = [f"{one.pointer or one.path[:1]}: {one.detail}" for one in fault.mistakes]
    problems = _problems(said.get("errors"))
    error: str | APIError = fault.detail
    if details or fault.status == 422:
        error = APIError(code=fault.code, message=fault.detail, details=[*details, *problems])
    return encode(ErrorResponse(error=error, message=fault.detail, request_id=fault.request_id, details=problems))


def _problems(errors: object) -> list[str]:
    """What a schema found wrong with a value, a line each."""
    found = errors if isinstance(errors, list) else []
    return [f"{one['pointer'] or '/'}: {one['detail']}" for one in found if isinstance(one, dict)]


ERRORS = Errors(
    shape,
    table={
        DomainError: (400, "validation_error"),
        domain.Invalid: (400, "validation_error"),
        domain.NotFound: (404, "not_found"),
        domain.Conflict: (409, "conflict"),
        domain.JobDisabled: (400, "validation_error"),
        domain.Unauthorized: (401, "unauthorized"),
        domain.Forbidden: (403, "forbidden"),
        domain.RateLimited: (429, "rate_limited"),
        domain.LimitReached: (429, "rate_limited"),
        domain.Unavailable: (503, "internal_error"),
        WrongMethod: (405, "validation_error"),
        WrongType: (415, "validation_error"),
        domain.StaleAttempt: (401, "unauthorized"),
        Ended: (410, "gone"),
        ResultMismatch: (422, "validation_error"),
        Broken: (500, "internal_error"),
    },
    media_type=MEDIA_TYPE,
)
