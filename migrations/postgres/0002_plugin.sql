-- What plugins the hub knows, and which org runs which.

-- One package that was read once. The digest is the key, not (plugin, version): while a connector is being
-- written the same version number is packed many times. Broken ones stay with their reason, for people to see.
-- No org's, so without row-level security; only the hub role reaches it.
CREATE TABLE plugin_version (
    digest     bytea  NOT NULL PRIMARY KEY,
    plugin     text   COLLATE "C" NOT NULL,
    version    text   COLLATE "C" NOT NULL,
    api        text   NOT NULL,
    publisher  text,
    manifest   json   NOT NULL,
    size       bigint NOT NULL,
    source     text   NOT NULL CHECK (source IN ('folder', 'upload')),
    status     text   NOT NULL CHECK (status IN ('active', 'withdrawn', 'broken')),
    error      text,
    created_at bigint NOT NULL
);

CREATE INDEX plugin_version_by_plugin ON plugin_version (plugin, created_at, digest);

-- A hub refuses other contents under a version that it offers already; two hubs that are given such packages at the same
-- time see it here.
CREATE UNIQUE INDEX plugin_version_uploaded_once ON plugin_version (plugin, version)
    WHERE source = 'upload' AND status = 'active';

GRANT SELECT, INSERT, UPDATE ON plugin_version TO patchbay_hub;

-- The bytes of packages that must outlive their source: uploads, and versions that an installation is pinned to or could
-- not leave. Files beside SQLite; here every hub on the database has to find them. A component does not shrink enough
-- to compress it on each write.
CREATE TABLE plugin_package (
    digest bytea NOT NULL PRIMARY KEY,
    bytes  bytea NOT NULL
);

ALTER TABLE plugin_package ALTER COLUMN bytes SET STORAGE EXTERNAL;
GRANT SELECT, INSERT, DELETE ON plugin_package TO patchbay_hub;

-- A plugin switched on for one org, at most once. No reference to plugin_version: an installation outlives every
-- version of its plugin, and its policy may name a range.
CREATE TABLE installation (
    org_id     uuid    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id         uuid    NOT NULL,
    plugin     text    COLLATE "C" NOT NULL,
    enabled    boolean NOT NULL,
    config     json    NOT NULL,
    policy     jsonb   NOT NULL,
    -- In the URL that a vendor calls, which names no org: hence unique across orgs.
    hook_token text    COLLATE "C" NOT NULL UNIQUE,
    created_at bigint  NOT NULL,
    updated_at bigint  NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, plugin)
);

-- Asked when a new version of a plugin is about to replace the old one for everybody.
CREATE INDEX installation_of_plugin ON installation (plugin, id);

ALTER TABLE installation ENABLE ROW LEVEL SECURITY;
ALTER TABLE installation FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON installation TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY hub_reads ON installation FOR SELECT TO patchbay_hub USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON installation TO patchbay_app;
-- Whose a webhook's URL is, and who runs which version; what an org has set is not asked about.
GRANT SELECT (org_id, id, plugin, policy, hook_token, updated_at) ON installation TO patchbay_hub;

-- An org's credentials for a plugin. Kept apart from the installation, so that reading settings never reads
-- secrets; a plugin can be connected before it is installed. The id is part of what the ciphertext is bound to.
CREATE TABLE connection (
    org_id      uuid   NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id          uuid   NOT NULL,
    plugin      text   COLLATE "C" NOT NULL,
    credentials jsonb  NOT NULL,
    account     text,
    sealed      bytea  NOT NULL,
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, plugin)
);

ALTER TABLE connection ENABLE ROW LEVEL SECURITY;
ALTER TABLE connection FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON connection TO patchbay_app
    USING (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (org_id = NULLIF(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON connection TO patchbay_app;
