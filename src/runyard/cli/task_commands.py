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
            ("update", "tasks.act:update", "Change what a task says of itself; its status and its queued run follow."),
            ("publish", "tasks.act:publish", "Make a draft a task, and queue a run of it."),
            ("start", "tasks.act:start", "Queue a run of a task that nothing blocks."),
            (
                "enqueue",
                "tasks.act:enqueue",
                "Queue a run of a task, which is handed out once nothing blocks or pauses the task.",
            ),
            ("approve", "tasks.act:approve", "Say yes to a task that waits for it, and queue a run of it."),
            ("reject", "tasks.act:reject", "Say no to a task that waits for a yes; it stays blocked."),
            (
                "pause",
                "tasks.act:pause",
                "Hand out nothing of a task and of those below it; what is worked on goes on.",
            ),
            ("resume", "tasks.act:resume", "Lift a task's own pause."),
            ("cancel", "tasks.act:cancel", "Cancel a task with its run, and all below it that has not ended."),
            (
                "delete",
                "tasks.act:delete",
                "Delete a task that has no children and no run under way, with its runs and everything else of it.",
            ),
            (
                "triage",
                "tasks.act:triage",
                "Say what you have seen of tasks in your inbox, or put them out of your sight; nobody else notices.",
            ),
            ("dependencies", "tasks.dependencies:list_dependencies", "List the tasks that a task waits for."),
            ("add-dependency", "tasks.dependencies:add", "Let a task wait until another one is completed."),
            (
                "remove-dependency",
                "tasks.dependencies:remove",
                "Let a task wait for another one no longer; nothing else in the way, it is ready.",
            ),
            (
                "profile",
                "tasks.profiles:get",
                "Show how a task's runs are to be done: who works, who judges, and in which surroundings.",
            ),
            (
                "set-profile",
                "tasks.profiles:put",
                "Give a task this profile in place of any other; refused while somebody has a run of it.",
            ),
            (
                "delete-profile",
                "tasks.profiles:delete",
                "Take a task's profile away; refused while somebody has a run of it.",
            ),
            (
                "subscriptions",
                "tasks.subscriptions:list_subscriptions",
                "List who is told of a task's end, the one changed last first.",
            ),
            ("subscription", "tasks.subscriptions:get", "Show a subscription, and how far it was told."),
            ("subscribe", "tasks.subscriptions:subscribe", "Tell somebody of a task's end over a bridge."),
            ("unsubscribe", "tasks.subscriptions:unsubscribe", "Tell nobody of a subscription any more."),
            ("runs", "tasks.read:runs", "List the runs of a task, newest first."),
            ("tree", "tasks.read:tree", "Show a task with all below it, and what runs of them."),
            (
                "timeline",
                "tasks.read:timeline",
                "Print what happened to a task, oldest line first; followed, with all below it.",
            ),
            (
                "inspect",
                "tasks.inspecting:task",
                "Show where a task stands, what is wrong with its latest run, and what it waits for.",
            ),
            (
                "stats",
                "tasks.read:stats",
                "Say how all tasks stand, and whether anything is wrong with their runs.",
            ),
        ),
    ),
    (
        "task-runs",
        "Act on runs of tasks, whoever has them.",
        TASKS,
        (
            ("get", "task_runs:get", "Show a run of a task with its task, and the session that has it."),
            ("inspect", "tasks.inspecting:run", "Show where a run of a task stands, and what is wrong with it."),
            (
                "claim",
                "task_runs:claim",
                "Take a queued run yourself, without lease or session, though its task or the scheduler be paused.",
            ),
            ("start", "task_runs:start", "Begin to work on a claimed run; one without a session is given one."),
            ("attach", "task_runs:attach", "Bind a session to a run that was claimed or is starting, and has none."),
            (
                "end",
                "task_runs:end",
                "Say how a run ended that nobody has under a lease; its session is asked to stop.",
            ),
            (
                "cancel",
                "task_runs:cancel",
                "Cancel runs of tasks, whoever has them; sessions that work on them are asked to stop.",
            ),
            (
                "force-release",
                "task_runs:force_release",
                "Give claimed runs back to the queue without their leases.",
            ),
            ("force-fail", "task_runs:force_fail", "Fail queued or claimed runs without their leases."),
            ("retry", "task_runs:retry", "Queue a run in the place of a failed one, which stays as it is."),
            ("recover", "task_runs:recover", "Fail a run that needs attention, and queue one in its place."),
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
                "request",
                "reviews:request",
                "Ask for a review of a run of a task that has ended; asked again, it is the review there is.",
            ),
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
            ("get", "sessions:get", "Show a session, and what it has to do."),
            (
                "start",
                "sessions:start",
                "Begin a session of an agent; its id is what it takes runs of tasks under.",
            ),
            ("stop", "sessions:stop", "Stop a session; a run that it has goes back to the queue."),
            (
                "prompt",
                "session_talk:prompt",
                "Say something to a session; it waits there until the agent takes it up.",
            ),
            ("prompts", "session_talk:prompts", "List what was said to a session, newest first."),
            (
                "cancel-prompt",
                "session_talk:cancel_prompt",
                "Take back what was said to a session, as long as it waits.",
            ),
            (
                "events",
                "session_talk:events",
                "Print what happened to a session and was said to it, oldest line first; followed, until it stops.",
            ),
            ("channels", "session_talk:channels", "List the channels that a session sees."),
            (
                "situation",
                "session_talk:situation",
                "Show what a session finds itself in: its work, what it has not read, and who else is there.",
            ),
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
