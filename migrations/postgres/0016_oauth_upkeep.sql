-- OAuth 2.0: links that a person opens, renewal without a caller, and tokens that must be given back.

-- An authorization begins as a link that nobody has followed ('link') and goes on in the browser that follows it
-- ('browser'). What is in a link is stored as a state is: as its hash.
ALTER TABLE oauth_authorization ADD COLUMN stage text COLLATE "C" NOT NULL DEFAULT 'browser'
    CHECK (stage IN ('link', 'browser'));
GRANT SELECT (stage) ON oauth_authorization TO patchbay_app;

-- When it is time to renew the tokens, and before when nobody needs to look again.
ALTER TABLE oauth_token ADD COLUMN due_at bigint;
ALTER TABLE oauth_token ADD COLUMN retry_at bigint;
-- Since when renewing fails in a way that somebody should know of, though it may pass: how, and what the vendor said.
ALTER TABLE oauth_token ADD COLUMN failing_at bigint;
ALTER TABLE oauth_token ADD COLUMN failing text COLLATE "C" CHECK (failing IN ('client_rejected', 'grant_refused'));
ALTER TABLE oauth_token ADD COLUMN failing_reason text;

CREATE INDEX oauth_token_due ON oauth_token (due_at) WHERE due_at IS NOT NULL;

-- What is due concerns all orgs.
CREATE POLICY hub_reads ON oauth_token FOR SELECT TO patchbay_hub USING (due_at IS NOT NULL);
GRANT SELECT (org_id, plugin, version, due_at, retry_at, refused_at) ON oauth_token TO patchbay_hub;
-- Who ends a connection takes out the very tokens that are stored then.
GRANT DELETE ON oauth_token TO patchbay_app;

-- Tokens that nobody uses any more and that the vendor shall end: written in the transaction that takes the connection
-- away, so that a crash or a vendor that is down leaves none alive.
CREATE TABLE oauth_revocation (
    org_id          uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id              uuid   NOT NULL,
    plugin          text   COLLATE "C" NOT NULL,
    sealed          bytea  NOT NULL,
    -- Who ended the connection, as in the audit log.
    actor           text   NOT NULL,
    attempts        bigint NOT NULL,
    next_attempt_at bigint NOT NULL,
    created_at      bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE INDEX oauth_revocation_due ON oauth_revocation (next_attempt_at);

ALTER TABLE oauth_revocation ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_revocation FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON oauth_revocation TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- The queue concerns all orgs.
CREATE POLICY hub_reads ON oauth_revocation FOR SELECT TO patchbay_hub USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (attempts, next_attempt_at) ON oauth_revocation TO patchbay_app;
GRANT SELECT (org_id, id, next_attempt_at) ON oauth_revocation TO patchbay_hub;
-- Rotation, and the end of an organization.
CREATE POLICY operator_isolation ON oauth_revocation TO patchbay_operator
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT DELETE, UPDATE (sealed), SELECT (org_id, id, sealed) ON oauth_revocation TO patchbay_operator;
