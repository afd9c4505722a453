-- What vendors sent in: committed before the vendor gets its 2xx, worked off afterwards.

-- One per (installation, vendor's id): the unique key is what makes a hundred copies of one webhook one piece of
-- work. A refused one has no id that can be trusted and is kept under our own. The installation is not
-- referenced: what came stays readable after the plugin is switched off for good.
CREATE TABLE webhook (
    org_id          BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id              BLOB    NOT NULL,
    installation_id BLOB    NOT NULL,
    plugin          TEXT    NOT NULL,
    vendor_id       TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    occurred_at     INTEGER,
    method          TEXT    NOT NULL,
    url             TEXT    NOT NULL,
    headers         TEXT    NOT NULL,
    body            BLOB    NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('pending', 'processed', 'failed', 'refused')),
    reason          TEXT,
    attempts        INTEGER NOT NULL,
    next_attempt_at INTEGER,
    received_at     INTEGER NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, installation_id, vendor_id)
) STRICT;

-- The queue: small whatever the history, because only what is pending is in it.
CREATE INDEX webhook_due ON webhook (next_attempt_at) WHERE status = 'pending';
