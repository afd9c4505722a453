-- Rows of an organization that are written into a file for whoever asked.

-- What was asked for, how far it has come, and where its file is. What is written counts from the commit on that says so:
-- `step` grows with each, and who goes on from an older one than the last has lost.
CREATE TABLE export (
    org_id       BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id           BLOB    NOT NULL,
    what         TEXT    NOT NULL CHECK (what IN ('runs', 'events', 'deliveries', 'usage', 'audit', 'records')),
    format       TEXT    NOT NULL CHECK (format IN ('csv', 'jsonl')),
    filter       TEXT    NOT NULL,
    actor        TEXT    NOT NULL,
    -- None: a command does it itself.
    job_id       BLOB,
    status       TEXT    NOT NULL CHECK (status IN ('open', 'done', 'failed', 'expired')),
    step         INTEGER NOT NULL,
    -- The last row that is in the file, and the last that is to be.
    place        TEXT,
    -- Tells its file from others of the same export; none: there is no file.
    file         BLOB,
    rows         INTEGER NOT NULL,
    most_rows    INTEGER,
    is_cut       INTEGER NOT NULL CHECK (is_cut IN (0, 1)),
    progress     INTEGER,
    bytes        INTEGER NOT NULL,
    sha256       TEXT,
    error_code   TEXT,
    error_detail TEXT,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    updated_at   INTEGER NOT NULL,
    finished_at  INTEGER,
    expires_at   INTEGER,
    PRIMARY KEY (org_id, id)
) STRICT;

-- What is to be looked after: those whose job is gone, and files whose time is over.
CREATE INDEX export_open ON export (org_id, id) WHERE status = 'open';
CREATE INDEX export_expires ON export (expires_at) WHERE status = 'done';
