-- Plans, live counters and spend budgets. What a plan includes is configuration; here is who has which, and what was used.

-- The plans that an org had, each since a time; the last one is the one it has. An org without a row has the plan that
-- the configuration names, and its cycle began when the org was made.
CREATE TABLE org_plan (
    org_id uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    since  bigint NOT NULL,
    plan   text   COLLATE "C" NOT NULL,
    -- When the billing cycle began, a full hour.
    anchor bigint NOT NULL,
    PRIMARY KEY (org_id, since)
);

ALTER TABLE org_plan ENABLE ROW LEVEL SECURITY;
ALTER TABLE org_plan FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON org_plan TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- A hub that starts looks whether every plan that an org has is configured.
CREATE POLICY hub_reads ON org_plan FOR SELECT TO patchbay_hub USING (true);
-- What an org had is history; a change at the same instant writes over the one before.
GRANT SELECT, INSERT, UPDATE (plan, anchor) ON org_plan TO patchbay_app;
GRANT SELECT ON org_plan TO patchbay_hub;

-- What was used, added up by the hour: the journal adds in the transaction that stores the usage records, so the two
-- never differ. By the hour and not by the billing period, because every period is a sum of hours, whatever the org's
-- cycle is and however often it changes; and because days can be shown. Kept for ever, as usage records are: an org that
-- is busy around the clock takes nine thousand rows a year for each meter. Room is left in the pages, so that a row that is
-- added to a thousand times an hour stays where it is.
CREATE TABLE usage_counter (
    org_id   uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    hour     bigint NOT NULL,
    plugin   text   COLLATE "C" NOT NULL,
    -- A meter of the plugin, or `calls`, which the hub counts.
    meter    text   COLLATE "C" NOT NULL,
    -- What it counts as, empty for nothing that plans know; `per` of its units are one of the metric.
    metric   text   COLLATE "C" NOT NULL,
    per      bigint NOT NULL CHECK (per > 0),
    quantity bigint NOT NULL CHECK (quantity >= 0),
    PRIMARY KEY (org_id, hour, plugin, meter, metric, per)
) WITH (fillfactor = 60);

ALTER TABLE usage_counter ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_counter FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON usage_counter TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON usage_counter TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
GRANT SELECT ON usage_counter TO patchbay_app;
GRANT SELECT, INSERT, UPDATE (quantity) ON usage_counter TO patchbay_journal;
-- Which records were new and which were repeats, which do not count.
GRANT SELECT (id) ON usage_record TO patchbay_journal;

-- Hard caps. The id stays when the cap changes.
CREATE TABLE budget (
    org_id     uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id         uuid   NOT NULL,
    -- `org`, `plugin:…` or `key_…`
    subject    text   COLLATE "C" NOT NULL,
    -- `money` or a metric
    unit       text   COLLATE "C" NOT NULL,
    cap        bigint NOT NULL CHECK (cap >= 0),
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, subject, unit)
);

ALTER TABLE budget ENABLE ROW LEVEL SECURITY;
ALTER TABLE budget FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON budget TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT, INSERT, DELETE, UPDATE (cap, updated_at) ON budget TO patchbay_app;

-- The key whose budgets a key spends of, if those are not its own: a key that is made in the place of another one shares
-- that one's, so that nobody has a budget twice while both work.
ALTER TABLE api_key ADD COLUMN spends_as uuid;

-- What was spent of a budget in a billing period, in millionths. The row is what whoever reserves waits for. No reference to
-- the budget: a call that ends after its budget was deleted must not fail for it.
CREATE TABLE budget_period (
    org_id    uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    budget_id uuid   NOT NULL,
    period    bigint NOT NULL,
    spent     bigint NOT NULL,
    PRIMARY KEY (org_id, budget_id, period)
) WITH (fillfactor = 60);

ALTER TABLE budget_period ENABLE ROW LEVEL SECURITY;
ALTER TABLE budget_period FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON budget_period TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON budget_period TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
GRANT SELECT, INSERT, DELETE, UPDATE (spent) ON budget_period TO patchbay_app;
GRANT SELECT, INSERT, UPDATE (spent) ON budget_period TO patchbay_journal;

-- What calls that run may still spend, in millionths. A lease: of a hub that died it ends by itself.
CREATE TABLE budget_reservation (
    org_id      uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    budget_id   uuid   NOT NULL,
    period      bigint NOT NULL,
    run_id      uuid   NOT NULL,
    held        bigint NOT NULL CHECK (held >= 0),
    lease_until bigint NOT NULL,
    PRIMARY KEY (org_id, budget_id, period, run_id)
);

ALTER TABLE budget_reservation ENABLE ROW LEVEL SECURITY;
ALTER TABLE budget_reservation FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON budget_reservation TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY journal_isolation ON budget_reservation TO patchbay_journal
    USING (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]))
    WITH CHECK (org_id = ANY ((SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]));
GRANT SELECT, INSERT, DELETE, UPDATE (held, lease_until) ON budget_reservation TO patchbay_app;
GRANT SELECT (org_id, budget_id, period, run_id), DELETE ON budget_reservation TO patchbay_journal;
