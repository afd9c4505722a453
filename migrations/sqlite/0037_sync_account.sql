-- Whose data it is: the vendor's account that the links of a sync belong to, as far as a connection has told it.
ALTER TABLE sync ADD COLUMN account TEXT;
-- The account that was connected instead, for which the sync was switched off; empty if nobody has said which one it is.
ALTER TABLE sync ADD COLUMN other_account TEXT;
