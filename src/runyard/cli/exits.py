"""Exit codes, as promised in the documentation."""

from __future__ import annotations

from enum import IntEnum

from runyard.domain.states import FINAL, PARKED, RunState


class Exit(IntEnum):
    """What the shell is told."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    RUN_FAILED = 3
    AUTH = 4
    NOT_FOUND = 5
    CONFLICT = 6
    TIMED_OUT = 7
    RUN_CANCELED = 8
    NEEDS_PERSON = 9
    TRY_AGAIN = 75
    INTERRUPTED = 130


def of_outcome(state: str) -> Exit:
    """The exit code for a run that was followed until it reached this state."""
    if state == RunState.COMPLETED:
        return Exit.OK
    if state == RunState.CANCELED:
        return Exit.RUN_CANCELED
    return Exit.NEEDS_PERSON if state in PARKED else Exit.RUN_FAILED


def is_outcome(state: str) -> bool:
    """Whether following a run ends here: it is final, or waits for a person."""
    return state in FINAL or state in PARKED


_BY_CODE = {
    "invalid": Exit.USAGE,
    "schema_mismatch": Exit.USAGE,
    "too_large": Exit.USAGE,
    "unauthorized": Exit.AUTH,
    "forbidden": Exit.AUTH,
    "not_found": Exit.NOT_FOUND,
    "conflict": Exit.CONFLICT,
    "illegal_move": Exit.CONFLICT,
    "lease_lost": Exit.CONFLICT,
    "already_exists": Exit.CONFLICT,
    "idempotency_mismatch": Exit.CONFLICT,
    "limit_reached": Exit.CONFLICT,
    "rate_limited": Exit.TRY_AGAIN,
    "unavailable": Exit.TRY_AGAIN,
    "overloaded": Exit.TRY_AGAIN,
    "unreachable": Exit.TRY_AGAIN,
}
_BY_STATUS = {
    400: Exit.USAGE,
    401: Exit.AUTH,
    403: Exit.AUTH,
    404: Exit.NOT_FOUND,
    409: Exit.CONFLICT,
    413: Exit.USAGE,
    422: Exit.CONFLICT,
    429: Exit.TRY_AGAIN,
    502: Exit.TRY_AGAIN,
    503: Exit.TRY_AGAIN,
    504: Exit.TRY_AGAIN,
}


def of_problem(code: str, status: int = 0) -> Exit:
    """The exit code for a problem the server told, by its code or else by its HTTP status."""
    return _BY_CODE.get(code) or _BY_STATUS.get(status) or Exit.FAILURE
