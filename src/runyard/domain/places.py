"""Where on the server's machine repositories may lie. Pure: nothing is looked at."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from runyard.domain.errors import Invalid

LONGEST = 4096


def check(path: object, roots: Sequence[str]) -> None:
    """Make sure that a path lies below one of the folders that may be read, by its words. Raises `Invalid`."""
    if not isinstance(path, str) or not 1 <= len(path) <= LONGEST or not path.startswith("/"):
        raise Invalid("`path` is absolute, as it is on the machine of the server, such as /srv/repositories/app")
    plain = posixpath.normpath(path)
    if not any(plain == root or plain.startswith(f"{root.rstrip('/')}/") for root in map(posixpath.normpath, roots)):
        allowed = ", ".join(roots) or "none yet"
        raise Invalid(f"{path[:255]!r} lies outside the folders that may be read: {allowed} (RUNYARD_REVIEW_ROOTS)")
