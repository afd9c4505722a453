-- What the org's admin has approved of the plugin's capabilities, as a JSON list of lines; NULL for an
-- installation of before there were approvals. A new version that asks for more waits for an approval.
ALTER TABLE installation ADD COLUMN approved jsonb;
