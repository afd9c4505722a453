-- OAuth 2.0: tokens of connections, orgs' own clients at vendors, and authorizations that wait for a browser.

-- The tokens of a connection that was authorized. Beside the connection and not in it: they change by themselves
-- while a person may be changing the rest. They go when the connection goes.
CREATE TABLE oauth_token (
    org_id         BLOB    NOT NULL,
    plugin         TEXT    NOT NULL,
    sealed         BLOB    NOT NULL,
    -- Grows with every change, also over a deletion: who writes says which one it has read.
    version        INTEGER NOT NULL,
    -- Of the client that got them: no other can renew them.
    client_id      TEXT    NOT NULL,
    granted_by     TEXT    NOT NULL,
    scopes         TEXT    NOT NULL,
    account_id     TEXT,
    account_name   TEXT,
    expires_at     INTEGER,
    -- Since when the vendor no longer takes them, and what it said.
    refused_at     INTEGER,
    refused_reason TEXT,
    -- Who renews them now, and until when nobody else may. Ends by itself: a node that dies holds nothing for long.
    lease          BLOB,
    lease_until    INTEGER,
    authorized_at  INTEGER NOT NULL,
    renewed_at     INTEGER NOT NULL,
    PRIMARY KEY (org_id, plugin),
    FOREIGN KEY (org_id, plugin) REFERENCES connection (org_id, plugin) ON DELETE CASCADE
) STRICT;

-- An org's own client at a vendor, in place of the operator's. Stays when the connection goes: it is the org's
-- registration at the vendor, and connecting anew needs it.
CREATE TABLE oauth_client (
    org_id     BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin     TEXT    NOT NULL,
    client_id  TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, plugin)
) STRICT;

-- Authorizations between the hub's redirect and the browser's return. Only a hash of the state is here: who reads the
-- database cannot answer in a browser's name. It is unique across orgs because a browser presents nothing but the
-- state; 256 random bits do not collide. Taking a row deletes it, so that an answer counts once.
CREATE TABLE oauth_authorization (
    org_id     BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    state_hash BLOB    NOT NULL UNIQUE,
    plugin     TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, state_hash)
) STRICT;

CREATE INDEX oauth_authorization_expired ON oauth_authorization (expires_at);
