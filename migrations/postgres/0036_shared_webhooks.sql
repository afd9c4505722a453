-- Whose an account at a vendor is: webhooks of all accounts of the operator's app come to one URL, and are found their orgs by this.
ALTER TABLE oauth_token ALTER COLUMN account_id TYPE text COLLATE "C";
CREATE INDEX oauth_token_account ON oauth_token (plugin, account_id) WHERE account_id IS NOT NULL;

CREATE POLICY hub_finds ON oauth_token FOR SELECT TO patchbay_hub USING (account_id IS NOT NULL);
GRANT SELECT (client_id, account_id) ON oauth_token TO patchbay_hub;
