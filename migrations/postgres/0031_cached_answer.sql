-- Answers of vendors that are given again instead of asking twice.

-- The bytes are a file of this name in the organization's folder. A row may have lost its file: then there is no answer. `key` is a
-- hash of all that the answer depends on.
CREATE TABLE cached_answer (
    org_id     uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin     text   COLLATE "C" NOT NULL,
    key        bytea  NOT NULL,
    file       uuid   NOT NULL,
    headers    text   NOT NULL,
    size       bigint NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    -- To the hour.
    used_at    bigint NOT NULL,
    PRIMARY KEY (org_id, plugin, key)
) WITH (fillfactor = 90);

-- What goes when there is no room, and what goes when its time is over.
CREATE INDEX cached_answer_used ON cached_answer (org_id, used_at);
CREATE INDEX cached_answer_expires ON cached_answer (expires_at);

ALTER TABLE cached_answer ENABLE ROW LEVEL SECURITY;
ALTER TABLE cached_answer FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON cached_answer TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY operator_isolation ON cached_answer TO patchbay_operator
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- Whose answers have expired concerns all orgs; not what is in them.
CREATE POLICY hub_reads ON cached_answer FOR SELECT TO patchbay_hub USING (true);

GRANT SELECT, INSERT, DELETE, UPDATE (file, headers, size, created_at, expires_at, used_at) ON cached_answer TO patchbay_app;
GRANT SELECT (org_id, expires_at) ON cached_answer TO patchbay_hub;
GRANT DELETE, SELECT (org_id, plugin, key) ON cached_answer TO patchbay_operator;
