-- People: users of the hub, members of orgs, invitations, sessions, and what slows down who guesses passwords.

-- Somebody with an account on the hub, in whichever orgs. No org's table: patchbay_hub alone may look into it, when somebody
-- signs in. What an org sees of a user is in its own rows of `member`.
CREATE TABLE user_account (
    id                uuid   NOT NULL PRIMARY KEY,
    -- In lower case.
    email             text   COLLATE "C" NOT NULL UNIQUE,
    -- When an identity provider said that the address is theirs. The hub sends no mail to find out by itself.
    email_verified_at bigint,
    name              text   NOT NULL,
    -- Argon2id in the PHC's form. None: they sign in by an identity provider.
    password_hash     text,
    created_at        bigint NOT NULL
);

GRANT SELECT, INSERT, UPDATE (password_hash, email_verified_at) ON user_account TO patchbay_hub;

-- Whom an identity provider means by a subject.
CREATE TABLE user_subject (
    issuer     text   COLLATE "C" NOT NULL,
    subject    text   COLLATE "C" NOT NULL,
    user_id    uuid   NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    created_at bigint NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX user_subject_user ON user_subject (user_id);

GRANT SELECT, INSERT ON user_subject TO patchbay_hub;

-- A user in an org, with what the org sees of them.
CREATE TABLE member (
    org_id     uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    user_id    uuid   NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    email      text   COLLATE "C" NOT NULL,
    name       text   NOT NULL,
    role       text   COLLATE "C" NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (org_id, user_id)
);

CREATE INDEX member_user ON member (user_id);

ALTER TABLE member ENABLE ROW LEVEL SECURITY;
ALTER TABLE member FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON member TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- In which orgs somebody is who signs in, and as what.
CREATE POLICY hub_reads ON member FOR SELECT TO patchbay_hub USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (role, name, updated_at) ON member TO patchbay_app;
GRANT SELECT ON member TO patchbay_hub;

-- Somebody who may become a member: whoever has the token, of which only the keyed hash is here. Unique across orgs because
-- nothing but the token is presented; 256 random bits do not collide. Accepting takes the row out, so that it counts once.
CREATE TABLE invitation (
    org_id     uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id         uuid   NOT NULL,
    hash       bytea  NOT NULL UNIQUE,
    email      text   COLLATE "C" NOT NULL,
    role       text   COLLATE "C" NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    invited_by text   NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (org_id, id),
    -- One at a time: a new one takes the place of the one before.
    UNIQUE (org_id, email)
);

CREATE INDEX invitation_expired ON invitation (expires_at);

ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON invitation TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- Whose invitation a token is, is asked before the org is known; and the sweep.
CREATE POLICY hub_reads ON invitation FOR SELECT TO patchbay_hub USING (true);
CREATE POLICY hub_takes ON invitation FOR DELETE TO patchbay_hub USING (true);
GRANT SELECT, INSERT, DELETE ON invitation TO patchbay_app;
GRANT SELECT, DELETE ON invitation TO patchbay_hub;

-- A member who signed in. Goes with the membership, so that who is removed is signed out by the same statement.
CREATE TABLE session (
    org_id     uuid   NOT NULL,
    id         uuid   NOT NULL,
    user_id    uuid   NOT NULL,
    hash       bytea  NOT NULL UNIQUE,
    method     text   COLLATE "C" NOT NULL CHECK (method IN ('password', 'oidc')),
    user_agent text,
    address    text,
    created_at bigint NOT NULL,
    -- To a minute or so: not every request is worth a write.
    used_at    bigint NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES member (org_id, user_id) ON DELETE CASCADE
);

CREATE INDEX session_of_user ON session (user_id);
CREATE INDEX session_of_member ON session (org_id, user_id);
CREATE INDEX session_expired ON session (expires_at);
CREATE INDEX session_idle ON session (used_at);

ALTER TABLE session ENABLE ROW LEVEL SECURITY;
ALTER TABLE session FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON session TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- Whose session a token is; all sessions of a user, who ends them when the password changes; and the sweep.
CREATE POLICY hub_reads ON session FOR SELECT TO patchbay_hub USING (true);
CREATE POLICY hub_ends ON session FOR DELETE TO patchbay_hub USING (true);
GRANT SELECT, INSERT, UPDATE (used_at) ON session TO patchbay_app;
GRANT SELECT, DELETE ON session TO patchbay_hub;

-- The right of an end user of an org to connect one account.
CREATE TABLE connect_session (
    org_id           uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id               uuid   NOT NULL,
    hash             bytea  NOT NULL UNIQUE,
    plugins          jsonb  NOT NULL,
    end_user         text   NOT NULL,
    account          text,
    made_by          text   NOT NULL,
    created_at       bigint NOT NULL,
    expires_at       bigint NOT NULL,
    -- What came of it: set once.
    connected_plugin text   COLLATE "C",
    connected_at     bigint,
    PRIMARY KEY (org_id, id)
);

CREATE INDEX connect_session_expired ON connect_session (expires_at);

ALTER TABLE connect_session ENABLE ROW LEVEL SECURITY;
ALTER TABLE connect_session FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON connect_session TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY hub_reads ON connect_session FOR SELECT TO patchbay_hub USING (true);
CREATE POLICY hub_sweeps ON connect_session FOR DELETE TO patchbay_hub USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (connected_plugin, connected_at) ON connect_session TO patchbay_app;
GRANT SELECT, DELETE ON connect_session TO patchbay_hub;

-- Who guesses passwords: how often somebody failed of late for an account or from an address, and until when nobody is listened
-- to. Here and not in memory, so that it holds whichever hub is asked. A keyed hash says for whom; no address is stored.
CREATE TABLE sign_in_attempt (
    subject      bytea  NOT NULL PRIMARY KEY,
    failures     bigint NOT NULL,
    locked_until bigint NOT NULL,
    last_at      bigint NOT NULL
);

CREATE INDEX sign_in_attempt_old ON sign_in_attempt (last_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempt TO patchbay_hub;

-- Keys say who made them, when they were last used, and which one they took the place of.
ALTER TABLE api_key ADD COLUMN made_by text, ADD COLUMN used_at bigint, ADD COLUMN replaces uuid;
GRANT UPDATE (used_at, expires_at) ON api_key TO patchbay_app;

-- An org can be renamed.
GRANT UPDATE (name) ON org TO patchbay_app;
