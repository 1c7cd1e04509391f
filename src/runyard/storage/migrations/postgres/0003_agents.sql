-- Agents: jobs with a template and a profile, the repositories they work on, and what their runs find, do and ask.

-- 1 when the job was an agent as the run was made: the run stands in `agent_runs` too.
ALTER TABLE runs ADD COLUMN agent BIGINT;

-- Repositories; one that was disconnected stays for the runs that name it.
CREATE TABLE repositories (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    full_name TEXT COLLATE "C" NOT NULL,
    url TEXT COLLATE "C",
    path TEXT COLLATE "C",
    default_branch TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",
    language TEXT COLLATE "C",
    stack TEXT COLLATE "C",
    private BIGINT NOT NULL,
    secret TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    synced_at BIGINT,
    deleted_at BIGINT,
    host_id TEXT COLLATE "C"
);
CREATE UNIQUE INDEX repositories_name ON repositories (project_id, provider, full_name) WHERE deleted_at IS NULL;
CREATE INDEX repositories_project ON repositories (project_id, created_at, id) WHERE deleted_at IS NULL;

-- Which deliveries of a code host came already, and what was made of them.
CREATE TABLE hook_receipts (
    repository_id TEXT COLLATE "C" NOT NULL,
    delivery TEXT COLLATE "C" NOT NULL,
    project_id BIGINT NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (repository_id, delivery)
);
CREATE INDEX hook_receipts_at ON hook_receipts (at);
CREATE INDEX hook_receipts_order ON hook_receipts (repository_id, at, delivery);
CREATE INDEX hook_receipts_project ON hook_receipts (project_id);

-- What a job is as an agent, as far as agents are listed by it; the rest is in the job's definition.
CREATE TABLE agents (
    job_id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    template TEXT COLLATE "C",
    repository_id TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX agents_project ON agents (project_id, created_at, job_id) WHERE deleted_at IS NULL;
CREATE INDEX agents_repository ON agents (repository_id, job_id) WHERE deleted_at IS NULL AND repository_id IS NOT NULL;
CREATE INDEX agents_template ON agents (project_id, template, created_at, job_id) WHERE deleted_at IS NULL;

-- Runs of agents as people watch them: what began them, how they stand, what they found.
CREATE TABLE agent_runs (
    run_id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    job_id TEXT COLLATE "C" NOT NULL,
    repository_id TEXT COLLATE "C",
    phase TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    began_at BIGINT,
    ended_at BIGINT,
    effective_at BIGINT NOT NULL,
    trigger TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C",
    pr_number BIGINT,
    facts TEXT COLLATE "C",
    errors BIGINT NOT NULL,
    warnings BIGINT NOT NULL,
    infos BIGINT NOT NULL,
    findings_attempt BIGINT,
    files_reviewed BIGINT,
    lines_analyzed BIGINT,
    summary TEXT COLLATE "C"
);
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
    project_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    job_id TEXT COLLATE "C" NOT NULL,
    repository_id TEXT COLLATE "C" NOT NULL,
    trigger TEXT COLLATE "C" NOT NULL,
    total BIGINT NOT NULL,
    succeeded BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    durations BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    warnings BIGINT NOT NULL,
    infos BIGINT NOT NULL,
    kept_queued BIGINT NOT NULL,
    kept_running BIGINT NOT NULL,
    kept_deciding BIGINT NOT NULL,
    kept_succeeded BIGINT NOT NULL,
    kept_failed BIGINT NOT NULL,
    kept_timed_out BIGINT NOT NULL,
    kept_canceled BIGINT NOT NULL,
    PRIMARY KEY (project_id, day, job_id, repository_id, trigger)
);
CREATE INDEX agent_days_job ON agent_days (job_id, day);
CREATE INDEX agent_days_repository ON agent_days (repository_id, day) WHERE repository_id <> '';

-- Findings. What a later attempt's findings took the place of is not `current`.
CREATE TABLE findings (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL,
    current BIGINT NOT NULL,
    job_id TEXT COLLATE "C",
    repository_id TEXT COLLATE "C",
    fingerprint TEXT COLLATE "C" NOT NULL,
    severity TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    rule TEXT COLLATE "C",
    file TEXT COLLATE "C",
    line BIGINT,
    message TEXT COLLATE "C" NOT NULL,
    suggestion TEXT COLLATE "C",
    at BIGINT NOT NULL
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
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL,
    at BIGINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C",
    url TEXT COLLATE "C",
    result TEXT COLLATE "C" NOT NULL,
    details TEXT COLLATE "C"
);
CREATE INDEX actions_run ON actions (run_id, id);

-- What runs ask people for, and what those said.
CREATE TABLE approvals (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    risk TEXT COLLATE "C" NOT NULL,
    changes TEXT COLLATE "C" NOT NULL,
    on_reject TEXT COLLATE "C" NOT NULL,
    comment TEXT COLLATE "C",
    decided_by TEXT COLLATE "C",
    requested_at BIGINT NOT NULL,
    decided_at BIGINT,
    expires_at BIGINT
);
CREATE UNIQUE INDEX approvals_run ON approvals (run_id, name);
CREATE INDEX approvals_project ON approvals (project_id, state, id);

-- The lines of a log that say what an agent thought and saw, which are few among those that programs print.
CREATE INDEX logs_thoughts ON logs (run_id, seq, type)
    WHERE type IN ('thought', 'observation', 'message', 'assistant', 'user', 'environment');

-- Who outside is told of what.
CREATE TABLE webhooks (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    url TEXT COLLATE "C" NOT NULL,
    events TEXT COLLATE "C" NOT NULL,
    secret TEXT COLLATE "C" NOT NULL,
    enabled BIGINT NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    old_secret TEXT COLLATE "C",
    old_until BIGINT,
    failing_since BIGINT,
    disabled_reason TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX webhooks_project ON webhooks (project_id, id);

ALTER TABLE deliveries ADD COLUMN webhook_id TEXT COLLATE "C";
CREATE INDEX deliveries_webhook ON deliveries (webhook_id, id) WHERE webhook_id IS NOT NULL;
-- Messages of webhooks are kept longer than others.
CREATE INDEX deliveries_others ON deliveries (created_at) WHERE due_at IS NULL AND webhook_id IS NULL;
-- Each try to deliver a message of a webhook.
CREATE TABLE delivery_attempts (
    delivery_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    status BIGINT,
    duration_ms BIGINT NOT NULL,
    error TEXT COLLATE "C",
    PRIMARY KEY (delivery_id, number)
);
CREATE INDEX delivery_attempts_at ON delivery_attempts (at);

-- Keys that are good, or will end by themselves, as lists with page numbers count them.
CREATE INDEX api_keys_live ON api_keys (project_id, created_at, id) WHERE revoked_at IS NULL;

-- Deleted jobs, as long as there is something of them besides their runs.
CREATE TABLE deleted_jobs (
    job_id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX deleted_jobs_at ON deleted_jobs (at);
CREATE INDEX deleted_jobs_project ON deleted_jobs (project_id);

-- Projects whose time zone changed, and the last of their schedules that was planned anew (newest first).
CREATE TABLE zone_changes (
    project_id BIGINT PRIMARY KEY,
    position TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX zone_changes_at ON zone_changes (at);

-- How long a run may wait to be taken, as was asked for when it was made.
ALTER TABLE runs ADD COLUMN ttl BIGINT;
