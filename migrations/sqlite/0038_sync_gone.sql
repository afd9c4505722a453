-- When the vendor deleted the counterpart of a record that stays: the two are linked no more, and the record is not made there anew.
ALTER TABLE sync_link ADD COLUMN gone_at INTEGER;
