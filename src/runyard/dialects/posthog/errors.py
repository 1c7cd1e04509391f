"""How the PostHog dialect tells errors (contract §2): type, code, detail and field; or an action's own sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import msgspec

from runyard.domain import errors as domain
from runyard.domain.errors import Conflict, DomainError, Invalid
from runyard.web.auth import NoKey
from runyard.web.errors import Broken, Errors, Fault, Mistake, WrongMethod, WrongType
from runyard.web.reply import encode


class ApiError(msgspec.Struct, kw_only=True):
    """The body of every error that no action words itself."""

    type: str
    code: str
    detail: str
    attr: str | None = None


class ActionError(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The body of an error that an action words itself."""

    error: str
    missing_artifact_ids: list[str] = []


class FieldError(Invalid):
    """One field of the request is wrong; `attr` names it."""

    def __init__(self, code: str, detail: str, *path: str | int) -> None:
        super().__init__(detail, mistakes=(Mistake(source="body", path=path, detail=detail),))
        self.field_code = code


class Refused(DomainError):
    """The action cannot be done; the sentence says why."""

    code = "invalid_input"


class BadGateway(Refused):
    """The agent server refused, failed, or could not be reached."""


class GatewayTimeout(Refused):
    """The agent server did not answer in time."""


class NoEntry(Refused):
    """The run's manifest has no such entry."""


class Stale(Refused):
    """What the caller means to replace is not there any more."""


class NotNow(Refused):
    """It could not be queued, or whoever does it cannot be reached; the same request may be sent again."""


TYPES = {401: "authentication_error", 403: "authentication_error", 429: "throttled_error"}
"""What kind of error a status is; those from 500 on are the server's."""


def shape(fault: Fault) -> bytes:
    """The fault as the body of a reply; of several wrong values the first is told."""
    error = fault.error
    if isinstance(error, Refused):
        missing: Any = error.extra.get("missing_artifact_ids", [])
        return encode(ActionError(error=fault.detail, missing_artifact_ids=missing))
    kind = "server_error" if fault.status >= 500 else TYPES.get(fault.status, "invalid_request")
    code, attr = fault.code, None
    if fault.status == HTTPStatus.BAD_REQUEST and (fault.mistakes or isinstance(error, Invalid)):
        kind = "validation_error"
        if fault.mistakes:
            attr = "__".join(map(str, fault.mistakes[0].path)) or None
    if isinstance(error, FieldError):
        code = error.field_code
        if code == "parse_error":
            kind = "invalid_request"
    return encode(ApiError(type=kind, code=code, detail=fault.detail, attr=attr))


ERRORS = Errors(
    shape,
    table={
        DomainError: (400, "invalid_input"),
        domain.Invalid: (400, "invalid_input"),
        domain.TooLarge: (413, "invalid_input"),
        domain.Conflict: (409, "invalid_input"),
        domain.NotFound: (404, "not_found"),
        domain.Unauthorized: (401, "authentication_failed"),
        NoKey: (401, "not_authenticated"),
        domain.Forbidden: (403, "permission_denied"),
        domain.RateLimited: (429, "throttled"),
        domain.Unavailable: (503, "error"),
        Refused: (400, "invalid_input"),
        BadGateway: (502, "error"),
        GatewayTimeout: (504, "error"),
        NoEntry: (404, "not_found"),
        Stale: (409, "invalid_input"),
        NotNow: (503, "error"),
        WrongMethod: (405, "method_not_allowed"),
        WrongType: (415, "unsupported_media_type"),
        Broken: (500, "error"),
    },
    media_type="application/json",
)


@contextmanager
def action() -> Iterator[None]:
    """Tell what is wrong in the action's own shape, with 400 (contract §2.4)."""
    try:
        yield
    except (Invalid, Conflict) as error:
        if isinstance(error, FieldError):
            raise
        raise Refused(error.detail) from None
