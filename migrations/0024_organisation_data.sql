-- An organisation's own data: contact data its administrators keep, identity and standing that Inera decides, four eyes, and
-- what is fragile (portal.md 1.4, 1.5 rule 1, 3.5).
ALTER TABLE organisation
  ADD COLUMN visiting_address text NOT NULL DEFAULT '' CONSTRAINT organisation_visiting_address_length CHECK (char_length(visiting_address) <= 400),
  ADD COLUMN postal_address text NOT NULL DEFAULT '' CONSTRAINT organisation_postal_address_length CHECK (char_length(postal_address) <= 400);

-- What is wanted, key by key, and what it was: found by the database. An organisation number is kept as it is written in
-- `organisation`, and masked where it is shown.
ALTER TABLE org_event
  ADD COLUMN wanted jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN was jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN confirmation_id uuid REFERENCES confirmation CONSTRAINT org_event_confirmation_once UNIQUE,
  DROP CONSTRAINT org_event_kind_known,
  ADD CONSTRAINT org_event_kind_known CHECK (kind IN ('invoicing', 'invoicing_checked', 'contact', 'email_confirmed', 'identity', 'standing', 'four_eyes', 'access_reviewed', 'email_withdrawn')),
  -- Identity, standing and four eyes decide what may be ordered and by whom (decisions.md 5); a
  -- review of who may do what is signed off, and what was read is kept.
  ADD CONSTRAINT org_event_confirmed CHECK (confirmation_id IS NOT NULL OR side = 'system' OR kind NOT IN ('identity', 'standing', 'four_eyes', 'access_reviewed'));
GRANT INSERT (wanted, confirmation_id) ON org_event TO portal_customer, portal_agent, portal_staff;

-- A new common address holds when somebody has opened the link that was sent to it.
CREATE TABLE org_email_claim (
  event_id uuid PRIMARY KEY,
  org_id uuid NOT NULL,
  email text NOT NULL CONSTRAINT org_email_claim_form CHECK (char_length(email) <= 254 AND email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  link_sha256 bytea NOT NULL CONSTRAINT org_email_claim_link_key UNIQUE CONSTRAINT org_email_claim_link_length CHECK (octet_length(link_sha256) = 32),
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  CONSTRAINT org_email_claim_event FOREIGN KEY (event_id, org_id) REFERENCES org_event (id, org_id),
  CONSTRAINT org_email_claim_period CHECK (expires_at > made_at AND expires_at <= made_at + interval '72 hours')
);
CREATE INDEX org_email_claim_org_idx ON org_email_claim (org_id, made_at);
CALL protect('org_email_claim');
CREATE POLICY customer_reads ON org_email_claim FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON org_email_claim FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON org_email_claim FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON org_email_claim FOR SELECT TO portal_worker USING (true);
CREATE POLICY own_asks ON org_email_claim FOR INSERT TO portal_customer, portal_agent WITH CHECK (org_id = (SELECT ctx_org()));
CREATE POLICY staff_asks ON org_email_claim FOR INSERT TO portal_staff WITH CHECK (true);
GRANT SELECT (event_id, org_id, email, made_at, expires_at, used_at) ON org_email_claim TO portal_customer, portal_agent, portal_staff, portal_worker;
GRANT INSERT (event_id, org_id, email, link_sha256, made_at, expires_at) ON org_email_claim TO portal_customer, portal_agent, portal_staff;

CREATE FUNCTION org_email_claim_belongs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  SELECT e.at INTO NEW.made_at FROM org_event e
    WHERE e.id = NEW.event_id AND e.org_id = NEW.org_id AND e.kind = 'contact' AND e.wanted ->> 'email' = NEW.email
      AND e.xmin = pg_current_xact_id()::xid;
  IF NOT FOUND THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  -- Nobody's mailbox is filled.
  IF (SELECT count(*) FROM org_email_claim c WHERE c.org_id = NEW.org_id AND c.made_at > NEW.made_at - interval '1 day') >= 5
     -- By organisations: one alone can't keep an address from its owner.
     OR (SELECT count(DISTINCT c.org_id) FROM org_email_claim c
          WHERE c.email = NEW.email AND c.org_id <> NEW.org_id AND c.made_at > NEW.made_at - interval '1 day') >= 5 THEN
    RAISE 'too_many_email' USING ERRCODE = 'P0412';
  END IF;
  RETURN NEW;
END
$$;
CREATE INDEX org_email_claim_email_idx ON org_email_claim (email, made_at);
CREATE TRIGGER org_email_claim_belongs BEFORE INSERT ON org_email_claim FOR EACH ROW EXECUTE FUNCTION org_email_claim_belongs();

-- Category and facts from a day: what is not among them ends the day before, what was to come after that day gives way.
CREATE FUNCTION org_standing_applies(org uuid, wanted jsonb, moment timestamptz) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  first date := (wanted ->> 'from')::date;
  today date := (moment AT TIME ZONE 'Europe/Stockholm')::date;
  facts_wanted fact[] := ARRAY (SELECT x::fact FROM jsonb_array_elements_text(wanted -> 'facts') x);
  before jsonb;
BEGIN
  IF first IS NULL OR first < today THEN RAISE 'past_day' USING ERRCODE = 'P0412'; END IF;
  IF first > today + 731 THEN RAISE 'far_day' USING ERRCODE = 'P0412'; END IF;
  -- Whether it is a sole trader follows from its number.
  IF 'sole_trader' = ANY (facts_wanted) THEN RAISE 'standing' USING ERRCODE = 'P0412'; END IF;
  -- With and without public financing are told by the fact, not by the finer categories of the services' pages.
  IF NOT EXISTS (SELECT FROM customer_category c WHERE c.code = wanted ->> 'category' AND c.code NOT IN ('agent',
       'privat_vardgivare_offentligt_finansierad', 'privat_vardgivare_ej_offentligt_finansierad')
       AND (c.valid_from IS NULL OR c.valid_from <= first) AND (c.valid_to IS NULL OR c.valid_to >= first)) THEN
    RAISE 'category' USING ERRCODE = 'P0412';
  END IF;
  before := jsonb_build_object(
    'category', (SELECT string_agg(c.category, ', ' ORDER BY c.category) FROM organisation_category c
                  WHERE c.org_id = org AND c.valid_from <= first AND (c.valid_to IS NULL OR c.valid_to >= first)),
    'facts', (SELECT coalesce(jsonb_agg(f.fact ORDER BY f.fact), '[]') FROM organisation_fact f
               WHERE f.org_id = org AND f.fact <> 'sole_trader' AND f.valid_from <= first AND (f.valid_to IS NULL OR f.valid_to >= first)));
  DELETE FROM organisation_category c WHERE c.org_id = org AND c.valid_from >= first AND c.valid_from > today;
  UPDATE organisation_category c SET valid_to = first - 1
   WHERE c.org_id = org AND c.category <> wanted ->> 'category' AND c.valid_from < first AND (c.valid_to IS NULL OR c.valid_to >= first);
  -- Given and taken back on the same day: it never held.
  DELETE FROM organisation_category c WHERE c.org_id = org AND c.category <> wanted ->> 'category' AND c.valid_from = first;
  UPDATE organisation_category c SET valid_to = NULL
   WHERE c.org_id = org AND c.category = wanted ->> 'category' AND c.valid_from <= first AND c.valid_to >= first - 1;
  INSERT INTO organisation_category (org_id, category, valid_from)
    SELECT org, wanted ->> 'category', first
     WHERE NOT EXISTS (SELECT FROM organisation_category c WHERE c.org_id = org AND c.category = wanted ->> 'category'
                         AND c.valid_from <= first AND (c.valid_to IS NULL OR c.valid_to >= first));
  DELETE FROM organisation_fact f WHERE f.org_id = org AND f.fact <> 'sole_trader' AND f.valid_from >= first AND f.valid_from > today;
  UPDATE organisation_fact f SET valid_to = first - 1
   WHERE f.org_id = org AND f.fact <> 'sole_trader' AND f.fact <> ALL (facts_wanted) AND f.valid_from < first AND (f.valid_to IS NULL OR f.valid_to >= first);
  DELETE FROM organisation_fact f WHERE f.org_id = org AND f.fact <> 'sole_trader' AND f.fact <> ALL (facts_wanted) AND f.valid_from = first;
  UPDATE organisation_fact f SET valid_to = NULL
   WHERE f.org_id = org AND f.fact = ANY (facts_wanted) AND f.valid_from <= first AND f.valid_to >= first - 1;
  INSERT INTO organisation_fact (org_id, fact, valid_from)
    SELECT org, w, first FROM unnest(facts_wanted) w
     WHERE NOT EXISTS (SELECT FROM organisation_fact f WHERE f.org_id = org AND f.fact = w AND f.valid_from <= first AND (f.valid_to IS NULL OR f.valid_to >= first));
  RETURN before;
END
$$;

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
  IF NEW.side IN ('customer', 'agent') AND NEW.kind IN ('invoicing', 'invoicing_checked', 'contact', 'email_withdrawn', 'four_eyes', 'access_reviewed') THEN
    acting := acting_membership(NEW.org_id, '{administrator}');
  ELSIF NEW.side = 'inera' THEN
    acting := acting_membership((SELECT x.id FROM organisation x WHERE x.is_inera), CASE NEW.kind
      WHEN 'invoicing' THEN '{finance}'::role[]
      WHEN 'contact' THEN '{support}'::role[]
      WHEN 'email_withdrawn' THEN '{support}'::role[]
      WHEN 'access_reviewed' THEN CASE WHEN o.is_inera THEN '{sysadmin}'::role[] ELSE '{}'::role[] END
      WHEN 'identity' THEN '{agreements_officer}'::role[]
      WHEN 'standing' THEN '{agreements_officer}'::role[]
      ELSE '{}'::role[] END);
  END IF;
  -- The portal's own (demo data, a confirmed address) has nobody behind it; only the owner and its functions insert such.
  IF acting IS NULL AND NEW.side <> 'system' THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  IF NEW.side <> 'system' AND (SELECT count(*) FROM org_event e WHERE e.org_id = o.id AND e.at > NEW.at - interval '1 day') >= 200 THEN
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
    ELSE '{}'::text[] END;
  IF EXISTS (SELECT FROM jsonb_object_keys(NEW.wanted) k WHERE k <> ALL (known)) THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  IF known <> '{}' AND NEW.wanted = '{}' THEN RAISE 'nothing_changed' USING ERRCODE = 'P0412'; END IF;
  IF NEW.kind = 'standing' THEN
    IF o.customer_no IS NULL THEN RAISE 'standing' USING ERRCODE = 'P0412'; END IF;
    NEW.was := org_standing_applies(o.id, NEW.wanted, NEW.at);
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

-- What a link leads to, while it can be used: the newest of the organisation alone, and while whoever asked may still ask.
CREATE FUNCTION org_email_of(link bytea, moment timestamptz) RETURNS TABLE (org_name text, email text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT o.name, c.email FROM org_email_claim c JOIN organisation o ON o.id = c.org_id
         JOIN org_event a ON a.id = c.event_id
         WHERE c.link_sha256 = link AND c.used_at IS NULL AND c.expires_at > moment
           AND EXISTS (SELECT FROM membership m JOIN role_grant g ON g.membership_id = m.id AND (g.valid_to IS NULL OR g.valid_to >= today_here())
                        WHERE m.person_id = a.actor_id AND m.ended_at IS NULL
                          AND (a.side <> 'inera' AND m.org_id = c.org_id AND g.role = 'administrator'
                            OR a.side = 'inera' AND g.role = 'support'))
           AND NOT EXISTS (SELECT FROM org_email_claim n JOIN org_event ne ON ne.id = n.event_id JOIN org_event ce ON ce.id = c.event_id
                            WHERE n.org_id = c.org_id AND ne.seq > ce.seq) $$;
CREATE FUNCTION org_email_confirm(link bytea, new_id uuid, moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  c org_email_claim;
BEGIN
  IF NOT EXISTS (SELECT FROM org_email_of(link, moment)) THEN RETURN NULL; END IF;
  SELECT * INTO c FROM org_email_claim x WHERE x.link_sha256 = link;
  -- Held first, so that a newer claim or a second click waits and is seen.
  PERFORM FROM organisation o WHERE o.id = c.org_id FOR NO KEY UPDATE;
  IF NOT EXISTS (SELECT FROM org_email_of(link, moment)) THEN RETURN NULL; END IF;
  UPDATE org_email_claim x SET used_at = moment WHERE x.event_id = c.event_id;
  INSERT INTO org_event (id, org_id, seq, kind, side, at, wanted)
    SELECT new_id, o.id, o.revision + 1, 'email_confirmed', 'system', moment, jsonb_build_object('email', c.email)
      FROM organisation o WHERE o.id = c.org_id;
  RETURN c.org_id;
END
$$;
GRANT EXECUTE ON FUNCTION org_email_of(bytea, timestamptz), org_email_confirm(bytea, uuid, timestamptz) TO portal_app;

DROP TRIGGER org_event_told ON org_event;
CREATE TRIGGER org_event_told AFTER INSERT ON org_event FOR EACH ROW
  WHEN (NEW.kind NOT IN ('invoicing_checked', 'access_reviewed', 'email_withdrawn') AND (NEW.side <> 'system' OR NEW.kind = 'email_confirmed')) EXECUTE FUNCTION org_event_told();

-- What nobody sees in their own rows: contacts whose mail does not arrive, and accounts that nobody uses (90 days, which is as
-- long as sessions are kept). For the organisation itself and for Inera.
CREATE FUNCTION org_frail(org uuid, moment timestamptz) RETURNS TABLE (kind text, membership_id uuid, name text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT f.kind, f.id, f.name FROM (
          SELECT 'bounced' AS kind, m.id, m.name FROM membership m
           WHERE m.org_id = org AND m.ended_at IS NULL
             AND EXISTS (SELECT FROM mail x WHERE x.membership_id = m.id AND x.dead_at > moment - interval '90 days'
                           AND NOT EXISTS (SELECT FROM mail y WHERE y.membership_id = m.id AND y.sent_at > x.dead_at))
          UNION ALL
          SELECT 'unused', m.id, m.name FROM membership m
           WHERE m.org_id = org AND m.ended_at IS NULL AND m.created_at < moment - interval '90 days'
             AND EXISTS (SELECT FROM role_grant g WHERE g.membership_id = m.id AND g.role <> 'signatory' AND (g.valid_to IS NULL OR g.valid_to >= today_here()))
             AND NOT EXISTS (SELECT FROM session s WHERE s.person_id = m.person_id AND s.created_at > moment - interval '90 days')) f
         WHERE org = ctx_org() OR EXISTS (SELECT FROM organisation i WHERE i.id = ctx_org() AND i.is_inera)
         ORDER BY f.kind, f.name COLLATE "sv-x-icu" LIMIT 100 $$;
GRANT EXECUTE ON FUNCTION org_frail(uuid, timestamptz) TO portal_customer, portal_agent, portal_staff;
CREATE INDEX IF NOT EXISTS mail_membership_dead_idx ON mail (membership_id) WHERE dead_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS mail_membership_sent_idx ON mail (membership_id, sent_at) WHERE membership_id IS NOT NULL;
