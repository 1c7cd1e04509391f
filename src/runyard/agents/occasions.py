"""Which commit of a repository the occasion of a run is about. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from runyard.agents.assignments import Assignment, base_of
from runyard.agents.errors import BadRequest

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What git forbids in names, and what would make one an option or a pattern.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|/\.|\.lock(?:/|$)|^[/.+-]|[/.]$")


class Wanted(Struct, frozen=True, kw_only=True):
    """What of a repository is to be seen: one commit, else the first of these names that exists there."""

    commit: str | None
    names: tuple[str, ...]
    base: str | None


def is_commit(text: str) -> bool:
    """Whether it is the full name of a commit."""
    return bool(_SHA.fullmatch(text))


def is_name(text: str) -> bool:
    """Whether it can be the name of a branch or tag."""
    return 0 < len(text) <= 255 and not _FORBIDDEN.search(text)


def wanted_of(assignment: Assignment) -> Wanted:
    """Which commit of a cloned repository the run's occasion is about. Raises `BadRequest`."""
    payload = assignment.payload
    pull_request = payload.get("pull_request")
    head = pull_request.get("head") if isinstance(pull_request, Mapping) else None
    names: list[str] = []
    commit = assignment.commit.sha.lower() if assignment.commit is not None else None
    if assignment.pull_request is not None:
        # The commits of a fork are in the repository only by the names that its host gives to pull requests.
        names += [f"refs/{kind}/{assignment.pull_request.number}/head" for kind in ("pull", "merge-requests")]
        names += [_text(head.get("ref")) if isinstance(head, Mapping) else _text(head)]
        commit = commit or (_text(head.get("sha")).lower() if isinstance(head, Mapping) else None)
    ref = _text(payload.get("ref"))
    if ref and not is_name(ref):
        raise BadRequest(f"`ref` is no name of a branch or tag: {ref[:100]!r}")
    names = [name for name in (*names, ref) if is_name(name)]
    if not names and not commit:
        default = assignment.repository.default_branch if assignment.repository is not None else ""
        names = [*([default] if is_name(default) else []), "HEAD"]
    if commit and not is_commit(commit):
        raise BadRequest(f"{commit[:80]!r} is not the full name of a commit, which has 40 hexadecimal digits")
    return Wanted(commit=commit or None, names=tuple(names), base=base_of(assignment))


def _text(said: Any) -> str:
    return said if isinstance(said, str) else ""
