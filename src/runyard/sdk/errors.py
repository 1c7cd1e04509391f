"""What can go wrong, one class for each problem `code` of the server; catch `RunyardError` for all of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec


class RunyardError(Exception):
    """The server refused the request, or could not be asked."""

    def __init__(
        self,
        detail: str = "",
        *,
        status: int = 0,
        code: str = "error",
        errors: list[dict[str, Any]] | None = None,
        request_id: str = "",
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail or (type(self).__doc__ or "").strip())
        self.status = status
        self.code = code
        self.errors = errors or []
        self.request_id = request_id
        self.retryable = retryable
        self.retry_after = retry_after

    @property
    def detail(self) -> str:
        """What was wrong and what would be right."""
        return str(self)


class Unreachable(RunyardError):
    """No answer came from the server."""


class BadReply(RunyardError):
    """The answer is not one a Runyard server gives; check the URL."""


class WaitTimeout(RunyardError, TimeoutError):
    """The run had not come to rest when the time was up."""


class Invalid(RunyardError):
    """A value in the request is wrong; `errors` says which."""


class SchemaMismatch(Invalid):
    """The payload or output does not match the schema of the job."""


class Unauthorized(RunyardError):
    """No valid key came with the request."""


class Forbidden(RunyardError):
    """The key is valid and lacks the right to do this."""


class NotFound(RunyardError):
    """There is no such thing in this project."""


class Conflict(RunyardError):
    """The thing is not in a state that allows this."""


class IllegalMove(Conflict):
    """The run is in a state from which this verb leads nowhere."""


class LeaseLost(Conflict):
    """Somebody else holds this run now, or nobody does; stop working on it."""


class AlreadyExists(Conflict):
    """The name is taken."""


class TooLarge(RunyardError):
    """A value is larger than its limit."""


class IdempotencyMismatch(RunyardError):
    """The idempotency key was used before with another request."""


class RateLimited(RunyardError):
    """Too many in too short a time; wait `retry_after` seconds."""


class LimitReached(RunyardError):
    """The run has used up what it may use; waiting does not help."""


class Unavailable(RunyardError):
    """The server cannot do this now; try again after `retry_after` seconds."""


class Overloaded(Unavailable):
    """More is waiting to be written than the server takes on."""


BY_CODE: dict[str, type[RunyardError]] = {
    "invalid": Invalid,
    "schema_mismatch": SchemaMismatch,
    "unauthorized": Unauthorized,
    "forbidden": Forbidden,
    "not_found": NotFound,
    "conflict": Conflict,
    "illegal_move": IllegalMove,
    "lease_lost": LeaseLost,
    "already_exists": AlreadyExists,
    "too_large": TooLarge,
    "idempotency_mismatch": IdempotencyMismatch,
    "rate_limited": RateLimited,
    "limit_reached": LimitReached,
    "unavailable": Unavailable,
    "overloaded": Overloaded,
}
# For answers without a code we know: a newer server's, or those of something that stands in front of it.
BY_STATUS: dict[int, type[RunyardError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: Invalid,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


class _Problem(msgspec.Struct):
    detail: str = ""
    title: str = ""
    code: str = ""
    request_id: str = ""
    retryable: bool = False
    retry_after: float | None = None
    errors: list[dict[str, Any]] = []


_problem = msgspec.json.Decoder(_Problem)


def error_of(status: int, headers: Mapping[str, str], body: bytes, *, now: dt.datetime) -> RunyardError:
    """The exception for an answer that is not a success."""
    try:
        problem = _problem.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        text = body[:300].decode("utf-8", "replace").strip()
        problem = _Problem(detail=f"HTTP {status}: {text}" if text else f"HTTP {status}")
    kind = BY_CODE.get(problem.code) or BY_STATUS.get(status) or RunyardError
    return kind(
        problem.detail or problem.title or f"HTTP {status}",
        status=status,
        code=problem.code or "error",
        errors=problem.errors,
        request_id=problem.request_id or headers.get("x-request-id", ""),
        retryable=problem.retryable or (kind is not LimitReached and status in {429, 502, 503, 504}),
        retry_after=retry_after(headers.get("retry-after"), now=now, otherwise=problem.retry_after),
    )


def error_for(code: str, detail: str, *, status: int) -> RunyardError:
    """The exception for one refused report of a call that took many."""
    return (BY_CODE.get(code) or BY_STATUS.get(status) or RunyardError)(detail, status=status, code=code)


def retry_after(value: str | None, *, now: dt.datetime, otherwise: float | None = None) -> float | None:
    """The seconds a `Retry-After` header asks for, given as seconds or as a date."""
    if not value:
        return otherwise
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return otherwise
    if at.tzinfo is None:
        at = at.replace(tzinfo=dt.UTC)
    return max(0.0, (at - now).total_seconds())
