-- Webhooks that are replayed: by which version, and whether their plugin has to be asked again if they are genuine.

ALTER TABLE webhook ADD COLUMN replay_version TEXT;
ALTER TABLE webhook ADD COLUMN unverified INTEGER NOT NULL DEFAULT 0 CHECK (unverified IN (0, 1));
