-- Who changed what. Only ever appended to.
CREATE TABLE audit (
    org_id  BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id      BLOB    NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    -- Old and new values, without secrets.
    detail  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT;
