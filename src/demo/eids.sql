-- The demo's people can sign in with the made-up e-legitimation at once (demo/store.rs makes the marks).
INSERT INTO person_eid (id, person_id, provider, provider_name, mark)
SELECT gen_random_uuid(), p.id, 'test', 'Test-e-legitimation', decode(x.mark, 'hex')
  FROM json_to_recordset(current_setting('demo.eids')::json) AS x (email text, mark text)
  JOIN person p ON p.email = x.email;
