-- Durable background work: a small hot queue of what is still to be done, apart from what a job is and was.

-- What a job is, and what became of it. Written when it is made, after each step that leaves a cursor, and when it ends;
-- who works on it is in the queue alone. Payload, cursor and result are JSON that nobody looks into.
CREATE TABLE job (
    org_id       BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id           BLOB    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('task', 'action', 'event', 'host')),
    -- None for the hub's own.
    plugin       TEXT,
    -- The task's kind, the action, the event's type, or what in the hub does it.
    name         TEXT    NOT NULL,
    -- Whether an open one waits or runs, the queue says.
    status       TEXT    NOT NULL CHECK (status IN ('open', 'done', 'failed', 'cancelled')),
    lane         TEXT    NOT NULL,
    rank         INTEGER NOT NULL,
    payload      TEXT    NOT NULL,
    -- In whose name, for actions.
    caller       TEXT,
    key          TEXT,
    most_attempts INTEGER NOT NULL,
    timeout_ms   INTEGER,
    schedule_id  BLOB,
    tick_at      INTEGER,
    cursor       TEXT,
    progress     INTEGER,
    result       TEXT,
    error_code   TEXT,
    error_detail TEXT,
    attempts     INTEGER NOT NULL,
    run_id       BLOB,
    -- How often somebody had it done once more.
    redriven     INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    finished_at  INTEGER,
    PRIMARY KEY (org_id, id)
) STRICT;

-- What waits for somebody to have it done once more.
CREATE INDEX job_failed ON job (org_id, id) WHERE status = 'failed';
-- A schedule makes one job for each of its times, however many hubs look at the clock.
CREATE UNIQUE INDEX job_tick ON job (org_id, schedule_id, tick_at) WHERE schedule_id IS NOT NULL;

-- What is still to be done. A row is taken by its lease, which ends by itself if nobody prolongs it; what becomes of the job
-- is written only under the lease that it was taken with.
CREATE TABLE job_queue (
    org_id      BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    job_id      BLOB    NOT NULL,
    lane        TEXT    NOT NULL,
    rank        INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    -- Tries of the present step, a running one included: counted when it is taken, so that work which kills the hub is given up too.
    attempts    INTEGER NOT NULL,
    lease       BLOB,
    lease_until INTEGER NOT NULL,
    -- Somebody asked that it ends.
    unwanted    INTEGER NOT NULL CHECK (unwanted IN (0, 1)),
    -- Of two with one, the second is not made.
    dedupe      TEXT,
    PRIMARY KEY (org_id, job_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_queue_next ON job_queue (org_id, lane, rank, due_at, job_id);
-- What runs in a lane is counted with each claim, and is little; what waits in it may be a million.
CREATE INDEX job_queue_running ON job_queue (org_id, lane, lease_until) WHERE lease IS NOT NULL;
CREATE UNIQUE INDEX job_queue_once ON job_queue (org_id, dedupe) WHERE dedupe IS NOT NULL;

-- Lanes take turns: one for each plugin of an org, one more for each kind of work that has a limit of its own. A lane is not
-- looked at before its time to wake, which is never later than that of the first job in it.
CREATE TABLE job_lane (
    org_id  BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    lane    TEXT    NOT NULL,
    -- At most so many at once; none: the hub's own number.
    cap     INTEGER,
    wake_at INTEGER NOT NULL,
    -- Grows with each turn; the lane with the least goes next.
    served  INTEGER NOT NULL,
    PRIMARY KEY (org_id, lane)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_lane_awake ON job_lane (wake_at);
