-- What was done and what it costs. The two busiest tables: each index here is paid for on every call.

-- One call into a plugin. Neither the plugin nor its version is referenced: history outlives both.
CREATE TABLE run (
    org_id          BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id              BLOB    NOT NULL,
    plugin          TEXT    NOT NULL,
    version         TEXT    NOT NULL,
    digest          BLOB    NOT NULL,
    kind            TEXT    NOT NULL,
    operation       TEXT    NOT NULL,
    error_code      TEXT,
    error_detail    TEXT,
    upstream_status INTEGER,
    wall_us         INTEGER NOT NULL,
    cpu_us          INTEGER NOT NULL,
    peak_memory     INTEGER NOT NULL,
    egress_sent     INTEGER NOT NULL,
    egress_received INTEGER NOT NULL,
    host_calls      INTEGER NOT NULL,
    log             TEXT    NOT NULL,
    started_at      INTEGER NOT NULL,
    finished_at     INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT;

CREATE INDEX run_of_plugin ON run (org_id, plugin, id);

-- Failures are few and are what people look for, so they alone have an index of their own.
CREATE INDEX run_failed ON run (org_id, id) WHERE error_code IS NOT NULL;

-- One metered quantity. No reference to run: usage is money and stays when old runs are cleared away.
CREATE TABLE usage_record (
    org_id   BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id       BLOB    NOT NULL,
    plugin   TEXT    NOT NULL,
    run_id   BLOB    NOT NULL,
    meter    TEXT    NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    basis    TEXT    NOT NULL CHECK (basis IN ('reported', 'estimated')),
    dedupe   TEXT,
    at       INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

-- Makes a repeat harmless: the same quantity reported twice is billed once.
CREATE UNIQUE INDEX usage_record_once ON usage_record (org_id, plugin, meter, dedupe) WHERE dedupe IS NOT NULL;

-- Totals of a month read this, not the table's whole history.
CREATE INDEX usage_record_by_time ON usage_record (org_id, at);
