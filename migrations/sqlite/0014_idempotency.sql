-- Writes that are done once however often they are asked for, by the caller's Idempotency-Key.

-- The id is a hash of who asked, for what, and of the key: keys of callers are not kept. The fingerprint is a hash of
-- what was sent. Taken by the insertion of its row, so that of two that ask at once one is the first, on whichever hub.
-- Before it is answered it has an owner: the one call that is at work on it, and the hub that makes the call. The
-- answer is sealed with the org's key; one that was too large to keep is missing. After its day the row counts as
-- absent, whenever it is swept.
CREATE TABLE idempotency_key (
    org_id      BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id          BLOB    NOT NULL,
    fingerprint BLOB    NOT NULL,
    owner       BLOB    NOT NULL,
    node        BLOB    NOT NULL,
    -- A vendor that does not know a repeat when it sees one may have done it.
    sent        INTEGER NOT NULL CHECK (sent IN (0, 1)),
    run_id      BLOB,
    sealed      BLOB,
    answered_at INTEGER,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT;

CREATE INDEX idempotency_key_expired ON idempotency_key (expires_at);

-- Hubs that are at work, each until when it will be believed to be. One that was killed is not for long, and what it
-- owned can be taken over.
CREATE TABLE hub_node (
    id          BLOB    NOT NULL PRIMARY KEY,
    alive_until INTEGER NOT NULL
) STRICT;
