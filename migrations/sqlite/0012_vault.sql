-- Rotation of keys, and the end of an organization.

-- A fingerprint of each key that is not in the database and that whatever is in it depends on: the key-encryption keys by
-- version, the pepper of API keys, the key that signs the audit log. A hub with other keys would seal what nobody else
-- can open, and would know none of the API keys: it does not start.
CREATE TABLE hub_keys (
    name        TEXT NOT NULL PRIMARY KEY,
    fingerprint BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Since when an organization is being deleted: its data keys are gone, and its rows go in batches.
ALTER TABLE org ADD COLUMN deleting_at INTEGER;
