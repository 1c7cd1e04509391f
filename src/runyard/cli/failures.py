"""What is said when a command cannot do its work: one record, whatever went wrong."""

from __future__ import annotations

import sys

from runyard.cli.exits import Exit, of_problem


class Failure(Exception):
    """The command could not do its work; says why, and what would help."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "error",
        hint: str | None = None,
        retryable: bool = False,
        request_id: str | None = None,
        exit: Exit = Exit.FAILURE,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        self.retryable = retryable
        self.request_id = request_id
        self.exit = exit

    def problem(self) -> dict[str, str | bool | None]:
        """The record that JSON mode prints."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "retryable": self.retryable,
            "request_id": self.request_id,
        }


def usage(message: str, hint: str | None = None) -> Failure:
    """The command line itself is wrong."""
    return Failure(message, code="usage", hint=hint, exit=Exit.USAGE)


HINTS = {
    "unauthorized": "Give a key with --key, RUNYARD_KEY, or by starting the server with `runyard up` on this machine.",
    "forbidden": "Use a key with the scope this needs; `runyard doctor` shows what yours may do.",
    "unreachable": "Start a server with `runyard up`, or say where it is with --url or RUNYARD_URL.",
    "illegal_move": "`runyard runs get ID` shows the state the run is in now.",
    "rate_limited": "Wait a moment and try again.",
    "overloaded": "Wait a moment and try again.",
    "unavailable": "Wait a moment and try again.",
}


def told(
    code: str, message: str, *, status: int = 0, request_id: str | None = None, retryable: bool = False
) -> Failure:
    """The failure for a problem with a code of the API."""
    kind = of_problem(code, status)
    return Failure(
        message,
        code=code,
        hint=HINTS.get(code),
        retryable=retryable or kind is Exit.TRY_AGAIN,
        request_id=request_id or None,
        exit=kind,
    )


def translated(error: Exception) -> Failure:
    """Whatever was raised, as a failure that says what to do next."""
    from runyard.domain.errors import DomainError

    if isinstance(error, Failure):
        return error
    if isinstance(error, DomainError):
        return told(error.code, error.detail)
    if "runyard.sdk" in sys.modules and (failure := _from_sdk(error)):
        return failure
    if isinstance(error, OSError):
        return Failure(
            f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""), code="os_error"
        )
    return Failure(
        f"{type(error).__name__}: {error}",
        code="internal",
        hint="This is a fault of runyard: RUNYARD_DEBUG=1 shows where it happened.",
    )


def _from_sdk(error: Exception) -> Failure | None:
    from runyard.sdk import errors

    if isinstance(error, errors.Unreachable):
        return told("unreachable", error.detail, retryable=True)
    if isinstance(error, errors.WaitTimeout):
        return Failure(error.detail, code="timed_out", retryable=True, exit=Exit.TIMED_OUT)
    if isinstance(error, errors.BadReply):
        return Failure(error.detail, code="bad_reply", hint="Is that the address of a Runyard server? See --url.")
    if not isinstance(error, errors.RunyardError):
        return None
    where = [f"{item.get('pointer') or '/'}: {item.get('detail', '')}" for item in error.errors]
    return told(
        error.code,
        "; ".join([error.detail, *where]),
        status=error.status,
        request_id=error.request_id,
        retryable=error.retryable,
    )
