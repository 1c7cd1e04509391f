"""`runyard sandboxes …`."""

from __future__ import annotations

from runyard.cli import output
from runyard.cli.arguments import Limit
from runyard.cli.invocation import Given
from runyard.cli.times import stamp


def list_sandboxes(*, limit: Limit = 50, invocation: Given) -> None:
    """List the sandboxes that are open; where none can be, say why."""
    columns: list[output.Column] = [
        ("run", lambda one: one.run_id),
        ("state", lambda one: one.state),
        ("since", lambda one: stamp(one.since)),
        ("MiB", lambda one: "" if one.memory_mb is None else round(one.memory_mb)),
        ("host", lambda one: one.host),
        ("server", lambda one: one.worker),
        ("task", lambda one: one.task_id),
    ]
    with invocation.client() as client:
        output.many(invocation, client.sandboxes.list(limit=limit), columns, empty="No sandbox is open.")
        if invocation.json:
            return
        about = client.sandboxes.isolation()
    if about.reason is not None:
        output.note(invocation, f"This server opens none: {about.reason}")
    elif about.isolation == "none":
        output.note(invocation, "Agents have all rights of this server: RUNYARD_SANDBOX_ISOLATION is `none`.")
