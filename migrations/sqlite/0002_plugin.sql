-- What plugins the hub knows, and which org runs which.

-- One package that was read once. The digest is the key, not (plugin, version): while a connector is being
-- written the same version number is packed many times. Broken ones stay with their reason, for people to see.
CREATE TABLE plugin_version (
    digest     BLOB    NOT NULL PRIMARY KEY,
    plugin     TEXT    NOT NULL,
    version    TEXT    NOT NULL,
    api        TEXT    NOT NULL,
    publisher  TEXT,
    manifest   TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    source     TEXT    NOT NULL CHECK (source IN ('folder', 'upload')),
    status     TEXT    NOT NULL CHECK (status IN ('active', 'withdrawn', 'broken')),
    error      TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX plugin_version_by_plugin ON plugin_version (plugin, created_at, digest);

-- A plugin switched on for one org, at most once. No reference to plugin_version: an installation outlives every
-- version of its plugin, and its policy may name a range.
CREATE TABLE installation (
    org_id     BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id         BLOB    NOT NULL,
    plugin     TEXT    NOT NULL,
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    config     TEXT    NOT NULL,
    policy     TEXT    NOT NULL,
    -- In the URL that a vendor calls, which names no org: hence unique across orgs.
    hook_token TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, plugin)
) STRICT;

-- Asked when a new version of a plugin is about to replace the old one for everybody.
CREATE INDEX installation_of_plugin ON installation (plugin, id);

-- An org's credentials for a plugin. Kept apart from the installation, so that reading settings never reads
-- secrets; a plugin can be connected before it is installed. The id is part of what the ciphertext is bound to.
CREATE TABLE connection (
    org_id      BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id          BLOB    NOT NULL,
    plugin      TEXT    NOT NULL,
    credentials TEXT    NOT NULL,
    account     TEXT,
    sealed      BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, plugin)
) STRICT;
