"""How the BambooSnow dialect tells errors (contract §2): a code, and a `message` its client reads."""

from __future__ import annotations

import msgspec

from runyard.domain import errors as domain
from runyard.domain.errors import DomainError
from runyard.web.errors import Broken, Errors, Fault, WrongMethod, WrongType
from runyard.web.reply import encode


class FieldError(msgspec.Struct, kw_only=True):
    """One wrong value."""

    field: str
    message: str


class Error(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The body of every error: an object, for the published client crashes on anything else."""

    error: str
    message: str
    errors: list[FieldError] = []


def shape(fault: Fault) -> bytes:
    """The fault as the body of a reply."""
    wrong = [FieldError(field=".".join(map(str, one.path)), message=one.detail) for one in fault.mistakes]
    return encode(Error(error=fault.code, message=fault.detail, errors=wrong))


ERRORS = Errors(
    shape,
    table={
        DomainError: (400, "invalid_request"),
        domain.Invalid: (400, "invalid_request"),
        domain.TooLarge: (413, "invalid_request"),
        domain.NotFound: (404, "not_found"),
        domain.Conflict: (409, "conflict"),
        domain.Unauthorized: (401, "unauthorized"),
        domain.Forbidden: (403, "forbidden"),
        domain.RateLimited: (429, "rate_limited"),
        domain.Unavailable: (503, "internal_error"),
        WrongMethod: (405, "invalid_request"),
        WrongType: (415, "invalid_request"),
        Broken: (500, "internal_error"),
    },
    media_type="application/json",
)
