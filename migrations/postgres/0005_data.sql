-- What plugins keep, per org and plugin. None of it references the installation: switching a plugin off and on
-- again must not lose its data.

-- Documents. Declared index fields are read out of the JSON; a collection is read in order of id, which is
-- the order of the primary key.
CREATE TABLE record (
    org_id     uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin     text   COLLATE "C" NOT NULL,
    collection text   COLLATE "C" NOT NULL,
    id         text   COLLATE "C" NOT NULL,
    version    bigint NOT NULL,
    data       json   NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (org_id, plugin, collection, id)
);

ALTER TABLE record ENABLE ROW LEVEL SECURITY;
ALTER TABLE record FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON record TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON record TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
GRANT SELECT ON record TO patchbay_app;
GRANT INSERT, DELETE, UPDATE (version, data, updated_at), SELECT (org_id, plugin, collection, id, version)
    ON record TO patchbay_journal;

-- Small values with expiry. An expired one counts as absent from its very instant; the sweep only frees the space.
CREATE TABLE kv (
    org_id     uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin     text   COLLATE "C" NOT NULL,
    key        text   COLLATE "C" NOT NULL,
    value      bytea  NOT NULL,
    version    bigint NOT NULL,
    expires_at bigint,
    PRIMARY KEY (org_id, plugin, key)
);

CREATE INDEX kv_expiry ON kv (expires_at) WHERE expires_at IS NOT NULL;

ALTER TABLE kv ENABLE ROW LEVEL SECURITY;
ALTER TABLE kv FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON kv TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- The sweep: it sees which values expire, never the values.
CREATE POLICY hub_reads ON kv FOR SELECT TO patchbay_hub USING (expires_at IS NOT NULL);
CREATE POLICY hub_sweeps ON kv FOR DELETE TO patchbay_hub USING (expires_at IS NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON kv TO patchbay_app;
GRANT DELETE, SELECT (org_id, plugin, key, expires_at) ON kv TO patchbay_hub;

-- What is known of stored files; their bytes are on disk under their hash.
CREATE TABLE blob (
    org_id       uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id           uuid   NOT NULL,
    plugin       text   COLLATE "C" NOT NULL,
    content_type text   NOT NULL,
    size         bigint NOT NULL,
    sha256       text   COLLATE "C" NOT NULL,
    created_at   bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);

-- Tells whether a file on disk is still somebody's when one that points to it is deleted.
CREATE INDEX blob_of_content ON blob (org_id, sha256);

ALTER TABLE blob ENABLE ROW LEVEL SECURITY;
ALTER TABLE blob FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON blob TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT, INSERT, DELETE ON blob TO patchbay_app;
