-- Rows of an organization that are written into a file for whoever asked.

-- What was asked for, how far it has come, and where its file is. What is written counts from the commit on that says so:
-- `step` grows with each, and who goes on from an older one than the last has lost.
CREATE TABLE export (
    org_id       uuid    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id           uuid    NOT NULL,
    what         text    COLLATE "C" NOT NULL
        CHECK (what IN ('runs', 'events', 'deliveries', 'usage', 'audit', 'records')),
    format       text    COLLATE "C" NOT NULL CHECK (format IN ('csv', 'jsonl')),
    filter       text    NOT NULL,
    actor        text    NOT NULL,
    -- None: a command does it itself.
    job_id       uuid,
    status       text    COLLATE "C" NOT NULL CHECK (status IN ('open', 'done', 'failed', 'expired')),
    step         bigint  NOT NULL,
    -- The last row that is in the file, and the last that is to be.
    place        text,
    -- Tells its file from others of the same export; none: there is no file.
    file         uuid,
    rows         bigint  NOT NULL,
    most_rows    bigint,
    is_cut       boolean NOT NULL,
    progress     bigint,
    bytes        bigint  NOT NULL,
    sha256       text    COLLATE "C",
    error_code   text    COLLATE "C",
    error_detail text,
    created_at   bigint  NOT NULL,
    started_at   bigint,
    updated_at   bigint  NOT NULL,
    finished_at  bigint,
    expires_at   bigint,
    PRIMARY KEY (org_id, id)
) WITH (fillfactor = 70);

-- What is to be looked after: those whose job is gone, and files whose time is over.
CREATE INDEX export_open ON export (org_id, id) WHERE status = 'open';
CREATE INDEX export_expires ON export (expires_at) WHERE status = 'done';

ALTER TABLE export ENABLE ROW LEVEL SECURITY;
ALTER TABLE export FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON export TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY operator_isolation ON export TO patchbay_operator
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- What is to be looked after concerns all orgs: which, and not what is in it.
CREATE POLICY hub_reads ON export FOR SELECT TO patchbay_hub USING (status IN ('open', 'done'));

GRANT SELECT, INSERT, DELETE, UPDATE (status, step, place, file, rows, most_rows, is_cut, progress, bytes, sha256, error_code,
    error_detail, started_at, updated_at, finished_at, expires_at) ON export TO patchbay_app;
GRANT SELECT (org_id, id, job_id, status, updated_at, expires_at) ON export TO patchbay_hub;
GRANT DELETE, SELECT (org_id, id) ON export TO patchbay_operator;

-- Rows of exports are counted as calls are, in the transaction that writes down that they are in the file.
GRANT INSERT, UPDATE (quantity) ON usage_counter TO patchbay_app;
