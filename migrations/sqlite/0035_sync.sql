-- Standard objects that are kept alike here and at a vendor: how far each sync is, and what of theirs corresponds to what of ours.

-- What a column may hold is part of its table: so jobs move into one that knows this kind as well.
CREATE TABLE job_of_more_kinds (
    org_id       BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id           BLOB    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('task', 'action', 'event', 'host', 'sync')),
    -- None for the hub's own.
    plugin       TEXT,
    -- The task's kind, the action, the event's type, or what in the hub does it.
    name         TEXT    NOT NULL,
    -- Whether an open one waits or runs, the queue says.
    status       TEXT    NOT NULL CHECK (status IN ('open', 'done', 'failed', 'cancelled')),
    lane         TEXT    NOT NULL,
    rank         INTEGER NOT NULL,
    payload      TEXT    NOT NULL,
    -- In whose name, for actions.
    caller       TEXT,
    key          TEXT,
    most_attempts INTEGER NOT NULL,
    timeout_ms   INTEGER,
    schedule_id  BLOB,
    tick_at      INTEGER,
    cursor       TEXT,
    progress     INTEGER,
    result       TEXT,
    error_code   TEXT,
    error_detail TEXT,
    attempts     INTEGER NOT NULL,
    run_id       BLOB,
    -- How often somebody had it done once more.
    redriven     INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    finished_at  INTEGER,
    hops         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, id)
) STRICT;

INSERT INTO job_of_more_kinds (org_id, id, kind, plugin, name, status, lane, rank, payload, caller, key, most_attempts, timeout_ms,
    schedule_id, tick_at, cursor, progress, result, error_code, error_detail, attempts, run_id, redriven, created_at,
    started_at, finished_at, hops)
    SELECT org_id, id, kind, plugin, name, status, lane, rank, payload, caller, key, most_attempts, timeout_ms,
    schedule_id, tick_at, cursor, progress, result, error_code, error_detail, attempts, run_id, redriven, created_at,
    started_at, finished_at, hops
    FROM job;
DROP TABLE job;
ALTER TABLE job_of_more_kinds RENAME TO job;

-- What waits for somebody to have it done once more.
CREATE INDEX job_failed ON job (org_id, id) WHERE status = 'failed';
-- A schedule makes one job for each of its times, however many hubs look at the clock.
CREATE UNIQUE INDEX job_tick ON job (org_id, schedule_id, tick_at) WHERE schedule_id IS NOT NULL;

-- A plugin's sync of one object.
CREATE TABLE sync (
    org_id       BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin       TEXT    NOT NULL,
    object       TEXT    NOT NULL,
    enabled      INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    settings     TEXT    NOT NULL,
    -- Of the settings: grows with each write of them.
    version      INTEGER NOT NULL,
    -- Grows with all that makes work for it: who ends the job that drives it says which it has seen.
    wanted       INTEGER NOT NULL,
    -- The vendor's time up to which all was seen.
    mark         INTEGER,
    -- What the plugin keeps between runs.
    state        TEXT,
    next_due_at  INTEGER,
    last_full_at INTEGER,
    open_run     BLOB,
    last_run     BLOB,
    -- How many links there are.
    linked       INTEGER NOT NULL,
    -- How many failures were ever written down (the number of the last one), and how many of those by the open run.
    failures     INTEGER NOT NULL,
    kept         INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (org_id, plugin, object)
) STRICT;

CREATE INDEX sync_due ON sync (next_due_at) WHERE next_due_at IS NOT NULL;

-- Once through what has changed, or through all there is.
CREATE TABLE sync_run (
    org_id       BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id           BLOB    NOT NULL,
    plugin       TEXT    NOT NULL,
    object       TEXT    NOT NULL,
    mode         TEXT    NOT NULL CHECK (mode IN ('full', 'delta')),
    cause        TEXT    NOT NULL CHECK (cause IN ('schedule', 'manual', 'first')),
    status       TEXT    NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
    requested_by TEXT,
    -- Where the next page begins.
    cursor       TEXT,
    -- The first of the runs whose pages this one goes on with, if there is one.
    walk         BLOB,
    progress     INTEGER,
    error_code   TEXT,
    error_detail TEXT,
    job_id       BLOB,
    read         INTEGER NOT NULL DEFAULT 0,
    created      INTEGER NOT NULL DEFAULT 0,
    updated      INTEGER NOT NULL DEFAULT 0,
    deleted      INTEGER NOT NULL DEFAULT 0,
    merged       INTEGER NOT NULL DEFAULT 0,
    unchanged    INTEGER NOT NULL DEFAULT 0,
    pushed       INTEGER NOT NULL DEFAULT 0,
    skipped      INTEGER NOT NULL DEFAULT 0,
    failed       INTEGER NOT NULL DEFAULT 0,
    conflicts    INTEGER NOT NULL DEFAULT 0,
    calls        INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    ended_at     INTEGER,
    PRIMARY KEY (org_id, id)
) STRICT;

CREATE INDEX sync_run_of ON sync_run (org_id, plugin, object, id);
CREATE INDEX sync_run_walk ON sync_run (org_id, walk) WHERE walk IS NOT NULL;

-- What could not be taken over or written, and why. Of one that no run was open for there is no run.
CREATE TABLE sync_failure (
    org_id    BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin    TEXT    NOT NULL,
    object    TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    run_id    BLOB,
    vendor_id TEXT,
    record_id TEXT,
    code      TEXT    NOT NULL,
    detail    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (org_id, plugin, object, number)
) STRICT;

CREATE INDEX sync_failure_run ON sync_failure (org_id, run_id, number) WHERE run_id IS NOT NULL;
CREATE INDEX sync_failure_live ON sync_failure (org_id, plugin, object, number) WHERE run_id IS NULL;
CREATE INDEX sync_failure_at ON sync_failure (org_id, at);

-- Which of theirs is which of ours, and the values on which both sides agreed last.
CREATE TABLE sync_link (
    org_id    BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin    TEXT    NOT NULL,
    object    TEXT    NOT NULL,
    vendor_id TEXT    NOT NULL,
    record_id TEXT    NOT NULL,
    base      TEXT    NOT NULL,
    vendor_at INTEGER,
    url       TEXT,
    -- The last run that went through all and found it.
    seen_in   BLOB,
    version   INTEGER NOT NULL,
    synced_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, plugin, object, vendor_id)
) STRICT;

CREATE INDEX sync_link_record ON sync_link (org_id, plugin, object, record_id);

-- Fields that were changed on both sides, with both values.
CREATE TABLE sync_conflict (
    org_id    BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id        BLOB    NOT NULL,
    plugin    TEXT    NOT NULL,
    object    TEXT    NOT NULL,
    record_id TEXT    NOT NULL,
    vendor_id TEXT    NOT NULL,
    field     TEXT    NOT NULL,
    hub       TEXT    NOT NULL,
    vendor    TEXT    NOT NULL,
    winner    TEXT    NOT NULL CHECK (winner IN ('hub', 'vendor')),
    at        INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT;

CREATE INDEX sync_conflict_of ON sync_conflict (org_id, plugin, object, id);

-- Of theirs, what somebody said has changed. Each is there once, with the `wanted` that it came with: what was said again
-- meanwhile is not done with.
CREATE TABLE sync_hint (
    org_id    BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin    TEXT    NOT NULL,
    object    TEXT    NOT NULL,
    vendor_id TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    PRIMARY KEY (org_id, plugin, object, vendor_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sync_hint_next ON sync_hint (org_id, plugin, object, seq, vendor_id);

-- Of ours, what has changed and is to be written there.
CREATE TABLE sync_outbox (
    org_id    BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin    TEXT    NOT NULL,
    object    TEXT    NOT NULL,
    record_id TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    PRIMARY KEY (org_id, plugin, object, record_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sync_outbox_next ON sync_outbox (org_id, plugin, object, seq, record_id);
