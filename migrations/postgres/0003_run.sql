-- What was done and what it costs. The two busiest tables: each index here is paid for on every call. The journal
-- writes them, and nobody changes them afterwards.

-- One call into a plugin. Neither the plugin nor its version is referenced: history outlives both.
CREATE TABLE run (
    org_id          uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id              uuid   NOT NULL,
    plugin          text   COLLATE "C" NOT NULL,
    version         text   NOT NULL,
    digest          bytea  NOT NULL,
    kind            text   NOT NULL,
    operation       text   NOT NULL,
    error_code      text,
    error_detail    text,
    upstream_status bigint,
    wall_us         bigint NOT NULL,
    cpu_us          bigint NOT NULL,
    peak_memory     bigint NOT NULL,
    egress_sent     bigint NOT NULL,
    egress_received bigint NOT NULL,
    host_calls      bigint NOT NULL,
    log             jsonb  NOT NULL,
    started_at      bigint NOT NULL,
    finished_at     bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE INDEX run_of_plugin ON run (org_id, plugin, id);

-- Failures are few and are what people look for, so they alone have an index of their own.
CREATE INDEX run_failed ON run (org_id, id) WHERE error_code IS NOT NULL;

ALTER TABLE run ENABLE ROW LEVEL SECURITY;
ALTER TABLE run FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON run TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON run TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
-- Deleted when it is old; what it was billed for is not.
GRANT SELECT, DELETE ON run TO patchbay_app;
GRANT INSERT ON run TO patchbay_journal;

-- One metered quantity. No reference to run: usage is money and stays when old runs are cleared away.
CREATE TABLE usage_record (
    org_id   uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id       uuid   NOT NULL,
    plugin   text   COLLATE "C" NOT NULL,
    run_id   uuid   NOT NULL,
    meter    text   COLLATE "C" NOT NULL,
    quantity bigint NOT NULL CHECK (quantity >= 0),
    basis    text   COLLATE "C" NOT NULL CHECK (basis IN ('reported', 'estimated')),
    dedupe   text   COLLATE "C",
    at       bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);

-- Makes a repeat harmless: the same quantity reported twice is billed once.
CREATE UNIQUE INDEX usage_record_once ON usage_record (org_id, plugin, meter, dedupe) WHERE dedupe IS NOT NULL;

-- Totals of a month read this, not the table's whole history.
CREATE INDEX usage_record_by_time ON usage_record (org_id, at);

ALTER TABLE usage_record ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_record FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON usage_record TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON usage_record TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
GRANT SELECT ON usage_record TO patchbay_app;
-- ON CONFLICT reads the key that it names.
GRANT INSERT, SELECT (org_id, plugin, meter, dedupe) ON usage_record TO patchbay_journal;
