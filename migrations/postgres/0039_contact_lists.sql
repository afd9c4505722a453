-- A person is found by each of their telephone numbers and e-mail addresses, not by the main ones alone: rows of the index for
-- those that are there, as the model's `index.rs` makes them.
ALTER TABLE object_record NO FORCE ROW LEVEL SECURITY;
ALTER TABLE object_index NO FORCE ROW LEVEL SECURITY;

INSERT INTO object_index (org_id, object, field, value, id)
SELECT kept.org_id, kept.object, 'phones', 's' || left(one.value, 128), kept.id
FROM object_record AS kept, json_array_elements_text(kept.data -> 'phones') AS one (value)
WHERE kept.object = 'contact' AND one.value IS DISTINCT FROM kept.data ->> 'phone'
ON CONFLICT DO NOTHING;

INSERT INTO object_index (org_id, object, field, value, id)
SELECT kept.org_id, kept.object, 'emails', 's' || left(one.value, 128), kept.id
FROM object_record AS kept, json_array_elements_text(kept.data -> 'emails') AS one (value)
WHERE kept.object = 'contact' AND one.value IS DISTINCT FROM kept.data ->> 'email'
ON CONFLICT DO NOTHING;

ALTER TABLE object_record FORCE ROW LEVEL SECURITY;
ALTER TABLE object_index FORCE ROW LEVEL SECURITY;
