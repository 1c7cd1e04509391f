"""The commands about where agents work and talk, and how people hear of them, by noun and verb."""

from __future__ import annotations

from cyclopts import Group

from runyard.cli.task_commands import TASKS

NOUNS: tuple[tuple[str, str, Group, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "workspaces",
        "Name the places in which agents work.",
        TASKS,
        (
            ("list", "workspaces:list_workspaces", "List workspaces, newest first."),
            ("get", "workspaces:get", "Show a workspace."),
            (
                "create",
                "workspaces:create",
                "Make a workspace, named as the last part of its directory unless said otherwise.",
            ),
            ("update", "workspaces:update", "Change what a workspace says of itself; its directory stays."),
            (
                "delete",
                "workspaces:delete",
                "Delete a workspace that has no tasks, and no sessions that have not stopped.",
            ),
        ),
    ),
    (
        "personas",
        "Say what the agents are that sessions are begun of.",
        TASKS,
        (
            (
                "list",
                "personas:list_personas",
                "List the agents defined for a workspace alone, or for all of them, by name.",
            ),
            ("get", "personas:get", "Show an agent as a workspace sees it: its own of that name first."),
            ("create", "personas:create", "Define an agent, for all workspaces or for one."),
            (
                "redefine",
                "personas:redefine",
                "Define an agent anew: what is not given is empty; sessions that are there stay as they are.",
            ),
            ("delete", "personas:delete", "Forget the definition of an agent."),
        ),
    ),
    (
        "channels",
        "See where sessions talk, and what they say.",
        TASKS,
        (
            ("list", "channels:list_channels", "List the channels of the project, by name."),
            ("get", "channels:get", "Show a channel."),
            ("describe", "channels:describe", "Make a channel, or say anew what the one of this name is for."),
            (
                "messages",
                "channels:messages",
                "Print what sessions said in a channel, oldest first, whomever it was for.",
            ),
        ),
    ),
    (
        "bridges",
        "Lead the way to those who are told of the ends of tasks.",
        TASKS,
        (
            ("list", "bridges:list_bridges", "List bridges, newest first."),
            ("get", "bridges:get", "Show a bridge, without its secrets."),
            (
                "create",
                "bridges:create",
                "Make a bridge to tell people of the ends of tasks; the secret that signs is shown this once.",
            ),
            ("update", "bridges:update", "Change what is given of a bridge."),
            ("enable", "bridges:enable", "Let messages over a bridge again, those first that wait for it."),
            ("disable", "bridges:disable", "Let no message over a bridge; what there is to tell waits."),
            ("restart", "bridges:restart", "Forget what went wrong with a bridge, and try again at once."),
            ("targets", "bridges:targets", "List whom a bridge leads to, as its newest subscriptions name them."),
            ("resolve", "bridges:resolve", "Say who is meant by a name."),
            ("delete", "bridges:delete", "Delete a bridge; refused while tasks have subscriptions that go over it."),
        ),
    ),
)
