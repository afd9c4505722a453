-- Webhooks that are replayed: by which version, and whether their plugin has to be asked again if they are genuine.

ALTER TABLE webhook ADD COLUMN replay_version text;
ALTER TABLE webhook ADD COLUMN unverified boolean NOT NULL DEFAULT false;

-- What a refused webhook is, is known only when it was found to be genuine.
GRANT UPDATE (vendor_id, kind, occurred_at, replay_version, unverified) ON webhook TO patchbay_app;

-- Those that are due are taken up many at once, of many orgs.
REVOKE SELECT ON webhook FROM patchbay_journal;
GRANT SELECT ON webhook TO patchbay_journal;
