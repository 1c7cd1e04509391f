-- Times are UTC microseconds, JSON is text passed through, ids are UUIDv7 text.

CREATE TABLE projects (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    dialect TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
);
CREATE INDEX api_keys_project ON api_keys (project_id, id);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    spec TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (project_id, name)
);
CREATE INDEX jobs_project ON jobs (project_id, id);

CREATE TABLE job_versions (
    job_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    spec TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT,
    PRIMARY KEY (job_id, version)
) WITHOUT ROWID;

-- What a claim picks from: runs of one project, executor kind, queue, job and set of required capabilities.
CREATE TABLE run_classes (
    id INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL,
    executor TEXT NOT NULL,
    queue TEXT NOT NULL,
    job TEXT NOT NULL,
    requires TEXT NOT NULL,
    UNIQUE (project_id, executor, queue, job, requires)
);

-- Who asked for work lately, so that a run nobody asks for can say so. Lists are JSON; '' is anything.
CREATE TABLE claimers (
    project_id INTEGER NOT NULL,
    executor TEXT NOT NULL,
    worker TEXT NOT NULL,
    queues TEXT NOT NULL,
    jobs TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, executor, worker, queues, jobs, capabilities)
) WITHOUT ROWID;
CREATE INDEX claimers_seen ON claimers (project_id, executor, seen_at);

-- A concurrency limit and how many runs it lets through now (ready or held by an executor).
CREATE TABLE lanes (
    id INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    cap INTEGER NOT NULL,
    used INTEGER NOT NULL,
    UNIQUE (project_id, name)
);

-- Jobs whose limits changed and whose live runs have not all been told yet: how far that went, when to go on.
CREATE TABLE cap_changes (
    job_id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    position TEXT NOT NULL,
    since INTEGER NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX cap_changes_at ON cap_changes (at);

-- The start times a rate limit has given away (GCRA: theoretical arrival time).
CREATE TABLE rates (
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    next_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, name)
) WITHOUT ROWID;

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    class_id INTEGER NOT NULL,
    queue TEXT NOT NULL,
    requires TEXT,
    executor TEXT NOT NULL,
    priority INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    policy TEXT NOT NULL,
    payload TEXT NOT NULL,
    tags TEXT,
    metadata TEXT,
    job_id TEXT,
    job_name TEXT,
    job_version INTEGER,
    task_id TEXT,
    parent_id TEXT,
    replay_of TEXT,
    retry_of TEXT,
    continuation_of TEXT,
    depth INTEGER NOT NULL,
    batch_id TEXT,
    trigger TEXT NOT NULL,
    created_by TEXT,
    idempotency_key TEXT,
    concurrency_key TEXT,
    job_lane INTEGER,
    key_lane INTEGER,
    hold TEXT,
    hold_lane INTEGER,
    waiting_for TEXT,
    queued_at INTEGER,
    available_at INTEGER,
    next_retry_at INTEGER,
    expires_at INTEGER,
    claimed_at INTEGER,
    started_at INTEGER,
    heartbeat_at INTEGER,
    finished_at INTEGER,
    due_at INTEGER,
    lease_hash TEXT,
    lease_until INTEGER,
    worker TEXT,
    output TEXT,
    error TEXT,
    error_class TEXT,
    resolved_at INTEGER,
    resolution TEXT,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_micro_usd INTEGER NOT NULL
);
-- Claiming: only runs that may be claimed this instant stand here, in claim order.
CREATE INDEX runs_ready ON runs (class_id, rank, id) WHERE state = 'queued' AND hold IS NULL;
-- Queued runs that may not be claimed yet, to be counted.
CREATE INDEX runs_not_ready ON runs (class_id, hold) WHERE state = 'queued' AND hold IS NOT NULL;
-- Runs that a full lane holds back, in claim order.
CREATE INDEX runs_held ON runs (hold_lane, rank, id) WHERE hold_lane IS NOT NULL;
-- Which of the runs a lane lets through may still give way to a better one.
CREATE INDEX runs_job_lane ON runs (job_lane, rank, id) WHERE job_lane IS NOT NULL AND state = 'queued' AND hold IS NULL;
CREATE INDEX runs_key_lane ON runs (key_lane, rank, id) WHERE key_lane IS NOT NULL AND state = 'queued' AND hold IS NULL;
-- Every deadline of a run in one index: due, retry, expiry, lease, timeout, heartbeat.
CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;
-- Lists, newest first.
CREATE INDEX runs_state ON runs (project_id, state, id);
-- Of a job: what has not ended by id, what has ended by outcome. Neither moves while a run is worked on.
CREATE INDEX runs_job_live ON runs (job_id, id) WHERE job_id IS NOT NULL AND finished_at IS NULL;
CREATE INDEX runs_job_ended ON runs (job_id, state, id) WHERE job_id IS NOT NULL AND finished_at IS NOT NULL;
-- The dead letter: what waits for somebody to decide.
CREATE INDEX runs_dead ON runs (project_id, state, id) WHERE state = 'dead_letter' AND resolved_at IS NULL;
CREATE INDEX runs_task ON runs (task_id, id) WHERE task_id IS NOT NULL;
CREATE INDEX runs_batch ON runs (batch_id, id) WHERE batch_id IS NOT NULL;
CREATE INDEX runs_parent ON runs (parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX runs_replay ON runs (replay_of, id) WHERE replay_of IS NOT NULL;
CREATE INDEX runs_retry ON runs (retry_of, id) WHERE retry_of IS NOT NULL;
CREATE INDEX runs_continuation ON runs (continuation_of, id) WHERE continuation_of IS NOT NULL;
-- Retention walks one outcome at a time, oldest end first.
CREATE INDEX runs_finished ON runs (state, finished_at, project_id) WHERE finished_at IS NOT NULL;

CREATE TABLE run_tags (
    project_id INTEGER NOT NULL,
    tag TEXT NOT NULL,
    value TEXT NOT NULL,
    run_id TEXT NOT NULL,
    PRIMARY KEY (project_id, tag, value, run_id)
) WITHOUT ROWID;
-- Runs with a tag, whatever its value, by id.
CREATE INDEX run_tags_any ON run_tags (project_id, tag, run_id);
CREATE INDEX run_tags_run ON run_tags (run_id);

CREATE TABLE idempotency_keys (
    project_id INTEGER NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    run_id TEXT NOT NULL,
    PRIMARY KEY (project_id, scope, name)
) WITHOUT ROWID;

-- One row a claim: a retry never overwrites what the last try left.
CREATE TABLE attempts (
    run_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    executor TEXT NOT NULL,
    worker TEXT,
    claimed_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    outcome TEXT,
    error TEXT,
    error_class TEXT,
    PRIMARY KEY (run_id, epoch)
) WITHOUT ROWID;

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counters VALUES ('seq', 0), ('classes', 0);

CREATE TABLE events (
    seq INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    run_id TEXT,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT,
    data TEXT NOT NULL,
    PRIMARY KEY (project_id, seq)
) WITHOUT ROWID;
CREATE INDEX events_run ON events (run_id, seq) WHERE run_id IS NOT NULL;
-- Lines about no run age out by themselves.
CREATE INDEX events_loose ON events (seq) WHERE run_id IS NULL;

CREATE TABLE logs (
    seq INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    at INTEGER NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    data TEXT,
    PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;

CREATE TABLE checkpoints (
    run_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at INTEGER NOT NULL,
    label TEXT,
    state TEXT NOT NULL,
    PRIMARY KEY (run_id, number)
) WITHOUT ROWID;

CREATE TABLE usage (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    at INTEGER NOT NULL,
    provider TEXT,
    model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_micro_usd INTEGER NOT NULL,
    source TEXT NOT NULL,
    price TEXT
);
CREATE INDEX usage_run ON usage (run_id, id);

CREATE TABLE tool_calls (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    at INTEGER NOT NULL,
    name TEXT NOT NULL,
    input TEXT,
    output TEXT,
    error TEXT,
    status TEXT NOT NULL,
    duration_ms INTEGER
);
CREATE INDEX tool_calls_run ON tool_calls (run_id, id);

CREATE TABLE outputs (
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    schema TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;

CREATE TABLE run_state (
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;

CREATE TABLE artifacts (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX artifacts_run ON artifacts (run_id, id);
CREATE INDEX artifacts_content ON artifacts (project_id, sha256);

-- Runs that retention takes away: archived first, then deleted slice by slice, by whoever claimed them.
CREATE TABLE retirements (
    run_id TEXT PRIMARY KEY,
    claimant TEXT NOT NULL,
    claimed_until INTEGER NOT NULL,
    archived INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE bulks (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    selection TEXT NOT NULL,
    position TEXT,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    errors TEXT NOT NULL,
    dry_run INTEGER NOT NULL,
    reason TEXT,
    created_by TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    finished_at INTEGER
);
CREATE INDEX bulks_project ON bulks (project_id, id);
CREATE INDEX bulks_open ON bulks (updated_at, id) WHERE finished_at IS NULL;

-- Answers kept for the Idempotency-Key header.
CREATE TABLE replies (
    project_id INTEGER NOT NULL,
    key_hash TEXT NOT NULL,
    route TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, key_hash, route)
) WITHOUT ROWID;
CREATE INDEX replies_age ON replies (created_at);
