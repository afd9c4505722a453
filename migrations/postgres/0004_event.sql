-- Facts that the hub publishes, in one order per org.

-- The last number given to an event of each org. A table of its own and not max(sequence): a cursor that a reader
-- holds must stay valid when old events are cleared away. Its row is locked from the numbering to the commit, so
-- that of several hubs on one database only one publishes for an org at a time, and numbers become visible in order.
CREATE TABLE event_sequence (
    org_id uuid   NOT NULL PRIMARY KEY REFERENCES org (id) ON DELETE CASCADE,
    last   bigint NOT NULL
);

ALTER TABLE event_sequence ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_sequence FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON event_sequence TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON event_sequence TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
GRANT SELECT, INSERT, UPDATE (last) ON event_sequence TO patchbay_app, patchbay_journal;

-- The primary key is the order in which readers page; numbers only grow and may have gaps (a dropped repeat
-- uses one up).
CREATE TABLE event (
    org_id   uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    sequence bigint NOT NULL,
    id       uuid   NOT NULL,
    -- The plugin; empty for the hub itself, and not NULL, so that its events are told apart too.
    source   text   COLLATE "C" NOT NULL,
    kind     text   COLLATE "C" NOT NULL,
    subject  text   NOT NULL,
    data     json   NOT NULL,
    dedupe   text   COLLATE "C",
    run_id   uuid,
    at       bigint NOT NULL,
    PRIMARY KEY (org_id, sequence),
    UNIQUE (org_id, id)
);

-- Makes a repeat harmless: a vendor's webhook that is processed twice publishes once.
CREATE UNIQUE INDEX event_once ON event (org_id, source, dedupe) WHERE dedupe IS NOT NULL;

ALTER TABLE event ENABLE ROW LEVEL SECURITY;
ALTER TABLE event FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON event TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON event TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
-- Deleted when it is old.
GRANT SELECT, INSERT, DELETE ON event TO patchbay_app;
-- ON CONFLICT reads the key that it names.
GRANT INSERT, SELECT (org_id, source, dedupe) ON event TO patchbay_journal;
