-- Facts that the hub publishes, in one order per org.

-- The last number given to an event of each org. A table of its own and not max(sequence): a cursor that a reader
-- holds must stay valid when old events are cleared away.
CREATE TABLE event_sequence (
    org_id BLOB    NOT NULL PRIMARY KEY REFERENCES org (id) ON DELETE CASCADE,
    last   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The primary key is the order in which readers page; numbers only grow and may have gaps (a dropped repeat
-- uses one up).
CREATE TABLE event (
    org_id   BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    id       BLOB    NOT NULL,
    -- The plugin; empty for the hub itself, and not NULL, so that its events are told apart too.
    source   TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    data     TEXT    NOT NULL,
    dedupe   TEXT,
    run_id   BLOB,
    at       INTEGER NOT NULL,
    PRIMARY KEY (org_id, sequence),
    UNIQUE (org_id, id)
) STRICT;

-- Makes a repeat harmless: a vendor's webhook that is processed twice publishes once.
CREATE UNIQUE INDEX event_once ON event (org_id, source, dedupe) WHERE dedupe IS NOT NULL;
