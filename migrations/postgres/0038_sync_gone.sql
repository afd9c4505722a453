-- When the vendor deleted the counterpart of a record that stays: the two are linked no more, and the record is not made there anew.
ALTER TABLE sync_link ADD COLUMN gone_at bigint;
GRANT UPDATE (gone_at) ON sync_link TO patchbay_journal;
