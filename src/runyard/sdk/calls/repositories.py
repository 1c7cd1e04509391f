"""Requests about repositories, and what their hosts sent."""

from __future__ import annotations

from runyard.sdk import models
from runyard.sdk.call import Call, get, present, query, segment, send


def connect(
    provider: str,
    full_name: str,
    *,
    url: str | None = None,
    path: str | None = None,
    default_branch: str | None = None,
    description: str | None = None,
    private: bool | None = None,
) -> Call[models.Repository]:
    """Connect the project to `owner/name` at `github`, `gitlab` or `bitbucket`, `local`, or (with a url) `git`."""
    body = present(
        provider=provider,
        full_name=full_name,
        url=url,
        path=path,
        default_branch=default_branch,
        description=description,
        private=private,
    )
    return send("POST", "/repositories", models.Repository, body)


def list_all(
    *, provider: str | None = None, search: str | None = None, limit: int | None = None
) -> Call[models.Page[models.Repository]]:
    """Repositories, newest first; `search` is part of the full name, in any case."""
    found = query(provider=provider, search=search, limit=limit)
    return get("/repositories", models.Page[models.Repository], found)


def read(repository_id: str) -> Call[models.Repository]:
    """One repository."""
    return get(_path(repository_id), models.Repository)


def update(
    repository_id: str,
    *,
    full_name: str | None = None,
    url: str | None = None,
    path: str | None = None,
    default_branch: str | None = None,
    description: str | None = None,
    private: bool | None = None,
) -> Call[models.Repository]:
    """Change what is given."""
    body = present(
        full_name=full_name,
        url=url,
        path=path,
        default_branch=default_branch,
        description=description,
        private=private,
    )
    return send("PATCH", _path(repository_id), models.Repository, body)


def disconnect(repository_id: str) -> Call[None]:
    """End the connection; its runs stay, and keep its name."""
    return send("DELETE", _path(repository_id), None)


def rotate_hook(repository_id: str) -> Call[models.RepositoryHook]:
    """Make a secret for deliveries of its host, which is never shown again; the one before is good no longer."""
    return send("POST", f"{_path(repository_id)}/hook", models.RepositoryHook)


def close_hook(repository_id: str) -> Call[None]:
    """Take no deliveries of its host any more."""
    return send("DELETE", f"{_path(repository_id)}/hook", None)


def deliveries(repository_id: str, *, limit: int | None = None) -> Call[models.Page[models.ReceivedDelivery]]:
    """What its host sent, and what became of it, newest first."""
    return get(f"{_path(repository_id)}/deliveries", models.Page[models.ReceivedDelivery], query(limit=limit))


def _path(repository_id: str) -> str:
    return f"/repositories/{segment(repository_id)}"
