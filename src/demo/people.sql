-- Made-up organisations and people. Organisation numbers are of a series kept for this (559999-9…), not anybody's.
CREATE FUNCTION pg_temp.id(text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5('demo ' || $1)::uuid $$;

CREATE FUNCTION pg_temp.org(key text, org_name text, nr text, kund bigint, agent bigint, categories text[], facts fact[], eyes boolean, mail text)
  RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO organisation (id, name, org_nr, customer_no, agent_no, is_inera, sole_trader, four_eyes, email, phone, hsa_id)
    VALUES (pg_temp.id(key), org_name, nr, kund, agent, key = 'inera', 'sole_trader' = ANY (facts), eyes, mail, '0771-00 00 00',
      CASE WHEN 'care_provider' = ANY (facts) AND NOT 'sole_trader' = ANY (facts) THEN 'SE' || nr || '-0001' ELSE '' END);
  IF kund IS NOT NULL THEN
    INSERT INTO org_event (id, org_id, seq, kind, side, at) VALUES (pg_temp.id('faktura ' || key), pg_temp.id(key), 1, 'invoicing', 'system', '2024-03-01 08:00+01');
    INSERT INTO invoice_address (id, org_id, event_id, label, recipient, line1, postcode, city, way, electronic)
      SELECT pg_temp.id('adress ' || key), pg_temp.id(key), pg_temp.id('faktura ' || key), 'Ekonomi', org_name, 'Box 100', '123 45', 'Exempelstad',
        CASE WHEN 'sole_trader' = ANY (facts) THEN 'post' ELSE 'peppol' END::invoice_way,
        CASE WHEN 'sole_trader' = ANY (facts) THEN '' ELSE '0007:' || nr END;
    INSERT INTO invoice_detail (event_id, org_id, seq, valid_from, address_id, reference)
      VALUES (pg_temp.id('faktura ' || key), pg_temp.id(key), 1, '2024-03-01', pg_temp.id('adress ' || key), 'REF-' || kund);
  END IF;
  INSERT INTO organisation_category (org_id, category, valid_from) SELECT pg_temp.id(key), c, '2020-01-01' FROM unnest(categories) c;
  INSERT INTO organisation_fact (org_id, fact, valid_from) SELECT pg_temp.id(key), f, '2020-01-01' FROM unnest(facts) f;
  -- Solbacken is on its way to become a customer: its agreement is not signed.
  IF kund IS NOT NULL AND key <> 'solbacken' THEN
    INSERT INTO agreement (id, org_id, kind, number, status, valid_from) VALUES (pg_temp.id('ka2 ' || key), pg_temp.id(key), 'customer_2', 'KA2-' || kund, 'active', '2024-02-26');
  END IF;
  IF agent IS NOT NULL THEN
    INSERT INTO agreement (id, org_id, kind, number, status, valid_from) VALUES (pg_temp.id('agent ' || key), pg_temp.id(key), 'agent', 'AG-' || agent, 'active', '2023-05-01');
  END IF;
END
$$;

CREATE FUNCTION pg_temp.member(org_key text, person_name text, mail text, member_title text, roles role[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO person (id, name, email, password_hash) VALUES (pg_temp.id(mail), person_name, mail, current_setting('demo.hash'))
    ON CONFLICT DO NOTHING;
  INSERT INTO membership (id, org_id, person_id, name, email, title)
    VALUES (pg_temp.id(org_key || ' ' || mail), pg_temp.id(org_key), pg_temp.id(mail), person_name, mail, member_title);
  INSERT INTO role_grant (org_id, membership_id, role) SELECT pg_temp.id(org_key), pg_temp.id(org_key || ' ' || mail), r FROM unnest(roles) r;
END
$$;

SELECT pg_temp.org('inera', 'Inera', '5599999090', NULL, NULL, '{}', '{}', true, 'kundservice@kundservice.example');
SELECT pg_temp.org('lindangen', 'Lindängens Vårdcentral AB', '5599999017', 10482, NULL, '{privat_vardgivare}', '{care_provider,publicly_financed}', true, 'info@lindangen.example');
SELECT pg_temp.org('ekbacken', 'Ekbackens Rehab AB', '5599999025', 10733, NULL, '{privat_vardgivare}', '{care_provider,publicly_financed}', false, 'info@ekbacken.example');
SELECT pg_temp.org('norrback', 'Norrbäcks kommun', '2129999005', 10901, NULL, '{kommun}', '{care_provider}', true, 'kontakt@norrback.example');
SELECT pg_temp.org('vasterhav', 'Region Västerhav', '2329999003', 11020, NULL, '{region}', '{care_provider}', true, 'kontakt@vasterhav.example');
SELECT pg_temp.org('norling', 'Norlings Hudmottagning', '1212121212', 11204, NULL, '{privat_vardgivare}', '{care_provider,sole_trader}', false, 'elsa@norling.example');
SELECT pg_temp.org('solbacken', 'Solbackens Vård AB', '5599999066', 11305, NULL, '{privat_vardgivare}', '{care_provider,publicly_financed}', false, 'info@solbacken.example');
SELECT pg_temp.org('nordjournal', 'Nordjournal Systems AB', '5599999033', NULL, 2041, '{}', '{}', true, 'order@nordjournal.example');
SELECT pg_temp.org('vardkoppling', 'Vårdkoppling Sverige AB', '5599999041', NULL, 2077, '{}', '{}', false, 'order@vardkoppling.example');
SELECT pg_temp.org('medisyst', 'Medisyst Norden AB', '5599999058', NULL, 2093, '{}', '{}', false, 'order@medisyst.example');

SELECT pg_temp.member('lindangen', 'Karin Ålund', 'karin@lindangen.example', 'Verksamhetsutvecklare', '{orderer}');
SELECT pg_temp.member('lindangen', 'Mats Öberg', 'mats@lindangen.example', 'Verksamhetschef', '{attestant}');
SELECT pg_temp.member('lindangen', 'Samira Haddad', 'samira@lindangen.example', 'Kanslichef', '{administrator,contract_contact}');
SELECT pg_temp.member('lindangen', 'Tove Rask', 'tove@lindangen.example', 'Undersköterska', '{}');
SELECT pg_temp.member('ekbacken', 'Samira Haddad', 'samira@lindangen.example', '', '{administrator,orderer}');
SELECT pg_temp.member('norrback', 'Samira Haddad', 'samira@lindangen.example', 'Konsult', '{administrator}');
SELECT pg_temp.member('norrback', 'Nils Bergström', 'nils@norrback.example', 'Digitaliseringsstrateg', '{orderer}');
SELECT pg_temp.member('norrback', 'Anna Ek', 'anna@norrback.example', 'Enhetschef', '{attestant}');
SELECT pg_temp.member('norrback', 'Per Lund', 'per@norrback.example', 'Förvaltningschef', '{attestant,contract_contact}');
SELECT pg_temp.member('vasterhav', 'Ylva Stark', 'ylva@vasterhav.example', 'Objektspecialist', '{orderer,administrator}');
SELECT pg_temp.member('vasterhav', 'Gustav Alm', 'gustav@vasterhav.example', 'It-direktör', '{attestant}');
SELECT pg_temp.member('norling', 'Elsa Norling', 'elsa@norling.example', 'Hudläkare', '{administrator,orderer,attestant,contract_contact,signatory}');
SELECT pg_temp.member('solbacken', 'Rakel Sand', 'rakel@solbacken.example', 'Kontorschef', '{administrator}');
SELECT pg_temp.member('solbacken', 'Tomas Vik', 'tomas@solbacken.example', 'Ekonom', '{contract_contact}');
SELECT pg_temp.member('nordjournal', 'Johan Brandt', 'johan@nordjournal.example', 'Kundansvarig', '{agent_handler}');
SELECT pg_temp.member('nordjournal', 'Lina Ek', 'lina@nordjournal.example', 'Kundansvarig', '{agent_handler}');
SELECT pg_temp.member('nordjournal', 'Olle Fors', 'olle@nordjournal.example', 'Ny kundansvarig', '{agent_handler}');
SELECT pg_temp.member('nordjournal', 'Helena Wik', 'helena@nordjournal.example', 'Leveranschef', '{attestant}');
SELECT pg_temp.member('nordjournal', 'Omar Said', 'omar@nordjournal.example', 'Vd', '{attestant}');
SELECT pg_temp.member('nordjournal', 'Britta Holm', 'britta@nordjournal.example', '', '{administrator,mandate_orderer}');
SELECT pg_temp.member('vardkoppling', 'Maja Strand', 'maja@vardkoppling.example', '', '{agent_handler,administrator}');
SELECT pg_temp.member('vardkoppling', 'Leo Nyman', 'leo@vardkoppling.example', '', '{attestant}');
SELECT pg_temp.member('medisyst', 'Rut Falk', 'rut@medisyst.example', '', '{administrator}');
SELECT pg_temp.member('inera', 'Petra Sjögren', 'petra@kundservice.example', 'Kundservice', '{support}');
SELECT pg_temp.member('inera', 'Astrid Moberg', 'astrid@kundservice.example', 'Avtalshandläggare', '{agreements_officer}');
SELECT pg_temp.member('inera', 'Torsten Berg', 'torsten@kundservice.example', 'Agentansvarig', '{agent_officer}');
SELECT pg_temp.member('inera', 'Siv Palm', 'siv@kundservice.example', 'Ekonom', '{finance}');
SELECT pg_temp.member('inera', 'Sten Ros', 'sten@kundservice.example', 'Systemförvaltare', '{sysadmin}');
SELECT pg_temp.member('inera', 'Ivar Dahl', 'ivar@kundservice.example', 'Granskare', '{auditor}');

INSERT INTO mandate (id, agent_id, service_code, role, system, status, since) VALUES
  (pg_temp.id('m nord journalen'), pg_temp.id('nordjournal'), 'JOURNALEN', 'producer', 'Nordjournal 9', 'active', '2025-06-03'),
  (pg_temp.id('m nord npo'), pg_temp.id('nordjournal'), 'NPO', 'producer', 'Nordjournal 9', 'active', '2025-06-03'),
  (pg_temp.id('m vk journalen'), pg_temp.id('vardkoppling'), 'JOURNALEN', 'producer', 'VK Journal', 'active', '2025-09-01'),
  (pg_temp.id('m medi journalen'), pg_temp.id('medisyst'), 'JOURNALEN', 'producer', 'Medisyst', 'active', '2026-03-01');
INSERT INTO mandate_permission (mandate_id, agent_id, membership_id) VALUES
  (pg_temp.id('m nord journalen'), pg_temp.id('nordjournal'), pg_temp.id('nordjournal johan@nordjournal.example')),
  (pg_temp.id('m nord journalen'), pg_temp.id('nordjournal'), pg_temp.id('nordjournal lina@nordjournal.example')),
  (pg_temp.id('m nord npo'), pg_temp.id('nordjournal'), pg_temp.id('nordjournal lina@nordjournal.example')),
  (pg_temp.id('m vk journalen'), pg_temp.id('vardkoppling'), pg_temp.id('vardkoppling maja@vardkoppling.example'));

INSERT INTO subscription (id, customer_id, service_code, offer_code, channel, valid_from) VALUES
  (pg_temp.id('s1'), pg_temp.id('lindangen'), 'HSA', 'HSA_OMBUD', 'via_ombud', '2024-03-03'),
  (pg_temp.id('s2'), pg_temp.id('lindangen'), 'SITHS', 'SITHS_OMBUD', 'via_ombud', '2024-03-03'),
  (pg_temp.id('s3'), pg_temp.id('norrback'), 'HSA', 'HSA_DIRECT', 'direct', '2021-05-20'),
  (pg_temp.id('s4'), pg_temp.id('norrback'), 'SITHS', 'SITHS_DIRECT', 'direct', '2021-05-20'),
  (pg_temp.id('s5'), pg_temp.id('vasterhav'), 'HSA', 'HSA_DIRECT', 'direct', '2020-10-12');
