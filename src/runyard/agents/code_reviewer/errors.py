"""What can go wrong with a review, named for what the caller should do next."""


class ReviewError(Exception):
    """The review gave no report."""


class BadRequest(ReviewError):
    """The request can never succeed as it is; change it before trying again."""


class OutsideRoots(BadRequest):
    """The path lies outside the folders this reviewer may read."""


class NotARepository(BadRequest):
    """The path is not the top folder of a git working tree."""


class UnknownBase(BadRequest):
    """The base to compare with is not a commit of this repository."""


class Cancelled(ReviewError):
    """The caller asked to stop; nothing is left running."""


class TimeLimit(ReviewError):
    """The review took longer than it may; narrow it with `base` or `include`, or raise the limit."""


class MemoryLimit(ReviewError):
    """The review needed more memory than it may use; narrow it, or raise the limit."""


class AnalyserFailed(ReviewError):
    """A tool of the reviewer broke; trying again may help."""


class ReviewCrashed(ReviewError):
    """The review's process ended without an answer; trying again may help."""


_KINDS = {
    kind.__name__: kind
    for kind in (
        BadRequest,
        OutsideRoots,
        NotARepository,
        UnknownBase,
        TimeLimit,
        MemoryLimit,
        AnalyserFailed,
        ReviewCrashed,
    )
}


def from_kind(kind: str, message: str) -> ReviewError:
    """The error of that name, as it crosses the pipe from the review's process."""
    return _KINDS.get(kind, ReviewCrashed)(message)
