-- What moves with every claim of a run of a task, and what nothing needs any more.

-- What somebody has is found by task_runs_claimer, which holds nothing else, and what waits by task_runs_under_way.
DROP INDEX task_runs_active;
