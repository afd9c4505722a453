-- Standard objects that are kept alike here and at a vendor: how far each sync is, and what of theirs corresponds to what of ours.

ALTER TABLE job DROP CONSTRAINT job_kind_check,
    ADD CONSTRAINT job_kind_check CHECK (kind IN ('task', 'action', 'event', 'host', 'sync'));

-- A plugin's sync of one object. Whoever changes anything of a sync holds this row first, in one order for all: organization,
-- plugin, object. So what belongs to it (runs, links, hints, what is to be written there) is nobody else's until the commit.
CREATE TABLE sync (
    org_id       uuid    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin       text    COLLATE "C" NOT NULL,
    object       text    COLLATE "C" NOT NULL,
    enabled      boolean NOT NULL,
    settings     json    NOT NULL,
    -- Of the settings: grows with each write of them.
    version      bigint  NOT NULL,
    -- Grows with all that makes work for it: who ends the job that drives it says which it has seen.
    wanted       bigint  NOT NULL,
    -- The vendor's time up to which all was seen.
    mark         bigint,
    -- What the plugin keeps between runs.
    state        json,
    next_due_at  bigint,
    last_full_at bigint,
    open_run     uuid,
    last_run     uuid,
    -- How many links there are.
    linked       bigint  NOT NULL,
    -- How many failures were ever written down (the number of the last one), and how many of those by the open run.
    failures     bigint  NOT NULL,
    kept         bigint  NOT NULL,
    created_at   bigint  NOT NULL,
    updated_at   bigint  NOT NULL,
    PRIMARY KEY (org_id, plugin, object)
) WITH (fillfactor = 70);

CREATE INDEX sync_due ON sync (next_due_at) WHERE next_due_at IS NOT NULL;

-- Once through what has changed, or through all there is.
CREATE TABLE sync_run (
    org_id       uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id           uuid   NOT NULL,
    plugin       text   COLLATE "C" NOT NULL,
    object       text   COLLATE "C" NOT NULL,
    mode         text   COLLATE "C" NOT NULL CHECK (mode IN ('full', 'delta')),
    cause        text   COLLATE "C" NOT NULL CHECK (cause IN ('schedule', 'manual', 'first')),
    status       text   COLLATE "C" NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
    requested_by text,
    -- Where the next page begins.
    cursor       json,
    -- The first of the runs whose pages this one goes on with, if there is one.
    walk         uuid,
    progress     bigint,
    error_code   text,
    error_detail text,
    job_id       uuid,
    read         bigint NOT NULL DEFAULT 0,
    created      bigint NOT NULL DEFAULT 0,
    updated      bigint NOT NULL DEFAULT 0,
    deleted      bigint NOT NULL DEFAULT 0,
    merged       bigint NOT NULL DEFAULT 0,
    unchanged    bigint NOT NULL DEFAULT 0,
    pushed       bigint NOT NULL DEFAULT 0,
    skipped      bigint NOT NULL DEFAULT 0,
    failed       bigint NOT NULL DEFAULT 0,
    conflicts    bigint NOT NULL DEFAULT 0,
    calls        bigint NOT NULL DEFAULT 0,
    created_at   bigint NOT NULL,
    started_at   bigint,
    ended_at     bigint,
    PRIMARY KEY (org_id, id)
) WITH (fillfactor = 70);

CREATE INDEX sync_run_of ON sync_run (org_id, plugin, object, id);
CREATE INDEX sync_run_walk ON sync_run (org_id, walk) WHERE walk IS NOT NULL;

-- What could not be taken over or written, and why. Of one that no run was open for there is no run.
CREATE TABLE sync_failure (
    org_id    uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin    text   COLLATE "C" NOT NULL,
    object    text   COLLATE "C" NOT NULL,
    number    bigint NOT NULL,
    run_id    uuid,
    vendor_id text,
    record_id text,
    code      text   NOT NULL,
    detail    text   NOT NULL,
    at        bigint NOT NULL,
    PRIMARY KEY (org_id, plugin, object, number)
);

CREATE INDEX sync_failure_run ON sync_failure (org_id, run_id, number) WHERE run_id IS NOT NULL;
CREATE INDEX sync_failure_live ON sync_failure (org_id, plugin, object, number) WHERE run_id IS NULL;
CREATE INDEX sync_failure_at ON sync_failure (org_id, at);

-- Which of theirs is which of ours, and the values on which both sides agreed last. Pages of links are written over each time that
-- all is gone through: nothing of that is in an index, and each page of the table has room for the next version.
CREATE TABLE sync_link (
    org_id    uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin    text   COLLATE "C" NOT NULL,
    object    text   COLLATE "C" NOT NULL,
    vendor_id text   COLLATE "C" NOT NULL,
    record_id text   COLLATE "C" NOT NULL,
    base      json   NOT NULL,
    vendor_at bigint,
    url       text,
    -- The last run that went through all and found it.
    seen_in   uuid,
    version   bigint NOT NULL,
    synced_at bigint NOT NULL,
    PRIMARY KEY (org_id, plugin, object, vendor_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX sync_link_record ON sync_link (org_id, record_id);

-- Fields that were changed on both sides, with both values.
CREATE TABLE sync_conflict (
    org_id    uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id        uuid   NOT NULL,
    plugin    text   COLLATE "C" NOT NULL,
    object    text   COLLATE "C" NOT NULL,
    record_id text   COLLATE "C" NOT NULL,
    vendor_id text   COLLATE "C" NOT NULL,
    field     text   NOT NULL,
    hub       json   NOT NULL,
    vendor    json   NOT NULL,
    winner    text   COLLATE "C" NOT NULL CHECK (winner IN ('hub', 'vendor')),
    at        bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE INDEX sync_conflict_of ON sync_conflict (org_id, plugin, object, id);

-- Of theirs, what somebody said has changed. Each is there once, with the `wanted` that it came with: what was said again
-- meanwhile is not done with.
CREATE TABLE sync_hint (
    org_id    uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin    text   COLLATE "C" NOT NULL,
    object    text   COLLATE "C" NOT NULL,
    vendor_id text   COLLATE "C" NOT NULL,
    seq       bigint NOT NULL,
    PRIMARY KEY (org_id, plugin, object, vendor_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX sync_hint_next ON sync_hint (org_id, plugin, object, seq, vendor_id);

-- Of ours, what has changed and is to be written there.
CREATE TABLE sync_outbox (
    org_id    uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin    text   COLLATE "C" NOT NULL,
    object    text   COLLATE "C" NOT NULL,
    record_id text   COLLATE "C" NOT NULL,
    seq       bigint NOT NULL,
    PRIMARY KEY (org_id, plugin, object, record_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX sync_outbox_next ON sync_outbox (org_id, plugin, object, seq, record_id);

DO $$
DECLARE
    name text;
    ours text := 'org_id = NULLIF(current_setting(''app.org_id'', true), '''')::uuid';
    batch text := 'org_id = ANY ((SELECT NULLIF(current_setting(''app.org_ids'', true), '''')::uuid[])::uuid[])';
BEGIN
    FOREACH name IN ARRAY ARRAY['sync', 'sync_run', 'sync_failure', 'sync_link', 'sync_conflict', 'sync_hint', 'sync_outbox'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY org_isolation ON %1$I TO patchbay_app USING (%2$s) WITH CHECK (%2$s)', name, ours);
        -- What a page changes is committed with its run.
        EXECUTE format('CREATE POLICY journal_isolation ON %1$I TO patchbay_journal USING (%2$s) WITH CHECK (%2$s)', name, batch);
        -- The end of an organization.
        EXECUTE format('CREATE POLICY operator_isolation ON %1$I TO patchbay_operator USING (%2$s) WITH CHECK (%2$s)', name, ours);
    END LOOP;
END
$$;

-- What is due concerns all orgs.
CREATE POLICY hub_reads ON sync FOR SELECT TO patchbay_hub USING (next_due_at IS NOT NULL);

GRANT SELECT, INSERT, DELETE, UPDATE (enabled, settings, version, wanted, mark, state, next_due_at, last_full_at, open_run,
    last_run, linked, failures, kept, updated_at)
    ON sync TO patchbay_app;
GRANT SELECT, UPDATE (wanted, mark, state, next_due_at, last_full_at, open_run, last_run, linked, failures,
    kept) ON sync TO patchbay_journal;
GRANT SELECT (org_id, plugin, object, next_due_at) ON sync TO patchbay_hub;
GRANT DELETE, SELECT (org_id, plugin, object) ON sync TO patchbay_operator;

GRANT SELECT, INSERT, DELETE, UPDATE (mode, status, cursor, progress, error_code, error_detail, read, created, updated, deleted,
    merged, unchanged, pushed, skipped, failed, conflicts, calls, started_at, ended_at) ON sync_run TO patchbay_app;
GRANT SELECT, UPDATE (status, cursor, progress, error_code, error_detail, job_id, read, created, updated, deleted, merged,
    unchanged, pushed, skipped, failed, conflicts, calls, started_at, ended_at) ON sync_run TO patchbay_journal;
GRANT DELETE, SELECT (org_id, id) ON sync_run TO patchbay_operator;

GRANT SELECT, INSERT, DELETE ON sync_failure TO patchbay_app;
GRANT INSERT, DELETE, SELECT (org_id, plugin, object, number, run_id) ON sync_failure TO patchbay_journal;
GRANT DELETE, SELECT (org_id, plugin, object, number) ON sync_failure TO patchbay_operator;

GRANT SELECT, DELETE ON sync_link TO patchbay_app;
GRANT SELECT, INSERT, DELETE, UPDATE (record_id, base, vendor_at, url, seen_in, version, synced_at) ON sync_link TO patchbay_journal;
GRANT DELETE, SELECT (org_id, plugin, object, vendor_id) ON sync_link TO patchbay_operator;

GRANT SELECT, DELETE ON sync_conflict TO patchbay_app;
GRANT INSERT ON sync_conflict TO patchbay_journal;
GRANT DELETE, SELECT (org_id, id) ON sync_conflict TO patchbay_operator;

GRANT SELECT, INSERT, DELETE, UPDATE (seq) ON sync_hint, sync_outbox TO patchbay_app, patchbay_journal;
GRANT DELETE, SELECT (org_id, plugin, object, vendor_id) ON sync_hint TO patchbay_operator;
GRANT DELETE, SELECT (org_id, plugin, object, record_id) ON sync_outbox TO patchbay_operator;
