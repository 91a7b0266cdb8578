-- Orders under way, walked through the same trigger as real ones. Their ids are time-ordered like real ones.
CREATE TEMPORARY TABLE demo_order (key text PRIMARY KEY, id uuid NOT NULL) ON COMMIT DROP;
CREATE FUNCTION pg_temp.order_id(text) RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT id FROM pg_temp.demo_order WHERE key = $1 $$;
CREATE FUNCTION pg_temp.draft(key text, org_key text, by_mail text, route_ order_route, service_ text, offer_ text, agent_key text, mandate_key text, at_ timestamptz)
  RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO pg_temp.demo_order VALUES (key, (lpad(to_hex((extract(epoch FROM at_) * 1000)::bigint), 12, '0') || '7' || substr(md5(key), 1, 3) || 'a' || substr(md5(key), 4, 15))::uuid);
  INSERT INTO orders (id, customer_id, agent_id, mandate_id, route, service_code, offer_code, created_at, state_since, created_by, created_by_name,
      hsa_id, contact_name, contact_email, contact_phone, invoice_address, invoice_reference, terms_id)
    SELECT pg_temp.order_id(key), o.id, pg_temp.id(agent_key), pg_temp.id(mandate_key), route_, service_, offer_, at_, at_, p.id, p.name,
      o.hsa_id, p.name, p.email, '070-000 00 00', i.recipient || E'\n' || i.line1 || E'\n' || i.postcode || ' ' || i.city, d.reference, (SELECT t.id FROM terms t WHERE t.service_code = service_ LIMIT 1)
      FROM organisation o JOIN invoice_detail d ON d.org_id = o.id AND d.service_code IS NULL JOIN invoice_address i ON i.id = d.address_id, person p WHERE o.id = pg_temp.id(org_key) AND p.id = pg_temp.id(by_mail);
END
$$;
CREATE FUNCTION pg_temp.step(key text, by_mail text, side_ side, to_ order_state, note_ text, at_ timestamptz, named uuid DEFAULT NULL)
  RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  o orders;
  proof uuid := NULL;
  body jsonb := NULL;
  lines bigint;
BEGIN
  SELECT * INTO o FROM orders WHERE id = pg_temp.order_id(key);
  PERFORM set_config('portal.person', pg_temp.id(by_mail)::text, true);
  IF side_ IN ('customer', 'agent') AND o.state::text LIKE 'awaiting%' AND to_ <> 'withdrawn' THEN
    proof := gen_random_uuid();
    INSERT INTO confirmation (id, org_id, person_id, session_id, method, subject, shown, shown_sha256)
      VALUES (proof, CASE side_ WHEN 'agent' THEN o.agent_id ELSE o.customer_id END, pg_temp.id(by_mail), gen_random_uuid(), 'password',
        'order:' || o.id || ':' || o.revision, 'Demo', sha256('Demo'));
  END IF;
  IF o.state IN ('draft', 'returned') AND to_ <> 'withdrawn' THEN
    SELECT count(*) INTO lines FROM order_line l WHERE l.order_id = o.id;
    body := jsonb_build_object('service', o.service_code, 'offer', o.offer_code, 'agent', o.agent_name, 'hsa_id', o.hsa_id, 'wanted_on', o.wanted_on,
      'contact_name', o.contact_name, 'contact_email', o.contact_email, 'contact_phone', o.contact_phone, 'invoice_address', o.invoice_address,
      'invoice_reference', o.invoice_reference, 'own_reference', o.own_reference, 'terms', o.terms_id,
      'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', CASE l.kind WHEN 'contracts' THEN 'contract' WHEN 'cards' THEN 'cards' ELSE 'care_unit' END,
         'name', l.name, 'hsa_id', l.hsa_id, 'contract', l.contract, 'quantity', l.quantity, 'wanted_on', l.wanted_on) ORDER BY l.position), '[]')
         FROM order_line l WHERE l.order_id = o.id));
  END IF;
  INSERT INTO order_event (order_id, seq, customer_id, route, from_state, to_state, side, actor_id, at, note, due_on, confirmation_id, next_attestant_id,
      content, content_sha256, price_once_ore, price_yearly_ore)
    VALUES (o.id, o.revision + 1, o.customer_id, o.route, o.state, to_, side_, pg_temp.id(by_mail), at_, note_, (at_ + interval '14 days')::date, proof, named,
      body, sha256(convert_to(body::text, 'UTF8')), CASE WHEN o.offer_code LIKE '%PRODUCER%' THEN lines * 2500000 END, NULL);
END
$$;
CREATE FUNCTION pg_temp.contract_lines(key text, names text[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO order_line (id, order_id, customer_id, position, kind, name, contract, quantity)
    SELECT gen_random_uuid(), o.id, o.customer_id, row_number() OVER (ORDER BY c.position), 'contracts', c.name, c.contract, 1
      FROM orders o JOIN service_contract c ON c.service_code = o.service_code AND c.contract = ANY (names) WHERE o.id = pg_temp.order_id(key) $$;

-- Lindängen: one at the agent's attestant, one waiting for its own attest, one delivered, one sent back.
SELECT pg_temp.draft('o1', 'lindangen', 'karin@lindangen.example', 'via_agent', 'NPO', 'NPO_PRODUCER_AGENT', 'nordjournal', 'm nord npo', now() - interval '9 days');
SELECT pg_temp.contract_lines('o1', '{GetDiagnosis,GetCareDocumentation}');
SELECT pg_temp.step('o1', 'karin@lindangen.example', 'customer', 'awaiting_agent_review', '', now() - interval '9 days');
SELECT pg_temp.step('o1', 'lina@nordjournal.example', 'agent', 'awaiting_agent_attest', '', now() - interval '3 days', pg_temp.id('nordjournal helena@nordjournal.example'));

SELECT pg_temp.draft('o2', 'lindangen', 'karin@lindangen.example', 'direct', 'INFEKTIONSVERKTYGET', 'INFEKTIONSVERKTYGET_DIRECT', NULL, NULL, now() - interval '2 days');
SELECT pg_temp.step('o2', 'karin@lindangen.example', 'customer', 'awaiting_customer_attest', '', now() - interval '2 days');

SELECT pg_temp.draft('o3', 'lindangen', 'karin@lindangen.example', 'direct', 'WEBCERT_FRI_SITHS', 'WEBCERT_FRI_SITHS', NULL, NULL, now() - interval '40 days');
INSERT INTO order_line (id, order_id, customer_id, position, kind, name, hsa_id, quantity)
  VALUES (gen_random_uuid(), pg_temp.order_id('o3'), pg_temp.id('lindangen'), 1, 'care_units', 'Vårdcentralen', 'SE5599999017-0002', 1);
SELECT pg_temp.step('o3', 'karin@lindangen.example', 'customer', 'awaiting_customer_attest', '', now() - interval '40 days');
SELECT pg_temp.step('o3', 'mats@lindangen.example', 'customer', 'attested', '', now() - interval '38 days');
SELECT pg_temp.step('o3', 'petra@kundservice.example', 'inera', 'in_delivery', '', now() - interval '35 days');
SELECT pg_temp.step('o3', 'petra@kundservice.example', 'inera', 'activated', '', now() - interval '30 days');

-- Norrbäck: new at the agent, late at the agent, attested and with Kundservice.
SELECT pg_temp.draft('o4', 'norrback', 'nils@norrback.example', 'via_agent', 'JOURNALEN', 'JOURNALEN_PRODUCER_AGENT', 'nordjournal', 'm nord journalen', now() - interval '1 day');
SELECT pg_temp.contract_lines('o4', '{GetDiagnosis}');
SELECT pg_temp.step('o4', 'nils@norrback.example', 'customer', 'awaiting_agent_review', '', now() - interval '1 day');
SELECT pg_temp.draft('o5', 'vasterhav', 'ylva@vasterhav.example', 'via_agent', 'JOURNALEN', 'JOURNALEN_PRODUCER_AGENT', 'nordjournal', 'm nord journalen', now() - interval '20 days');
SELECT pg_temp.contract_lines('o5', '{GetDiagnosis,GetCareContacts,GetAlertInformation}');
SELECT pg_temp.step('o5', 'ylva@vasterhav.example', 'customer', 'awaiting_agent_review', '', now() - interval '20 days');
SELECT pg_temp.draft('o6', 'norrback', 'nils@norrback.example', 'direct', 'SDK', 'SDK_DIRECT', NULL, NULL, now() - interval '6 days');
SELECT pg_temp.step('o6', 'nils@norrback.example', 'customer', 'awaiting_customer_attest', '', now() - interval '6 days');
SELECT pg_temp.step('o6', 'anna@norrback.example', 'customer', 'attested', '', now() - interval '5 days');
SELECT pg_temp.draft('o7', 'norrback', 'nils@norrback.example', 'direct', 'DIGITALT_MOTE', 'DIGITALT_MOTE_DIRECT', NULL, NULL, now() - interval '4 days');
SELECT pg_temp.step('o7', 'nils@norrback.example', 'customer', 'awaiting_customer_attest', '', now() - interval '4 days');
SELECT pg_temp.step('o7', 'per@norrback.example', 'customer', 'returned', 'Välj ett startdatum efter årsskiftet.', now() - interval '3 days');
SELECT pg_temp.draft('o8', 'vasterhav', 'ylva@vasterhav.example', 'via_agent', 'JOURNALEN', 'JOURNALEN_PRODUCER_AGENT', 'vardkoppling', 'm vk journalen', now() - interval '12 days');
SELECT pg_temp.contract_lines('o8', '{GetDiagnosis}');
SELECT pg_temp.step('o8', 'ylva@vasterhav.example', 'customer', 'awaiting_agent_review', '', now() - interval '12 days');
SELECT pg_temp.step('o8', 'maja@vardkoppling.example', 'agent', 'rejected_by_agent', 'Vi kan inte ansluta fler kunder till Journalen före sommaren.', now() - interval '11 days');
SELECT set_config('portal.person', '', true);
-- What happened before the demo began has been told already.
UPDATE notification SET done_at = now();
