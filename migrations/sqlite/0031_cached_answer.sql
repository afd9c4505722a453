-- Answers of vendors that are given again instead of asking twice.

-- The bytes are a file of this name in the organization's folder. A row may have lost its file: then there is no answer. `key` is a
-- hash of all that the answer depends on.
CREATE TABLE cached_answer (
    org_id     BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin     TEXT    NOT NULL,
    key        BLOB    NOT NULL,
    file       BLOB    NOT NULL,
    headers    TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- To the hour.
    used_at    INTEGER NOT NULL,
    PRIMARY KEY (org_id, plugin, key)
) STRICT;

-- What goes when there is no room, and what goes when its time is over.
CREATE INDEX cached_answer_used ON cached_answer (org_id, used_at);
CREATE INDEX cached_answer_expires ON cached_answer (expires_at);
