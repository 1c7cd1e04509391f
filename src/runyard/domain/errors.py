"""Errors named for what the caller should do next; every surface maps them by nearest base class."""

from __future__ import annotations


class DomainError(Exception):
    """The request was understood and cannot be done."""

    code = "error"

    def __init__(self, detail: str = "", /, **extra: object) -> None:
        super().__init__(detail or (self.__doc__ or "").strip())
        self.extra = extra

    @property
    def detail(self) -> str:
        """One sentence for a person: what was wrong and what would be right."""
        return str(self)


class Invalid(DomainError):
    """A value in the request is wrong; correct it and send it again."""

    code = "invalid"


class PayloadMismatch(Invalid):
    """The payload or output does not match the schema the job declares."""

    code = "schema_mismatch"


class TooLarge(DomainError):
    """A value is larger than its limit; send less."""

    code = "too_large"


class NotFound(DomainError):
    """There is no such thing in this project."""

    code = "not_found"


class Conflict(DomainError):
    """The thing is not in a state that allows this; read it again before deciding."""

    code = "conflict"


class IllegalMove(Conflict):
    """The run is in a state from which this verb leads nowhere."""

    code = "illegal_move"


class LeaseLost(Conflict):
    """Another executor holds this run now, or nobody does; stop working on it."""

    code = "lease_lost"


class StaleAttempt(LeaseLost):
    """The run is at another attempt than the one this proof was handed out for; stop working on it."""


class Ended(Conflict):
    """The run has ended and its record is closed; nothing can be added to it."""


class JobDisabled(Conflict):
    """The job takes no runs now; enable it first."""


class AlreadyExists(Conflict):
    """The name is taken; choose another or use the existing one."""

    code = "already_exists"


class Raced(Conflict):
    """Another writer did the same at the same moment; done again it finds what that one wrote."""


class IdempotencyMismatch(DomainError):
    """The idempotency key was used before with another request; use a fresh key."""

    code = "idempotency_mismatch"


class Unauthorized(DomainError):
    """No valid key came with the request; send `Authorization: Bearer <key>`."""

    code = "unauthorized"


class Forbidden(DomainError):
    """The key is valid and lacks the right to do this."""

    code = "forbidden"


class RateLimited(DomainError):
    """Too many in too short a time; wait `retry_after` seconds."""

    code = "rate_limited"

    def __init__(self, detail: str = "", /, *, retry_after: int = 1, **extra: object) -> None:
        super().__init__(detail, **extra)
        self.retry_after = retry_after


class LimitReached(DomainError):
    """The run has used up what it may use; raise its limit or end it."""

    code = "limit_reached"


class Unavailable(DomainError):
    """The store cannot be reached or is overloaded; try again after `retry_after` seconds."""

    code = "unavailable"

    def __init__(self, detail: str = "", /, *, retry_after: int = 1, **extra: object) -> None:
        super().__init__(detail, **extra)
        self.retry_after = retry_after


class Overloaded(Unavailable):
    """More is waiting to be written than the server takes on; try again in a moment."""

    code = "overloaded"
