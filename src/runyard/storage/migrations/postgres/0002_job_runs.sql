-- Job runs: schedules, triggers put off, dependencies, event waits, dispatch, and what is told to the outside.

ALTER TABLE projects ADD COLUMN settings TEXT COLLATE "C" NOT NULL DEFAULT '{}';
-- A project that was deleted keeps its number, so that nobody ever finds its things under another's.
ALTER TABLE projects ADD COLUMN deleted_at BIGINT;

ALTER TABLE api_keys ADD COLUMN replaced_by TEXT COLLATE "C";

ALTER TABLE runs ADD COLUMN debug BIGINT NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN trace TEXT COLLATE "C";
ALTER TABLE runs ADD COLUMN dependency_key TEXT COLLATE "C";
ALTER TABLE runs ADD COLUMN continued BIGINT NOT NULL DEFAULT 0;
-- Dependencies ask for the run of a job that ended last: of all, of one idempotency key, of one dependency key.
CREATE INDEX runs_job_last ON runs (job_id, finished_at) WHERE job_id IS NOT NULL AND finished_at IS NOT NULL;
CREATE INDEX runs_job_key_last ON runs (job_id, idempotency_key, finished_at DESC NULLS LAST)
    WHERE idempotency_key IS NOT NULL AND finished_at IS NOT NULL;
CREATE INDEX runs_job_group_last ON runs (job_id, dependency_key, finished_at DESC NULLS LAST)
    WHERE dependency_key IS NOT NULL AND finished_at IS NOT NULL;
-- Runs of a job that wait for something, oldest first.
CREATE INDEX runs_job_waiting ON runs (job_id, id) WHERE state = 'waiting';
-- The same by the keys that narrow whose end they wait for.
CREATE INDEX runs_waiting_keys ON runs (job_id, idempotency_key, dependency_key, id) WHERE state = 'waiting';
-- Whether a run has children that have not ended.
CREATE INDEX runs_parent_open ON runs (parent_id) WHERE parent_id IS NOT NULL AND finished_at IS NULL;

-- What kind of line it is; its writer's word.
ALTER TABLE logs ADD COLUMN type TEXT COLLATE "C" NOT NULL DEFAULT 'log';
-- What the executor said all tokens come to; else it is what went in and came out.
ALTER TABLE usage ADD COLUMN total_tokens BIGINT;

-- The environments of a project: named sets of variables, sealed.
CREATE TABLE environments (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    variables TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (project_id, name)
);

-- Secrets of jobs, sealed; handed to executors only.
CREATE TABLE job_secrets (
    job_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (job_id, name)
);

-- What a project spent since a time, for daily budgets.
CREATE INDEX usage_project ON usage (project_id, at, cost_micro_usd);

-- When a job with a cron expression is due next.
CREATE TABLE schedules (
    job_id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    last_at BIGINT
);
CREATE INDEX schedules_due ON schedules (next_at);
CREATE INDEX schedules_project ON schedules (project_id, job_id);

-- A trigger that waits for the others to stop coming (debounce): the last one stands for all.
CREATE TABLE debounced (
    job_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    project_id BIGINT NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    fire_at BIGINT NOT NULL,
    PRIMARY KEY (job_id, name)
);
CREATE INDEX debounced_due ON debounced (fire_at);

-- Triggers gathered into one run: a buffer, and what is in it.
CREATE TABLE buffers (
    job_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    project_id BIGINT NOT NULL,
    items BIGINT NOT NULL,
    size BIGINT NOT NULL,
    flush_at BIGINT NOT NULL,
    PRIMARY KEY (job_id, name)
);
CREATE INDEX buffers_due ON buffers (flush_at);
CREATE TABLE buffered (
    job_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (job_id, name, id)
);

-- Payloads seen lately, for jobs that take each only once in a while.
CREATE TABLE payload_marks (
    job_id TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (job_id, hash)
);
CREATE INDEX payload_marks_at ON payload_marks (at);

-- Triggers of many runs in one call.
CREATE TABLE batches (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    job_id TEXT COLLATE "C" NOT NULL,
    item_count BIGINT NOT NULL,
    created_count BIGINT NOT NULL,
    created_by TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX batches_project ON batches (project_id, id);

CREATE TABLE job_dependencies (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    job_id TEXT COLLATE "C" NOT NULL,
    depends_on TEXT COLLATE "C" NOT NULL,
    condition TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (job_id, depends_on)
);
CREATE INDEX job_dependencies_on ON job_dependencies (depends_on, job_id);
-- Jobs of which more runs wait than one transaction looks at: where to go on.
CREATE TABLE dependency_passes (
    job_id TEXT COLLATE "C" PRIMARY KEY,
    position TEXT COLLATE "C" NOT NULL,
    stamp TEXT COLLATE "C" NOT NULL
);

-- What runs wait for from outside, and what came.
CREATE TABLE event_waits (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C",
    response TEXT COLLATE "C",
    timeout BIGINT NOT NULL,
    requested_at BIGINT NOT NULL,
    received_at BIGINT,
    expires_at BIGINT NOT NULL,
    error TEXT COLLATE "C",
    notify_url TEXT COLLATE "C",
    notify_state TEXT COLLATE "C",
    sent_by TEXT COLLATE "C"
);
CREATE UNIQUE INDEX event_waits_open ON event_waits (project_id, name) WHERE state = 'waiting';
CREATE INDEX event_waits_name ON event_waits (project_id, name, id);
CREATE INDEX event_waits_project ON event_waits (project_id, state, id);
CREATE INDEX event_waits_run ON event_waits (run_id, id);

-- How each address fares that runs are dispatched to: its circuit and its health.
CREATE TABLE endpoints (
    project_id BIGINT NOT NULL,
    url TEXT COLLATE "C" NOT NULL,
    failures BIGINT NOT NULL,
    open_until BIGINT,
    success DOUBLE PRECISION NOT NULL,
    latency DOUBLE PRECISION NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, url)
);

-- Messages to the outside, sent by whoever claims them, until they arrive or are given up.
CREATE TABLE deliveries (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    run_id TEXT COLLATE "C",
    kind TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    url TEXT COLLATE "C" NOT NULL,
    headers TEXT COLLATE "C" NOT NULL,
    secret TEXT COLLATE "C",
    body TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT,
    state TEXT COLLATE "C" NOT NULL,
    error TEXT COLLATE "C",
    created_at BIGINT NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_run ON deliveries (run_id, id) WHERE run_id IS NOT NULL;
CREATE INDEX deliveries_old ON deliveries (created_at) WHERE due_at IS NULL;

-- Pieces of output as they come, numbered by the sequence of the journal; kept a short while for those who follow.
CREATE TABLE chunks (
    seq BIGINT NOT NULL,
    project_id BIGINT NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    chunk TEXT COLLATE "C" NOT NULL,
    done BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (run_id, seq)
);
CREATE INDEX chunks_at ON chunks (at);

-- What the processes of runs used, sampled.
CREATE TABLE resource_samples (
    id TEXT COLLATE "C" PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    cpu_percent DOUBLE PRECISION,
    memory_mb DOUBLE PRECISION,
    memory_limit_mb DOUBLE PRECISION
);
CREATE INDEX resource_samples_run ON resource_samples (run_id, id);

-- Jobs and projects that were deleted and whose runs and other rows go slice by slice; job_id '' is the whole project.
CREATE TABLE purges (
    project_id BIGINT NOT NULL,
    job_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (project_id, job_id)
);

-- Lists by the time of making.
CREATE INDEX jobs_created ON jobs (project_id, created_at, id);
CREATE INDEX api_keys_created ON api_keys (project_id, created_at, id);

-- Lists of runs by what went wrong, by what made them (most are made by hand), and of managed ones.
CREATE INDEX runs_error ON runs (project_id, error_class, id NULLS FIRST) WHERE error_class IS NOT NULL;
CREATE INDEX runs_trigger ON runs (project_id, trigger, id NULLS FIRST) WHERE trigger <> 'manual';
CREATE INDEX runs_managed ON runs (project_id, id NULLS FIRST) WHERE executor = 'managed';
