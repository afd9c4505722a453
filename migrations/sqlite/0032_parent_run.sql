-- The run that a run was called by: an action of one plugin that another one called. Not referenced, because it is committed after
-- the run that it called.
ALTER TABLE run ADD COLUMN parent_run BLOB;
