-- Whose an account at a vendor is: webhooks of all accounts of the operator's app come to one URL, and are found their orgs by this.
CREATE INDEX oauth_token_account ON oauth_token (plugin, account_id) WHERE account_id IS NOT NULL;
