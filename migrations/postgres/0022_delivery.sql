-- Events on their way to endpoints.
--
-- The queue is apart from the history, so that it is small whatever the history: a delivery has a row in delivery_due
-- for as long as it is to be sent, and no longer. When an endpoint is to be looked at is one number in delivery_lane,
-- which is all that changes while a receiver is down, however much is queued for it.

-- One event to one endpoint. Its id follows from both. No index has a column that an attempt changes, and there is room
-- in each page: the new row takes the place beside the old one, and indexes stay as they are.
CREATE TABLE delivery (
    org_id      uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id          uuid   NOT NULL,
    endpoint_id uuid   NOT NULL,
    event_id    uuid   NOT NULL,
    sequence    bigint NOT NULL,
    kind        text   NOT NULL,
    status      text   COLLATE "C" NOT NULL
        CHECK (status IN ('pending', 'succeeded', 'exhausted', 'cancelled', 'skipped')),
    attempts    bigint NOT NULL,
    -- The newest attempts, in their order.
    log         jsonb  NOT NULL,
    created_at  bigint NOT NULL,
    finished_at bigint,
    PRIMARY KEY (org_id, id)
) WITH (fillfactor = 70);

CREATE INDEX delivery_of_endpoint ON delivery (org_id, endpoint_id, id);

ALTER TABLE delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON delivery TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON delivery TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
CREATE POLICY operator_isolation ON delivery TO patchbay_operator
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT, INSERT, DELETE, UPDATE (status, finished_at) ON delivery TO patchbay_app;
GRANT SELECT, INSERT, UPDATE (status, attempts, log, finished_at) ON delivery TO patchbay_journal;
GRANT DELETE, SELECT (org_id, id) ON delivery TO patchbay_operator;

-- What is to be sent. Attempts are those since it was last queued: they say how long the next wait is.
CREATE TABLE delivery_due (
    org_id      uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    endpoint_id uuid   NOT NULL,
    sequence    bigint NOT NULL,
    delivery_id uuid   NOT NULL,
    event_id    uuid   NOT NULL,
    due_at      bigint NOT NULL,
    attempts    bigint NOT NULL,
    PRIMARY KEY (org_id, endpoint_id, sequence)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

CREATE INDEX delivery_due_at ON delivery_due (org_id, endpoint_id, due_at, sequence);

ALTER TABLE delivery_due ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery_due FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON delivery_due TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON delivery_due TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
CREATE POLICY operator_isolation ON delivery_due TO patchbay_operator
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT, INSERT, DELETE, UPDATE (due_at, attempts) ON delivery_due TO patchbay_app, patchbay_journal;
GRANT DELETE, SELECT (org_id, endpoint_id, sequence) ON delivery_due TO patchbay_operator;

-- An endpoint as seen by who sends. Due when something of it is, but not before a pause is over. `added` counts what was
-- queued: who puts the lane to rest says how far he has counted, so that nothing that came meanwhile is forgotten. The
-- lane belongs to one hub at a time, until its lease ends.
CREATE TABLE delivery_lane (
    org_id        uuid    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    endpoint_id   uuid    NOT NULL,
    due_at        bigint,
    paused_until  bigint,
    added         bigint  NOT NULL,
    -- In a row, and since when.
    failures      bigint  NOT NULL,
    failing_since bigint,
    owner         uuid,
    lease_until   bigint,
    -- The endpoint was deleted: what is left of it is to be cleared away.
    gone          bigint  NOT NULL,
    PRIMARY KEY (org_id, endpoint_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

CREATE INDEX delivery_lane_due ON delivery_lane (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_lane_gone ON delivery_lane (org_id) WHERE gone = 1;

ALTER TABLE delivery_lane ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery_lane FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON delivery_lane TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON delivery_lane TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
-- What is due concerns all orgs.
CREATE POLICY hub_reads ON delivery_lane FOR SELECT TO patchbay_hub USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON delivery_lane TO patchbay_app;
GRANT SELECT, INSERT, UPDATE ON delivery_lane TO patchbay_journal;
GRANT SELECT (org_id, endpoint_id, due_at, paused_until, owner, lease_until, gone) ON delivery_lane TO patchbay_hub;
