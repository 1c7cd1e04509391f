"""The commands about jobs, what they are run with, and agents, by noun and verb."""

from __future__ import annotations

from cyclopts import Group

WORK = Group("Runs and jobs", sort_key=2)

NOUNS: tuple[tuple[str, str, Group, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "jobs",
        "Define how things are run.",
        WORK,
        (
            ("list", "jobs:list_jobs", "List jobs, newest first."),
            ("get", "jobs:get", "Show a job's definition."),
            ("create", "jobs:create", "Define a job."),
            ("update", "jobs:update", "Change a job's definition, which makes a new version of it."),
            ("enable", "jobs:enable", "Let a job take runs again."),
            ("disable", "jobs:disable", "Make a job refuse new runs."),
            ("delete", "jobs:delete", "Delete a job; its runs stay."),
            ("versions", "jobs:versions", "List the versions of a job's definition."),
            ("health", "job_dependencies:health", "Say how a job's runs fared that ended lately."),
            ("dependencies", "job_dependencies:list_dependencies", "List what a job depends on, newest first."),
            (
                "add-dependency",
                "job_dependencies:add",
                "Let new runs of a job wait for another; between the same two the condition is changed.",
            ),
            (
                "remove-dependency",
                "job_dependencies:remove",
                "Let a job depend on another no longer; runs that waited for it alone go on.",
            ),
            (
                "trigger",
                "triggers:trigger",
                "Ask a job for a run as all its settings say: debounce, batches, dedup, windows.",
            ),
        ),
    ),
    (
        "schedules",
        "See when jobs make runs by the clock.",
        WORK,
        (
            (
                "list",
                "schedules:list_schedules",
                "List the jobs that make runs by the clock, each with its next times.",
            ),
        ),
    ),
    (
        "secrets",
        "Keep secrets of jobs, which executors get and nobody is shown.",
        WORK,
        (
            ("list", "secrets:list_secrets", "List the names of a job's secrets."),
            (
                "set",
                "secrets:set_secret",
                "Keep a secret of a job; its value is asked for, or read from standard input.",
            ),
            ("delete", "secrets:delete", "Forget a secret of a job."),
        ),
    ),
    (
        "environments",
        "Keep sets of variables that jobs are run with.",
        WORK,
        (
            ("list", "environments:list_environments", "List environments and the names of their variables."),
            ("get", "environments:get", "Show an environment, without the values of its variables."),
            (
                "set",
                "environments:set_environment",
                "Give an environment its variables; values are asked for, or read as NAME=VALUE lines.",
            ),
            ("delete", "environments:delete", "Forget an environment that no job names."),
        ),
    ),
    (
        "waits",
        "Send events that runs wait for.",
        WORK,
        (
            ("list", "waits:list_waits", "List the waits of runs for events, newest first."),
            ("send", "waits:send", "Send the event that a run waits for; the run goes on."),
            ("cancel", "waits:cancel", "Cancel the wait for an event, and its run."),
        ),
    ),
    (
        "agents",
        "Make agents from templates, and ask them for runs.",
        WORK,
        (
            ("list", "agents:list_agents", "List agents, newest first."),
            ("get", "agents:get", "Show an agent, and how its runs did."),
            ("create", "agents:create", "Make an agent; it is deployed at once."),
            (
                "update",
                "agents:update",
                "Change what is given of an agent; runs made before keep the configuration they were made with.",
            ),
            ("run", "agents:run", "Ask an agent for a run."),
            ("pause", "agents:pause", "Have an agent take no runs until it is resumed."),
            ("resume", "agents:resume", "Have a paused agent take runs again."),
            ("archive", "agents:archive", "Have an agent take no runs for good."),
            ("delete", "agents:delete", "Delete an agent; its runs stay."),
            ("health", "agents:health", "Score how well an agent did in the last 30 days."),
            ("stats", "agents:stats", "Count how runs of agents did, day by day in UTC."),
            ("templates", "agents:templates", "List what agents can be made from."),
        ),
    ),
)
