"""The commands about coding tasks, by noun and verb."""

from __future__ import annotations

from cyclopts import Group

CODING = Group("Coding tasks and sandboxes", sort_key=4)

NOUNS: tuple[tuple[str, str, Group, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "coding",
        "Have agents change repositories, in sandboxes or outside.",
        CODING,
        (
            (
                "list",
                "coding.read:list_coding_tasks",
                "List coding tasks, newest first, with how their latest runs stand.",
            ),
            ("get", "coding.read:get", "Show all about one coding task and its latest run."),
            ("create", "coding.act:create", "Make a coding task; nothing is started by that, unless asked for."),
            (
                "start",
                "coding.act:start",
                "Make a run of a coding task, queued for a sandbox; or queue one that is a draft.",
            ),
            ("runs", "coding.read:runs", "List the runs of a coding task, newest first."),
            ("watch", "runs.watch:watch", "Follow a run live; the exit code tells how it ended."),
            (
                "say",
                "coding.talk:say",
                "Say something to the agent in a run's sandbox; its answer, when its turn ends.",
            ),
            ("interrupt", "coding.talk:interrupt", "Stop the turn that the agent in a run's sandbox takes."),
            ("cancel", "runs.act:cancel", "Stop runs and their children."),
            ("take", "coding.act:take", "Take a run out of its sandbox, to work on it outside."),
            (
                "end",
                "coding.act:end",
                "Say how a run ended that no sandbox ends: one outside, or one with a person at it.",
            ),
            (
                "reopen",
                "coding.act:reopen",
                "Begin a run anew in another sandbox: one that ended, or that was taken outside.",
            ),
            (
                "delete",
                "coding.act:delete",
                "Put a coding task out of sight, with its runs; those under way are canceled.",
            ),
        ),
    ),
    (
        "sandboxes",
        "See what agents work in now.",
        CODING,
        (
            (
                "list",
                "sandboxes:list_sandboxes",
                "List the sandboxes that are open; where none can be, say why.",
            ),
        ),
    ),
    (
        "threads",
        "Let Slack threads hear of runs.",
        CODING,
        (
            ("set", "threads:set_thread", "Let a thread hear what a run's agent says, and how the run ends."),
            ("get", "threads:get", "Show the thread that hears of a run."),
            ("drop", "threads:drop", "Let no thread hear of a run any more."),
            (
                "said",
                "threads:said",
                "List what was to be said in a run's thread, and what became of it, newest first.",
            ),
        ),
    ),
)
