-- Organizations, who may call in their name, and the keys that their secrets are sealed with.
--
-- Conventions of every table here, kept so that PostgreSQL can have the same tables under the same numbers:
--   * ids are the 16 bytes of a UUIDv7 (there: uuid), so that primary keys grow in order;
--   * instants are whole microseconds since the Unix epoch (there: bigint): exact in both, and they sort;
--   * what belongs to an org starts its keys with org_id, so that row-level security never has to look at
--     another org's rows, and no unique key tells one org what another has;
--   * JSON is text here (there: jsonb).

-- The tenant. Everything below hangs on it and goes with it.
CREATE TABLE org (
    id         BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys of API consumers. Only the keyed hash is here: who reads the database cannot call the hub.
-- The hash is unique across orgs because a caller presents nothing but the key; 256 random bits do not collide.
CREATE TABLE api_key (
    org_id     BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    id         BLOB    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    scopes     TEXT    NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

-- An org's data keys, wrapped by the key-encryption key that lives outside of the database. Versions stay so
-- that what an old one sealed can still be opened; deleting the rows makes the org's secrets unreadable for good.
CREATE TABLE org_key (
    org_id      BLOB    NOT NULL REFERENCES org (id) ON DELETE CASCADE,
    version     INTEGER NOT NULL,
    kek_version INTEGER NOT NULL,
    wrapped     BLOB    NOT NULL,
    PRIMARY KEY (org_id, version)
) STRICT, WITHOUT ROWID;
