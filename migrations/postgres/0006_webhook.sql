-- What vendors sent in: committed before the vendor gets its 2xx, worked off afterwards.

-- One per (installation, vendor's id): the unique key is what makes a hundred copies of one webhook one piece of
-- work. A refused one has no id that can be trusted and is kept under our own. The installation is not
-- referenced: what came stays readable after the plugin is switched off for good.
CREATE TABLE webhook (
    org_id          uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id              uuid   NOT NULL,
    installation_id uuid   NOT NULL,
    plugin          text   COLLATE "C" NOT NULL,
    vendor_id       text   COLLATE "C" NOT NULL,
    kind            text   NOT NULL,
    occurred_at     bigint,
    method          text   NOT NULL,
    url             text   NOT NULL,
    headers         jsonb  NOT NULL,
    body            bytea  NOT NULL,
    status          text   COLLATE "C" NOT NULL CHECK (status IN ('pending', 'processed', 'failed', 'refused')),
    reason          text,
    attempts        bigint NOT NULL,
    next_attempt_at bigint,
    received_at     bigint NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, installation_id, vendor_id)
);

-- The queue: small whatever the history, because only what is pending is in it.
CREATE INDEX webhook_due ON webhook (next_attempt_at) WHERE status = 'pending';

ALTER TABLE webhook ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON webhook TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON webhook TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
-- The queue concerns all orgs; what is done or was refused does not.
CREATE POLICY hub_reads ON webhook FOR SELECT TO patchbay_hub USING (status = 'pending');
-- Deleted when it is old.
GRANT SELECT, INSERT, DELETE, UPDATE (status, reason, attempts, next_attempt_at) ON webhook TO patchbay_app;
-- ON CONFLICT and RETURNING read what they name; a run settles its webhook only under the lease that it has.
GRANT INSERT, UPDATE (status, reason, attempts, next_attempt_at),
    SELECT (org_id, id, installation_id, vendor_id, status, next_attempt_at)
    ON webhook TO patchbay_journal;
GRANT SELECT (org_id, id, plugin, status, next_attempt_at) ON webhook TO patchbay_hub;
