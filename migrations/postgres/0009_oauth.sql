-- OAuth 2.0: tokens of connections, orgs' own clients at vendors, and authorizations that wait for a browser.

-- The tokens of a connection that was authorized. Beside the connection and not in it: they change by themselves
-- while a person may be changing the rest. They go when the connection goes.
CREATE TABLE oauth_token (
    org_id         uuid   NOT NULL,
    plugin         text   COLLATE "C" NOT NULL,
    sealed         bytea  NOT NULL,
    -- Grows with every change, also over a deletion: who writes says which one it has read.
    version        bigint NOT NULL,
    -- Of the client that got them: no other can renew them.
    client_id      text   NOT NULL,
    granted_by     text   NOT NULL,
    scopes         jsonb  NOT NULL,
    account_id     text,
    account_name   text,
    expires_at     bigint,
    -- Since when the vendor no longer takes them, and what it said.
    refused_at     bigint,
    refused_reason text,
    -- Who renews them now, and until when nobody else may. Ends by itself: a node that dies holds nothing for long.
    lease          bytea,
    lease_until    bigint,
    authorized_at  bigint NOT NULL,
    renewed_at     bigint NOT NULL,
    PRIMARY KEY (org_id, plugin),
    FOREIGN KEY (org_id, plugin) REFERENCES connection (org_id, plugin) ON DELETE CASCADE
);

ALTER TABLE oauth_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_token FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON oauth_token TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- No right to delete: they go with their connection.
GRANT SELECT, INSERT, UPDATE ON oauth_token TO patchbay_app;

-- An org's own client at a vendor, in place of the operator's. Stays when the connection goes: it is the org's
-- registration at the vendor, and connecting anew needs it.
CREATE TABLE oauth_client (
    org_id     uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    plugin     text   COLLATE "C" NOT NULL,
    client_id  text   NOT NULL,
    sealed     bytea  NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (org_id, plugin)
);

ALTER TABLE oauth_client ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_client FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON oauth_client TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_client TO patchbay_app;

-- Authorizations between the hub's redirect and the browser's return. Only a hash of the state is here: who reads the
-- database cannot answer in a browser's name. It is unique across orgs because a browser presents nothing but the
-- state; 256 random bits do not collide. Taking a row deletes it, so that an answer counts once.
CREATE TABLE oauth_authorization (
    org_id     uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    state_hash bytea  NOT NULL UNIQUE,
    plugin     text   COLLATE "C" NOT NULL,
    sealed     bytea  NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (org_id, state_hash)
);

CREATE INDEX oauth_authorization_expired ON oauth_authorization (expires_at);

ALTER TABLE oauth_authorization ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_authorization FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON oauth_authorization TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- Whose browser it is that comes back, is asked before the org is known; and the sweep.
CREATE POLICY hub_reads ON oauth_authorization FOR SELECT TO patchbay_hub USING (true);
CREATE POLICY hub_takes ON oauth_authorization FOR DELETE TO patchbay_hub USING (true);
-- The newest are kept, the others deleted, so an org sees its own.
GRANT INSERT, DELETE, SELECT (org_id, state_hash, plugin, expires_at) ON oauth_authorization TO patchbay_app;
GRANT SELECT, DELETE ON oauth_authorization TO patchbay_hub;
