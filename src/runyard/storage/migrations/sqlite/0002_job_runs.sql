-- Job runs: schedules, triggers put off, dependencies, event waits, dispatch, and what is told to the outside.

ALTER TABLE projects ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
-- A project that was deleted keeps its number, so that nobody ever finds its things under another's.
ALTER TABLE projects ADD COLUMN deleted_at INTEGER;

ALTER TABLE api_keys ADD COLUMN replaced_by TEXT;

ALTER TABLE runs ADD COLUMN debug INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN trace TEXT;
ALTER TABLE runs ADD COLUMN dependency_key TEXT;
ALTER TABLE runs ADD COLUMN continued INTEGER NOT NULL DEFAULT 0;
-- Dependencies ask for the run of a job that ended last: of all, of one idempotency key, of one dependency key.
CREATE INDEX runs_job_last ON runs (job_id, finished_at) WHERE job_id IS NOT NULL AND finished_at IS NOT NULL;
CREATE INDEX runs_job_key_last ON runs (job_id, idempotency_key, finished_at)
    WHERE idempotency_key IS NOT NULL AND finished_at IS NOT NULL;
CREATE INDEX runs_job_group_last ON runs (job_id, dependency_key, finished_at)
    WHERE dependency_key IS NOT NULL AND finished_at IS NOT NULL;
-- Runs of a job that wait for something, oldest first.
CREATE INDEX runs_job_waiting ON runs (job_id, id) WHERE state = 'waiting';
-- The same by the keys that narrow whose end they wait for.
CREATE INDEX runs_waiting_keys ON runs (job_id, idempotency_key, dependency_key, id) WHERE state = 'waiting';
-- Whether a run has children that have not ended.
CREATE INDEX runs_parent_open ON runs (parent_id) WHERE parent_id IS NOT NULL AND finished_at IS NULL;

-- What kind of line it is; its writer's word.
ALTER TABLE logs ADD COLUMN type TEXT NOT NULL DEFAULT 'log';
-- What the executor said all tokens come to; else it is what went in and came out.
ALTER TABLE usage ADD COLUMN total_tokens INTEGER;

-- The environments of a project: named sets of variables, sealed.
CREATE TABLE environments (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    variables TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (project_id, name)
);

-- Secrets of jobs, sealed; handed to executors only.
CREATE TABLE job_secrets (
    job_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (job_id, name)
) WITHOUT ROWID;

-- What a project spent since a time, for daily budgets.
CREATE INDEX usage_project ON usage (project_id, at, cost_micro_usd);

-- When a job with a cron expression is due next.
CREATE TABLE schedules (
    job_id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    last_at INTEGER
);
CREATE INDEX schedules_due ON schedules (next_at);
CREATE INDEX schedules_project ON schedules (project_id, job_id);

-- A trigger that waits for the others to stop coming (debounce): the last one stands for all.
CREATE TABLE debounced (
    job_id TEXT NOT NULL,
    name TEXT NOT NULL,
    project_id INTEGER NOT NULL,
    request TEXT NOT NULL,
    fire_at INTEGER NOT NULL,
    PRIMARY KEY (job_id, name)
) WITHOUT ROWID;
CREATE INDEX debounced_due ON debounced (fire_at);

-- Triggers gathered into one run: a buffer, and what is in it.
CREATE TABLE buffers (
    job_id TEXT NOT NULL,
    name TEXT NOT NULL,
    project_id INTEGER NOT NULL,
    items INTEGER NOT NULL,
    size INTEGER NOT NULL,
    flush_at INTEGER NOT NULL,
    PRIMARY KEY (job_id, name)
) WITHOUT ROWID;
CREATE INDEX buffers_due ON buffers (flush_at);
CREATE TABLE buffered (
    job_id TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    request TEXT NOT NULL,
    PRIMARY KEY (job_id, name, id)
) WITHOUT ROWID;

-- Payloads seen lately, for jobs that take each only once in a while.
CREATE TABLE payload_marks (
    job_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (job_id, hash)
) WITHOUT ROWID;
CREATE INDEX payload_marks_at ON payload_marks (at);

-- Triggers of many runs in one call.
CREATE TABLE batches (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    item_count INTEGER NOT NULL,
    created_count INTEGER NOT NULL,
    created_by TEXT,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
);
CREATE INDEX batches_project ON batches (project_id, id);

CREATE TABLE job_dependencies (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    depends_on TEXT NOT NULL,
    condition TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (job_id, depends_on)
);
CREATE INDEX job_dependencies_on ON job_dependencies (depends_on, job_id);
-- Jobs of which more runs wait than one transaction looks at: where to go on.
CREATE TABLE dependency_passes (
    job_id TEXT PRIMARY KEY,
    position TEXT NOT NULL,
    stamp TEXT NOT NULL
);

-- What runs wait for from outside, and what came.
CREATE TABLE event_waits (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    run_id TEXT NOT NULL,
    state TEXT NOT NULL,
    request TEXT,
    response TEXT,
    timeout INTEGER NOT NULL,
    requested_at INTEGER NOT NULL,
    received_at INTEGER,
    expires_at INTEGER NOT NULL,
    error TEXT,
    notify_url TEXT,
    notify_state TEXT,
    sent_by TEXT
);
CREATE UNIQUE INDEX event_waits_open ON event_waits (project_id, name) WHERE state = 'waiting';
CREATE INDEX event_waits_name ON event_waits (project_id, name, id);
CREATE INDEX event_waits_project ON event_waits (project_id, state, id);
CREATE INDEX event_waits_run ON event_waits (run_id, id);

-- How each address fares that runs are dispatched to: its circuit and its health.
CREATE TABLE endpoints (
    project_id INTEGER NOT NULL,
    url TEXT NOT NULL,
    failures INTEGER NOT NULL,
    open_until INTEGER,
    success REAL NOT NULL,
    latency REAL NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, url)
) WITHOUT ROWID;

-- Messages to the outside, sent by whoever claims them, until they arrive or are given up.
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    run_id TEXT,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    url TEXT NOT NULL,
    headers TEXT NOT NULL,
    secret TEXT,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER,
    state TEXT NOT NULL,
    error TEXT,
    created_at INTEGER NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_run ON deliveries (run_id, id) WHERE run_id IS NOT NULL;
CREATE INDEX deliveries_old ON deliveries (created_at) WHERE due_at IS NULL;

-- Pieces of output as they come, numbered by the sequence of the journal; kept a short while for those who follow.
CREATE TABLE chunks (
    seq INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    stream TEXT NOT NULL,
    chunk TEXT NOT NULL,
    done INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;
CREATE INDEX chunks_at ON chunks (at);

-- What the processes of runs used, sampled.
CREATE TABLE resource_samples (
    id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    cpu_percent REAL,
    memory_mb REAL,
    memory_limit_mb REAL
);
CREATE INDEX resource_samples_run ON resource_samples (run_id, id);

-- Jobs and projects that were deleted and whose runs and other rows go slice by slice; job_id '' is the whole project.
CREATE TABLE purges (
    project_id INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (project_id, job_id)
) WITHOUT ROWID;

-- Lists by the time of making.
CREATE INDEX jobs_created ON jobs (project_id, created_at, id);
CREATE INDEX api_keys_created ON api_keys (project_id, created_at, id);

-- Lists of runs by what went wrong, by what made them (most are made by hand), and of managed ones.
CREATE INDEX runs_error ON runs (project_id, error_class, id) WHERE error_class IS NOT NULL;
CREATE INDEX runs_trigger ON runs (project_id, trigger, id) WHERE trigger <> 'manual';
CREATE INDEX runs_managed ON runs (project_id, id) WHERE executor = 'managed';
