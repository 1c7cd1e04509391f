-- Sessions that stopped, what happened to sessions, and what was said to them and in channels are not kept for ever.

-- What retention takes away, oldest first.
CREATE INDEX sessions_stopped ON sessions (stopped_at, id) WHERE stopped_at IS NOT NULL;
CREATE INDEX session_events_at ON session_events (at);
CREATE INDEX session_prompts_done ON session_prompts (created_at) WHERE state <> 'queued';
CREATE INDEX channel_messages_at ON channel_messages (at);

-- What names a session keeps it: tasks that it made, and runs that it claimed for another or for nobody yet.
CREATE INDEX tasks_creator ON tasks (creator_ref) WHERE creator_kind = 'agent_session';
CREATE INDEX task_runs_claimed_for ON task_runs (claimer_ref)
    WHERE claimer_kind = 'agent_session' AND (session_id IS NULL OR session_id <> claimer_ref);
