-- Standard objects: records that several plugins share, with who wrote them.

-- Locked by whoever writes it until the commit, so that what changed is told from what was there. One that was deleted stays
-- without its data, to say who deleted it, until it is as old as events may be.
CREATE TABLE object_record (
    org_id      uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    object      text   COLLATE "C" NOT NULL,
    id          text   COLLATE "C" NOT NULL,
    version     bigint NOT NULL,
    data        json,
    -- Who wrote which fields last.
    sources     json   NOT NULL,
    created_by  text   COLLATE "C" NOT NULL,
    created_run uuid   NOT NULL,
    created_at  bigint NOT NULL,
    updated_by  text   COLLATE "C" NOT NULL,
    updated_run uuid   NOT NULL,
    updated_at  bigint NOT NULL,
    PRIMARY KEY (org_id, object, id)
);

CREATE INDEX object_record_deleted ON object_record (org_id, updated_at) WHERE data IS NULL;

ALTER TABLE object_record ENABLE ROW LEVEL SECURITY;
ALTER TABLE object_record FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON object_record TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON object_record TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
CREATE POLICY operator_isolation ON object_record TO patchbay_operator
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- Deleted for good when it is old.
GRANT SELECT, DELETE ON object_record TO patchbay_app;
-- What was there is compared with what comes.
GRANT SELECT, INSERT, UPDATE ON object_record TO patchbay_journal;
GRANT DELETE, SELECT (org_id, object, id) ON object_record TO patchbay_operator;

-- What records are found by: a row for each indexed field that a record has. The primary key is the look-up, and gives
-- the records of one value in order of their ids. No column of the values has a type: see the model's `index.rs`.
CREATE TABLE object_index (
    org_id uuid NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    object text COLLATE "C" NOT NULL,
    field  text COLLATE "C" NOT NULL,
    value  text COLLATE "C" NOT NULL,
    id     text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, object, field, value, id)
);

ALTER TABLE object_index ENABLE ROW LEVEL SECURITY;
ALTER TABLE object_index FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON object_index TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON object_index TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
CREATE POLICY operator_isolation ON object_index TO patchbay_operator
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT ON object_index TO patchbay_app;
GRANT SELECT, INSERT, DELETE ON object_index TO patchbay_journal;
GRANT DELETE, SELECT (org_id, object, field, value, id) ON object_index TO patchbay_operator;
