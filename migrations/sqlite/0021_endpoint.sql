-- Organizations' URLs that subscribe to events, and how far events were handed on to whom they concern.

-- What is secret of an endpoint (what it is signed with, values of headers) is sealed in one ciphertext. All else that
-- the org decides is one document, read whole: its shape is host/model/src/endpoint.rs.
CREATE TABLE endpoint (
    org_id          BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id              BLOB    NOT NULL,
    settings        TEXT    NOT NULL,
    disabled_reason TEXT CHECK (disabled_reason IN ('asked', 'gone', 'failing')),
    disabled_at     INTEGER,
    -- The org's last event before it was made or switched on.
    from_sequence   INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    sealed          BLOB    NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT;

-- The last event of an org that was handed on: to endpoints as deliveries, and to whatever else consumes events, all in
-- the transaction that moves it. An org whose events concern nobody has no row, and costs nothing. The version grows
-- whenever who is concerned changes, in that transaction: who hands on under a version that is not the present one
-- would hand on to others.
CREATE TABLE event_relay (
    org_id  BLOB    NOT NULL PRIMARY KEY REFERENCES org (id) ON DELETE CASCADE,
    last    INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
