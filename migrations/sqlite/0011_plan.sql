-- Plans, live counters and spend budgets. What a plan includes is configuration; here is who has which, and what was used.

-- The plans that an org had, each since a time; the last one is the one it has. An org without a row has the plan that
-- the configuration names, and its cycle began when the org was made.
CREATE TABLE org_plan (
    org_id BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    since  INTEGER NOT NULL,
    plan   TEXT    NOT NULL,
    -- When the billing cycle began, a full hour.
    anchor INTEGER NOT NULL,
    PRIMARY KEY (org_id, since)
) STRICT, WITHOUT ROWID;

-- What was used, added up by the hour: the journal adds in the transaction that stores the usage records, so the two
-- never differ. By the hour and not by the billing period, because every period is a sum of hours, whatever the org's
-- cycle is and however often it changes; and because days can be shown. Kept for ever, as usage records are: an org that
-- is busy around the clock takes nine thousand rows a year for each meter.
CREATE TABLE usage_counter (
    org_id   BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    hour     INTEGER NOT NULL,
    plugin   TEXT    NOT NULL,
    -- A meter of the plugin, or `calls`, which the hub counts.
    meter    TEXT    NOT NULL,
    -- What it counts as, empty for nothing that plans know; `per` of its units are one of the metric.
    metric   TEXT    NOT NULL,
    per      INTEGER NOT NULL CHECK (per > 0),
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    PRIMARY KEY (org_id, hour, plugin, meter, metric, per)
) STRICT, WITHOUT ROWID;

-- Hard caps. The id stays when the cap changes.
CREATE TABLE budget (
    org_id     BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id         BLOB    NOT NULL,
    -- `org`, `plugin:…` or `key_…`
    subject    TEXT    NOT NULL,
    -- `money` or a metric
    unit       TEXT    NOT NULL,
    cap        INTEGER NOT NULL CHECK (cap >= 0),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, subject, unit)
) STRICT, WITHOUT ROWID;

-- The key whose budgets a key spends of, if those are not its own: a key that is made in the place of another one shares
-- that one's, so that nobody has a budget twice while both work.
ALTER TABLE api_key ADD COLUMN spends_as BLOB;

-- What was spent of a budget in a billing period, in millionths. The row is what whoever reserves waits for. No reference to
-- the budget: a call that ends after its budget was deleted must not fail for it.
CREATE TABLE budget_period (
    org_id    BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    budget_id BLOB    NOT NULL,
    period    INTEGER NOT NULL,
    spent     INTEGER NOT NULL,
    PRIMARY KEY (org_id, budget_id, period)
) STRICT, WITHOUT ROWID;

-- What calls that run may still spend, in millionths. A lease: of a hub that died it ends by itself.
CREATE TABLE budget_reservation (
    org_id      BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    budget_id   BLOB    NOT NULL,
    period      INTEGER NOT NULL,
    run_id      BLOB    NOT NULL,
    held        INTEGER NOT NULL CHECK (held >= 0),
    lease_until INTEGER NOT NULL,
    PRIMARY KEY (org_id, budget_id, period, run_id)
) STRICT, WITHOUT ROWID;
