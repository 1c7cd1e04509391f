-- Tasks for agent sessions: what is intended, who does it, who judges it, and who hears of it.

CREATE TABLE workspaces (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    root_dir TEXT NOT NULL,
    settings TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (project_id, root_dir)
);
CREATE INDEX workspaces_project ON workspaces (project_id, id);
CREATE UNIQUE INDEX workspaces_name ON workspaces (project_id, name);

-- What an agent is called and what it can do; `workspace_id` is '' where it is known in all of them.
CREATE TABLE personas (
    project_id INTEGER NOT NULL,
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, workspace_id, name)
) WITHOUT ROWID;

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    agent TEXT NOT NULL,
    workspace_id TEXT,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    channel TEXT,
    capabilities TEXT NOT NULL,
    settings TEXT NOT NULL,
    parent_id TEXT,
    role TEXT,
    stops_with_parent INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    active_at INTEGER NOT NULL,
    expires_at INTEGER,
    stopped_at INTEGER,
    stop_reason TEXT,
    failure TEXT,
    stopping TEXT,
    events INTEGER NOT NULL
);
CREATE INDEX sessions_project ON sessions (project_id, id);
CREATE INDEX sessions_there ON sessions (project_id, id) WHERE stopped_at IS NULL;
CREATE INDEX sessions_agent ON sessions (project_id, agent, id);
CREATE INDEX sessions_workspace ON sessions (project_id, workspace_id, id);
CREATE INDEX sessions_live ON sessions (project_id, workspace_id, id) WHERE stopped_at IS NULL;
CREATE INDEX sessions_parent ON sessions (parent_id) WHERE parent_id IS NOT NULL AND stopped_at IS NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at) WHERE expires_at IS NOT NULL AND stopped_at IS NULL;

-- What was said to a session and waits to be taken up, in order.
CREATE TABLE session_prompts (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    taken_at INTEGER
);
CREATE INDEX session_prompts_queue ON session_prompts (session_id, state, id);

CREATE TABLE session_events (
    session_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (session_id, number)
) WITHOUT ROWID;

CREATE TABLE channels (
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    workspace_id TEXT,
    display_name TEXT,
    purpose TEXT,
    created_at INTEGER NOT NULL,
    active_at INTEGER,
    messages INTEGER NOT NULL,
    PRIMARY KEY (project_id, name)
) WITHOUT ROWID;
CREATE INDEX channels_workspace ON channels (project_id, workspace_id, name);

CREATE TABLE channel_messages (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT,
    reply_to TEXT,
    body TEXT NOT NULL,
    at INTEGER NOT NULL,
    number INTEGER NOT NULL,
    key TEXT
);
CREATE UNIQUE INDEX channel_messages_channel ON channel_messages (project_id, channel, number);
CREATE UNIQUE INDEX channel_messages_key ON channel_messages (project_id, channel, sender, key) WHERE key IS NOT NULL;

-- How far a session has read a channel.
CREATE TABLE channel_reads (
    session_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (session_id, channel)
) WITHOUT ROWID;

CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    root_id TEXT NOT NULL,
    parent_id TEXT,
    path TEXT NOT NULL,
    workspace_id TEXT,
    title TEXT NOT NULL,
    description TEXT,
    identifier TEXT,
    priority INTEGER NOT NULL,
    status TEXT NOT NULL,
    lane TEXT,
    max_attempts INTEGER NOT NULL,
    approval_policy TEXT NOT NULL,
    approval_state TEXT NOT NULL,
    auto_enqueue INTEGER NOT NULL,
    auto_pending INTEGER NOT NULL,
    owner_kind TEXT,
    owner_ref TEXT,
    channel TEXT,
    metadata TEXT,
    profile TEXT,
    creator_kind TEXT NOT NULL,
    creator_ref TEXT NOT NULL,
    origin_kind TEXT NOT NULL,
    origin_ref TEXT NOT NULL,
    paused_at INTEGER,
    paused_by TEXT,
    paused_reason TEXT,
    attempts INTEGER NOT NULL,
    open_run_id TEXT,
    open_stage TEXT,
    last_run_id TEXT,
    last_stage TEXT,
    dependencies INTEGER NOT NULL,
    unmet INTEGER NOT NULL,
    children INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    closed_at INTEGER,
    active_at INTEGER NOT NULL,
    triaged INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    subscriptions INTEGER NOT NULL
);
-- A task and all below it: paths that begin with its own.
CREATE UNIQUE INDEX tasks_path ON tasks (path);
CREATE INDEX tasks_parent ON tasks (parent_id, active_at, id) WHERE parent_id IS NOT NULL;
-- Lists, latest activity first.
CREATE INDEX tasks_active ON tasks (project_id, active_at, id, counted);
CREATE INDEX tasks_status ON tasks (project_id, status, active_at, id);
CREATE INDEX tasks_workspace ON tasks (project_id, workspace_id, active_at, id);
CREATE INDEX tasks_owner ON tasks (project_id, owner_kind, owner_ref, active_at, id) WHERE owner_kind IS NOT NULL;
-- Inboxes: what is in everybody's, in the order it stands there, and what is somebody's own.
CREATE INDEX tasks_lane ON tasks (project_id, lane, triaged, active_at DESC, priority DESC, id, counted)
    WHERE lane <> 'open';
CREATE INDEX tasks_workspace_lane
    ON tasks (project_id, workspace_id, lane, triaged, active_at DESC, priority DESC, id, counted)
    WHERE lane <> 'open';
CREATE INDEX tasks_owner_lane
    ON tasks (project_id, owner_kind, owner_ref, lane, triaged, active_at DESC, priority DESC, id, counted)
    WHERE owner_kind IS NOT NULL AND lane IS NOT NULL;
-- What retention takes away, leaf by leaf.
CREATE INDEX tasks_closed ON tasks (status, closed_at) WHERE closed_at IS NOT NULL AND children = 0;
CREATE INDEX tasks_paused ON tasks (project_id, id) WHERE paused_at IS NOT NULL;

CREATE TABLE task_dependencies (
    task_id TEXT NOT NULL,
    depends_on_id TEXT NOT NULL,
    project_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (task_id, depends_on_id)
) WITHOUT ROWID;
CREATE INDEX task_dependencies_on ON task_dependencies (depends_on_id, task_id);

-- A row beside each run of a task: who has it, where it came from, how it stands in the words of tasks.
CREATE TABLE task_runs (
    run_id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    stage TEXT NOT NULL,
    held INTEGER,
    session_id TEXT,
    claimer_kind TEXT,
    claimer_ref TEXT,
    channel TEXT,
    coordination TEXT,
    origin_kind TEXT NOT NULL,
    origin_ref TEXT NOT NULL,
    key TEXT,
    previous_run_id TEXT,
    failure_kind TEXT,
    review_id TEXT,
    round INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    claimed_at INTEGER,
    started_at INTEGER,
    ended_at INTEGER,
    starved INTEGER NOT NULL,
    look_at INTEGER,
    counted INTEGER NOT NULL
);
CREATE UNIQUE INDEX task_runs_task ON task_runs (task_id, attempt);
-- A session holds one run at a time.
CREATE UNIQUE INDEX task_runs_held ON task_runs (session_id) WHERE held = 1;
CREATE INDEX task_runs_session ON task_runs (session_id, run_id) WHERE session_id IS NOT NULL;
CREATE INDEX task_runs_active ON task_runs (project_id, stage, queued_at, run_id)
    WHERE stage IN ('queued', 'claimed', 'starting', 'running', 'needs_attention');
CREATE INDEX task_runs_claimer ON task_runs (project_id, claimer_kind, claimer_ref, task_id)
    WHERE stage IN ('claimed', 'starting', 'running');
CREATE INDEX task_runs_previous ON task_runs (previous_run_id) WHERE previous_run_id IS NOT NULL;
-- What is under way and how long it took to get there, by what it is counted under.
CREATE INDEX task_runs_under_way
    ON task_runs (project_id, counted, stage, (COALESCE(started_at, claimed_at, queued_at)), run_id, session_id)
    WHERE stage IN ('queued', 'claimed', 'starting', 'running');
CREATE INDEX task_runs_claim_time ON task_runs (project_id, counted, (claimed_at - queued_at))
    WHERE claimed_at IS NOT NULL;
CREATE INDEX task_runs_start_time ON task_runs (project_id, counted, (started_at - COALESCE(claimed_at, queued_at)))
    WHERE started_at IS NOT NULL;
-- Queued runs that somebody has to look after when nobody takes them.
CREATE INDEX task_runs_look ON task_runs (project_id, look_at, run_id) WHERE look_at IS NOT NULL;

-- The timelines of tasks, numbered by the same sequence as the journal.
CREATE TABLE task_events (
    seq INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL,
    root_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    run_id TEXT,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_ref TEXT NOT NULL,
    origin_kind TEXT NOT NULL,
    origin_ref TEXT NOT NULL,
    payload TEXT NOT NULL
);
CREATE INDEX task_events_task ON task_events (task_id, seq);
CREATE INDEX task_events_root ON task_events (root_id, seq);
CREATE INDEX task_events_stops ON task_events (project_id, at) WHERE type = 'task.run_force_stopped';

-- How many tasks and runs of tasks there are of each kind, always exact.
CREATE TABLE task_sums (
    project_id INTEGER NOT NULL,
    workspace_id TEXT NOT NULL,
    owner_kind TEXT NOT NULL,
    owner_ref TEXT NOT NULL,
    channel TEXT NOT NULL,
    origin_kind TEXT NOT NULL,
    draft INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    blocked INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    in_progress INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    canceled INTEGER NOT NULL,
    awaiting_approval INTEGER NOT NULL,
    awaiting_dependencies INTEGER NOT NULL,
    paused INTEGER NOT NULL,
    lane_approvals INTEGER NOT NULL,
    lane_failed_runs INTEGER NOT NULL,
    lane_blocked INTEGER NOT NULL,
    lane_open INTEGER NOT NULL,
    triaged_approvals INTEGER NOT NULL,
    triaged_failed_runs INTEGER NOT NULL,
    triaged_blocked INTEGER NOT NULL,
    triaged_open INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    PRIMARY KEY (project_id, workspace_id, owner_kind, owner_ref, channel, origin_kind)
) WITHOUT ROWID;
CREATE TABLE task_run_sums (
    project_id INTEGER NOT NULL,
    workspace_id TEXT NOT NULL,
    owner_kind TEXT NOT NULL,
    owner_ref TEXT NOT NULL,
    channel TEXT NOT NULL,
    origin_kind TEXT NOT NULL,
    run_channel TEXT NOT NULL,
    run_origin_kind TEXT NOT NULL,
    queued INTEGER NOT NULL,
    claimed INTEGER NOT NULL,
    starting INTEGER NOT NULL,
    running INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    canceled INTEGER NOT NULL,
    needs_attention INTEGER NOT NULL,
    claims INTEGER NOT NULL,
    claim_time INTEGER NOT NULL,
    starts INTEGER NOT NULL,
    start_time INTEGER NOT NULL,
    PRIMARY KEY (project_id, workspace_id, owner_kind, owner_ref, channel, origin_kind, run_channel, run_origin_kind)
) WITHOUT ROWID;

-- What one person or program has seen of a task; behind `mark` how that stands now, and where the task does.
CREATE TABLE triage (
    project_id INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_ref TEXT NOT NULL,
    task_id TEXT NOT NULL,
    archived INTEGER NOT NULL,
    dismissed INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    mark TEXT NOT NULL,
    lane TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    owner_kind TEXT NOT NULL,
    owner_ref TEXT NOT NULL,
    counted INTEGER NOT NULL,
    active_at INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    PRIMARY KEY (project_id, actor_kind, actor_ref, task_id)
) WITHOUT ROWID;
CREATE INDEX triage_task ON triage (task_id);
CREATE INDEX triage_mark
    ON triage (project_id, actor_kind, actor_ref, mark, lane, active_at DESC, priority DESC, task_id, counted);
CREATE INDEX triage_archived
    ON triage (project_id, actor_kind, actor_ref, active_at DESC, priority DESC, task_id, counted) WHERE archived = 1;
CREATE TABLE triage_sums (
    project_id INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_ref TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    owner_kind TEXT NOT NULL,
    owner_ref TEXT NOT NULL,
    lane TEXT NOT NULL,
    archived INTEGER NOT NULL,
    dismissed INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    unread INTEGER NOT NULL,
    PRIMARY KEY (project_id, actor_kind, actor_ref, workspace_id, owner_kind, owner_ref, lane)
) WITHOUT ROWID;

-- `class_id` (of `run_classes`) says who may judge, `worker_id` which session may not: it did the run.
CREATE TABLE reviews (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    class_id INTEGER NOT NULL,
    worker_id TEXT,
    policy TEXT NOT NULL,
    round INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    status TEXT NOT NULL,
    parent_id TEXT,
    reason TEXT,
    deadline_at INTEGER,
    session_id TEXT,
    agent TEXT,
    peer_id TEXT,
    channel_id TEXT,
    outcome TEXT,
    confidence REAL,
    delivery_id TEXT,
    missing_work TEXT,
    guidance TEXT,
    text TEXT,
    judge_kind TEXT,
    judge_ref TEXT,
    requested_at INTEGER NOT NULL,
    routed_at INTEGER,
    started_at INTEGER,
    reviewed_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (run_id, round, attempt)
);
CREATE INDEX reviews_task ON reviews (task_id, updated_at, id);
CREATE INDEX reviews_project ON reviews (project_id, status, id);
CREATE INDEX reviews_session ON reviews (session_id, id) WHERE session_id IS NOT NULL;
-- What a session judges now; there is one such review of it at most.
CREATE UNIQUE INDEX reviews_bound ON reviews (session_id) WHERE status = 'in_review';
-- What sessions that ask for reviews are given, by who may judge them, oldest first.
CREATE INDEX reviews_ready ON reviews (class_id, id) WHERE status = 'requested';
CREATE INDEX reviews_deadline ON reviews (deadline_at) WHERE deadline_at IS NOT NULL AND outcome IS NULL;

-- Whether a project's queued runs of tasks are handed out.
CREATE TABLE schedulers (
    project_id INTEGER PRIMARY KEY,
    paused_at INTEGER,
    paused_by TEXT,
    paused_reason TEXT,
    updated_at INTEGER NOT NULL
);

-- What agents forced lately, by the minute.
CREATE TABLE forcings (
    project_id INTEGER NOT NULL,
    agent TEXT NOT NULL,
    task_id TEXT NOT NULL,
    minute INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (project_id, agent, task_id, minute)
) WITHOUT ROWID;

CREATE TABLE bridges (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    workspace_id TEXT,
    display_name TEXT NOT NULL,
    extension TEXT NOT NULL,
    platform TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    suppressed INTEGER NOT NULL,
    settings TEXT NOT NULL,
    sealed TEXT,
    state TEXT NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX bridges_project ON bridges (project_id, id);

CREATE TABLE subscriptions (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    task_id TEXT NOT NULL,
    bridge_id TEXT NOT NULL,
    workspace_id TEXT,
    delivery_mode TEXT NOT NULL,
    peer_id TEXT,
    group_id TEXT,
    thread_id TEXT,
    creator_kind TEXT NOT NULL,
    creator_ref TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    last_delivery_id TEXT,
    last_delivered_at INTEGER,
    last_error TEXT,
    cursor_at INTEGER,
    look_at INTEGER,
    held INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    UNIQUE (project_id, name)
);
CREATE INDEX subscriptions_task ON subscriptions (task_id, updated_at, id);
CREATE INDEX subscriptions_bridge ON subscriptions (bridge_id, id);
-- What waits for another try.
CREATE INDEX subscriptions_failing ON subscriptions (bridge_id, id) WHERE failures > 0;
CREATE INDEX subscriptions_look ON subscriptions (look_at) WHERE look_at IS NOT NULL;

-- Queued runs of tasks in claim order, whoever may take them.
CREATE INDEX runs_session_queue ON runs (project_id, rank, id) WHERE executor = 'session' AND state = 'queued';
