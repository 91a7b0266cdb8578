-- What is known of an organisation changes by events, one after another. The first kind: where its invoices go and with which
-- reference (portal.md 2.14 and 3.14).
ALTER TABLE organisation ADD COLUMN revision int NOT NULL DEFAULT 0;

CREATE TABLE org_event (
  id uuid PRIMARY KEY,
  org_id uuid NOT NULL REFERENCES organisation,
  seq int NOT NULL,
  kind text NOT NULL CONSTRAINT org_event_kind_known CHECK (kind IN ('invoicing', 'invoicing_checked')),
  side side NOT NULL,
  actor_id uuid REFERENCES person,
  actor_name text NOT NULL DEFAULT '',
  at timestamptz NOT NULL,
  -- For a check of invoice details: are they those of SITHS, which are kept apart?
  siths boolean NOT NULL DEFAULT false,
  CONSTRAINT org_event_seq_key UNIQUE (org_id, seq),
  CONSTRAINT org_event_tenant_key UNIQUE (id, org_id)
);
CREATE INDEX org_event_actor_idx ON org_event (actor_id);
CALL protect('org_event');
CREATE POLICY customer_reads ON org_event FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON org_event FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON org_event FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON org_event FOR SELECT TO portal_worker USING (true);
CREATE POLICY customer_changes ON org_event FOR INSERT TO portal_customer
  WITH CHECK (side = 'customer' AND actor_id = (SELECT ctx_person()) AND org_id = (SELECT ctx_org()));
CREATE POLICY agent_changes ON org_event FOR INSERT TO portal_agent
  WITH CHECK (side = 'agent' AND actor_id = (SELECT ctx_person()) AND org_id = (SELECT ctx_org()));
CREATE POLICY staff_changes ON org_event FOR INSERT TO portal_staff
  WITH CHECK (side = 'inera' AND actor_id = (SELECT ctx_person()));
GRANT SELECT ON org_event TO portal_customer, portal_agent, portal_staff, portal_worker;
GRANT INSERT (id, org_id, seq, kind, side, actor_id, at, siths) ON org_event TO portal_customer, portal_agent, portal_staff;

-- An address as it was written once; a new wording is a new row.
CREATE TYPE invoice_way AS ENUM ('peppol', 'edi', 'email', 'post');
CREATE TABLE invoice_address (
  id uuid PRIMARY KEY,
  org_id uuid NOT NULL,
  event_id uuid NOT NULL,
  label text NOT NULL CONSTRAINT invoice_address_label_length CHECK (char_length(label) BETWEEN 1 AND 60),
  recipient text NOT NULL CONSTRAINT invoice_address_recipient_length CHECK (char_length(recipient) BETWEEN 1 AND 120),
  line1 text NOT NULL CONSTRAINT invoice_address_line1_length CHECK (char_length(line1) BETWEEN 1 AND 400),
  line2 text NOT NULL DEFAULT '' CONSTRAINT invoice_address_line2_length CHECK (char_length(line2) <= 80),
  -- Empty only in what was taken over from free text.
  postcode text NOT NULL CONSTRAINT invoice_address_postcode_length CHECK (char_length(postcode) <= 12),
  city text NOT NULL CONSTRAINT invoice_address_city_length CHECK (char_length(city) <= 60),
  country text NOT NULL DEFAULT 'SE' CONSTRAINT invoice_address_country_form CHECK (country ~ '^[A-Z]{2}$'),
  way invoice_way NOT NULL,
  -- Peppol-id, GLN or e-mail address, by the way it is sent; for post nothing.
  electronic text NOT NULL DEFAULT '' CONSTRAINT invoice_address_electronic_fits CHECK (CASE way
    WHEN 'peppol' THEN electronic ~ '^(0007:[0-9]{10}|0088:[0-9]{13})$'
    WHEN 'edi' THEN electronic ~ '^[0-9]{13}$'
    WHEN 'email' THEN electronic ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(electronic) <= 254
    ELSE electronic = '' END),
  CONSTRAINT invoice_address_tenant_key UNIQUE (id, org_id),
  CONSTRAINT invoice_address_event FOREIGN KEY (event_id, org_id) REFERENCES org_event (id, org_id)
);
CREATE INDEX invoice_address_org_idx ON invoice_address (org_id);
CREATE INDEX invoice_address_event_idx ON invoice_address (event_id);
CALL protect('invoice_address');

-- What holds from a day: for everything (no service), or for one service, where what is empty follows the standard. The
-- latest day not after the one asked for wins, then the latest event; nothing is ever rewritten.
CREATE TABLE invoice_detail (
  event_id uuid NOT NULL,
  org_id uuid NOT NULL,
  seq int NOT NULL,
  service_code text REFERENCES service (code),
  valid_from date NOT NULL,
  address_id uuid,
  reference text NOT NULL CONSTRAINT invoice_detail_reference_form CHECK (char_length(reference) <= 50 AND reference = btrim(reference) AND reference !~ '[[:cntrl:]]'),
  CONSTRAINT invoice_detail_once UNIQUE NULLS NOT DISTINCT (event_id, service_code),
  CONSTRAINT invoice_detail_event FOREIGN KEY (event_id, org_id) REFERENCES org_event (id, org_id),
  CONSTRAINT invoice_detail_address FOREIGN KEY (address_id, org_id) REFERENCES invoice_address (id, org_id),
  CONSTRAINT invoice_detail_standard_is_whole CHECK (service_code IS NOT NULL OR (address_id IS NOT NULL AND reference <> ''))
);
CREATE INDEX invoice_detail_org_idx ON invoice_detail (org_id, service_code, valid_from DESC, seq DESC);
CREATE INDEX invoice_detail_address_idx ON invoice_detail (address_id);
CREATE INDEX invoice_detail_service_idx ON invoice_detail (service_code);
CALL protect('invoice_detail');

CREATE POLICY customer_reads ON invoice_address FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON invoice_address FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON invoice_address FOR SELECT TO portal_staff USING (true);
CREATE POLICY own_adds ON invoice_address FOR INSERT TO portal_customer, portal_agent WITH CHECK (org_id = (SELECT ctx_org()));
CREATE POLICY staff_adds ON invoice_address FOR INSERT TO portal_staff WITH CHECK (true);
GRANT SELECT ON invoice_address TO portal_customer, portal_agent, portal_staff;
GRANT INSERT ON invoice_address TO portal_customer, portal_agent, portal_staff;
CREATE POLICY customer_reads ON invoice_detail FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON invoice_detail FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON invoice_detail FOR SELECT TO portal_staff USING (true);
CREATE POLICY own_adds ON invoice_detail FOR INSERT TO portal_customer, portal_agent WITH CHECK (org_id = (SELECT ctx_org()));
CREATE POLICY staff_adds ON invoice_detail FOR INSERT TO portal_staff WITH CHECK (true);
GRANT SELECT ON invoice_detail TO portal_customer, portal_agent, portal_staff;
GRANT INSERT ON invoice_detail TO portal_customer, portal_agent, portal_staff;

-- What holds for a service on a day (no service: the standard). Runs as whoever asks: row security holds.
CREATE FUNCTION invoice_on(org uuid, service text, day date) RETURNS TABLE (address_id uuid, reference text) LANGUAGE sql STABLE AS $$
  WITH held AS (
    SELECT DISTINCT ON (d.service_code) d.service_code, d.address_id, nullif(d.reference, '') AS reference
      FROM invoice_detail d
     WHERE d.org_id = org AND d.valid_from <= day AND (d.service_code IS NULL OR d.service_code = service)
     ORDER BY d.service_code, d.valid_from DESC, d.seq DESC)
  SELECT (array_agg(h.address_id ORDER BY h.service_code NULLS LAST) FILTER (WHERE h.address_id IS NOT NULL))[1],
         coalesce((array_agg(h.reference ORDER BY h.service_code NULLS LAST) FILTER (WHERE h.reference IS NOT NULL))[1], '')
    FROM held h
$$;
GRANT EXECUTE ON FUNCTION invoice_on(uuid, text, date) TO portal_customer, portal_agent, portal_staff;

-- What organisations had as free text, both address and reference, is their first standard, sent by post until somebody says
-- otherwise; with only one of them there is no standard to take over. The old columns
-- stay for the program of the release before this, and nothing reads them any more.
INSERT INTO org_event (id, org_id, seq, kind, side, at)
  SELECT gen_random_uuid(), o.id, 1, 'invoicing', 'system', now() FROM organisation o
   WHERE btrim(o.invoice_address, E' \n') <> '' AND btrim(regexp_replace(o.invoice_reference, '[[:cntrl:]]', ' ', 'g')) <> '';
UPDATE organisation o SET revision = 1 FROM org_event e WHERE e.org_id = o.id;
INSERT INTO invoice_address (id, org_id, event_id, label, recipient, line1, postcode, city, way)
  SELECT gen_random_uuid(), o.id, e.id, 'Standard', left(o.name, 120), coalesce(nullif(btrim(regexp_replace(
           CASE WHEN starts_with(o.invoice_address, o.name || E'\n') THEN substr(o.invoice_address, char_length(o.name) + 2) ELSE o.invoice_address END,
           E'\\s*\\n\\s*[0-9]{3} ?[0-9]{2} +[^\\n]{1,60}$', ''), E' \n'), ''), '-'),
         coalesce(substring(o.invoice_address FROM E'\\n\\s*([0-9]{3} ?[0-9]{2}) +[^\\n]{1,60}$'), ''),
         coalesce(substring(o.invoice_address FROM E'\\n\\s*[0-9]{3} ?[0-9]{2} +([^\\n]{1,60})$'), ''), 'post'
    FROM organisation o JOIN org_event e ON e.org_id = o.id;
INSERT INTO invoice_detail (event_id, org_id, seq, valid_from, address_id, reference)
  SELECT e.id, e.org_id, 1, today_here(), a.id, btrim(regexp_replace(o.invoice_reference, '[[:cntrl:]]', ' ', 'g'))
    FROM org_event e JOIN organisation o ON o.id = e.org_id JOIN invoice_address a ON a.event_id = e.id;

-- Who may, and one at a time. Keys of P0412 are turned into sentences by the application.
CREATE FUNCTION org_event_applies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  o organisation;
  acting uuid;
BEGIN
  SELECT * INTO o FROM organisation x WHERE x.id = NEW.org_id FOR NO KEY UPDATE;
  IF NOT FOUND OR o.is_inera THEN RAISE 'no_organisation' USING ERRCODE = 'P0404'; END IF;
  IF o.revision <> NEW.seq - 1 THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF NEW.side IN ('customer', 'agent') THEN
    acting := acting_membership(NEW.org_id, '{administrator}');
  ELSIF NEW.side = 'inera' THEN
    acting := acting_membership((SELECT x.id FROM organisation x WHERE x.is_inera), '{finance}');
    -- Inera changes; that the details are right, only the organisation can say.
    IF NEW.kind = 'invoicing_checked' THEN acting := NULL; END IF;
  END IF;
  -- The portal's own (demo data) has nobody behind it: the sides' policies let nobody else insert such.
  IF acting IS NULL AND NEW.side <> 'system' THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  IF NEW.kind = 'invoicing_checked' AND NOT EXISTS (SELECT FROM invoice_detail d WHERE d.org_id = NEW.org_id) THEN
    RAISE 'nothing_to_check' USING ERRCODE = 'P0412';
  END IF;
  NEW.actor_name := coalesce((SELECT m.name FROM membership m WHERE m.id = acting), '');
  UPDATE organisation SET revision = NEW.seq WHERE id = o.id;
  RETURN NEW;
END
$$;
CREATE TRIGGER org_event_applies BEFORE INSERT ON org_event FOR EACH ROW EXECUTE FUNCTION org_event_applies();

-- Details belong to an event of the same transaction, whose maker has been judged.
CREATE FUNCTION invoice_row_belongs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  e org_event;
BEGIN
  SELECT * INTO e FROM org_event x
   WHERE x.id = NEW.event_id AND x.org_id = NEW.org_id AND x.kind = 'invoicing' AND x.xmin = pg_current_xact_id()::xid;
  IF NOT FOUND THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  IF TG_TABLE_NAME = 'invoice_detail' THEN
    NEW.seq := e.seq;
    IF NEW.valid_from < (e.at AT TIME ZONE 'Europe/Stockholm')::date THEN RAISE 'past_day' USING ERRCODE = 'P0412'; END IF;
    IF NEW.valid_from > (e.at AT TIME ZONE 'Europe/Stockholm')::date + 731 THEN RAISE 'far_day' USING ERRCODE = 'P0412'; END IF;
  ELSIF (SELECT count(*) FROM invoice_address a WHERE a.org_id = NEW.org_id) >= 200 THEN
    RAISE 'too_many_addresses' USING ERRCODE = 'P0412';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER invoice_address_belongs BEFORE INSERT ON invoice_address FOR EACH ROW EXECUTE FUNCTION invoice_row_belongs();
CREATE TRIGGER invoice_detail_belongs BEFORE INSERT ON invoice_detail FOR EACH ROW EXECUTE FUNCTION invoice_row_belongs();

-- Causes, mails and notices can be about an organisation's data too.
ALTER TABLE notification ADD COLUMN org_event_id uuid REFERENCES org_event, DROP CONSTRAINT notification_one_subject,
  ADD CONSTRAINT notification_one_subject
    CHECK (num_nonnulls(order_id, signing_id, member_id, role_request_id, invitation_id, account_event_id, org_event_id) = 1);
CREATE INDEX notification_org_event_idx ON notification (org_event_id) WHERE org_event_id IS NOT NULL;
ALTER TABLE mail ADD COLUMN org_event_id uuid REFERENCES org_event, DROP CONSTRAINT mail_one_subject,
  ADD CONSTRAINT mail_one_subject CHECK (num_nonnulls(order_id, signing_id, member_id, invitation_id, account_event_id, org_event_id) = 1);
CREATE INDEX mail_org_event_idx ON mail (org_event_id) WHERE org_event_id IS NOT NULL;
ALTER TABLE notice ADD COLUMN org_event_id uuid REFERENCES org_event, DROP CONSTRAINT notice_one_subject,
  ADD CONSTRAINT notice_one_subject CHECK (num_nonnulls(order_id, agreement_id, member_id, org_event_id) = 1);
CREATE INDEX notice_org_event_idx ON notice (org_event_id) WHERE org_event_id IS NOT NULL;

CREATE FUNCTION org_event_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO notification (id, key, cause, org_event_id, seq, due_at)
    VALUES (gen_random_uuid(), 'organisation:' || NEW.id, 'event', NEW.id, NEW.seq, NEW.at);
  RETURN NULL;
END
$$;
CREATE TRIGGER org_event_told AFTER INSERT ON org_event FOR EACH ROW
  WHEN (NEW.kind <> 'invoicing_checked' AND NEW.side <> 'system') EXECUTE FUNCTION org_event_told();
