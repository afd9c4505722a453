-- Organizations, who may call in their name, and the keys that their secrets are sealed with.
--
-- The same tables under the same numbers as for SQLite. What is PostgreSQL's own, in every table here:
--   * ids are uuid, instants bigint (microseconds since the Unix epoch), bytes bytea;
--   * JSON whose shape is the hub's is jsonb; JSON that a plugin, a vendor or a caller wrote is json, which keeps it to
--     the letter, as SQLite's text does: the order of keys, and numbers that jsonb would write another way;
--   * text that is compared or sorted is COLLATE "C", so that pages have the order that SQLite gives them, whatever
--     the locale of the cluster;
--   * U+0000, which neither text nor jsonb can hold, is written as U+0001 U+0001 (host/storage/src/text.rs).
--
-- Row-level security. Each table of an org has ENABLE and FORCE, and one policy for the role that serves calls,
-- patchbay_app: the org is that of the setting app.org_id, which is set for one transaction. FORCE holds for the owner
-- as well: a migration that changes rows must say NO FORCE first and FORCE last, in its own transaction.
-- Two more roles have what little else is needed, each with policies of its own:
--   * patchbay_hub asks what concerns all orgs (who calls with this key, what is due);
--   * patchbay_journal commits runs of several orgs at once: those that app.org_ids lists.
-- A right that is not granted here does not exist; host/storage/src/rls/expected.rs lists the policies, and
-- `patchbay db rls-audit` compares.

GRANT SELECT ON _sqlx_migrations TO patchbay_app;

DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO patchbay_app, patchbay_hub, patchbay_journal', current_schema());
END
$$;

-- The tenant. Everything below hangs on it and goes with it.
CREATE TABLE org (
    id         uuid   NOT NULL PRIMARY KEY,
    name       text   NOT NULL,
    created_at bigint NOT NULL
);

ALTER TABLE org ENABLE ROW LEVEL SECURITY;
ALTER TABLE org FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON org TO patchbay_app
    USING (id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY hub_reads ON org FOR SELECT TO patchbay_hub USING (true);
CREATE POLICY hub_adds ON org FOR INSERT TO patchbay_hub WITH CHECK (true);
GRANT SELECT ON org TO patchbay_app;
GRANT SELECT, INSERT ON org TO patchbay_hub;

-- Keys of API consumers. Only the keyed hash is here: who reads the database cannot call the hub.
-- The hash is unique across orgs because a caller presents nothing but the key; 256 random bits do not collide.
CREATE TABLE api_key (
    org_id     uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id         uuid   NOT NULL,
    hash       bytea  NOT NULL UNIQUE,
    name       text   NOT NULL,
    scopes     jsonb  NOT NULL,
    expires_at bigint,
    revoked_at bigint,
    created_at bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);

ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON api_key TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- Whose key this is, is asked before the org is known.
CREATE POLICY hub_reads ON api_key FOR SELECT TO patchbay_hub USING (true);
GRANT SELECT, INSERT, UPDATE (revoked_at) ON api_key TO patchbay_app;
GRANT SELECT ON api_key TO patchbay_hub;

-- An org's data keys, wrapped by the key-encryption key that lives outside of the database. Versions stay so
-- that what an old one sealed can still be opened; deleting the rows makes the org's secrets unreadable for good.
CREATE TABLE org_key (
    org_id      uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    version     bigint NOT NULL,
    kek_version bigint NOT NULL,
    wrapped     bytea  NOT NULL,
    PRIMARY KEY (org_id, version)
);

ALTER TABLE org_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE org_key FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON org_key TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
-- No right to change one: a data key that is written over would take with it all that it sealed.
GRANT SELECT, INSERT ON org_key TO patchbay_app;

-- A fingerprint of the key files that all hubs on this database have to share; one row. A hub with files of its own
-- would seal what the others cannot open, and would know none of their API keys.
CREATE TABLE hub_keys (
    one         boolean NOT NULL PRIMARY KEY CHECK (one),
    fingerprint bytea   NOT NULL
);

GRANT SELECT, INSERT ON hub_keys TO patchbay_hub;
