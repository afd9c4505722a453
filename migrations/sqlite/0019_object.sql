-- Standard objects: records that several plugins share, with who wrote them.

-- One that was deleted stays without its data, to say who deleted it, until it is as old as events may be.
CREATE TABLE object_record (
    org_id      BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    object      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    data        TEXT,
    -- Who wrote which fields last.
    sources     TEXT    NOT NULL,
    created_by  TEXT    NOT NULL,
    created_run BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_by  TEXT    NOT NULL,
    updated_run BLOB    NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, object, id)
) STRICT;

CREATE INDEX object_record_deleted ON object_record (org_id, updated_at) WHERE data IS NULL;

-- What records are found by: a row for each indexed field that a record has. The primary key is the look-up, and gives
-- the records of one value in order of their ids. No column of the values has a type: see the model's `index.rs`.
CREATE TABLE object_index (
    org_id BLOB NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    object TEXT NOT NULL,
    field  TEXT NOT NULL,
    value  TEXT NOT NULL,
    id     TEXT NOT NULL,
    PRIMARY KEY (org_id, object, field, value, id)
) STRICT, WITHOUT ROWID;
