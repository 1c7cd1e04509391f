"""Where repositories come from: what is asked for is checked before anything is stored."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, UnsetType

from runyard.domain.errors import Invalid
from runyard.domain.repositories import (
    GIT,
    LOCAL,
    Repository,
    check_branch,
    check_description,
    check_name,
    clone_url,
)
from runyard.engine import folders
from runyard.engine.folders import Folder
from runyard.outbound import guard
from runyard.settings import Settings

MAIN = "main"


class NewRepository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository to be connected to, checked as far as that goes without the store."""

    provider: str
    full_name: str
    url: str | None = None
    folder: Folder | None = None
    default_branch: str = MAIN
    description: str | None = None
    private: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of a repository; None (for the description, which may be None, UNSET) stays as it is."""

    full_name: str | None = None
    url: str | None = None
    folder: Folder | None = None
    default_branch: str | None = None
    description: str | None | UnsetType = UNSET
    private: bool | None = None


def asked(
    settings: Settings,
    *,
    provider: str,
    full_name: str,
    url: str | None = None,
    path: str | None = None,
    default_branch: str | None = None,
    description: str | None = None,
    private: bool = False,
) -> NewRepository:
    """What was asked for, checked, with the folder of a local one looked up on the disk. Raises `Invalid`."""
    check_name(provider, full_name)
    check_description(description)
    if default_branch is not None:
        check_branch(default_branch)
    folder = None
    if provider == LOCAL:
        if url is not None:
            raise Invalid("a local repository has a path and no url; connect one with a url as provider git")
        folder = folders.find(settings.review_roots, full_name, path)
    elif path is not None:
        raise Invalid(f"only a local repository has a path; on {provider} agents clone it")
    if provider == GIT and url is None:
        raise Invalid("a repository of provider git needs a url to clone it from, https://…")
    if url is not None:
        check_url(url, settings)
    return NewRepository(
        provider=provider,
        full_name=full_name,
        url=url if url is not None else clone_url(provider, full_name),
        folder=folder,
        default_branch=default_branch or (folder.branch if folder is not None else None) or MAIN,
        description=description,
        private=private,
    )


def check_url(url: str, settings: Settings) -> None:
    """Raises `Invalid` for a URL that nothing is cloned from; addresses behind a name are judged at each clone."""
    scheme, _, rest = url.partition("://")
    if scheme not in {"https", "http"} or "@" in rest.partition("/")[0] or not {"?", "#"}.isdisjoint(rest):
        raise Invalid("a repository is cloned from https://host/owner/name.git, without user name, password or query")
    guard.check_url(url, settings)
    # Plain HTTP is for servers on this very machine, where an operator lets private addresses be asked at all.
    if scheme == "http" and urlsplit(url).hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise Invalid("a repository is cloned over https; plain http could be changed on its way")


def check_change(one: Repository, change: Change, settings: Settings) -> None:
    """Raises `Invalid` for what the repository cannot become."""
    if change.full_name is not None:
        check_name(one.provider, change.full_name)
    if change.default_branch is not None:
        check_branch(change.default_branch)
    if change.description is not UNSET:
        check_description(change.description)
    if change.folder is not None and one.provider != LOCAL:
        raise Invalid(f"only a local repository has a path; on {one.provider} agents clone it")
    if change.url is not None:
        if one.provider == LOCAL:
            raise Invalid("a local repository has a path and no url; connect one with a url as provider git")
        check_url(change.url, settings)
