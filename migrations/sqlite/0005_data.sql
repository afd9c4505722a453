-- What plugins keep, per org and plugin. None of it references the installation: switching a plugin off and on
-- again must not lose its data.

-- Documents. Declared index fields are read out of the JSON; a collection is read in order of id, which is
-- the order of the primary key.
CREATE TABLE record (
    org_id     BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin     TEXT    NOT NULL,
    collection TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    data       TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, plugin, collection, id)
) STRICT;

-- Small values with expiry. An expired one counts as absent from its very instant; the sweep only frees the space.
CREATE TABLE kv (
    org_id     BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    value      BLOB    NOT NULL,
    version    INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (org_id, plugin, key)
) STRICT;

CREATE INDEX kv_expiry ON kv (expires_at) WHERE expires_at IS NOT NULL;

-- What is known of stored files; their bytes are on disk under their hash.
CREATE TABLE blob (
    org_id       BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id           BLOB    NOT NULL,
    plugin       TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    sha256       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

-- Tells whether a file on disk is still somebody's when one that points to it is deleted.
CREATE INDEX blob_of_content ON blob (org_id, sha256);
