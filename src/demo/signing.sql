-- Solbacken's agreement, sent for signature by two who sign jointly. The numbers are sealed by the program before this runs.
INSERT INTO agreement (id, org_id, kind, number, status, signatures_needed, body, body_sha256, template)
  SELECT pg_temp.id('ka2 solbacken'), pg_temp.id('solbacken'), 'customer_2', 'KA2-11305', 'awaiting_signature', 2, t.body,
         sha256(convert_to(t.body, 'UTF8')), current_setting('demo.template')
    FROM (SELECT current_setting('demo.agreement') AS body) t;
INSERT INTO signing (id, org_id, agreement_id, body_sha256, sent_by, sent_at, expires_at)
  SELECT pg_temp.id('signing solbacken'), a.org_id, a.id, a.body_sha256, pg_temp.id('astrid@kundservice.example'), now() - interval '2 days',
         now() + interval '28 days'
    FROM agreement a WHERE a.number = 'KA2-11305';
INSERT INTO signatory (id, org_id, signing_id, place, name, email, personal_no_sealed, personal_no_mark, link_sha256)
  SELECT current_setting(format('demo.signatory%s_id', n))::uuid, pg_temp.id('solbacken'), pg_temp.id('signing solbacken'), n, name, email,
         decode(current_setting(format('demo.signatory%s_sealed', n)), 'hex'), decode(current_setting(format('demo.signatory%s_mark', n)), 'hex'),
         decode(current_setting(format('demo.signatory%s_link', n)), 'hex')
    FROM (VALUES (1, 'Birgitta Sol', 'birgitta@solbacken.example'), (2, 'Anders Ek', 'anders@solbacken.example')) AS who (n, name, email);
