-- What organizations pay for, and what was told to whoever bills them.

-- How an org's subscription stands, as its vendor says. A question to the vendor takes the next `ticket` first, and what
-- comes of it is written only over the answer to an older one: the order of webhooks does not matter.
CREATE TABLE billing_account (
    org_id           uuid    NOT NULL PRIMARY KEY REFERENCES org (id) ON DELETE CASCADE,
    ticket           bigint NOT NULL,
    -- The ticket of what is below; 0: nothing was said yet.
    applied          bigint NOT NULL,
    customer         text,
    plan             text COLLATE "C",
    status           text COLLATE "C" CHECK (status IN ('trialing', 'active', 'past_due', 'canceled')),
    period_starts_at bigint,
    period_ends_at   bigint,
    trial_ends_at    bigint,
    grace_ends_at    bigint,
    ends_at          bigint,
    -- From which full hour on usage is read for the present period of the vendor, and for the one before it.
    counted_from     bigint,
    counted_before   bigint,
    updated_at       bigint NOT NULL
);

ALTER TABLE billing_account ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_account FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON billing_account TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- Whose usage has to be looked at.
CREATE POLICY hub_reads ON billing_account FOR SELECT TO patchbay_hub USING (status IS NOT NULL);
GRANT SELECT, INSERT, UPDATE ON billing_account TO patchbay_app;
GRANT SELECT (org_id, status) ON billing_account TO patchbay_hub;

-- What happened: bills, payments, changes. Kept for ever, as usage records are.
CREATE TABLE billing_entry (
    org_id    uuid    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id        text COLLATE "C" NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    at        bigint NOT NULL,
    amount    bigint,
    currency  text COLLATE "C",
    reference text,
    url       text,
    PRIMARY KEY (org_id, id)
);

CREATE INDEX billing_entry_at ON billing_entry (org_id, at, id);

ALTER TABLE billing_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_entry FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON billing_entry TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- Nobody changes what happened.
GRANT SELECT, INSERT ON billing_entry TO patchbay_app;

-- Units above what the plan includes, on their way to the vendor's meters. What was read so far is the sum of these rows, so a
-- reading and the place up to which was read are one row, and cannot differ.
CREATE TABLE billing_reading (
    org_id       uuid    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id           uuid    NOT NULL,
    metric       text COLLATE "C" NOT NULL,
    -- The first hour of what it was read from.
    counted_from bigint NOT NULL,
    units        bigint NOT NULL CHECK (units > 0),
    at           bigint NOT NULL,
    -- Makes good for what the vendor lost, and counts no usage.
    is_repair    boolean NOT NULL,
    settled_at   bigint,
    refusal      text,
    PRIMARY KEY (org_id, id)
);

CREATE INDEX billing_reading_open ON billing_reading (org_id, at, id) WHERE settled_at IS NULL;
CREATE INDEX billing_reading_counted ON billing_reading (org_id, counted_from, metric);
CREATE INDEX billing_reading_at ON billing_reading (org_id, at);

ALTER TABLE billing_reading ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_reading FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON billing_reading TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE (settled_at, refusal) ON billing_reading TO patchbay_app;

-- What the vendor had of a day when it was compared last.
CREATE TABLE billing_check (
    org_id     uuid    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    day        bigint NOT NULL,
    metric     text COLLATE "C" NOT NULL,
    ours       bigint NOT NULL,
    theirs     bigint NOT NULL,
    checked_at bigint NOT NULL,
    PRIMARY KEY (org_id, day, metric)
);

ALTER TABLE billing_check ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_check FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON billing_check TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE (ours, theirs, checked_at) ON billing_check TO patchbay_app;
