-- Writes that are done once however often they are asked for, by the caller's Idempotency-Key.

-- The id is a hash of who asked, for what, and of the key: keys of callers are not kept. The fingerprint is a hash of
-- what was sent. Taken by the insertion of its row, so that of two that ask at once one is the first, on whichever hub.
-- Before it is answered it has an owner: the one call that is at work on it, and the hub that makes the call. The
-- answer is sealed with the org's key; one that was too large to keep is missing. After its day the row counts as
-- absent, whenever it is swept.
CREATE TABLE idempotency_key (
    org_id      uuid    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id          bytea   NOT NULL,
    fingerprint bytea   NOT NULL,
    owner       uuid    NOT NULL,
    node        uuid    NOT NULL,
    -- A vendor that does not know a repeat when it sees one may have done it.
    sent        boolean NOT NULL,
    run_id      uuid,
    sealed      bytea,
    answered_at bigint,
    expires_at  bigint  NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE INDEX idempotency_key_expired ON idempotency_key (expires_at);

ALTER TABLE idempotency_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_key FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON idempotency_key TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- The answer is committed with the run.
CREATE POLICY journal_isolation ON idempotency_key TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
-- The sweep.
CREATE POLICY hub_reads ON idempotency_key FOR SELECT TO patchbay_hub USING (true);
CREATE POLICY hub_sweeps ON idempotency_key FOR DELETE TO patchbay_hub USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_key TO patchbay_app;
GRANT UPDATE (run_id, sealed, answered_at), SELECT (org_id, id, owner, answered_at) ON idempotency_key
    TO patchbay_journal;
GRANT DELETE, SELECT (org_id, id, expires_at) ON idempotency_key TO patchbay_hub;
-- Rotation, and the end of an organization.
CREATE POLICY operator_isolation ON idempotency_key TO patchbay_operator
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT DELETE, UPDATE (sealed), SELECT (org_id, id, sealed) ON idempotency_key TO patchbay_operator;

-- Hubs that are at work, each until when it will be believed to be. One that was killed is not for long, and what it
-- owned can be taken over.
CREATE TABLE hub_node (
    id          uuid   NOT NULL PRIMARY KEY,
    alive_until bigint NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON hub_node TO patchbay_hub;
