"""One way from any exception to a reply: to a domain error, through a dialect's table, into a dialect's shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
from litestar.exceptions import (
    HTTPException,
    InternalServerException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from runyard.domain import errors as domain
from runyard.domain.errors import DomainError
from runyard.streams.asgi import Header
from runyard.web.reply import Sent


class WrongMethod(DomainError):
    """This path does not take that method; the `Allow` header names those it takes."""

    code = "method_not_allowed"


class WrongType(DomainError):
    """The body is of a content type that is not taken here; send `Content-Type: application/json`."""

    code = "unsupported_media_type"


class Broken(DomainError):
    """Something went wrong in the server; the log tells more under this request id."""

    code = "internal_error"


class Gone(DomainError):
    """The client hung up before its request was complete."""

    code = "client_gone"


class AgentFailed(DomainError):
    """The agent in the run's sandbox refused, failed, or could not be reached; look at the run before trying again."""

    code = "agent_failed"


class AgentSilent(DomainError):
    """The agent in the run's sandbox did not answer in time; its turn may go on, and the run's log tells of it."""

    code = "agent_silent"


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One wrong value of a request: where it stands, and what is wrong with it."""

    source: Literal["body", "query", "path", "header"]
    path: tuple[str | int, ...]
    detail: str

    @property
    def pointer(self) -> str:
        """The place as a JSON pointer."""
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.path)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An exception as a reply has to tell it."""

    status: int
    code: str
    detail: str
    request_id: str
    retry_after: int | None
    mistakes: tuple[Mistake, ...]
    error: DomainError


Table = Mapping[type[BaseException], tuple[int, str]]
"""Status and code by error class; an empty code means the error's own."""

TABLE: Table = {
    DomainError: (400, ""),
    domain.Invalid: (400, ""),
    domain.TooLarge: (413, ""),
    domain.NotFound: (404, ""),
    domain.Conflict: (409, ""),
    domain.IdempotencyMismatch: (422, ""),
    domain.Unauthorized: (401, ""),
    domain.Forbidden: (403, ""),
    domain.RateLimited: (429, ""),
    domain.LimitReached: (429, ""),
    domain.Unavailable: (503, ""),
    WrongMethod: (405, ""),
    WrongType: (415, ""),
    Broken: (500, ""),
}


class Errors:
    """A dialect's answers to errors: a table by nearest base class, and the shape of a body."""

    def __init__(self, shape: Callable[[Fault], bytes], *, table: Table = TABLE, media_type: str) -> None:
        self.shape = shape
        self.table = {**TABLE, **table}
        self.media_type = media_type.encode("ascii")

    def fault(self, error: DomainError, request_id: str) -> Fault:
        """What the reply has to say of the error."""
        mistakes: Any = error.extra.get("mistakes", ())
        status, code = next(self.table[base] for base in type(error).__mro__ if base in self.table)
        return Fault(
            status=status,
            code=code or error.code,
            detail=error.detail,
            request_id=request_id,
            retry_after=getattr(error, "retry_after", None),
            mistakes=tuple(mistakes),
            error=error,
        )

    def reply(self, error: DomainError, request_id: str) -> Sent:
        """The reply to an error, in the dialect's shape."""
        fault = self.fault(error, request_id)
        return Sent(fault.status, self.shape(fault), self.media_type, headers=_headers(fault))


def _headers(fault: Fault) -> list[Header]:
    headers: list[Header] = []
    if fault.retry_after is not None:
        headers.append((b"retry-after", str(fault.retry_after).encode("ascii")))
    if fault.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if fault.status == 405:
        allowed: Any = fault.error.extra.get("allow", ())
        headers.append((b"allow", ", ".join(sorted(allowed)).encode("ascii")))
    return headers


def understood(error: Exception) -> DomainError:
    """The exception as a domain error: the framework's own by meaning, anything unforeseen as `Broken`."""
    match error:
        case DomainError():
            return error
        case NotFoundException():
            return domain.NotFound("there is nothing at this path")
        case MethodNotAllowedException():
            return WrongMethod()
        case RequestEntityTooLarge():
            return domain.TooLarge("the body is larger than this path takes")
        case ValidationException():
            return _wrong_values(error)
        case InternalServerException() if "disconnected" in error.detail:
            return Gone()
        case HTTPException() if error.status_code < 500:
            return domain.Invalid(error.detail)
        case OverflowError():
            return domain.Invalid("a number or a time is out of range")
        case RecursionError():
            return domain.Invalid("the body is nested too deeply")
        case UnicodeError():
            return domain.Invalid("a text is not valid UTF-8")
        case _:
            return Broken()


def _wrong_values(error: ValidationException) -> domain.Invalid:
    extra = error.extra if isinstance(error.extra, list) else []
    mistakes = [_mistake(entry) for entry in extra if isinstance(entry, dict)]
    if not mistakes:
        return domain.Invalid(error.detail)
    first = mistakes[0]
    if first.source == "body" and not first.path:
        return domain.Invalid("this path needs a JSON body; send at least {}", mistakes=mistakes)
    return domain.Invalid(f"{first.source} parameter {first.path[0]!r}: {first.detail}", mistakes=mistakes)


def _mistake(entry: Mapping[str, object]) -> Mistake:
    key, source = str(entry.get("key", "")), str(entry.get("source", "query"))
    if key == "data":
        return Mistake(source="body", path=(), detail="a body is needed")
    detail = str(entry.get("message", "wrong value"))
    if source not in {"query", "path", "header"}:
        source = "query"
    return Mistake(source=source, path=(key,), detail=detail)  # type: ignore[arg-type]
