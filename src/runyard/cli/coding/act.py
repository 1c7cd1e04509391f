"""`runyard coding create|start|take|end|reopen|delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import RunId, TaskId, json_object, json_value
from runyard.cli.coding.view import show_run, show_task
from runyard.cli.confirm import Yes, confirm
from runyard.cli.failures import usage
from runyard.cli.ids import coding_task_id, run_id
from runyard.cli.invocation import Given, Invocation

if TYPE_CHECKING:
    from runyard.sdk.models import CodingRun


def create(
    description: Annotated[str, Parameter(help="What the agent is to do.")],
    /,
    *,
    title: Annotated[str | None, Parameter(help="What people call it; else it is taken from the description.")] = None,
    repository: Annotated[str | None, Parameter(help="The repository that is to change, as `owner/name`.")] = None,
    product: Annotated[str | None, Parameter(help="Where the task comes from (native).")] = None,
    schema: Annotated[
        str | None, Parameter(help="JSON Schema of what its runs are to come to, @FILE, or - for input.")
    ] = None,
    start: Annotated[bool, Parameter(show_default=False, help="Queue a run of it for a sandbox at once.")] = False,
    invocation: Given,
) -> None:
    """Make a coding task; nothing is started by that, unless asked for."""
    given: dict[str, Any] = {
        "title": title,
        "repository": repository,
        "product": product,
        "output_schema": None if schema is None else json_value(schema, "--schema"),
    }
    with invocation.client() as client:
        made = client.coding_tasks.create(
            description, **{word: value for word, value in given.items() if value is not None}
        )
        if start:
            show_run(invocation, client.coding_tasks.run(made.id))
            return
    show_task(invocation, made)
    if not invocation.json:
        output.note(invocation, f"`runyard coding start {made.id}` queues a run of it.")


def start(
    task: TaskId,
    /,
    *,
    run: Annotated[str | None, Parameter(help="Queue this run of it, which is a draft, instead.")] = None,
    branch: Annotated[str | None, Parameter(help="The branch that it begins on.")] = None,
    stage: Annotated[str | None, Parameter(help="What it is about: research, plan, build …")] = None,
    agent: Annotated[str | None, Parameter(help="Which agent: claude, codex, gemini or echo.")] = None,
    model: Annotated[str | None, Parameter(help="Which model the agent is to use.")] = None,
    interactive: Annotated[
        bool, Parameter(show_default=False, help="It ends when somebody says so, not after the first answer.")
    ] = False,
    shared: Annotated[
        str | None, Parameter(help="JSON object for server and agent to share, @FILE, or - for input.")
    ] = None,
    resume_from: Annotated[str | None, Parameter(help="Go on from another run of the task.")] = None,
    outside: Annotated[bool, Parameter(show_default=False, help="Open no sandbox: somebody works on it.")] = False,
    draft: Annotated[bool, Parameter(show_default=False, help="Leave it a draft until it is started.")] = False,
    invocation: Given,
) -> None:
    """Make a run of a coding task, queued for a sandbox; or queue one that is a draft."""
    said = {} if shared is None else json_object(shared, "--shared")
    chosen = {"runtime_adapter": agent, "model": model, "mode": "interactive" if interactive else None}
    said |= {name: value for name, value in chosen.items() if value is not None}
    given: dict[str, Any] = {"branch": branch, "stage": stage, "resume_from": resume_from, "shared": said or None}
    with invocation.client() as client:
        if run is not None:
            if draft or outside or branch or stage or resume_from:
                raise usage("With --run only what agent and server share can be said", "Make another run instead.")
            show_run(invocation, client.coding_runs.start(run_id(client, run), shared=said))
            return
        if resume_from is not None:
            given["resume_from"] = run_id(client, resume_from)
        words = {word: value for word, value in given.items() if value is not None}
        whole = coding_task_id(client, task)
        made = client.coding_tasks.run(whole, queued=not draft, sandboxed=not outside, **words)
    show_run(invocation, made)
    _next(invocation, made)


def take(run: RunId, /, *, invocation: Given) -> None:
    """Take a run out of its sandbox, to work on it outside."""
    with invocation.client() as client:
        show_run(invocation, client.coding_runs.update(run_id(client, run), outside=True))


def end(
    run: RunId,
    outcome: Annotated[Literal["completed", "failed"], Parameter(help="How it ended.")],
    /,
    *,
    error: Annotated[str | None, Parameter(help="What went wrong.")] = None,
    result: Annotated[str | None, Parameter(help="JSON to merge into what came of it, @FILE, or - for input.")] = None,
    invocation: Given,
) -> None:
    """Say how a run ended that no sandbox ends: one outside, or one with a person at it."""
    said: dict[str, Any] = {"error": error, "output": None if result is None else json_value(result, "--result")}
    words = {word: value for word, value in said.items() if value is not None}
    with invocation.client() as client:
        show_run(invocation, client.coding_runs.update(run_id(client, run), state=outcome, **words))


def reopen(run: RunId, /, *, invocation: Given) -> None:
    """Begin a run anew in another sandbox: one that ended, or that was taken outside."""
    with invocation.client() as client:
        show_run(invocation, client.coding_runs.reopen(run_id(client, run)))


def delete(task: TaskId, /, *, yes: Yes = False, invocation: Given) -> None:
    """Put a coding task out of sight, with its runs; those under way are canceled."""
    confirm(invocation, f"Delete the coding task {task} with its runs?", yes=yes)
    with invocation.client() as client:
        wanted = coding_task_id(client, task)
        client.coding_tasks.delete(wanted)
    output.deleted(invocation, wanted)


def _next(invocation: Invocation, run: CodingRun) -> None:
    if not invocation.json and run.state == "queued" and run.sandboxed:
        output.note(invocation, f"`runyard coding watch {run.run_id}` follows it.")
