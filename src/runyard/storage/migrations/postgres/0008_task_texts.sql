-- What tasks are called, in one case and beside them: to look for a part of it is to read all of it, which is little.
-- NULL is not known: tasks that were made before, and whose names are not of ASCII alone.
CREATE TABLE task_texts (
    project_id BIGINT NOT NULL,
    task_id TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C",
    PRIMARY KEY (project_id, task_id)
);
INSERT INTO task_texts (project_id, task_id, text)
    SELECT project_id, id, CASE WHEN length(text) = octet_length(text) THEN lower(text) END
    FROM (SELECT project_id, id, title || chr(10) || COALESCE(identifier, '') AS text FROM tasks) AS named;
