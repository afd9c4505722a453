-- The audit log as a chain of hashes, per organization and one for the hub.
--
-- Each entry has a number, gapless from 1, and a hash over itself and over the hash of the entry before it
-- (host/storage/src/chain.rs). Entries of before have their numbers and no hash of their own: the first entry that follows
-- has them all under its own hash, and the hub writes one at its start. So no serving role ever needs a right to change a
-- row.
ALTER TABLE audit NO FORCE ROW LEVEL SECURITY;
-- request_id: the request to the hub that asked for the change.
ALTER TABLE audit ADD COLUMN seq bigint, ADD COLUMN request_id uuid, ADD COLUMN hash bytea;
UPDATE audit SET seq = numbered.seq
    FROM (SELECT org_id, id, row_number() OVER (PARTITION BY org_id ORDER BY at, id) AS seq FROM audit) AS numbered
    WHERE audit.org_id = numbered.org_id AND audit.id = numbered.id;
ALTER TABLE audit ALTER COLUMN seq SET NOT NULL, DROP CONSTRAINT audit_pkey,
    ADD PRIMARY KEY (org_id, seq), ADD UNIQUE (org_id, id);

-- Where each chain ends: its row is locked from the numbering to the commit, so that of several hubs one at a time appends.
CREATE TABLE audit_head (
    org_id uuid   NOT NULL PRIMARY KEY REFERENCES org (id) ON DELETE CASCADE,
    seq    bigint NOT NULL,
    -- NULL while the last entry has no hash of its own.
    hash   bytea
);

INSERT INTO audit_head (org_id, seq) SELECT org_id, max(seq) FROM audit GROUP BY org_id;
ALTER TABLE audit FORCE ROW LEVEL SECURITY;

ALTER TABLE audit_head ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_head FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON audit_head TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- Which chains have grown, for their checkpoints.
CREATE POLICY hub_reads ON audit_head FOR SELECT TO patchbay_hub USING (true);
GRANT SELECT, INSERT, UPDATE (seq, hash) ON audit_head TO patchbay_app;
GRANT SELECT ON audit_head TO patchbay_hub;

-- The hub's own log: what concerns no organization, or one that is gone. One chain, whose id is all zeros. Only ever
-- appended to, like the others.
CREATE TABLE hub_audit (
    chain      uuid   NOT NULL,
    seq        bigint NOT NULL,
    id         uuid   NOT NULL,
    actor      text   NOT NULL,
    action     text   NOT NULL,
    subject    text   NOT NULL,
    detail     json   NOT NULL,
    at         bigint NOT NULL,
    request_id uuid,
    hash       bytea,
    PRIMARY KEY (chain, seq),
    UNIQUE (chain, id)
);

CREATE TABLE hub_audit_head (
    chain uuid   NOT NULL PRIMARY KEY,
    seq   bigint NOT NULL,
    hash  bytea
);

GRANT SELECT, INSERT ON hub_audit TO patchbay_hub;
GRANT SELECT, INSERT, UPDATE (seq, hash) ON hub_audit_head TO patchbay_hub;

-- Signed statements of how far a chain went at a time. No reference to org, and no policy: that there was a log of so many
-- entries outlives the organization, and says nothing of what is in it.
CREATE TABLE audit_checkpoint (
    chain     uuid   NOT NULL,
    entries   bigint NOT NULL,
    head      bytea  NOT NULL,
    at        bigint NOT NULL,
    -- The digest of the chain's checkpoint before this one.
    previous  bytea,
    -- Which key signed it.
    key_id    bytea  NOT NULL,
    signature bytea  NOT NULL,
    PRIMARY KEY (chain, entries)
);

GRANT SELECT, INSERT ON audit_checkpoint TO patchbay_hub;
