-- How many events led to a job, one after the other: what a plugin does about an event it often does later, and plugins that
-- answer each other that way cannot go on for ever either.
ALTER TABLE job ADD COLUMN hops INTEGER NOT NULL DEFAULT 0;
