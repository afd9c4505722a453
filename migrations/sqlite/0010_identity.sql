-- People: users of the hub, members of orgs, invitations, sessions, and what slows down who guesses passwords.

-- Somebody with an account on the hub, in whichever orgs. No org's table. What an org sees of a user is in its own
-- rows of `member`.
CREATE TABLE user_account (
    id                BLOB    NOT NULL PRIMARY KEY,
    -- In lower case.
    email             TEXT    NOT NULL UNIQUE,
    -- When an identity provider said that the address is theirs. The hub sends no mail to find out by itself.
    email_verified_at INTEGER,
    name              TEXT    NOT NULL,
    -- Argon2id in the PHC's form. None: they sign in by an identity provider.
    password_hash     TEXT,
    created_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Whom an identity provider means by a subject.
CREATE TABLE user_subject (
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    user_id    BLOB    NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX user_subject_user ON user_subject (user_id);

-- A user in an org, with what the org sees of them.
CREATE TABLE member (
    org_id     BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    user_id    BLOB    NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    email      TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    role       TEXT    NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_user ON member (user_id);

-- Somebody who may become a member: whoever has the token, of which only the keyed hash is here. Unique across orgs because
-- nothing but the token is presented; 256 random bits do not collide. Accepting takes the row out, so that it counts once.
CREATE TABLE invitation (
    org_id     BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id         BLOB    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE,
    email      TEXT    NOT NULL,
    role       TEXT    NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    invited_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, id),
    -- One at a time: a new one takes the place of the one before.
    UNIQUE (org_id, email)
) STRICT, WITHOUT ROWID;

CREATE INDEX invitation_expired ON invitation (expires_at);

-- A member who signed in. Goes with the membership, so that who is removed is signed out by the same statement.
CREATE TABLE session (
    org_id     BLOB    NOT NULL,
    id         BLOB    NOT NULL,
    user_id    BLOB    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE,
    method     TEXT    NOT NULL CHECK (method IN ('password', 'oidc')),
    user_agent TEXT,
    address    TEXT,
    created_at INTEGER NOT NULL,
    -- To a minute or so: not every request is worth a write.
    used_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES member (org_id, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX session_of_user ON session (user_id);
CREATE INDEX session_of_member ON session (org_id, user_id);
CREATE INDEX session_expired ON session (expires_at);
CREATE INDEX session_idle ON session (used_at);

-- The right of an end user of an org to connect one account.
CREATE TABLE connect_session (
    org_id           BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id               BLOB    NOT NULL,
    hash             BLOB    NOT NULL UNIQUE,
    plugins          TEXT    NOT NULL,
    end_user         TEXT    NOT NULL,
    account          TEXT,
    made_by          TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    -- What came of it: set once.
    connected_plugin TEXT,
    connected_at     INTEGER,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX connect_session_expired ON connect_session (expires_at);

-- Who guesses passwords: how often somebody failed of late for an account or from an address, and until when nobody is listened
-- to. A keyed hash says for whom; no address is stored.
CREATE TABLE sign_in_attempt (
    subject      BLOB    NOT NULL PRIMARY KEY,
    failures     INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    last_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_in_attempt_old ON sign_in_attempt (last_at);

-- Keys say who made them, when they were last used, and which one they took the place of.
ALTER TABLE api_key ADD COLUMN made_by TEXT;
ALTER TABLE api_key ADD COLUMN used_at INTEGER;
ALTER TABLE api_key ADD COLUMN replaces BLOB;
