-- What organizations pay for, and what was told to whoever bills them.

-- How an org's subscription stands, as its vendor says. A question to the vendor takes the next `ticket` first, and what
-- comes of it is written only over the answer to an older one: the order of webhooks does not matter.
CREATE TABLE billing_account (
    org_id           BLOB    NOT NULL PRIMARY KEY REFERENCES org (id) ON DELETE CASCADE,
    ticket           INTEGER NOT NULL,
    -- The ticket of what is below; 0: nothing was said yet.
    applied          INTEGER NOT NULL,
    customer         TEXT,
    plan             TEXT,
    status           TEXT CHECK (status IN ('trialing', 'active', 'past_due', 'canceled')),
    period_starts_at INTEGER,
    period_ends_at   INTEGER,
    trial_ends_at    INTEGER,
    grace_ends_at    INTEGER,
    ends_at          INTEGER,
    -- From which full hour on usage is read for the present period of the vendor, and for the one before it.
    counted_from     INTEGER,
    counted_before   INTEGER,
    updated_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What happened: bills, payments, changes. Kept for ever, as usage records are.
CREATE TABLE billing_entry (
    org_id    BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id        TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    amount    INTEGER,
    currency  TEXT,
    reference TEXT,
    url       TEXT,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX billing_entry_at ON billing_entry (org_id, at, id);

-- Units above what the plan includes, on their way to the vendor's meters. What was read so far is the sum of these rows, so a
-- reading and the place up to which was read are one row, and cannot differ.
CREATE TABLE billing_reading (
    org_id       BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id           BLOB    NOT NULL,
    metric       TEXT    NOT NULL,
    -- The first hour of what it was read from.
    counted_from INTEGER NOT NULL,
    units        INTEGER NOT NULL CHECK (units > 0),
    at           INTEGER NOT NULL,
    -- Makes good for what the vendor lost, and counts no usage.
    is_repair    INTEGER NOT NULL CHECK (is_repair IN (0, 1)),
    settled_at   INTEGER,
    refusal      TEXT,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX billing_reading_open ON billing_reading (org_id, at, id) WHERE settled_at IS NULL;
CREATE INDEX billing_reading_counted ON billing_reading (org_id, counted_from, metric);
CREATE INDEX billing_reading_at ON billing_reading (org_id, at);

-- What the vendor had of a day when it was compared last.
CREATE TABLE billing_check (
    org_id     BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    day        INTEGER NOT NULL,
    metric     TEXT    NOT NULL,
    ours       INTEGER NOT NULL,
    theirs     INTEGER NOT NULL,
    checked_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, day, metric)
) STRICT, WITHOUT ROWID;
