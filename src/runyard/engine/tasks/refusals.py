"""Why operators and agents are refused things about runs of tasks; the codes are stable words."""

from __future__ import annotations

from runyard.domain.errors import Conflict, Forbidden, Invalid, LeaseLost, RateLimited


class ReasonRequired(Invalid):
    """This must say why it is done."""

    code = "force_op_requires_reason"


class BulkTooLarge(Invalid):
    """Too many runs at once."""

    code = "bulk_too_large"


class ChainTooDeep(Invalid):
    """Too many runs took each other's place."""

    code = "retry_chain_too_deep"


class ForcedTooOften(RateLimited):
    """An agent forced too much in a minute."""

    code = "force_op_rate_limited"


class ForbiddenToAgents(Forbidden):
    """Agents may not do this here."""

    code = "forbidden_operator_action"


class AlreadyTerminal(Conflict):
    """It has ended."""

    code = "task_run_already_terminal"


class StillActive(Conflict):
    """It has not ended, or is not where this is possible."""

    code = "task_run_still_active"


class NotReleasable(Conflict):
    """Only a run that was claimed can be released."""

    code = "task_run_not_releasable"


class NotRecoverable(Conflict):
    """Only a run that needs attention can be recovered."""

    code = "task_run_not_recoverable"


class NoActiveLease(Conflict):
    """The session has no lease on this run, nor on any other; claim one."""

    code = "no_active_lease"


class ForeignRun(Forbidden):
    """The session has a lease on another run, and on no more than that."""

    code = "foreign_run"


class LeaseOver(LeaseLost):
    """The session's lease on the run is over: it expired, or the run has ended."""

    code = "lease_over"
