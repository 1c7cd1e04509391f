-- Coding: tasks that change a repository, worked on by agents in sandboxes, and what their runs leave.

-- Beside a row of `tasks`; `number` counts a project's.
CREATE TABLE coding_tasks (
    task_id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    titled INTEGER NOT NULL,
    product TEXT NOT NULL,
    repository TEXT,
    integration INTEGER,
    output_schema TEXT,
    creator TEXT,
    creator_number INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    latest_run_id TEXT,
    latest_state TEXT
);
-- Lists, newest first.
CREATE INDEX coding_tasks_newest ON coding_tasks (project_id, created_at, task_id) WHERE deleted_at IS NULL;
CREATE INDEX coding_tasks_state ON coding_tasks (project_id, latest_state, created_at, task_id)
    WHERE deleted_at IS NULL;
CREATE INDEX coding_tasks_repository ON coding_tasks (project_id, repository, created_at, task_id)
    WHERE deleted_at IS NULL;
CREATE INDEX coding_tasks_product ON coding_tasks (project_id, product, created_at, task_id) WHERE deleted_at IS NULL;
CREATE INDEX coding_tasks_creator ON coding_tasks (project_id, creator_number, created_at, task_id)
    WHERE deleted_at IS NULL;

-- How many coding tasks a project ever had.
CREATE TABLE coding_numbers (
    project_id INTEGER PRIMARY KEY,
    next INTEGER NOT NULL
);

-- Beside a run of such a task. `number` is its attempt at the task, `state` what server and agent tell each other.
CREATE TABLE coding_runs (
    run_id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    sandboxed INTEGER NOT NULL,
    stage TEXT,
    branch TEXT,
    state TEXT NOT NULL,
    sealed TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    relayed INTEGER NOT NULL,
    ingested INTEGER NOT NULL,
    streamed_at INTEGER
);
CREATE UNIQUE INDEX coding_runs_task ON coding_runs (task_id, number);
CREATE INDEX coding_runs_stage ON coding_runs (project_id, stage, task_id) WHERE stage IS NOT NULL;

-- What artifacts of such runs are called there, in the order in which they came, and the content type as it was said.
CREATE TABLE manifests (
    artifact_id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    content_type TEXT NOT NULL,
    path TEXT NOT NULL,
    metadata TEXT,
    UNIQUE (run_id, path)
);
CREATE UNIQUE INDEX manifests_run ON manifests (run_id, number);

-- Uploads that were announced, until they are attached to their run or expire.
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    path TEXT NOT NULL,
    metadata TEXT,
    expires_at INTEGER NOT NULL,
    sha256 TEXT,
    received INTEGER
);
CREATE INDEX uploads_run ON uploads (run_id, path);
CREATE INDEX uploads_expiry ON uploads (expires_at);
CREATE INDEX uploads_content ON uploads (project_id, sha256) WHERE sha256 IS NOT NULL;

-- What an agent remembers of a task between its runs, replaced as a whole.
CREATE TABLE transcripts_kept (
    task_id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX transcripts_kept_content ON transcripts_kept (project_id, sha256);

-- Key pairs that sign tokens others check; the private key is sealed, the one that is not retired signs.
CREATE TABLE signing_keys (
    id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    sealed TEXT NOT NULL,
    public TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
);
CREATE INDEX signing_keys_purpose ON signing_keys (purpose, created_at);
CREATE UNIQUE INDEX signing_keys_signing ON signing_keys (purpose) WHERE retired_at IS NULL;

-- Which chat thread hears of a run, and what stands there.
CREATE TABLE threads (
    run_id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    service TEXT NOT NULL,
    channel TEXT NOT NULL,
    thread TEXT NOT NULL,
    mention TEXT,
    progress TEXT,
    reacted TEXT,
    posted TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

-- What is to be said in such threads; each is sent at least once.
CREATE TABLE relays (
    id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT,
    created_at INTEGER NOT NULL,
    due_at INTEGER,
    done_at INTEGER
);
CREATE INDEX relays_due ON relays (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX relays_run ON relays (run_id, id);
CREATE INDEX relays_done ON relays (done_at) WHERE done_at IS NOT NULL;

-- 1 for a line of which `data` is all that its writer wrote, to be read again as it was.
ALTER TABLE logs ADD COLUMN whole INTEGER;

-- What an agent in a sandbox asks leave for, beside the approval that stands for it, until the agent was answered.
CREATE TABLE permissions (
    approval_id TEXT PRIMARY KEY,
    project_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    request TEXT NOT NULL,
    options TEXT NOT NULL,
    answered_at INTEGER
);
CREATE INDEX permissions_run ON permissions (run_id);

-- The tokens that a sandbox said its run used, in events one by one, and those that stand in the ledger.
CREATE TABLE sandbox_usage (
    run_id TEXT PRIMARY KEY,
    told TEXT NOT NULL,
    counted TEXT NOT NULL
);
