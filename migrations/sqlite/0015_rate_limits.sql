-- Rate limits of an org in place of the configuration's. One document, read whole on the way of every call (and
-- kept in memory): its shape is host/model/src/rate.rs.
CREATE TABLE rate_limits (
    org_id     BLOB    NOT NULL PRIMARY KEY REFERENCES org (id) ON DELETE CASCADE,
    limits     TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
