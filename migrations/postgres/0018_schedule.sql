-- What makes jobs by the clock.

-- The next time is computed when the row is written and moved on in the transaction that makes the job: of several hubs that
-- see it due, one moves it.
CREATE TABLE schedule (
    org_id      uuid    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id          uuid    NOT NULL,
    plugin      text    COLLATE "C" NOT NULL,
    name        text    COLLATE "C" NOT NULL,
    -- Who said so: the plugin's manifest, or somebody of the org.
    origin      text    COLLATE "C" NOT NULL CHECK (origin IN ('plugin', 'org')),
    target      text    COLLATE "C" NOT NULL CHECK (target IN ('task', 'action')),
    target_name text    COLLATE "C" NOT NULL,
    payload     text    NOT NULL,
    cron        text    NOT NULL,
    time_zone   text    NOT NULL,
    jitter_s    bigint  NOT NULL,
    missed      text    COLLATE "C" NOT NULL CHECK (missed IN ('skip', 'once', 'all')),
    enabled     boolean NOT NULL,
    -- In whose name actions are called.
    caller      text,
    next_at     bigint,
    last_at     bigint,
    created_at  bigint  NOT NULL,
    updated_at  bigint  NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, plugin, name)
);

CREATE INDEX schedule_due ON schedule (next_at) WHERE next_at IS NOT NULL;

ALTER TABLE schedule ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedule FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON schedule TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- What is due concerns all orgs.
CREATE POLICY hub_reads ON schedule FOR SELECT TO patchbay_hub USING (next_at IS NOT NULL);
-- The end of an organization.
CREATE POLICY operator_isolation ON schedule TO patchbay_operator
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON schedule TO patchbay_app;
GRANT SELECT (org_id, id, next_at) ON schedule TO patchbay_hub;
GRANT DELETE, SELECT (org_id, id) ON schedule TO patchbay_operator;
