-- A try that ended with its hub says nothing of the job.

-- How often the job was taken up since what became of it was last written down.
ALTER TABLE job_queue ADD COLUMN claims bigint NOT NULL DEFAULT 0;
UPDATE job_queue SET claims = 1 WHERE lease IS NOT NULL;

GRANT UPDATE (claims) ON job_queue TO patchbay_app, patchbay_hub, patchbay_journal;
GRANT SELECT (claims) ON job_queue TO patchbay_hub;
