-- Who changed what. Only ever appended to: there is no right to do more.
CREATE TABLE audit (
    org_id  uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id      uuid   NOT NULL,
    actor   text   NOT NULL,
    action  text   NOT NULL,
    subject text   NOT NULL,
    -- Old and new values, without secrets.
    detail  json   NOT NULL,
    at      bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);

ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON audit TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT, INSERT ON audit TO patchbay_app;
