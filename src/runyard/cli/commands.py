"""Every command, by noun and verb; the functions behind them are imported when they are called."""

from __future__ import annotations

from cyclopts import App, Group, Parameter

from runyard import __version__

_PACKAGE = "runyard.cli"
START = Group("Start and operate", sort_key=1)
WORK = Group("Runs and jobs", sort_key=2)
ACCESS = Group("Access", sort_key=3)

ALONE: tuple[tuple[str, str, Group], ...] = (
    ("up", "up:up", START),
    ("serve", "serve:serve", START),
    ("worker", "worker:worker", START),
    ("review", "review:review", WORK),
    ("demo", "demo:demo", START),
    ("doctor", "doctor:doctor", START),
    ("backup", "backup:backup", START),
    ("restore", "backup:restore", START),
    ("upgrade", "upgrade:upgrade", START),
    ("version", "version:version", START),
)
NOUNS: tuple[tuple[str, str, Group, dict[str, str]], ...] = (
    (
        "runs",
        "Follow runs, and act on them.",
        WORK,
        {
            "list": "runs.read:list_runs",
            "get": "runs.read:get",
            "create": "runs.create:create",
            "watch": "runs.watch:watch",
            "logs": "runs.watch:logs",
            "events": "runs.watch:events",
            "explain": "runs.read:explain",
            "attempts": "runs.read:attempts",
            "children": "runs.read:children",
            "lineage": "runs.read:lineage",
            "cancel": "runs.act:cancel",
            "pause": "runs.act:pause",
            "resume": "runs.act:resume",
            "reschedule": "runs.act:reschedule",
            "retry": "runs.again:retry",
            "replay": "runs.again:replay",
            "requeue": "runs.act:requeue",
            "discard": "runs.act:discard",
            "resolve": "runs.act:resolve",
        },
    ),
    (
        "dlq",
        "Decide what becomes of runs whose attempts are used up.",
        WORK,
        {
            "list": "dlq:list_dead",
            "groups": "dlq:groups",
            "replay": "dlq:replay",
            "requeue": "dlq:requeue",
            "discard": "dlq:discard",
            "resolve": "dlq:resolve",
        },
    ),
    (
        "bulk",
        "Act on many runs at once, tracked by the server.",
        WORK,
        {"start": "bulk:start", "list": "bulk:list_bulks", "get": "bulk:get", "cancel": "bulk:cancel"},
    ),
    (
        "jobs",
        "Define how things are run.",
        WORK,
        {
            "list": "jobs:list_jobs",
            "get": "jobs:get",
            "create": "jobs:create",
            "update": "jobs:update",
            "enable": "jobs:enable",
            "disable": "jobs:disable",
            "delete": "jobs:delete",
            "versions": "jobs:versions",
        },
    ),
    (
        "artifacts",
        "List and fetch the files of runs.",
        WORK,
        {"list": "artifacts:list_artifacts", "get": "artifacts:get", "put": "artifacts:put"},
    ),
    (
        "keys",
        "Make and revoke API keys.",
        ACCESS,
        {"list": "keys:list_keys", "create": "keys:create", "revoke": "keys:revoke"},
    ),
    ("projects", "Make and list projects.", ACCESS, {"list": "projects:list_projects", "create": "projects:create"}),
)


def build() -> App:
    """The whole command line."""
    app = App(
        name="runyard",
        help="A self-hosted control plane for AI-agent runs.",
        version=__version__,
        help_format="plaintext",
        default_parameter=Parameter(negative=()),
        group_commands=Group("Other", sort_key=9),
    )
    for name, target, group in ALONE:
        app.command(f"{_PACKAGE}.{target}", name=name, group=group)
    for name, summary, group, verbs in NOUNS:
        noun = App(name=name, help=summary, group=group, version=__version__)
        for verb, target in verbs.items():
            noun.command(f"{_PACKAGE}.{target}", name=verb)
        app.command(noun)
    return app
