"""Every command, by noun and verb; the functions behind them are imported when they are called."""

from __future__ import annotations

from cyclopts import App, Group, Parameter

from runyard import __version__
from runyard.cli import coding_commands, job_commands, room_commands, task_commands
from runyard.cli.job_commands import WORK

_PACKAGE = "runyard.cli"
START = Group("Start and operate", sort_key=1)
ACCESS = Group("Access", sort_key=5)

ALONE: tuple[tuple[str, str, str, Group], ...] = (
    ("up", "up:up", "Run the server, say what to do next, and show what happens, until Ctrl-C.", START),
    ("serve", "serve:serve", "Run the server until it is told to stop.", START),
    (
        "worker",
        "worker:worker",
        "Run a worker of your own, defined with `runyard.sdk.Worker`, until it is told to stop.",
        START,
    ),
    (
        "agent-server",
        "agent_server:agent_server",
        "Work on one run inside a sandbox, with any agent that speaks ACP, until the run is over.",
        START,
    ),
    ("review", "review:review", "Have the built-in code reviewer review a git repository.", WORK),
    ("findings", "findings:list_findings", "List what agents found, newest first.", WORK),
    ("inbox", "inbox:inbox", "List the tasks that wait for you, lane by lane.", task_commands.TASKS),
    ("demo", "demo:demo", "Start a server on SQLite, have this repository reviewed, and show what came of it.", START),
    ("doctor", "doctor:doctor", "Check the server, the key and this machine.", START),
    ("backup", "backup:backup", "Copy the SQLite database and the artifacts while the server runs.", START),
    (
        "restore",
        "backup:restore",
        "Put a backup in the place of the data folder's content; no server may run on it.",
        START,
    ),
    (
        "upgrade",
        "upgrade:upgrade",
        "Bring the database up to this release; a server does so itself when it starts.",
        START,
    ),
    ("version", "version:version", "Say which release this is, and on which Python it runs.", START),
)
NOUNS: tuple[tuple[str, str, Group, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "runs",
        "Follow runs, and act on them.",
        WORK,
        (
            ("list", "runs.read:list_runs", "List runs, newest first."),
            ("get", "runs.read:get", "Show all about one run."),
            ("create", "runs.create:create", "Ask for a run."),
            ("watch", "runs.watch:watch", "Follow a run live; the exit code tells how it ended."),
            ("logs", "runs.watch:logs", "Print a run's log, oldest line first."),
            ("events", "runs.watch:events", "Print a run's journal, oldest line first."),
            ("explain", "runs.read:explain", "Say why a run is where it is, and what would move it."),
            (
                "debug",
                "runs.debug:debug",
                "Show everything that is recorded of a run, in one piece; or ask for more detail of it.",
            ),
            (
                "dependencies",
                "job_dependencies:of_run",
                "Say what a run's job depends on, and whether that is met for the run now.",
            ),
            ("attempts", "runs.read:attempts", "List every try at a run."),
            ("children", "runs.read:children", "List the runs that a run spawned."),
            ("lineage", "runs.read:lineage", "Show where a run comes from and what came of it."),
            ("cancel", "runs.act:cancel", "Stop runs and their children."),
            ("pause", "runs.act:pause", "Park runs until they are resumed."),
            ("resume", "runs.act:resume", "Queue paused runs again."),
            (
                "restart",
                "runs.act:restart",
                "Queue running or paused runs again, at the attempt they are at; who holds them loses them.",
            ),
            (
                "reschedule",
                "runs.act:reschedule",
                "Give a run that has not begun another time; without one it runs now.",
            ),
            ("retry", "runs.again:retry", "Make a new run like an ended one."),
            ("replay", "runs.again:replay", "Make a new run linked to an old one, with its payload or another."),
            (
                "requeue",
                "runs.act:requeue",
                "Give runs in the dead letter, or that nobody took, another chance in place.",
            ),
            ("discard", "runs.act:discard", "Give up runs in the dead letter."),
            ("resolve", "runs.act:resolve", "Mark failed runs as dealt with."),
        ),
    ),
    (
        "dlq",
        "Decide what becomes of runs whose attempts are used up.",
        WORK,
        (
            ("list", "dlq:list_dead", "List runs in the dead letter that nobody has resolved, newest first."),
            ("groups", "dlq:groups", "Group the dead letter by what went wrong."),
            ("replay", "dlq:replay", "Make new runs from dead ones; when one succeeds its dead run is resolved."),
            ("requeue", "dlq:requeue", "Give dead runs another chance in place."),
            ("discard", "dlq:discard", "Give up dead runs."),
            ("resolve", "dlq:resolve", "Mark dead runs as dealt with."),
        ),
    ),
    (
        "bulk",
        "Act on many runs at once, tracked by the server.",
        WORK,
        (
            ("start", "bulk:start", "Do the same to many runs: those named, or all that match."),
            ("list", "bulk:list_bulks", "List bulk operations, newest first."),
            ("get", "bulk:get", "Show how far a bulk operation is."),
            ("cancel", "bulk:cancel", "Stop a bulk operation; what it has done stays done."),
        ),
    ),
    *job_commands.NOUNS,
    (
        "approvals",
        "Decide what runs may do that ask first.",
        WORK,
        (
            ("list", "approvals:list_approvals", "List what runs ask for, newest first."),
            ("get", "approvals:get", "Show what a run asks for, and what was decided."),
            ("approve", "approvals:approve", "Let a run do what it asks for."),
            ("reject", "approvals:reject", "Refuse what a run asks for."),
        ),
    ),
    (
        "repositories",
        "Connect the project to repositories, and listen to their hosts.",
        WORK,
        (
            ("list", "repositories:list_repositories", "List repositories, newest first."),
            ("connect", "repositories:connect", "Connect the project to a repository."),
            ("disconnect", "repositories:disconnect", "Disconnect a repository; its runs stay."),
            (
                "hook",
                "repositories:hook",
                "Make a secret for deliveries of a repository's host, and say what to enter there.",
            ),
            (
                "deliveries",
                "repositories:deliveries",
                "List what a repository's host sent, and what became of it, newest first.",
            ),
        ),
    ),
    (
        "webhooks",
        "Tell others outside what becomes of runs.",
        WORK,
        (
            ("list", "webhooks:list_webhooks", "List webhooks, newest first."),
            ("get", "webhooks:get", "Show a webhook."),
            (
                "create",
                "webhooks:create",
                "Have events posted to an address; the secret that signs them is shown this once.",
            ),
            ("update", "webhooks:update", "Change where a webhook leads, or what it tells of."),
            ("enable", "webhooks:enable", "Send events to a webhook again."),
            ("disable", "webhooks:disable", "Send nothing to a webhook any more."),
            ("rotate", "webhooks:rotate", "Give a webhook another secret; it is shown this once."),
            ("delete", "webhooks:delete", "Delete a webhook and its log."),
            ("test", "webhooks:test", "Send a message that tells of nothing, to see whether it arrives."),
            ("deliveries", "webhooks:deliveries", "List what was or will be sent to a webhook, newest first."),
            ("redeliver", "webhooks:redeliver", "Send a message again, now."),
        ),
    ),
    (
        "artifacts",
        "List and fetch the files of runs.",
        WORK,
        (
            ("list", "artifacts:list_artifacts", "List the files of a run."),
            ("get", "artifacts:get", "Fetch a file of a run."),
            ("put", "artifacts:put", "Add a file to a run that has not ended."),
        ),
    ),
    *task_commands.NOUNS,
    *room_commands.NOUNS,
    *coding_commands.NOUNS,
    (
        "keys",
        "Make and revoke API keys.",
        ACCESS,
        (
            ("list", "keys:list_keys", "List API keys, newest first, without their secrets."),
            ("create", "keys:create", "Make an API key for the project; it is shown this once."),
            (
                "rotate",
                "keys:rotate",
                "Make a key in the place of another, which stays good for a while; it is shown this once.",
            ),
            ("revoke", "keys:revoke", "End a key for good."),
            ("connection", "keys:connection", "List the keys by which sandboxes know whom the server sends."),
            (
                "rotate-connection",
                "keys:rotate_connection",
                "Have another key sign for sandboxes; those that are open keep the one they know.",
            ),
        ),
    ),
    (
        "projects",
        "Make and list projects.",
        ACCESS,
        (
            ("list", "projects:list_projects", "List projects."),
            ("get", "projects:get", "Show a project and its limits."),
            ("create", "projects:create", "Make a project."),
            (
                "update",
                "projects:update",
                "Change what a project is called or limits; settings that are not named stay as they are.",
            ),
            (
                "delete",
                "projects:delete",
                "Delete a project none of whose runs is live: its keys end at once, and everything of it goes.",
            ),
        ),
    ),
)


def build() -> App:
    """The whole command line."""
    app = App(
        name="runyard",
        help="A self-hosted control plane for AI-agent runs.",
        version=__version__,
        help_format="plaintext",
        default_parameter=Parameter(negative=()),
        # Ctrl-C is told apart from other ends at the entry.
        suppress_keyboard_interrupt=False,
    )
    # The summaries stand in the tables above: reading them from the functions would import every module.
    for order, (name, target, summary, group) in enumerate(ALONE):
        app.command(f"{_PACKAGE}.{target}", name=name, help=summary, group=group, sort_key=order)
    for order, (name, summary, group, verbs) in enumerate(NOUNS, start=len(ALONE)):
        noun = App(name=name, help=summary, group=group, sort_key=order, version=__version__)
        for place, (verb, target, about) in enumerate(verbs):
            noun.command(f"{_PACKAGE}.{target}", name=verb, help=about, sort_key=place)
        app.command(noun)
    return app
