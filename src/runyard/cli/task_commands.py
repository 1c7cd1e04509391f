"""The commands about tasks, by noun and verb."""

from __future__ import annotations

from cyclopts import Group

TASKS = Group("Tasks and sessions", sort_key=3)

NOUNS: tuple[tuple[str, str, Group, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "tasks",
        "Say what is to be done, and see how far it is.",
        TASKS,
        (
            ("list", "tasks.read:list_tasks", "List tasks, the latest activity first."),
            ("get", "tasks.read:get", "Show all about one task."),
            ("create", "tasks.act:create", "Make a task; nothing is queued by that, unless asked for."),
            ("publish", "tasks.act:publish", "Make a draft a task, and queue a run of it."),
            ("start", "tasks.act:start", "Queue a run of a task that nothing blocks."),
            ("approve", "tasks.act:approve", "Say yes to a task that waits for it, and queue a run of it."),
            ("reject", "tasks.act:reject", "Say no to a task that waits for a yes; it stays blocked."),
            (
                "pause",
                "tasks.act:pause",
                "Hand out nothing of a task and of those below it; what is worked on goes on.",
            ),
            ("resume", "tasks.act:resume", "Lift a task's own pause."),
            ("cancel", "tasks.act:cancel", "Cancel a task with its run, and all below it that has not ended."),
            ("tree", "tasks.read:tree", "Show a task with all below it, and what runs of them."),
            ("timeline", "tasks.read:timeline", "Print what happened to a task, oldest line first."),
        ),
    ),
    (
        "reviews",
        "Judge what runs of tasks came to.",
        TASKS,
        (
            ("list", "reviews:list_reviews", "List reviews of runs of tasks, those asked for last first."),
            ("get", "reviews:get", "Show a review, and what was said."),
            (
                "verdict",
                "reviews:verdict",
                "Say what you think of a run; a rejection queues a run that goes on with the work.",
            ),
        ),
    ),
    (
        "sessions",
        "Begin and stop sessions of agents, which work on tasks.",
        TASKS,
        (
            ("list", "sessions:list_sessions", "List sessions of agents, newest first."),
            (
                "start",
                "sessions:start",
                "Begin a session of an agent; its id is what it takes runs of tasks under.",
            ),
            ("stop", "sessions:stop", "Stop a session; a run that it has goes back to the queue."),
        ),
    ),
    (
        "scheduler",
        "Hold back what is queued of tasks, and let it go on.",
        TASKS,
        (
            (
                "status",
                "scheduler:status",
                "Show whether queued runs of tasks are handed out, and how many there are.",
            ),
            (
                "pause",
                "scheduler:pause",
                "Hand out no run of a task until it is resumed; what is under way goes on.",
            ),
            ("resume", "scheduler:resume", "Hand out what is queued."),
            ("drain", "scheduler:drain", "Pause, and wait until nobody has a run of a task any more."),
            ("backlog", "scheduler:backlog", "List queued runs of tasks in the order in which they are handed out."),
        ),
    ),
)
