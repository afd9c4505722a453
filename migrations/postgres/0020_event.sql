-- How many events led to an event, one after the other: plugins that take in each other's events cannot go on for ever.
ALTER TABLE event ADD COLUMN hops bigint NOT NULL DEFAULT 0;
