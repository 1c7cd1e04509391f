"""How the AGH dialect tells errors (contract §3): one sentence."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from runyard.web.errors import Errors, Fault
from runyard.web.reply import encode


class Error(msgspec.Struct, kw_only=True):
    """The body of every error."""

    error: str


def shape(fault: Fault) -> bytes:
    """The fault as the body of a reply; from 500 on it is the status's own phrase."""
    return encode(Error(error=fault.detail if fault.status < 500 else HTTPStatus(fault.status).phrase))


ERRORS = Errors(shape, media_type="application/json")
