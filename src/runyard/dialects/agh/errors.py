"""How the AGH dialect tells errors (contract §3): a sentence, and a diagnostic where there is a code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import msgspec

from runyard.domain import errors as domain
from runyard.domain.errors import Invalid
from runyard.domain.redaction import struck
from runyard.engine import sessions
from runyard.engine.tasks import refusals
from runyard.web.errors import Errors, Fault, Gone
from runyard.web.reply import encode

_CHOSEN = re.compile(r"(['\"])\d+~")
"""How the engine marks names that were chosen."""


class Unprocessable(Invalid):
    """A value is of the right type and cannot be taken here."""


class Diagnostic(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is known about an error or a run in trouble."""

    id: str
    code: str
    severity: str
    category: str
    title: str
    message: str
    data_freshness: str
    suggested_command: str = ""
    doc_url: str = ""
    evidence: dict[str, Any] = {}


class Error(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The body of every error."""

    error: str
    diagnostic: Diagnostic | None = None


TITLES = {
    "bulk_too_large": "Too many runs at once",
    "force_op_requires_reason": "A reason is needed",
    "force_op_rate_limited": "Too many forced operations",
    "forbidden_operator_action": "Not for agents",
    "retry_chain_too_deep": "Too many retries of retries",
    "task_run_already_terminal": "It has ended",
    "task_run_still_active": "It is still active",
    "task_run_not_releasable": "Nothing to release",
    "task_run_not_recoverable": "Nothing to recover",
    "identity_required": "An agent's identity is needed",
    "identity_stale": "The session is not active",
    "identity_mismatch": "Another agent's session",
    "identity_unauthorized": "Another workspace's session",
}
"""Codes that come with a diagnostic, and what each is about."""


def error_of(fault: Fault) -> Error:
    """The fault in this dialect's shape; from 500 on it is the status's own phrase."""
    if fault.status >= 500:
        return Error(error=HTTPStatus(fault.status).phrase)
    said = _said(fault.detail)
    return Error(error=said, diagnostic=_diagnostic(fault, said))


def _said(text: str) -> str:
    """The text without secrets, and with chosen names as their makers wrote them."""
    return _CHOSEN.sub(r"\1", struck(text))


def _diagnostic(fault: Fault, said: str) -> Diagnostic | None:
    code = fault.error.code
    title = TITLES.get(code)
    if title is None:
        return None
    is_identity = code.startswith("identity_")
    place = "agentidentity" if is_identity else str(fault.error.extra.get("place", "task.force"))
    return Diagnostic(
        id=f"{place}.{code}",
        code=code,
        severity="info" if code == "task_run_already_terminal" else "error",
        category="session" if is_identity else "task",
        title=title,
        message=said,
        data_freshness="live",
    )


def shape(fault: Fault) -> bytes:
    """The fault as the body of a reply."""
    return encode(error_of(fault))


ERRORS = Errors(
    shape,
    table={
        Unprocessable: (422, ""),
        Gone: (408, ""),
        domain.IdempotencyMismatch: (400, ""),
        refusals.ReasonRequired: (422, ""),
        refusals.BulkTooLarge: (422, ""),
        refusals.ChainTooDeep: (422, ""),
        sessions.IdentityForbidden: (403, ""),
    },
    media_type="application/json",
)


@contextmanager
def unprocessable() -> Iterator[None]:
    """Answer 422 to wrong values, as the operations of agents do (contract §3)."""
    try:
        yield
    except Invalid as error:
        if type(error) is not Invalid:
            raise
        raise Unprocessable(error.detail, **error.extra) from None
