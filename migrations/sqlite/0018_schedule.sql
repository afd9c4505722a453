-- What makes jobs by the clock.

-- The next time is computed when the row is written and moved on in the transaction that makes the job: of several hubs that
-- see it due, one moves it.
CREATE TABLE schedule (
    org_id      BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id          BLOB    NOT NULL,
    plugin      TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    -- Who said so: the plugin's manifest, or somebody of the org.
    origin      TEXT    NOT NULL CHECK (origin IN ('plugin', 'org')),
    target      TEXT    NOT NULL CHECK (target IN ('task', 'action')),
    target_name TEXT    NOT NULL,
    payload     TEXT    NOT NULL,
    cron        TEXT    NOT NULL,
    time_zone   TEXT    NOT NULL,
    jitter_s    INTEGER NOT NULL,
    missed      TEXT    NOT NULL CHECK (missed IN ('skip', 'once', 'all')),
    enabled     INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    -- In whose name actions are called.
    caller      TEXT,
    next_at     INTEGER,
    last_at     INTEGER,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, plugin, name)
) STRICT;

CREATE INDEX schedule_due ON schedule (next_at) WHERE next_at IS NOT NULL;
