-- Durable background work: a small hot queue of what is still to be done, apart from what a job is and was.

-- What a job is, and what became of it. Written when it is made, after each step that leaves a cursor, and when it ends;
-- who works on it is in the queue alone. Payload, cursor and result are JSON that nobody looks into: as text it is kept to
-- the letter, and costs no parsing.
CREATE TABLE job (
    org_id       uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id           uuid   NOT NULL,
    kind         text   COLLATE "C" NOT NULL CHECK (kind IN ('task', 'action', 'event', 'host')),
    -- None for the hub's own.
    plugin       text   COLLATE "C",
    -- The task's kind, the action, the event's type, or what in the hub does it.
    name         text   COLLATE "C" NOT NULL,
    -- Whether an open one waits or runs, the queue says.
    status       text   COLLATE "C" NOT NULL CHECK (status IN ('open', 'done', 'failed', 'cancelled')),
    lane         text   COLLATE "C" NOT NULL,
    rank         bigint NOT NULL,
    payload      text   NOT NULL,
    -- In whose name, for actions.
    caller       text,
    key          text   COLLATE "C",
    most_attempts bigint NOT NULL,
    timeout_ms   bigint,
    schedule_id  uuid,
    tick_at      bigint,
    cursor       text,
    progress     bigint,
    result       text,
    error_code   text,
    error_detail text,
    attempts     bigint NOT NULL,
    run_id       uuid,
    -- How often somebody had it done once more.
    redriven     bigint NOT NULL DEFAULT 0,
    created_at   bigint NOT NULL,
    started_at   bigint,
    finished_at  bigint,
    PRIMARY KEY (org_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1);

-- What waits for somebody to have it done once more.
CREATE INDEX job_failed ON job (org_id, id) WHERE status = 'failed';
-- A schedule makes one job for each of its times, however many hubs look at the clock.
CREATE UNIQUE INDEX job_tick ON job (org_id, schedule_id, tick_at) WHERE schedule_id IS NOT NULL;

-- What is still to be done. A row is taken by its lease, which ends by itself if nobody prolongs it; what becomes of the job
-- is written only under the lease that it was taken with. The row is small and goes when the job ends. Its page has room for
-- the next version (prolonging touches no index), and the vacuum comes after one row in a hundred and not after one in five.
CREATE TABLE job_queue (
    org_id      uuid    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    job_id      uuid    NOT NULL,
    lane        text    COLLATE "C" NOT NULL,
    rank        bigint  NOT NULL,
    due_at      bigint  NOT NULL,
    -- Tries of the present step, a running one included: counted when it is taken, so that work which kills the hub is given up too.
    attempts    bigint  NOT NULL,
    lease       uuid,
    lease_until bigint  NOT NULL,
    -- Somebody asked that it ends.
    unwanted    boolean NOT NULL,
    -- Of two with one, the second is not made.
    dedupe      text    COLLATE "C",
    PRIMARY KEY (org_id, job_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 1);

CREATE INDEX job_queue_next ON job_queue (org_id, lane, rank, due_at, job_id) WHERE lease IS NULL;
-- What runs in a lane is counted with each claim. Without when leases end: prolonging one would touch the index.
CREATE INDEX job_queue_running ON job_queue (org_id, lane) WHERE lease IS NOT NULL;
CREATE UNIQUE INDEX job_queue_once ON job_queue (org_id, dedupe) WHERE dedupe IS NOT NULL;

-- Lanes take turns: one for each plugin of an org, one more for each kind of work that has a limit of its own. A lane is not
-- looked at before its time to wake, which is never later than that of the first job in it: who makes a job due and who finds
-- a lane empty both hold its row.
CREATE TABLE job_lane (
    org_id  uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    lane    text   COLLATE "C" NOT NULL,
    -- At most so many at once; none: the hub's own number.
    cap     bigint,
    wake_at bigint NOT NULL,
    -- Grows with each turn; the lane with the least goes next.
    served  bigint NOT NULL,
    -- Nothing that waits in it is due before, by rank. What was done stays in the index until the vacuum, which may be kept
    -- waiting: a claim looks behind it.
    from_0  bigint NOT NULL,
    from_1  bigint NOT NULL,
    from_2  bigint NOT NULL,
    PRIMARY KEY (org_id, lane)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);

CREATE INDEX job_lane_awake ON job_lane (wake_at);

DO $$
DECLARE
    name text;
    ours text := 'org_id = NULLIF(current_setting(''app.org_id'', true), '''')::uuid';
    batch text := 'org_id = ANY ((SELECT NULLIF(current_setting(''app.org_ids'', true), '''')::uuid[])::uuid[])';
BEGIN
    FOREACH name IN ARRAY ARRAY['job', 'job_queue', 'job_lane'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY org_isolation ON %1$I TO patchbay_app USING (%2$s) WITH CHECK (%2$s)', name, ours);
        -- A step's outcome, and the jobs that it makes, are committed with its run.
        EXECUTE format('CREATE POLICY journal_isolation ON %1$I TO patchbay_journal USING (%2$s) WITH CHECK (%2$s)', name, batch);
    END LOOP;
    -- The end of an organization.
    FOREACH name IN ARRAY ARRAY['job', 'job_queue'] LOOP
        EXECUTE format('CREATE POLICY operator_isolation ON %1$I TO patchbay_operator USING (%2$s) WITH CHECK (%2$s)', name, ours);
    END LOOP;
END
$$;

-- The queue concerns all orgs: whose turn it is, and that it was taken. What a job is made with is read in its own org.
CREATE POLICY hub_reads ON job_queue FOR SELECT TO patchbay_hub USING (true);
CREATE POLICY hub_claims ON job_queue FOR UPDATE TO patchbay_hub USING (true);
CREATE POLICY hub_reads ON job_lane FOR SELECT TO patchbay_hub USING (true);
CREATE POLICY hub_claims ON job_lane FOR UPDATE TO patchbay_hub USING (true);

GRANT SELECT, INSERT, DELETE, UPDATE (status, cursor, progress, result, error_code, error_detail, attempts, run_id, redriven,
    started_at, finished_at) ON job TO patchbay_app;
GRANT INSERT, UPDATE (status, cursor, progress, result, error_code, error_detail, attempts, run_id, started_at, finished_at),
    SELECT (org_id, id, status, cursor, progress, result, run_id, started_at) ON job TO patchbay_journal;
GRANT DELETE, SELECT (org_id, id) ON job TO patchbay_operator;

GRANT SELECT, INSERT, DELETE, UPDATE (due_at, attempts, lease, lease_until, unwanted) ON job_queue TO patchbay_app;
GRANT INSERT, DELETE, UPDATE (due_at, attempts, lease, lease_until),
    SELECT (org_id, job_id, lane, lease, unwanted, dedupe) ON job_queue TO patchbay_journal;
GRANT SELECT (org_id, job_id, lane, rank, due_at, attempts, lease, lease_until, unwanted),
    UPDATE (attempts, lease, lease_until) ON job_queue TO patchbay_hub;
GRANT DELETE, SELECT (org_id, job_id) ON job_queue TO patchbay_operator;

GRANT SELECT, INSERT, UPDATE (cap, wake_at, from_0, from_1, from_2) ON job_lane TO patchbay_app, patchbay_journal;
GRANT SELECT, UPDATE (wake_at, served, from_0, from_1, from_2) ON job_lane TO patchbay_hub;
