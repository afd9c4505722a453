-- OAuth 2.0: links that a person opens, renewal without a caller, and tokens that must be given back.

-- An authorization begins as a link that nobody has followed ('link') and goes on in the browser that follows it
-- ('browser'). What is in a link is stored as a state is: as its hash.
ALTER TABLE oauth_authorization ADD COLUMN stage TEXT NOT NULL DEFAULT 'browser' CHECK (stage IN ('link', 'browser'));

-- When it is time to renew the tokens, and before when nobody needs to look again.
ALTER TABLE oauth_token ADD COLUMN due_at INTEGER;
ALTER TABLE oauth_token ADD COLUMN retry_at INTEGER;
-- Since when renewing fails in a way that somebody should know of, though it may pass: how, and what the vendor said.
ALTER TABLE oauth_token ADD COLUMN failing_at INTEGER;
ALTER TABLE oauth_token ADD COLUMN failing TEXT CHECK (failing IN ('client_rejected', 'grant_refused'));
ALTER TABLE oauth_token ADD COLUMN failing_reason TEXT;

CREATE INDEX oauth_token_due ON oauth_token (due_at) WHERE due_at IS NOT NULL;

-- Tokens that nobody uses any more and that the vendor shall end: written in the transaction that takes the connection
-- away, so that a crash or a vendor that is down leaves none alive.
CREATE TABLE oauth_revocation (
    org_id          BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id              BLOB    NOT NULL,
    plugin          TEXT    NOT NULL,
    sealed          BLOB    NOT NULL,
    -- Who ended the connection, as in the audit log.
    actor           TEXT    NOT NULL,
    attempts        INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT;

CREATE INDEX oauth_revocation_due ON oauth_revocation (next_attempt_at);
