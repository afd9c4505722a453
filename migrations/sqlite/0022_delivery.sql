-- Events on their way to endpoints.
--
-- The queue is apart from the history, so that it is small whatever the history: a delivery has a row in delivery_due
-- for as long as it is to be sent, and no longer. When an endpoint is to be looked at is one number in delivery_lane,
-- which is all that changes while a receiver is down, however much is queued for it.

-- One event to one endpoint. Its id follows from both.
CREATE TABLE delivery (
    org_id      BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id          BLOB    NOT NULL,
    endpoint_id BLOB    NOT NULL,
    event_id    BLOB    NOT NULL,
    sequence    INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('pending', 'succeeded', 'exhausted', 'cancelled', 'skipped')),
    attempts    INTEGER NOT NULL,
    -- The newest attempts, in their order.
    log         TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    finished_at INTEGER,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_of_endpoint ON delivery (org_id, endpoint_id, id);

-- What is to be sent. Attempts are those since it was last queued: they say how long the next wait is.
CREATE TABLE delivery_due (
    org_id      BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    endpoint_id BLOB    NOT NULL,
    sequence    INTEGER NOT NULL,
    delivery_id BLOB    NOT NULL,
    event_id    BLOB    NOT NULL,
    due_at      INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    PRIMARY KEY (org_id, endpoint_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_due_at ON delivery_due (org_id, endpoint_id, due_at, sequence);

-- An endpoint as seen by who sends. Due when something of it is, but not before a pause is over. `added` counts what was
-- queued: who puts the lane to rest says how far he has counted, so that nothing that came meanwhile is forgotten. The
-- lane belongs to one hub at a time, until its lease ends.
CREATE TABLE delivery_lane (
    org_id        BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    endpoint_id   BLOB    NOT NULL,
    due_at        INTEGER,
    paused_until  INTEGER,
    added         INTEGER NOT NULL,
    -- In a row, and since when.
    failures      INTEGER NOT NULL,
    failing_since INTEGER,
    owner         BLOB,
    lease_until   INTEGER,
    -- The endpoint was deleted: what is left of it is to be cleared away.
    gone          INTEGER NOT NULL,
    PRIMARY KEY (org_id, endpoint_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_lane_due ON delivery_lane (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_lane_gone ON delivery_lane (org_id) WHERE gone = 1;
