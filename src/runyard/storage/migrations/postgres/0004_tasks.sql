-- Tasks for agent sessions: what is intended, who does it, who judges it, and who hears of it.

CREATE TABLE workspaces (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    root_dir TEXT COLLATE "C" NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (project_id, root_dir)
);
CREATE INDEX workspaces_project ON workspaces (project_id, id);
CREATE UNIQUE INDEX workspaces_name ON workspaces (project_id, name);

-- What an agent is called and what it can do; `workspace_id` is '' where it is known in all of them.
CREATE TABLE personas (
    project_id BIGINT NOT NULL,
    workspace_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    definition TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, workspace_id, name)
);

CREATE TABLE sessions (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    agent TEXT COLLATE "C" NOT NULL,
    workspace_id TEXT COLLATE "C",
    name TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C",
    capabilities TEXT COLLATE "C" NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    parent_id TEXT COLLATE "C",
    role TEXT COLLATE "C",
    stops_with_parent BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    active_at BIGINT NOT NULL,
    expires_at BIGINT,
    stopped_at BIGINT,
    stop_reason TEXT COLLATE "C",
    failure TEXT COLLATE "C",
    stopping TEXT COLLATE "C",
    events BIGINT NOT NULL
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
    id TEXT COLLATE "C" PRIMARY KEY,
    session_id TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    taken_at BIGINT
);
CREATE INDEX session_prompts_queue ON session_prompts (session_id, state, id);

CREATE TABLE session_events (
    session_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    data TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (session_id, number)
);

CREATE TABLE channels (
    project_id BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    workspace_id TEXT COLLATE "C",
    display_name TEXT COLLATE "C",
    purpose TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    active_at BIGINT,
    messages BIGINT NOT NULL,
    PRIMARY KEY (project_id, name)
);
CREATE INDEX channels_workspace ON channels (project_id, workspace_id, name);

CREATE TABLE channel_messages (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    sender TEXT COLLATE "C" NOT NULL,
    recipient TEXT COLLATE "C",
    reply_to TEXT COLLATE "C",
    body TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    number BIGINT NOT NULL,
    key TEXT COLLATE "C"
);
CREATE UNIQUE INDEX channel_messages_channel ON channel_messages (project_id, channel, number);
CREATE UNIQUE INDEX channel_messages_key ON channel_messages (project_id, channel, sender, key) WHERE key IS NOT NULL;

-- How far a session has read a channel.
CREATE TABLE channel_reads (
    session_id TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (session_id, channel)
);

CREATE TABLE tasks (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    root_id TEXT COLLATE "C" NOT NULL,
    parent_id TEXT COLLATE "C",
    path TEXT COLLATE "C" NOT NULL,
    workspace_id TEXT COLLATE "C",
    title TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",
    identifier TEXT COLLATE "C",
    priority BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C",
    max_attempts BIGINT NOT NULL,
    approval_policy TEXT COLLATE "C" NOT NULL,
    approval_state TEXT COLLATE "C" NOT NULL,
    auto_enqueue BIGINT NOT NULL,
    auto_pending BIGINT NOT NULL,
    owner_kind TEXT COLLATE "C",
    owner_ref TEXT COLLATE "C",
    channel TEXT COLLATE "C",
    metadata TEXT COLLATE "C",
    profile TEXT COLLATE "C",
    creator_kind TEXT COLLATE "C" NOT NULL,
    creator_ref TEXT COLLATE "C" NOT NULL,
    origin_kind TEXT COLLATE "C" NOT NULL,
    origin_ref TEXT COLLATE "C" NOT NULL,
    paused_at BIGINT,
    paused_by TEXT COLLATE "C",
    paused_reason TEXT COLLATE "C",
    attempts BIGINT NOT NULL,
    open_run_id TEXT COLLATE "C",
    open_stage TEXT COLLATE "C",
    last_run_id TEXT COLLATE "C",
    last_stage TEXT COLLATE "C",
    dependencies BIGINT NOT NULL,
    unmet BIGINT NOT NULL,
    children BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    closed_at BIGINT,
    active_at BIGINT NOT NULL,
    triaged BIGINT NOT NULL,
    counted BIGINT NOT NULL,
    subscriptions BIGINT NOT NULL
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
    task_id TEXT COLLATE "C" NOT NULL,
    depends_on_id TEXT COLLATE "C" NOT NULL,
    project_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (task_id, depends_on_id)
);
CREATE INDEX task_dependencies_on ON task_dependencies (depends_on_id, task_id);

-- A row beside each run of a task: who has it, where it came from, how it stands in the words of tasks.
CREATE TABLE task_runs (
    run_id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    task_id TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    held BIGINT,
    session_id TEXT COLLATE "C",
    claimer_kind TEXT COLLATE "C",
    claimer_ref TEXT COLLATE "C",
    channel TEXT COLLATE "C",
    coordination TEXT COLLATE "C",
    origin_kind TEXT COLLATE "C" NOT NULL,
    origin_ref TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C",
    previous_run_id TEXT COLLATE "C",
    failure_kind TEXT COLLATE "C",
    review_id TEXT COLLATE "C",
    round BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    claimed_at BIGINT,
    started_at BIGINT,
    ended_at BIGINT,
    starved BIGINT NOT NULL,
    look_at BIGINT,
    counted BIGINT NOT NULL
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
    seq BIGINT PRIMARY KEY,
    project_id BIGINT NOT NULL,
    root_id TEXT COLLATE "C" NOT NULL,
    task_id TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C",
    id TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    actor_kind TEXT COLLATE "C" NOT NULL,
    actor_ref TEXT COLLATE "C" NOT NULL,
    origin_kind TEXT COLLATE "C" NOT NULL,
    origin_ref TEXT COLLATE "C" NOT NULL,
    payload TEXT COLLATE "C" NOT NULL
);
CREATE INDEX task_events_task ON task_events (task_id, seq);
CREATE INDEX task_events_root ON task_events (root_id, seq);
CREATE INDEX task_events_stops ON task_events (project_id, at) WHERE type = 'task.run_force_stopped';

-- How many tasks and runs of tasks there are of each kind, always exact.
CREATE TABLE task_sums (
    project_id BIGINT NOT NULL,
    workspace_id TEXT COLLATE "C" NOT NULL,
    owner_kind TEXT COLLATE "C" NOT NULL,
    owner_ref TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    origin_kind TEXT COLLATE "C" NOT NULL,
    draft BIGINT NOT NULL,
    pending BIGINT NOT NULL,
    blocked BIGINT NOT NULL,
    ready BIGINT NOT NULL,
    in_progress BIGINT NOT NULL,
    completed BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    canceled BIGINT NOT NULL,
    awaiting_approval BIGINT NOT NULL,
    awaiting_dependencies BIGINT NOT NULL,
    paused BIGINT NOT NULL,
    lane_approvals BIGINT NOT NULL,
    lane_failed_runs BIGINT NOT NULL,
    lane_blocked BIGINT NOT NULL,
    lane_open BIGINT NOT NULL,
    triaged_approvals BIGINT NOT NULL,
    triaged_failed_runs BIGINT NOT NULL,
    triaged_blocked BIGINT NOT NULL,
    triaged_open BIGINT NOT NULL,
    counted BIGINT NOT NULL,
    PRIMARY KEY (project_id, workspace_id, owner_kind, owner_ref, channel, origin_kind)
);
CREATE TABLE task_run_sums (
    project_id BIGINT NOT NULL,
    workspace_id TEXT COLLATE "C" NOT NULL,
    owner_kind TEXT COLLATE "C" NOT NULL,
    owner_ref TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    origin_kind TEXT COLLATE "C" NOT NULL,
    run_channel TEXT COLLATE "C" NOT NULL,
    run_origin_kind TEXT COLLATE "C" NOT NULL,
    queued BIGINT NOT NULL,
    claimed BIGINT NOT NULL,
    starting BIGINT NOT NULL,
    running BIGINT NOT NULL,
    completed BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    canceled BIGINT NOT NULL,
    needs_attention BIGINT NOT NULL,
    claims BIGINT NOT NULL,
    claim_time BIGINT NOT NULL,
    starts BIGINT NOT NULL,
    start_time BIGINT NOT NULL,
    PRIMARY KEY (project_id, workspace_id, owner_kind, owner_ref, channel, origin_kind, run_channel, run_origin_kind)
);

-- What one person or program has seen of a task; behind `mark` how that stands now, and where the task does.
CREATE TABLE triage (
    project_id BIGINT NOT NULL,
    actor_kind TEXT COLLATE "C" NOT NULL,
    actor_ref TEXT COLLATE "C" NOT NULL,
    task_id TEXT COLLATE "C" NOT NULL,
    archived BIGINT NOT NULL,
    dismissed BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    mark TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    workspace_id TEXT COLLATE "C" NOT NULL,
    owner_kind TEXT COLLATE "C" NOT NULL,
    owner_ref TEXT COLLATE "C" NOT NULL,
    counted BIGINT NOT NULL,
    active_at BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    PRIMARY KEY (project_id, actor_kind, actor_ref, task_id)
);
CREATE INDEX triage_task ON triage (task_id);
CREATE INDEX triage_mark
    ON triage (project_id, actor_kind, actor_ref, mark, lane, active_at DESC, priority DESC, task_id, counted);
CREATE INDEX triage_archived
    ON triage (project_id, actor_kind, actor_ref, active_at DESC, priority DESC, task_id, counted) WHERE archived = 1;
CREATE TABLE triage_sums (
    project_id BIGINT NOT NULL,
    actor_kind TEXT COLLATE "C" NOT NULL,
    actor_ref TEXT COLLATE "C" NOT NULL,
    workspace_id TEXT COLLATE "C" NOT NULL,
    owner_kind TEXT COLLATE "C" NOT NULL,
    owner_ref TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    archived BIGINT NOT NULL,
    dismissed BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    unread BIGINT NOT NULL,
    PRIMARY KEY (project_id, actor_kind, actor_ref, workspace_id, owner_kind, owner_ref, lane)
);

-- `class_id` (of `run_classes`) says who may judge, `worker_id` which session may not: it did the run.
CREATE TABLE reviews (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    task_id TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    class_id BIGINT NOT NULL,
    worker_id TEXT COLLATE "C",
    policy TEXT COLLATE "C" NOT NULL,
    round BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    parent_id TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    deadline_at BIGINT,
    session_id TEXT COLLATE "C",
    agent TEXT COLLATE "C",
    peer_id TEXT COLLATE "C",
    channel_id TEXT COLLATE "C",
    outcome TEXT COLLATE "C",
    confidence DOUBLE PRECISION,
    delivery_id TEXT COLLATE "C",
    missing_work TEXT COLLATE "C",
    guidance TEXT COLLATE "C",
    text TEXT COLLATE "C",
    judge_kind TEXT COLLATE "C",
    judge_ref TEXT COLLATE "C",
    requested_at BIGINT NOT NULL,
    routed_at BIGINT,
    started_at BIGINT,
    reviewed_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
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
    project_id BIGINT PRIMARY KEY,
    paused_at BIGINT,
    paused_by TEXT COLLATE "C",
    paused_reason TEXT COLLATE "C",
    updated_at BIGINT NOT NULL
);

-- What agents forced lately, by the minute.
CREATE TABLE forcings (
    project_id BIGINT NOT NULL,
    agent TEXT COLLATE "C" NOT NULL,
    task_id TEXT COLLATE "C" NOT NULL,
    minute BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (project_id, agent, task_id, minute)
);

CREATE TABLE bridges (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    workspace_id TEXT COLLATE "C",
    display_name TEXT COLLATE "C" NOT NULL,
    extension TEXT COLLATE "C" NOT NULL,
    platform TEXT COLLATE "C" NOT NULL,
    enabled BIGINT NOT NULL,
    suppressed BIGINT NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    sealed TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    last_error TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX bridges_project ON bridges (project_id, id);

CREATE TABLE subscriptions (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    task_id TEXT COLLATE "C" NOT NULL,
    bridge_id TEXT COLLATE "C" NOT NULL,
    workspace_id TEXT COLLATE "C",
    delivery_mode TEXT COLLATE "C" NOT NULL,
    peer_id TEXT COLLATE "C",
    group_id TEXT COLLATE "C",
    thread_id TEXT COLLATE "C",
    creator_kind TEXT COLLATE "C" NOT NULL,
    creator_ref TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_sequence BIGINT NOT NULL,
    last_delivery_id TEXT COLLATE "C",
    last_delivered_at BIGINT,
    last_error TEXT COLLATE "C",
    cursor_at BIGINT,
    look_at BIGINT,
    held BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    UNIQUE (project_id, name)
);
CREATE INDEX subscriptions_task ON subscriptions (task_id, updated_at, id);
CREATE INDEX subscriptions_bridge ON subscriptions (bridge_id, id);
-- What waits for another try.
CREATE INDEX subscriptions_failing ON subscriptions (bridge_id, id) WHERE failures > 0;
CREATE INDEX subscriptions_look ON subscriptions (look_at) WHERE look_at IS NOT NULL;

-- Queued runs of tasks in claim order, whoever may take them.
CREATE INDEX runs_session_queue ON runs (project_id, rank, id) WHERE executor = 'session' AND state = 'queued';
