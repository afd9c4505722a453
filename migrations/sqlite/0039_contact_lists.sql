-- A person is found by each of their telephone numbers and e-mail addresses, not by the main ones alone: rows of the index for
-- those that are there, as the model's `index.rs` makes them.
INSERT INTO object_index (org_id, object, field, value, id)
SELECT kept.org_id, kept.object, 'phones', 's' || substr(one.value, 1, 128), kept.id
FROM object_record AS kept, json_each(kept.data, '$.phones') AS one
WHERE kept.object = 'contact' AND one.type = 'text' AND one.value IS NOT kept.data ->> '$.phone'
ON CONFLICT DO NOTHING;

INSERT INTO object_index (org_id, object, field, value, id)
SELECT kept.org_id, kept.object, 'emails', 's' || substr(one.value, 1, 128), kept.id
FROM object_record AS kept, json_each(kept.data, '$.emails') AS one
WHERE kept.object = 'contact' AND one.type = 'text' AND one.value IS NOT kept.data ->> '$.email'
ON CONFLICT DO NOTHING;
