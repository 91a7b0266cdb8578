-- An organisation's vårdenheter, and organisations that end, merge or split (issue 3; portal.md 3.6). Nothing is removed: a
-- unit closes, an organisation has a last day and says who goes on after it.
CREATE TABLE care_unit (
  id uuid NOT NULL,
  org_id uuid NOT NULL REFERENCES organisation,
  name text NOT NULL CONSTRAINT care_unit_name_form CHECK (char_length(name) BETWEEN 1 AND 200 AND name !~ '[[:cntrl:]]'),
  hsa_id text NOT NULL CONSTRAINT care_unit_hsa_id_form CHECK (hsa_id ~* '^SE[0-9]{2}[2-9][0-9]{7}-[0-9A-Z]{1,18}$'),
  parent_id uuid,
  closed_on date,
  created_at timestamptz NOT NULL,
  CONSTRAINT care_unit_pkey PRIMARY KEY (id),
  CONSTRAINT care_unit_tenant_key UNIQUE (id, org_id),
  CONSTRAINT care_unit_parent FOREIGN KEY (parent_id, org_id) REFERENCES care_unit (id, org_id)
);
CREATE UNIQUE INDEX care_unit_hsa_key ON care_unit (org_id, upper(hsa_id)) WHERE closed_on IS NULL;
CREATE INDEX care_unit_org_idx ON care_unit (org_id);
CREATE INDEX care_unit_parent_idx ON care_unit (parent_id) WHERE parent_id IS NOT NULL;
CALL protect('care_unit');
CREATE POLICY customer_reads ON care_unit FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON care_unit FOR SELECT TO portal_staff USING (true);
GRANT SELECT ON care_unit TO portal_customer, portal_staff;

ALTER TABLE organisation
  -- The last day it exists.
  ADD COLUMN ceased_on date,
  ADD COLUMN ceased_how text NOT NULL DEFAULT '' CONSTRAINT organisation_ceased_how_known CHECK (ceased_how IN ('', 'ceased', 'merged', 'split')),
  ADD CONSTRAINT organisation_ceased CHECK ((ceased_on IS NULL) = (ceased_how = ''));

-- Who goes on after whom, with their names and numbers: neither may read the other's row.
CREATE TABLE org_succession (
  org_id uuid NOT NULL REFERENCES organisation,
  successor_id uuid NOT NULL REFERENCES organisation,
  org_name text NOT NULL,
  org_no bigint,
  successor_name text NOT NULL,
  successor_no bigint,
  last_on date NOT NULL,
  CONSTRAINT org_succession_pkey PRIMARY KEY (org_id, successor_id),
  CONSTRAINT org_succession_two CHECK (org_id <> successor_id)
);
CREATE INDEX org_succession_successor_idx ON org_succession (successor_id);
CALL protect('org_succession');
CREATE POLICY customer_reads ON org_succession FOR SELECT TO portal_customer USING ((SELECT ctx_org()) IN (org_id, successor_id));
CREATE POLICY agent_reads ON org_succession FOR SELECT TO portal_agent USING ((SELECT ctx_org()) IN (org_id, successor_id));
CREATE POLICY staff_reads ON org_succession FOR SELECT TO portal_staff USING (true);
GRANT SELECT ON org_succession TO portal_customer, portal_agent, portal_staff;

ALTER TABLE org_event
  DROP CONSTRAINT org_event_kind_known,
  ADD CONSTRAINT org_event_kind_known CHECK (kind IN ('invoicing', 'invoicing_checked', 'contact', 'email_confirmed', 'identity', 'standing',
    'four_eyes', 'access_reviewed', 'email_withdrawn', 'units', 'ceased')),
  DROP CONSTRAINT org_event_confirmed,
  ADD CONSTRAINT org_event_confirmed CHECK (confirmation_id IS NOT NULL OR side = 'system'
    OR kind NOT IN ('identity', 'standing', 'four_eyes', 'access_reviewed', 'ceased'));

-- Units as they are to be: those that are known change, the others are new. Answers those that were known, as they were.
CREATE FUNCTION org_units_apply(org uuid, wanted jsonb, moment timestamptz) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  u jsonb;
  old care_unit;
  before jsonb := '[]';
  today date := (moment AT TIME ZONE 'Europe/Stockholm')::date;
BEGIN
  IF jsonb_typeof(wanted -> 'units') IS DISTINCT FROM 'array' OR jsonb_array_length(wanted -> 'units') NOT BETWEEN 1 AND 500 THEN
    RAISE 'units' USING ERRCODE = 'P0412';
  END IF;
  FOR u IN SELECT x FROM jsonb_array_elements(wanted -> 'units') x LOOP
    SELECT * INTO old FROM care_unit c WHERE c.id = (u ->> 'id')::uuid AND c.org_id = org;
    IF FOUND THEN
      before := before || jsonb_build_object('id', old.id, 'name', old.name, 'hsa_id', old.hsa_id, 'parent', old.parent_id, 'closed', old.closed_on IS NOT NULL);
      UPDATE care_unit c SET name = u ->> 'name', hsa_id = u ->> 'hsa_id', parent_id = (u ->> 'parent')::uuid,
             closed_on = CASE WHEN (u ->> 'closed')::boolean THEN coalesce(c.closed_on, today) END
       WHERE c.id = old.id;
    ELSE
      INSERT INTO care_unit (id, org_id, name, hsa_id, parent_id, created_at)
        VALUES ((u ->> 'id')::uuid, org, u ->> 'name', u ->> 'hsa_id', (u ->> 'parent')::uuid, moment);
    END IF;
  END LOOP;
  -- Closed ones stay, and make room.
  IF (SELECT count(*) FILTER (WHERE c.closed_on IS NULL) > 1000 OR count(*) > 5000 FROM care_unit c WHERE c.org_id = org) THEN RAISE 'too_many_units' USING ERRCODE = 'P0412'; END IF;
  IF EXISTS (SELECT FROM care_unit c JOIN care_unit p ON p.id = c.parent_id
              WHERE c.org_id = org AND c.closed_on IS NULL AND p.closed_on IS NOT NULL) THEN
    RAISE 'unit_children' USING ERRCODE = 'P0412';
  END IF;
  -- Six levels, and so no circles.
  IF EXISTS (WITH RECURSIVE up AS (
       SELECT c.parent_id, 1 AS level FROM care_unit c WHERE c.org_id = org AND c.parent_id IS NOT NULL
       UNION ALL
       SELECT c.parent_id, up.level + 1 FROM up JOIN care_unit c ON c.id = up.parent_id WHERE c.parent_id IS NOT NULL AND up.level < 6)
     SELECT FROM up WHERE up.level >= 6) THEN
    RAISE 'unit_depth' USING ERRCODE = 'P0412';
  END IF;
  RETURN jsonb_build_object('units', before);
END
$$;

-- The last day, in which way and who goes on; no day takes it back. Answers what it was.
CREATE FUNCTION org_ceased_applies(o organisation, wanted jsonb, moment timestamptz) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  last date := (wanted ->> 'on')::date;
  how text := coalesce(wanted ->> 'how', '');
  today date := (moment AT TIME ZONE 'Europe/Stockholm')::date;
  heirs uuid[] := ARRAY (SELECT DISTINCT x::uuid FROM jsonb_array_elements_text(coalesce(wanted -> 'successors', '[]')) x);
  before jsonb := jsonb_build_object('on', o.ceased_on, 'how', o.ceased_how, 'successors',
    (SELECT coalesce(jsonb_agg(s.successor_id), '[]') FROM org_succession s WHERE s.org_id = o.id));
BEGIN
  IF last IS NULL AND o.ceased_on IS NULL THEN RAISE 'nothing_changed' USING ERRCODE = 'P0412'; END IF;
  -- One at a time in the whole portal: two that are to take over from each other would not see it.
  PERFORM pg_advisory_xact_lock(hashtext('org_succession'));
  -- A merger may be known after it has happened.
  IF last < today - 366 OR last > today + 731 THEN RAISE 'ceased_day' USING ERRCODE = 'P0412'; END IF;
  IF (last IS NULL) <> (how = '') OR (how IN ('', 'ceased') AND heirs <> '{}') OR (how = 'merged' AND cardinality(heirs) <> 1)
     OR (how = 'split' AND cardinality(heirs) NOT BETWEEN 1 AND 20) THEN
    RAISE 'successors' USING ERRCODE = 'P0412';
  END IF;
  IF EXISTS (SELECT FROM unnest(heirs) h LEFT JOIN organisation x ON x.id = h
              WHERE x.id IS NULL OR x.is_inera OR x.id = o.id OR x.ceased_on <= last)
     OR EXISTS (WITH RECURSIVE later AS (
          SELECT s.successor_id, 1 AS level FROM org_succession s WHERE s.org_id = ANY (heirs)
          UNION SELECT s.successor_id, l.level + 1 FROM later l JOIN org_succession s ON s.org_id = l.successor_id WHERE l.level < 20)
        SELECT FROM later l WHERE l.successor_id = o.id) THEN
    RAISE 'successors' USING ERRCODE = 'P0412';
  END IF;
  -- Whoever is to take over from another must still be there.
  IF EXISTS (SELECT FROM org_succession s WHERE s.successor_id = o.id AND s.last_on >= last) THEN
    RAISE 'still_takes_over' USING ERRCODE = 'P0412';
  END IF;
  DELETE FROM org_succession s WHERE s.org_id = o.id;
  INSERT INTO org_succession (org_id, successor_id, org_name, org_no, successor_name, successor_no, last_on)
    SELECT o.id, x.id, o.name, coalesce(o.customer_no, o.agent_no), x.name, coalesce(x.customer_no, x.agent_no), last
      FROM organisation x WHERE x.id = ANY (heirs);
  RETURN before;
END
$$;

-- As 0024, with units and ends.
CREATE OR REPLACE FUNCTION org_event_applies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  o organisation;
  acting uuid;
  proof confirmation;
  known text[];
BEGIN
  SELECT * INTO o FROM organisation x WHERE x.id = NEW.org_id FOR NO KEY UPDATE;
  IF NOT FOUND OR (o.is_inera AND NEW.kind <> 'access_reviewed') THEN RAISE 'no_organisation' USING ERRCODE = 'P0404'; END IF;
  IF o.revision <> NEW.seq - 1 THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  -- Administrators keep contact data, invoice details and four eyes; Inera decides identity and standing, and helps with the
  -- rest, each role with its own. That invoice details are right, only the organisation can say.
  IF NEW.side IN ('customer', 'agent') AND NEW.kind IN ('invoicing', 'invoicing_checked', 'contact', 'email_withdrawn', 'four_eyes', 'access_reviewed', 'units') THEN
    acting := acting_membership(NEW.org_id, '{administrator}');
  ELSIF NEW.side = 'inera' THEN
    acting := acting_membership((SELECT x.id FROM organisation x WHERE x.is_inera), CASE NEW.kind
      WHEN 'invoicing' THEN '{finance}'::role[]
      WHEN 'contact' THEN '{support}'::role[]
      WHEN 'units' THEN '{support}'::role[]
      WHEN 'ceased' THEN '{agreements_officer}'::role[]
      WHEN 'email_withdrawn' THEN '{support}'::role[]
      WHEN 'access_reviewed' THEN CASE WHEN o.is_inera THEN '{sysadmin}'::role[] ELSE '{}'::role[] END
      WHEN 'identity' THEN '{agreements_officer}'::role[]
      WHEN 'standing' THEN '{agreements_officer}'::role[]
      ELSE '{}'::role[] END);
  END IF;
  -- The portal's own (demo data, a confirmed address) has nobody behind it; only the owner and its functions insert such.
  IF acting IS NULL AND NEW.side <> 'system' THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  -- Units are many, and have a count of their own.
  IF NEW.side <> 'system' AND (SELECT count(*) FROM org_event e
       WHERE e.org_id = o.id AND e.at > NEW.at - interval '1 day' AND (e.kind = 'units') = (NEW.kind = 'units'))
     >= (CASE NEW.kind WHEN 'units' THEN 1000 ELSE 200 END) THEN
    RAISE 'too_many_changes' USING ERRCODE = 'P0412';
  END IF;
  IF NEW.kind = 'invoicing_checked' AND NOT EXISTS (SELECT FROM invoice_detail d WHERE d.org_id = NEW.org_id) THEN
    RAISE 'nothing_to_check' USING ERRCODE = 'P0412';
  END IF;
  NEW.actor_name := coalesce((SELECT m.name FROM membership m WHERE m.id = acting), '');
  IF NEW.confirmation_id IS NOT NULL THEN
    SELECT * INTO proof FROM confirmation c WHERE c.id = NEW.confirmation_id;
    IF NOT FOUND OR proof.person_id <> NEW.actor_id OR proof.subject <> 'organisation:' || o.id || ':' || o.revision || ':' || NEW.kind
       OR proof.at < now() - interval '10 minutes' THEN
      RAISE 'confirmation' USING ERRCODE = 'P0412';
    END IF;
  END IF;

  known := CASE NEW.kind
    WHEN 'contact' THEN '{email,phone,visiting_address,postal_address,hsa_id}'::text[]
    WHEN 'email_confirmed' THEN '{email}'::text[]
    WHEN 'identity' THEN '{name,org_nr}'::text[]
    WHEN 'standing' THEN '{from,category,facts}'::text[]
    WHEN 'four_eyes' THEN '{four_eyes}'::text[]
    WHEN 'units' THEN '{units}'::text[]
    WHEN 'ceased' THEN '{on,how,successors}'::text[]
    ELSE '{}'::text[] END;
  IF EXISTS (SELECT FROM jsonb_object_keys(NEW.wanted) k WHERE k <> ALL (known)) THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  IF known <> '{}' AND NEW.wanted = '{}' THEN RAISE 'nothing_changed' USING ERRCODE = 'P0412'; END IF;
  IF NEW.kind = 'standing' THEN
    IF o.customer_no IS NULL THEN RAISE 'standing' USING ERRCODE = 'P0412'; END IF;
    NEW.was := org_standing_applies(o.id, NEW.wanted, NEW.at);
  ELSIF NEW.kind = 'units' THEN
    IF o.customer_no IS NULL THEN RAISE 'units' USING ERRCODE = 'P0412'; END IF;
    NEW.was := org_units_apply(o.id, NEW.wanted, NEW.at);
  ELSIF NEW.kind = 'ceased' THEN
    NEW.was := org_ceased_applies(o, NEW.wanted, NEW.at);
  ELSE
    NEW.was := (SELECT coalesce(jsonb_object_agg(k, to_jsonb(o) -> k), '{}') FROM jsonb_object_keys(NEW.wanted) k);
  END IF;
  IF NEW.kind = 'identity' AND NEW.wanted ? 'org_nr' AND o.sole_trader <> (substr(NEW.wanted ->> 'org_nr', 3, 1) IN ('0', '1')) THEN
    RAISE 'sole_trader' USING ERRCODE = 'P0412';
  END IF;
  UPDATE organisation x SET revision = NEW.seq,
    name = coalesce(NEW.wanted ->> 'name', x.name),
    org_nr = coalesce(NEW.wanted ->> 'org_nr', x.org_nr),
    -- A new address waits for its link to be opened.
    email = CASE WHEN NEW.kind = 'email_confirmed' THEN NEW.wanted ->> 'email' ELSE x.email END,
    phone = coalesce(NEW.wanted ->> 'phone', x.phone),
    visiting_address = coalesce(NEW.wanted ->> 'visiting_address', x.visiting_address),
    postal_address = coalesce(NEW.wanted ->> 'postal_address', x.postal_address),
    hsa_id = coalesce(NEW.wanted ->> 'hsa_id', x.hsa_id),
    ceased_on = CASE WHEN NEW.kind = 'ceased' THEN (NEW.wanted ->> 'on')::date ELSE x.ceased_on END,
    ceased_how = CASE WHEN NEW.kind = 'ceased' THEN coalesce(NEW.wanted ->> 'how', '') ELSE x.ceased_how END,
    four_eyes = coalesce((NEW.wanted ->> 'four_eyes')::boolean, x.four_eyes)
   WHERE x.id = o.id;
  -- A sole trader's number is a personal number: the log keeps it masked.
  IF o.sole_trader AND NEW.wanted ? 'org_nr' THEN
    NEW.wanted := jsonb_set(NEW.wanted, '{org_nr}', to_jsonb(shown_org_nr(NEW.wanted ->> 'org_nr', true)));
    NEW.was := jsonb_set(NEW.was, '{org_nr}', to_jsonb(shown_org_nr(o.org_nr, true)));
  END IF;
  IF NEW.kind = 'email_withdrawn' THEN
    UPDATE org_email_claim c SET used_at = NEW.at WHERE c.org_id = o.id AND c.used_at IS NULL;
    IF NOT FOUND THEN RAISE 'nothing_changed' USING ERRCODE = 'P0412'; END IF;
  END IF;
  -- What waits must have somebody who may attest it, also under four eyes.
  IF NEW.kind = 'four_eyes' AND EXISTS (SELECT FROM attests_waiting(o.id) w WHERE NOT EXISTS (
       SELECT FROM membership_role r JOIN membership m ON m.id = r.membership_id AND m.ended_at IS NULL
        WHERE r.org_id = o.id AND r.role = 'attestant' AND r.in_place_of IS NULL AND (w.named IS NULL OR r.membership_id = w.named)
          AND (m.person_id = ANY (w.not_by)) IS NOT TRUE)) THEN
    RAISE 'four_eyes_waiting' USING ERRCODE = 'P0412';
  END IF;
  RETURN NEW;
END
$$;

DROP TRIGGER org_event_told ON org_event;
CREATE TRIGGER org_event_told AFTER INSERT ON org_event FOR EACH ROW
  WHEN (NEW.kind NOT IN ('invoicing_checked', 'access_reviewed', 'email_withdrawn', 'units')
        AND (NEW.side <> 'system' OR NEW.kind = 'email_confirmed')) EXECUTE FUNCTION org_event_told();

-- After its last day an organisation's orders go no further, nor those via it.
CREATE FUNCTION order_event_of_the_living() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  today date := (NEW.at AT TIME ZONE 'Europe/Stockholm')::date;
BEGIN
  IF NEW.to_state NOT IN ('awaiting_agent_review', 'awaiting_agent_attest', 'awaiting_customer_attest', 'attested', 'ready_to_connect', 'in_delivery', 'activated') THEN
    RETURN NEW;
  END IF;
  IF EXISTS (SELECT FROM organisation x WHERE x.id = NEW.customer_id AND x.ceased_on < today) THEN
    RAISE 'customer_ceased' USING ERRCODE = 'P0412';
  END IF;
  IF EXISTS (SELECT FROM orders o JOIN organisation x ON x.id = o.agent_id WHERE o.id = NEW.order_id AND x.ceased_on < today) THEN
    RAISE 'agent_ceased' USING ERRCODE = 'P0412';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER order_event_of_the_living BEFORE INSERT ON order_event FOR EACH ROW EXECUTE FUNCTION order_event_of_the_living();

-- As 0004; one that has ceased takes no orders.
CREATE OR REPLACE FUNCTION agents_for(wanted_service text, wanted_role text, day date)
  RETURNS TABLE (agent_id uuid, agent_no bigint, name text, system text, mandate_id uuid, obstacle text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$
    SELECT o.id, o.agent_no, o.name, m.system, m.id,
           CASE WHEN o.ceased_on < day THEN 'ceased'
                WHEN NOT agent_agreement_in_force(o.id, day) THEN 'no_agreement'
                WHEN m.status = 'granted' THEN 'not_verified'
                WHEN m.status = 'paused' THEN 'paused'
                WHEN NOT has_handler(m.id) THEN 'no_handler'
                WHEN NOT has_attestant(o.id) THEN 'no_attestant'
           END
      FROM mandate m JOIN organisation o ON o.id = m.agent_id
     WHERE m.service_code = wanted_service AND m.role = wanted_role AND m.status <> 'ended' AND o.agent_no IS NOT NULL
     ORDER BY o.name COLLATE "sv-x-icu", o.id
     LIMIT 200 $$;
