"""What git says about the repository under review."""

import re
from pathlib import Path

from msgspec import Struct

from runyard.agents import git
from runyard.agents.errors import NotARepository, UnknownBase
from runyard.agents.git import Git, GitFailed

# `scheme://host/owner/name.git` or `host:owner/name`; a bare folder name says nothing about an owner.
_REMOTE = re.compile(r"(?:://[^/]+/|^[^/:]+:)(?:.*/)?([^/:]+/[^/:]+?)(?:\.git)?/?$")
_PRINTABLE = re.compile(r"[^\s\x00-\x1f\x7f-][^\s\x00-\x1f\x7f]{0,254}")


class Repository(Struct, frozen=True, kw_only=True):
    """A working tree, and where it stands."""

    root: Path
    git: Git
    name: str
    branch: str | None
    head: str | None


def open_repository(root: Path, *, seconds: float) -> Repository:
    """The repository whose top folder is `root`. Raises `NotARepository`."""
    asked = git.disarmed(root, seconds)
    # A linked working tree keeps its git folder elsewhere, perhaps outside the roots: what is read there are names
    # of files and commits; the contents reviewed are those below `root` alone.
    top = git.line(asked, "rev-parse", "--path-format=absolute", "--show-toplevel")
    if top is None:
        raise NotARepository(f"'{root}' is not a git repository with a working tree; `git init` and commit first")
    if Path(top) != root:
        raise NotARepository(
            f"'{root}' is not the top folder of its repository; give '{top}', with `include` to narrow"
        )
    branch = git.line(asked, "symbolic-ref", "--quiet", "--short", "HEAD")
    remote = git.line(asked, "config", "--get", "remote.origin.url")
    return Repository(
        root=root,
        git=asked,
        name=repository_name(remote, root),
        branch=branch,
        head=git.line(asked, "rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}"),
    )


def repository_name(remote: str | None, root: Path) -> str:
    """Owner and name as the remote has them – never the rest, which may hold a password – or the folder's name."""
    found = _REMOTE.search(remote or "")
    return found[1] if found else root.name


def merge_base(repository: Repository, base: str) -> str:
    """The commit that `base` and HEAD have in common. Raises `UnknownBase`."""
    if not _PRINTABLE.fullmatch(base):
        raise UnknownBase(f"{base!r} cannot be the name of a branch, tag or commit")
    commit = git.line(repository.git, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
    if commit is None:
        raise UnknownBase(
            f"{base!r} is no branch, tag or commit of {repository.name}; `git fetch` it first, or name another"
        )
    if repository.head is None:
        raise UnknownBase(f"{repository.name} has no commit yet, so nothing to compare with {base!r}; leave `base` out")
    try:
        return git.ask(repository.git, "merge-base", commit, repository.head).decode("ascii").strip()
    except GitFailed:
        raise UnknownBase(
            f"{base!r} and HEAD have no commit in common; if the clone is shallow, fetch more of its history"
        ) from None
