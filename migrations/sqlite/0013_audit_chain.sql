-- The audit log as a chain of hashes, per organization and one for the hub.
--
-- Each entry has a number, gapless from 1, and a hash over itself and over the hash of the entry before it
-- (host/storage/src/chain.rs). Entries of before have their numbers and no hash of their own: the first entry that follows
-- has them all under its own hash, and the hub writes one at its start. So no row has ever to be changed.
CREATE TABLE audit_chained (
    org_id     BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    seq        INTEGER NOT NULL,
    id         BLOB    NOT NULL,
    actor      TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    -- Old and new values, without secrets.
    detail     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    -- The request to the hub that asked for the change.
    request_id BLOB,
    hash       BLOB,
    PRIMARY KEY (org_id, seq),
    UNIQUE (org_id, id)
) STRICT;

INSERT INTO audit_chained (org_id, seq, id, actor, action, subject, detail, at)
    SELECT org_id, row_number() OVER (PARTITION BY org_id ORDER BY at, id), id, actor, action, subject, detail, at
    FROM audit;
DROP TABLE audit;
ALTER TABLE audit_chained RENAME TO audit;

-- Where each chain ends: its row is locked from the numbering to the commit, so that of several hubs one at a time appends.
CREATE TABLE audit_head (
    org_id BLOB    NOT NULL PRIMARY KEY REFERENCES org (id) ON DELETE CASCADE,
    seq    INTEGER NOT NULL,
    -- NULL while the last entry has no hash of its own.
    hash   BLOB
) STRICT, WITHOUT ROWID;

INSERT INTO audit_head (org_id, seq) SELECT org_id, max(seq) FROM audit GROUP BY org_id;

-- The hub's own log: what concerns no organization, or one that is gone. One chain, whose id is all zeros.
CREATE TABLE hub_audit (
    chain      BLOB    NOT NULL,
    seq        INTEGER NOT NULL,
    id         BLOB    NOT NULL,
    actor      TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    request_id BLOB,
    hash       BLOB,
    PRIMARY KEY (chain, seq),
    UNIQUE (chain, id)
) STRICT;

CREATE TABLE hub_audit_head (
    chain BLOB    NOT NULL PRIMARY KEY,
    seq   INTEGER NOT NULL,
    hash  BLOB
) STRICT, WITHOUT ROWID;

-- Signed statements of how far a chain went at a time. No reference to org: that there was a log outlives it.
CREATE TABLE audit_checkpoint (
    chain     BLOB    NOT NULL,
    entries   INTEGER NOT NULL,
    head      BLOB    NOT NULL,
    at        INTEGER NOT NULL,
    -- The digest of the chain's checkpoint before this one.
    previous  BLOB,
    -- Which key signed it.
    key_id    BLOB    NOT NULL,
    signature BLOB    NOT NULL,
    PRIMARY KEY (chain, entries)
) STRICT, WITHOUT ROWID;
