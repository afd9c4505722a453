-- Rate limits of an org in place of the configuration's. One document, read whole on the way of every call (and
-- kept in memory): its shape is host/model/src/rate.rs.
CREATE TABLE rate_limits (
    org_id     uuid   NOT NULL PRIMARY KEY REFERENCES org (id) ON DELETE CASCADE,
    limits     jsonb  NOT NULL,
    updated_at bigint NOT NULL
);

ALTER TABLE rate_limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_limits FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON rate_limits TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limits TO patchbay_app;
