-- Agents: jobs with a template and a profile, the repositories they work on, and what their runs find, do and ask.

-- 1 when the job was an agent as the run was made: the run stands in `agent_runs` too.
ALTER TABLE runs ADD COLUMN agent INTEGER;

-- Repositories; one that was disconnected stays for the runs that name it.
CREATE TABLE repositories (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    provider TEXT NOT NULL,
    full_name TEXT NOT NULL,
    url TEXT,
    path TEXT,
    default_branch TEXT NOT NULL,
    description TEXT,
    language TEXT,
    stack TEXT,
    private INTEGER NOT NULL,
    secret TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    synced_at INTEGER,
    deleted_at INTEGER,
    host_id TEXT
);
CREATE UNIQUE INDEX repositories_name ON repositories (project_id, provider, full_name) WHERE deleted_at IS NULL;
CREATE INDEX repositories_project ON repositories (project_id, created_at, id) WHERE deleted_at IS NULL;

-- Which deliveries of a code host came already, and what was made of them.
CREATE TABLE hook_receipts (
    repository_id TEXT NOT NULL,
    delivery TEXT NOT NULL,
    project_id INTEGER NOT NULL,
    event TEXT NOT NULL,
    outcome TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (repository_id, delivery)
) WITHOUT ROWID;
CREATE INDEX hook_receipts_at ON hook_receipts (at);
CREATE INDEX hook_receipts_order ON hook_receipts (repository_id, at, delivery);
CREATE INDEX hook_receipts_project ON hook_receipts (project_id);

-- What a job is as an agent, as far as agents are listed by it; the rest is in the job's definition.
CREATE TABLE agents (
    job_id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    template TEXT,
    repository_id TEXT,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
);
CREATE INDEX agents_project ON agents (project_id, created_at, job_id) WHERE deleted_at IS NULL;
CREATE INDEX agents_repository ON agents (repository_id, job_id) WHERE deleted_at IS NULL AND repository_id IS NOT NULL;
CREATE INDEX agents_template ON agents (project_id, template, created_at, job_id) WHERE deleted_at IS NULL;

-- Runs of agents as people watch them: what began them, how they stand, what they found.
CREATE TABLE agent_runs (
    run_id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    repository_id TEXT,
    phase TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    began_at INTEGER,
    ended_at INTEGER,
    effective_at INTEGER NOT NULL,
    trigger TEXT NOT NULL,
    event TEXT,
    pr_number INTEGER,
    facts TEXT,
    errors INTEGER NOT NULL,
    warnings INTEGER NOT NULL,
    infos INTEGER NOT NULL,
    findings_attempt INTEGER,
    files_reviewed INTEGER,
    lines_analyzed INTEGER,
    summary TEXT
) WITHOUT ROWID;
CREATE INDEX agent_runs_project ON agent_runs (project_id, effective_at, run_id);
CREATE INDEX agent_runs_phase ON agent_runs (project_id, phase, effective_at, run_id);
CREATE INDEX agent_runs_trigger ON agent_runs (project_id, trigger, effective_at, run_id);
CREATE INDEX agent_runs_pr ON agent_runs (project_id, pr_number, effective_at, run_id) WHERE pr_number IS NOT NULL;
CREATE INDEX agent_runs_job ON agent_runs (job_id, effective_at, run_id);
CREATE INDEX agent_runs_job_phase ON agent_runs (job_id, phase, effective_at, run_id);
CREATE INDEX agent_runs_repository ON agent_runs (repository_id, effective_at, run_id) WHERE repository_id IS NOT NULL;

-- The same, summed by day (UTC, counted from 1970), agent, repository ('' is none) and trigger. What is `kept` is still there to
-- be listed; the rest stays when runs are deleted by age.
CREATE TABLE agent_days (
    project_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    repository_id TEXT NOT NULL,
    trigger TEXT NOT NULL,
    total INTEGER NOT NULL,
    succeeded INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    durations INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    warnings INTEGER NOT NULL,
    infos INTEGER NOT NULL,
    kept_queued INTEGER NOT NULL,
    kept_running INTEGER NOT NULL,
    kept_deciding INTEGER NOT NULL,
    kept_succeeded INTEGER NOT NULL,
    kept_failed INTEGER NOT NULL,
    kept_timed_out INTEGER NOT NULL,
    kept_canceled INTEGER NOT NULL,
    PRIMARY KEY (project_id, day, job_id, repository_id, trigger)
) WITHOUT ROWID;
CREATE INDEX agent_days_job ON agent_days (job_id, day);
CREATE INDEX agent_days_repository ON agent_days (repository_id, day) WHERE repository_id <> '';

-- Findings. What a later attempt's findings took the place of is not `current`.
CREATE TABLE findings (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    current INTEGER NOT NULL,
    job_id TEXT,
    repository_id TEXT,
    fingerprint TEXT NOT NULL,
    severity TEXT NOT NULL,
    type TEXT NOT NULL,
    rule TEXT,
    file TEXT,
    line INTEGER,
    message TEXT NOT NULL,
    suggestion TEXT,
    at INTEGER NOT NULL
);
CREATE UNIQUE INDEX findings_run ON findings (run_id, attempt, fingerprint);
CREATE INDEX findings_project ON findings (project_id, id) WHERE current = 1;
CREATE INDEX findings_severity ON findings (project_id, severity, id) WHERE current = 1;
CREATE INDEX findings_type ON findings (project_id, type, id) WHERE current = 1;
CREATE INDEX findings_file ON findings (project_id, file, id) WHERE current = 1 AND file IS NOT NULL;
CREATE INDEX findings_repository ON findings (repository_id, id) WHERE current = 1 AND repository_id IS NOT NULL;
CREATE INDEX findings_job ON findings (job_id, id) WHERE current = 1;
CREATE INDEX findings_order ON findings (run_id, id) WHERE current = 1;

-- What agents did to the world outside.
CREATE TABLE actions (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    description TEXT NOT NULL,
    target TEXT,
    url TEXT,
    result TEXT NOT NULL,
    details TEXT
);
CREATE INDEX actions_run ON actions (run_id, id);

-- What runs ask people for, and what those said.
CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    action TEXT NOT NULL,
    description TEXT NOT NULL,
    risk TEXT NOT NULL,
    changes TEXT NOT NULL,
    on_reject TEXT NOT NULL,
    comment TEXT,
    decided_by TEXT,
    requested_at INTEGER NOT NULL,
    decided_at INTEGER,
    expires_at INTEGER
);
CREATE UNIQUE INDEX approvals_run ON approvals (run_id, name);
CREATE INDEX approvals_project ON approvals (project_id, state, id);

-- The lines of a log that say what an agent thought and saw, which are few among those that programs print.
CREATE INDEX logs_thoughts ON logs (run_id, seq, type)
    WHERE type IN ('thought', 'observation', 'message', 'assistant', 'user', 'environment');

-- Who outside is told of what.
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    secret TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    description TEXT NOT NULL,
    old_secret TEXT,
    old_until INTEGER,
    failing_since INTEGER,
    disabled_reason TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX webhooks_project ON webhooks (project_id, id);

ALTER TABLE deliveries ADD COLUMN webhook_id TEXT;
CREATE INDEX deliveries_webhook ON deliveries (webhook_id, id) WHERE webhook_id IS NOT NULL;
-- Messages of webhooks are kept longer than others.
CREATE INDEX deliveries_others ON deliveries (created_at) WHERE due_at IS NULL AND webhook_id IS NULL;
-- Each try to deliver a message of a webhook.
CREATE TABLE delivery_attempts (
    delivery_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER,
    duration_ms INTEGER NOT NULL,
    error TEXT,
    PRIMARY KEY (delivery_id, number)
) WITHOUT ROWID;
CREATE INDEX delivery_attempts_at ON delivery_attempts (at);

-- Keys that are good, or will end by themselves, as lists with page numbers count them.
CREATE INDEX api_keys_live ON api_keys (project_id, created_at, id) WHERE revoked_at IS NULL;

-- Deleted jobs, as long as there is something of them besides their runs.
CREATE TABLE deleted_jobs (
    job_id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX deleted_jobs_at ON deleted_jobs (at);
CREATE INDEX deleted_jobs_project ON deleted_jobs (project_id);

-- Projects whose time zone changed, and the last of their schedules that was planned anew (newest first).
CREATE TABLE zone_changes (
    project_id INTEGER PRIMARY KEY,
    position TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX zone_changes_at ON zone_changes (at);

-- How long a run may wait to be taken, as was asked for when it was made.
ALTER TABLE runs ADD COLUMN ttl INTEGER;
