"""What can go wrong with an agent's work, named for what the caller should do next."""


class AgentError(Exception):
    """The agent gave no report."""


class BadRequest(AgentError):
    """The request can never succeed as it is; change it before trying again."""


class OutsideRoots(BadRequest):
    """The path lies outside the folders these agents may read."""


class NotARepository(BadRequest):
    """The path is not the top folder of a git working tree."""


class NotReachable(AgentError):
    """The repository could not be fetched; trying again may help."""


class UnknownBase(BadRequest):
    """The base to compare with is not a commit of this repository."""


class Cancelled(AgentError):
    """The caller asked to stop; nothing is left running."""


class TimeLimit(AgentError):
    """It took longer than it may; narrow it with `base` or `include`, or raise the limit."""


class MemoryLimit(AgentError):
    """It needed more memory than it may use; narrow it, or raise the limit."""


class ToolFailed(AgentError):
    """A tool of the agent broke; trying again may help."""


class ChildCrashed(AgentError):
    """The agent's process ended without an answer; trying again may help."""


_KINDS = {
    kind.__name__: kind
    for kind in (
        BadRequest,
        OutsideRoots,
        NotARepository,
        NotReachable,
        UnknownBase,
        TimeLimit,
        MemoryLimit,
        ToolFailed,
        ChildCrashed,
    )
}


def from_kind(kind: str, message: str) -> AgentError:
    """The error of that name, as it crosses the pipe from the agent's process."""
    return _KINDS.get(kind, ChildCrashed)(message)
