-- Rotation of keys, and the end of an organization.
--
-- Both are done by one more role, patchbay_operator, and not by those that serve calls: a process whose user was not
-- granted it can neither write over a data key nor delete an organization. Like patchbay_app it speaks for one
-- organization at a time, and has no more rights than its statements need.

DO $$
DECLARE
    name text;
    ours text := 'NULLIF(current_setting(''app.org_id'', true), '''')::uuid';
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO patchbay_operator', current_schema());
    EXECUTE format('CREATE POLICY operator_isolation ON org TO patchbay_operator USING (id = %1$s) WITH CHECK (id = %1$s)', ours);
    FOREACH name IN ARRAY ARRAY[
        'api_key', 'blob', 'connect_session', 'connection', 'event', 'installation', 'invitation', 'kv', 'member',
        'oauth_authorization', 'oauth_client', 'oauth_token', 'org_key', 'record', 'run', 'usage_counter', 'usage_record',
        'webhook'
    ] LOOP
        EXECUTE format(
            'CREATE POLICY operator_isolation ON %1$I TO patchbay_operator USING (org_id = %2$s) WITH CHECK (org_id = %2$s)',
            name, ours);
    END LOOP;
END
$$;

-- A fingerprint of each key that is not in the database and that whatever is in it depends on: the key-encryption keys by
-- version, the pepper of API keys, the key that signs the audit log. A hub with other keys would seal what nobody else
-- can open, and would know none of the API keys: it does not start. The one fingerprint of before stays under a name of
-- its own, and is compared as long as the key is known that it was made with.
ALTER TABLE hub_keys ADD COLUMN name text COLLATE "C" NOT NULL DEFAULT 'master and pepper';
ALTER TABLE hub_keys DROP COLUMN one;
ALTER TABLE hub_keys ALTER COLUMN name DROP DEFAULT, ADD PRIMARY KEY (name);
-- The key that signs can be changed, by who has the one before on its list.
GRANT UPDATE (fingerprint) ON hub_keys TO patchbay_hub;

-- Rewrapping writes a data key's other form over it, and only over the form that was read. Which keys are still under an
-- old version is asked over all organizations, without the keys themselves.
GRANT SELECT, DELETE, UPDATE (kek_version, wrapped) ON org_key TO patchbay_operator;
CREATE POLICY hub_reads ON org_key FOR SELECT TO patchbay_hub USING (true);
GRANT SELECT (org_id, version, kek_version) ON org_key TO patchbay_hub;

-- What a data key sealed is sealed anew by another one.
GRANT DELETE, UPDATE (sealed), SELECT (org_id, id, plugin, sealed) ON connection TO patchbay_operator;
GRANT UPDATE (sealed), SELECT (org_id, plugin, sealed) ON oauth_token TO patchbay_operator;
GRANT DELETE, UPDATE (sealed), SELECT (org_id, plugin, sealed) ON oauth_client TO patchbay_operator;
GRANT DELETE, UPDATE (sealed), SELECT (org_id, state_hash, sealed) ON oauth_authorization TO patchbay_operator;

-- Since when an organization is being deleted: its data keys are gone, and its rows go in batches. What is not listed here
-- is little, and goes with the organization's own row: the audit log too, which nobody has a right to delete from.
ALTER TABLE org ADD COLUMN deleting_at bigint;
GRANT SELECT, DELETE, UPDATE (deleting_at) ON org TO patchbay_operator;
GRANT DELETE, SELECT (org_id, id) ON api_key, blob, connect_session, installation, invitation, run, usage_record, webhook
    TO patchbay_operator;
GRANT DELETE, SELECT (org_id, user_id) ON member TO patchbay_operator;
GRANT DELETE, SELECT (org_id, sequence) ON event TO patchbay_operator;
GRANT DELETE, SELECT (org_id, hour, plugin, meter, metric, per) ON usage_counter TO patchbay_operator;
GRANT DELETE, SELECT (org_id, plugin, key) ON kv TO patchbay_operator;
GRANT DELETE, SELECT (org_id, plugin, collection, id) ON record TO patchbay_operator;
