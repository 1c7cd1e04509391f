-- What tasks are called, in one case and beside them: to look for a part of it is to read all of it, which is little.
-- NULL is not known: tasks that were made before, and whose names are not of ASCII alone.
CREATE TABLE task_texts (
    project_id INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    text TEXT,
    PRIMARY KEY (project_id, task_id)
) WITHOUT ROWID;
INSERT INTO task_texts (project_id, task_id, text)
    SELECT project_id, id, CASE WHEN length(text) = length(CAST(text AS BLOB)) THEN lower(text) END
    FROM (SELECT project_id, id, title || char(10) || COALESCE(identifier, '') AS text FROM tasks);
