"""Repositories that agents work on. Pure."""

from __future__ import annotations

import re

import msgspec

from runyard.domain.errors import Invalid
from runyard.domain.records import Json

HOSTS = {"github": "https://github.com", "gitlab": "https://gitlab.com", "bitbucket": "https://bitbucket.org"}
"""Code hosts by what they are called, with the address below which they keep repositories."""
LOCAL = "local"
"""A folder on the machine of the built-in agents."""
GIT = "git"
"""Any other address that git clones from."""
PROVIDERS = (*HOSTS, LOCAL, GIT)
LONGEST = 255
LONGEST_TEXT = 1000
_SEGMENT = re.compile(r"[^/\s\x00-\x1f\x7f]+").fullmatch
_HOSTED = re.compile(r"[A-Za-z0-9._-]+").fullmatch
_BRANCH = re.compile(r"[^\s\x00-\x1f\x7f~^:?*\[\\]{1,255}").fullmatch


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository a project is connected to; one that was disconnected stays for the runs that name it."""

    id: str
    project_id: int
    provider: str
    full_name: str
    """`owner/name`."""
    url: str | None
    """Where it is cloned from."""
    path: str | None
    """Where it lies on the machine of the built-in agents, below a folder they may read."""
    default_branch: str
    description: str | None
    language: str | None
    stack: Json | None
    private: int
    secret: str | None
    """Checks deliveries of the code host; sealed by the vault."""
    created_at: int
    updated_at: int
    synced_at: int | None
    deleted_at: int | None = None
    host_id: str | None = None
    """What its host calls it whatever its name; known once the host has told of it."""

    @property
    def owner(self) -> str:
        """Whose it is: all of the full name but its last word."""
        return self.full_name.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The last word of the full name."""
        return self.full_name.rpartition("/")[2]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a host says of a repository when it tells of something else; None is not said."""

    full_name: str | None = None
    host_id: str | None = None
    default_branch: str | None = None
    description: str | None = None
    language: str | None = None
    private: bool | None = None


def clone_url(provider: str, full_name: str) -> str | None:
    """Where a code host lets the repository be cloned from; None where the name alone does not tell."""
    host = HOSTS.get(provider)
    return None if host is None else f"{host}/{full_name}.git"


def check_name(provider: str, full_name: str) -> None:
    """Raises `Invalid` for a provider that is not known, or a full name it cannot have."""
    if provider not in PROVIDERS:
        raise Invalid(f"{provider[:64]!r} is no provider; there are {', '.join(PROVIDERS)}")
    segments = full_name.split("/")
    # Groups may hold groups on GitLab.
    depth = 20 if provider == "gitlab" else 2
    if len(full_name) > LONGEST or not 2 <= len(segments) <= depth or not all(map(_SEGMENT, segments)):
        raise Invalid(f"a full name is `owner/name`, at most {LONGEST} characters without spaces")
    if not {".", ".."}.isdisjoint(segments):
        raise Invalid("no part of a full name is `.` or `..`")
    if provider in HOSTS and not all(map(_HOSTED, segments)):
        raise Invalid(f"on {provider} a full name has letters, digits, `.`, `_` and `-`; write it without `.git`")


def check_branch(branch: str) -> None:
    """Raises `Invalid` for what no branch is called."""
    if not _BRANCH(branch) or ".." in branch or branch.startswith(("-", "/", ".")) or branch.endswith(("/", ".lock")):
        raise Invalid(f"{branch[:64]!r} is not the name of a branch, such as main")


def check_description(description: str | None) -> None:
    """Raises `Invalid` for a description that is too long or cannot be kept."""
    if description is not None and (len(description) > LONGEST_TEXT or "\0" in description):
        raise Invalid(f"a description has at most {LONGEST_TEXT} characters, none of them NUL")
