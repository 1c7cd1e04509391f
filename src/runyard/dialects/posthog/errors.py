"""How the PostHog dialect tells errors (contract §2): type, code, detail, and the field at fault."""

from __future__ import annotations

import msgspec

from runyard.domain import errors as domain
from runyard.domain.errors import DomainError
from runyard.web.errors import Broken, Errors, Fault, WrongMethod, WrongType
from runyard.web.reply import encode


class ApiError(msgspec.Struct, kw_only=True):
    """The body of every error that no action words itself."""

    type: str
    code: str
    detail: str
    attr: str | None = None


TYPES = {401: "authentication_error", 403: "authentication_error", 429: "throttled_error"}
"""What kind of error a status is; those from 500 on are the server's."""


def shape(fault: Fault) -> bytes:
    """The fault as the body of a reply; of several wrong values the first is told."""
    kind = "server_error" if fault.status >= 500 else TYPES.get(fault.status, "invalid_request")
    attr = None
    if fault.mistakes:
        kind, attr = "validation_error", "__".join(map(str, fault.mistakes[0].path)) or None
    return encode(ApiError(type=kind, code=fault.code, detail=fault.detail, attr=attr))


ERRORS = Errors(
    shape,
    table={
        DomainError: (400, "invalid_input"),
        domain.Invalid: (400, "invalid_input"),
        domain.NotFound: (404, "not_found"),
        domain.Unauthorized: (401, "authentication_failed"),
        domain.Forbidden: (403, "permission_denied"),
        domain.RateLimited: (429, "throttled"),
        domain.Unavailable: (503, "error"),
        WrongMethod: (405, "method_not_allowed"),
        WrongType: (415, "unsupported_media_type"),
        Broken: (500, "error"),
    },
    media_type="application/json",
)
