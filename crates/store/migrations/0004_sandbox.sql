-- The sandbox: samples, tasks and what became of them (the Cuckoo reference, section 3).
-- Truth values are 0 and 1, times microseconds since 1970.

CREATE TABLE samples (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_size INTEGER NOT NULL,
    file_type TEXT NOT NULL,
    md5 TEXT NOT NULL,
    sha1 TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    sha512 TEXT NOT NULL,
    crc32 TEXT NOT NULL,
    ssdeep TEXT
);
CREATE INDEX samples_md5 ON samples (md5);
CREATE INDEX samples_sha1 ON samples (sha1);

-- Tasks that were made by one call.
CREATE TABLE submits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    added_on INTEGER NOT NULL
);

CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    category TEXT NOT NULL,
    -- A URL, or the name under which a file came.
    target TEXT NOT NULL,
    sample_id INTEGER REFERENCES samples (id),
    submit_id INTEGER REFERENCES submits (id),
    machine TEXT,
    package TEXT,
    options TEXT,
    timeout INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    custom TEXT,
    owner TEXT NOT NULL,
    platform TEXT,
    -- Names between commas.
    tags TEXT NOT NULL,
    memory INTEGER NOT NULL,
    enforce_timeout INTEGER NOT NULL,
    clock INTEGER NOT NULL,
    added_on INTEGER NOT NULL,
    started_on INTEGER,
    completed_on INTEGER,
    status TEXT NOT NULL,
    processing TEXT,
    route TEXT
);
CREATE INDEX tasks_status ON tasks (status, priority, added_on);
CREATE INDEX tasks_completed ON tasks (completed_on);
CREATE INDEX tasks_sample ON tasks (sample_id);
CREATE INDEX tasks_submit ON tasks (submit_id);

-- The machine that ran a task.
CREATE TABLE task_guests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL UNIQUE REFERENCES tasks (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    manager TEXT NOT NULL,
    started_on INTEGER NOT NULL,
    shutdown_on INTEGER
);

CREATE TABLE task_errors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    message TEXT NOT NULL
);
CREATE INDEX task_errors_task ON task_errors (task_id);
