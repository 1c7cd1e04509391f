"""`runyard artifacts …`."""

from __future__ import annotations

import mimetypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import RunId
from runyard.cli.exits import Exit
from runyard.cli.failures import Failure, usage
from runyard.cli.ids import run_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk import Client
    from runyard.sdk.models import Artifact


def list_artifacts(run: RunId, /, *, invocation: Given) -> None:
    """List the files of a run."""
    columns: list[output.Column] = [
        ("name", lambda item: item.name),
        ("size", lambda item: item.size),
        ("type", lambda item: item.content_type),
        ("at", lambda item: stamp(item.at)),
        ("id", lambda item: item.id),
    ]
    with invocation.client() as client:
        found = client.runs.artifacts(run_id(client, run))
        output.many(invocation, found, columns, empty="It has no files.")


def get(
    run: RunId,
    artifact: Annotated[str, Parameter(name="ARTIFACT", help="Its name or id; of several with one name the newest.")],
    /,
    *,
    to: Annotated[Path | None, Parameter(help="File to write (default: its name, here); - is standard output.")] = None,
    force: Annotated[bool, Parameter(show_default=False, help="Overwrite a file that is there.")] = False,
    invocation: Given,
) -> None:
    """Fetch a file of a run."""
    with invocation.client() as client:
        whole = run_id(client, run)
        found = _find(client, whole, artifact)
        # A name from elsewhere must not choose a folder here.
        target = to or Path(Path(found.name.replace("\\", "/")).name or found.id)
        if str(target) != "-" and target.exists() and not force:
            raise usage(f"{target} is there already.", "Give --force to overwrite it, or --to another file.")
        content = client.runs.artifact_content(whole, found.id)
    if str(target) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    target.write_bytes(content)
    _tell(invocation, found, target)


def put(
    run: RunId,
    file: Annotated[Path, Parameter(help="The file.")],
    /,
    *,
    name: Annotated[str | None, Parameter(help="Its name there (default: the file's).")] = None,
    invocation: Given,
) -> None:
    """Add a file to a run that has not ended."""
    content = file.read_bytes()
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    with invocation.client() as client:
        made = client.runs.upload(run_id(client, run), name or file.name, content, content_type=kind)
    _tell(invocation, made, file)


def _find(client: Client, run: str, wanted: str) -> Artifact:
    found = [item for item in client.runs.artifacts(run) if wanted in {item.id, item.name}]
    if not found:
        raise Failure(
            f"Run {run} has no file {wanted!r}.",
            code="not_found",
            hint=f"`runyard artifacts list {run}` lists its files.",
            exit=Exit.NOT_FOUND,
        )
    return max(found, key=lambda item: (item.id == wanted, stamp(item.at), item.id))


def _tell(invocation: Invocation, artifact: Artifact, file: Path) -> None:
    fields: list[tuple[str, object]] = [
        ("name", artifact.name),
        ("file", file),
        ("size", artifact.size),
        ("sha256", artifact.sha256),
        ("id", artifact.id),
    ]
    output.one(invocation, artifact, fields, name=str(file))
