"""`runyard repositories …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit
from runyard.cli.confirm import Yes, confirm
from runyard.cli.exits import Exit
from runyard.cli.failures import Failure
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk import Client
    from runyard.sdk.models import ReceivedDelivery, Repository

Provider = Literal["github", "gitlab", "bitbucket", "local", "git"]
Name = Annotated[str, Parameter(name="REPOSITORY", help="Full name (`owner/name`) or id of the repository.")]


def list_repositories(
    *,
    provider: Annotated[Provider | None, Parameter(help="Only those of this provider.")] = None,
    search: Annotated[str | None, Parameter(help="Part of the full name, in any case.")] = None,
    limit: Limit = 50,
    invocation: Given,
) -> None:
    """List repositories, newest first."""
    columns: list[output.Column] = [
        ("repository", lambda one: one.full_name),
        ("provider", lambda one: one.provider),
        ("branch", lambda one: one.default_branch),
        ("language", lambda one: one.language or ""),
        ("hook", lambda one: "open" if one.hook else ""),
        ("last heard of", lambda one: stamp(one.synced_at)),
        ("id", lambda one: one.id),
    ]
    with invocation.client() as client:
        found = client.repositories.list(provider=provider, search=search, limit=limit)
        output.many(invocation, found, columns, empty="The project is connected to no repositories.")


def connect(
    provider: Annotated[Provider, Parameter(help="Its host; `local` for a folder, `git` for any other URL.")],
    name: Annotated[str, Parameter(name="NAME", help="`owner/name`.")],
    /,
    *,
    clone_url: Annotated[str | None, Parameter(help="Where it is cloned from; known hosts need none.")] = None,
    path: Annotated[str | None, Parameter(help="Where a local one lies on the server's machine.")] = None,
    branch: Annotated[str | None, Parameter(help="Its default branch.")] = None,
    description: Annotated[str | None, Parameter(help="What it is.")] = None,
    private: Annotated[bool, Parameter(help="Not everybody can read it.", show_default=False)] = False,
    invocation: Given,
) -> None:
    """Connect the project to a repository."""
    with invocation.client() as client:
        made = client.repositories.connect(
            provider,
            name,
            url=clone_url,
            path=path,
            default_branch=branch,
            description=description,
            private=private or None,
        )
    _show(invocation, made)


def disconnect(repository: Name, /, *, yes: Yes = False, invocation: Given) -> None:
    """Disconnect a repository; its runs stay."""
    confirm(invocation, f"Disconnect the repository {repository}?", yes=yes)
    with invocation.client() as client:
        wanted = _id(client, repository)
        client.repositories.disconnect(wanted)
    output.one(invocation, {"disconnected": wanted}, [("disconnected", repository)], name=wanted)


def hook(
    repository: Name,
    /,
    *,
    close: Annotated[bool, Parameter(help="Take no deliveries any more.", show_default=False)] = False,
    yes: Yes = False,
    invocation: Given,
) -> None:
    """Make a secret for deliveries of a repository's host, and say what to enter there."""
    with invocation.client() as client:
        one = client.repositories.get(_id(client, repository))
        if close:
            client.repositories.close_hook(one.id)
            output.one(invocation, {"closed": one.id}, [("closed", one.full_name)], name=one.id)
            return
        if one.hook:
            confirm(invocation, f"The hook of {one.full_name} has a secret; is another to take its place?", yes=yes)
        made = client.repositories.rotate_hook(one.id)
        url = client.server.url + made.path
    shown = {"url": url, "secret": made.secret, "content_type": made.content_type, "events": made.events}
    fields: list[tuple[str, object]] = [
        ("payload URL", url),
        ("content type", made.content_type),
        ("secret", made.secret),
        ("events", ", ".join(made.events)),
    ]
    output.one(invocation, shown, fields, name=made.secret)
    if not invocation.json:
        output.note(invocation, "Keep the secret now: it cannot be shown again. The host must reach the URL.")


def deliveries(repository: Name, /, *, limit: Limit = 50, invocation: Given) -> None:
    """List what a repository's host sent, and what became of it, newest first."""
    columns: list[output.Column] = [
        ("received", lambda one: stamp(one.received_at)),
        ("event", lambda one: f"{one.event}.{one.action}" if one.action else one.event),
        ("outcome", lambda one: one.outcome),
        ("what became of it", _told),
        ("delivery", lambda one: one.delivery),
    ]
    with invocation.client() as client:
        found = client.repositories.deliveries(_id(client, repository), limit=limit)
        output.many(invocation, found, columns, empty="Nothing was delivered in the last 30 days.")


def _told(one: ReceivedDelivery) -> str:
    words = [run.run_id for run in one.runs]
    words += [f"refused: {refused.reason}" for refused in one.refused]
    return one.reason or "; ".join(words)


def _id(client: Client, wanted: str) -> str:
    """The id behind a full name or an id. Raises `Failure` when no repository, or more than one, has the name."""
    if "/" not in wanted:
        return wanted
    named = [one for one in client.repositories.list(search=wanted) if one.full_name.lower() == wanted.lower()]
    if len(named) == 1:
        return named[0].id
    if not named:
        hint = "`runyard repositories list` shows those that are."
        raise Failure(f"The project is not connected to {wanted}.", code="not_found", hint=hint, exit=Exit.NOT_FOUND)
    hint = "Give the id instead: " + ", ".join(f"{one.id} ({one.provider})" for one in named)
    raise Failure(f"Several repositories are called {wanted}.", code="conflict", hint=hint, exit=Exit.CONFLICT)


def _show(invocation: Invocation, one: Repository) -> None:
    fields: list[tuple[str, object]] = [
        ("repository", one.full_name),
        ("id", one.id),
        ("provider", one.provider),
        ("url", one.url),
        ("path", one.path),
        ("default branch", one.default_branch),
        ("language", one.language),
        ("description", one.description),
    ]
    output.one(invocation, one, fields, name=one.id)
