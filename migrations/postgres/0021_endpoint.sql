-- Organizations' URLs that subscribe to events, and how far events were handed on to whom they concern.

-- What is secret of an endpoint (what it is signed with, values of headers) is sealed in one ciphertext. All else that
-- the org decides is one document, read whole: its shape is host/model/src/endpoint.rs.
CREATE TABLE endpoint (
    org_id          uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id              uuid   NOT NULL,
    settings        json   NOT NULL,
    disabled_reason text   COLLATE "C" CHECK (disabled_reason IN ('asked', 'gone', 'failing')),
    disabled_at     bigint,
    -- The org's last event before it was made or switched on.
    from_sequence   bigint NOT NULL,
    version         bigint NOT NULL,
    sealed          bytea  NOT NULL,
    created_at      bigint NOT NULL,
    updated_at      bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);

ALTER TABLE endpoint ENABLE ROW LEVEL SECURITY;
ALTER TABLE endpoint FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON endpoint TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON endpoint TO patchbay_app;
-- Rotation, and the end of an organization.
CREATE POLICY operator_isolation ON endpoint TO patchbay_operator
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT DELETE, UPDATE (sealed), SELECT (org_id, id, sealed) ON endpoint TO patchbay_operator;

-- The last event of an org that was handed on: to endpoints as deliveries, and to whatever else consumes events, all in
-- the transaction that moves it. An org whose events concern nobody has no row, and costs nothing. The version grows
-- whenever who is concerned changes, in that transaction: who hands on under a version that is not the present one
-- would hand on to others. One hub at a time hands on for an org: it holds the row.
CREATE TABLE event_relay (
    org_id  uuid   NOT NULL PRIMARY KEY REFERENCES org (id) ON DELETE CASCADE,
    last    bigint NOT NULL,
    version bigint NOT NULL
) WITH (fillfactor = 50);

ALTER TABLE event_relay ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_relay FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON event_relay TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON event_relay TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
-- Whose events wait to be handed on.
CREATE POLICY hub_reads ON event_relay FOR SELECT TO patchbay_hub USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (version) ON event_relay TO patchbay_app;
GRANT SELECT, UPDATE (last) ON event_relay TO patchbay_journal;
GRANT SELECT (org_id, last) ON event_relay TO patchbay_hub;
CREATE POLICY hub_reads ON event_sequence FOR SELECT TO patchbay_hub USING (true);
GRANT SELECT (org_id, last) ON event_sequence TO patchbay_hub;
-- Events of several orgs are handed on at once.
GRANT SELECT ON event TO patchbay_journal;
