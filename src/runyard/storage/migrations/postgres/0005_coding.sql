-- Coding: tasks that change a repository, worked on by agents in sandboxes, and what their runs leave.

-- Beside a row of `tasks`; `number` counts a project's.
CREATE TABLE coding_tasks (
    task_id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    titled BIGINT NOT NULL,
    product TEXT COLLATE "C" NOT NULL,
    repository TEXT COLLATE "C",
    integration BIGINT,
    output_schema TEXT COLLATE "C",
    creator TEXT COLLATE "C",
    creator_number BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    latest_run_id TEXT COLLATE "C",
    latest_state TEXT COLLATE "C"
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
    project_id BIGINT PRIMARY KEY,
    next BIGINT NOT NULL
);

-- Beside a run of such a task. `number` is its attempt at the task, `state` what server and agent tell each other.
CREATE TABLE coding_runs (
    run_id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    task_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    sandboxed BIGINT NOT NULL,
    stage TEXT COLLATE "C",
    branch TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    sealed TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    relayed BIGINT NOT NULL,
    ingested BIGINT NOT NULL,
    streamed_at BIGINT
);
CREATE UNIQUE INDEX coding_runs_task ON coding_runs (task_id, number);
CREATE INDEX coding_runs_stage ON coding_runs (project_id, stage, task_id) WHERE stage IS NOT NULL;

-- What artifacts of such runs are called there, in the order in which they came, and the content type as it was said.
CREATE TABLE manifests (
    artifact_id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    content_type TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    metadata TEXT COLLATE "C",
    UNIQUE (run_id, path)
);
CREATE UNIQUE INDEX manifests_run ON manifests (run_id, number);

-- Uploads that were announced, until they are attached to their run or expire.
CREATE TABLE uploads (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    content_type TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    metadata TEXT COLLATE "C",
    expires_at BIGINT NOT NULL,
    sha256 TEXT COLLATE "C",
    received BIGINT
);
CREATE INDEX uploads_run ON uploads (run_id, path);
CREATE INDEX uploads_expiry ON uploads (expires_at);
CREATE INDEX uploads_content ON uploads (project_id, sha256) WHERE sha256 IS NOT NULL;

-- What an agent remembers of a task between its runs, replaced as a whole.
CREATE TABLE transcripts_kept (
    task_id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX transcripts_kept_content ON transcripts_kept (project_id, sha256);

-- Key pairs that sign tokens others check; the private key is sealed, the one that is not retired signs.
CREATE TABLE signing_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    purpose TEXT COLLATE "C" NOT NULL,
    sealed TEXT COLLATE "C" NOT NULL,
    public TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE INDEX signing_keys_purpose ON signing_keys (purpose, created_at);
CREATE UNIQUE INDEX signing_keys_signing ON signing_keys (purpose) WHERE retired_at IS NULL;

-- Which chat thread hears of a run, and what stands there.
CREATE TABLE threads (
    run_id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    service TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    thread TEXT COLLATE "C" NOT NULL,
    mention TEXT COLLATE "C",
    progress TEXT COLLATE "C",
    reacted TEXT COLLATE "C",
    posted TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- What is to be said in such threads; each is sent at least once.
CREATE TABLE relays (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    error TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    due_at BIGINT,
    done_at BIGINT
);
CREATE INDEX relays_due ON relays (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX relays_run ON relays (run_id, id);
CREATE INDEX relays_done ON relays (done_at) WHERE done_at IS NOT NULL;

-- 1 for a line of which `data` is all that its writer wrote, to be read again as it was.
ALTER TABLE logs ADD COLUMN whole BIGINT;

-- What an agent in a sandbox asks leave for, beside the approval that stands for it, until the agent was answered.
CREATE TABLE permissions (
    approval_id TEXT COLLATE "C" PRIMARY KEY,
    project_id BIGINT NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    options TEXT COLLATE "C" NOT NULL,
    answered_at BIGINT
);
CREATE INDEX permissions_run ON permissions (run_id);

-- The tokens that a sandbox said its run used, in events one by one, and those that stand in the ledger.
CREATE TABLE sandbox_usage (
    run_id TEXT COLLATE "C" PRIMARY KEY,
    told TEXT COLLATE "C" NOT NULL,
    counted TEXT COLLATE "C" NOT NULL
);
