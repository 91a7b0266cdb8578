-- Becoming a customer (portal.md 2.2, "kundansökan"). Somebody confirms an address by opening a link, fills in the form and sends
-- it; an agreements officer asks for more, approves or says no; with the approval the organisation gets its number and its
-- agreement to sign, and with the last signature its administrator and its contact are invited.
CREATE TYPE application_state AS ENUM ('draft', 'submitted', 'under_review', 'completion_asked', 'approved', 'signed', 'rejected', 'withdrawn', 'lapsed');
CREATE TYPE application_by AS ENUM ('applicant', 'inera', 'system');
CREATE SEQUENCE application_no_seq;
CREATE TABLE application (
  id uuid PRIMARY KEY,
  -- KA-2026-00031, from the day it is sent.
  number text CONSTRAINT application_number_key UNIQUE,
  state application_state NOT NULL DEFAULT 'draft',
  revision int NOT NULL DEFAULT 0,
  -- How many times the form has been saved: of two browsers the later is asked to look again.
  saves int NOT NULL DEFAULT 0,
  applicant_name text NOT NULL CONSTRAINT application_name_form CHECK (char_length(applicant_name) BETWEEN 1 AND 120 AND applicant_name !~ '[[:cntrl:]]'),
  applicant_email text NOT NULL CONSTRAINT application_email_form CHECK (char_length(applicant_email) <= 254 AND applicant_email = lower(applicant_email) AND applicant_email !~ '[[:cntrl:]]'),
  link_sha256 bytea NOT NULL CONSTRAINT application_link_key UNIQUE CONSTRAINT application_link_length CHECK (octet_length(link_sha256) = 32),
  -- A sole trader's is a personal number: shown masked (portal.md 3.0).
  org_nr text NOT NULL DEFAULT '' CONSTRAINT application_org_nr_form CHECK (org_nr ~ '^([0-9]{10})?$'),
  sole_trader boolean NOT NULL DEFAULT false,
  content jsonb NOT NULL DEFAULT '{}' CONSTRAINT application_content_length CHECK (octet_length(content::text) <= 20000),
  -- The signatories' personal numbers, until the agreement is sent or the application is over.
  numbers_sealed bytea CONSTRAINT application_numbers_length CHECK (octet_length(numbers_sealed) <= 2000),
  made_at timestamptz NOT NULL,
  state_since timestamptz NOT NULL,
  closed_at timestamptz,
  taken_by uuid REFERENCES person,
  taken_by_name text NOT NULL DEFAULT '',
  org_id uuid REFERENCES organisation,
  erased_at timestamptz,
  CONSTRAINT application_sent_has_number CHECK ((state IN ('draft')) = (number IS NULL)),
  CONSTRAINT application_closed CHECK ((closed_at IS NOT NULL) = (state IN ('signed', 'rejected', 'withdrawn', 'lapsed'))),
  CONSTRAINT application_org CHECK (org_id IS NOT NULL OR state NOT IN ('approved', 'signed', 'lapsed')),
  CONSTRAINT application_tenant_key UNIQUE (id, org_id)
);
CREATE UNIQUE INDEX application_one_open ON application (org_nr) WHERE state IN ('submitted', 'under_review', 'completion_asked', 'approved');
CREATE INDEX application_state_idx ON application (state, state_since);
CREATE INDEX application_org_idx ON application (org_id) WHERE org_id IS NOT NULL;
CREATE INDEX application_taken_by_idx ON application (taken_by) WHERE taken_by IS NOT NULL;
CALL protect('application');
-- Not for everybody at Inera: who decides, who helps, and who audits.
CREATE FUNCTION reads_applications() RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{support,agreements_officer,auditor}') IS NOT NULL $$;
GRANT EXECUTE ON FUNCTION reads_applications() TO portal_staff;
CREATE POLICY staff_reads ON application FOR SELECT TO portal_staff USING (state <> 'draft' AND (SELECT reads_applications()));
CREATE POLICY worker_reads ON application FOR SELECT TO portal_worker USING (true);
GRANT SELECT (id, number, state, revision, applicant_name, applicant_email, org_nr, sole_trader, content, numbers_sealed, made_at, state_since, closed_at,
    taken_by, taken_by_name, org_id, erased_at) ON application TO portal_staff;
GRANT SELECT (id, number, state, revision, applicant_name, applicant_email, org_nr, sole_trader, content, made_at, state_since, closed_at, taken_by, org_id, erased_at)
  ON application TO portal_worker;

CREATE TABLE application_rule (
  from_state application_state NOT NULL,
  to_state application_state NOT NULL,
  moved_by application_by NOT NULL,
  CONSTRAINT application_rule_pkey PRIMARY KEY (from_state, to_state, moved_by)
);
INSERT INTO application_rule VALUES
  ('draft', 'submitted', 'applicant'), ('submitted', 'under_review', 'inera'), ('under_review', 'completion_asked', 'inera'),
  ('completion_asked', 'under_review', 'applicant'), ('under_review', 'approved', 'inera'), ('under_review', 'rejected', 'inera'),
  -- Nobody answers: ours.
  ('completion_asked', 'rejected', 'inera'),
  -- Found out too late; the agreement is recalled first.
  ('approved', 'rejected', 'inera'),
  ('submitted', 'withdrawn', 'applicant'), ('under_review', 'withdrawn', 'applicant'), ('completion_asked', 'withdrawn', 'applicant'),
  ('approved', 'signed', 'system'), ('approved', 'lapsed', 'system'),
  -- Inera sent the agreement anew after all.
  ('lapsed', 'signed', 'system');
GRANT SELECT ON application_rule TO portal_app, portal_staff, portal_worker;
CREATE TABLE application_event (
  application_id uuid NOT NULL REFERENCES application,
  seq int NOT NULL,
  from_state application_state NOT NULL,
  to_state application_state NOT NULL,
  moved_by application_by NOT NULL,
  at timestamptz NOT NULL,
  actor_id uuid REFERENCES person,
  actor_name text NOT NULL DEFAULT '',
  note text NOT NULL DEFAULT '' CONSTRAINT application_event_note_length CHECK (char_length(note) <= 2000),
  confirmation_id uuid REFERENCES confirmation CONSTRAINT application_event_confirmation_once UNIQUE,
  category text REFERENCES customer_category,
  facts fact[] NOT NULL DEFAULT '{}',
  -- What the officer has ticked (portal.md 2.2 row 5).
  checks text[] NOT NULL DEFAULT '{}',
  CONSTRAINT application_event_pkey PRIMARY KEY (application_id, seq),
  CONSTRAINT application_event_rule FOREIGN KEY (from_state, to_state, moved_by) REFERENCES application_rule (from_state, to_state, moved_by),
  CONSTRAINT application_event_who CHECK ((moved_by = 'inera') = (actor_id IS NOT NULL)),
  CONSTRAINT application_event_confirmed CHECK ((confirmation_id IS NOT NULL) = (moved_by = 'inera' AND to_state IN ('approved', 'rejected'))),
  CONSTRAINT application_event_reason CHECK (to_state NOT IN ('completion_asked', 'rejected') OR char_length(note) >= 3),
  CONSTRAINT application_event_approval CHECK (CASE WHEN to_state = 'approved' THEN category IS NOT NULL AND checks @> '{care,care_provider,no_obstacle,signatories}'
                                                   ELSE category IS NULL AND facts = '{}' AND checks = '{}' END)
);
CREATE INDEX application_event_actor_idx ON application_event (actor_id) WHERE actor_id IS NOT NULL;
CREATE INDEX application_event_category_idx ON application_event (category) WHERE category IS NOT NULL;
CALL protect('application_event');
CREATE POLICY staff_reads ON application_event FOR SELECT TO portal_staff USING ((SELECT reads_applications()));
CREATE POLICY staff_acts ON application_event FOR INSERT TO portal_staff WITH CHECK (moved_by = 'inera' AND actor_id = (SELECT ctx_person()));
CREATE POLICY worker_reads ON application_event FOR SELECT TO portal_worker USING (true);
CREATE POLICY worker_acts ON application_event FOR INSERT TO portal_worker WITH CHECK (moved_by = 'system' AND to_state = 'lapsed');
GRANT SELECT ON application_event TO portal_staff, portal_worker;
GRANT INSERT (application_id, seq, from_state, to_state, moved_by, at, actor_id, note, confirmation_id, category, facts, checks) ON application_event TO portal_staff, portal_worker;

ALTER TABLE notification ADD COLUMN application_id uuid REFERENCES application, DROP CONSTRAINT notification_one_subject,
  ADD CONSTRAINT notification_one_subject
    CHECK (num_nonnulls(order_id, signing_id, member_id, role_request_id, invitation_id, account_event_id, org_event_id, join_request_id, application_id) = 1);
CREATE INDEX notification_application_idx ON notification (application_id) WHERE application_id IS NOT NULL;
ALTER TABLE mail ADD COLUMN application_id uuid REFERENCES application, DROP CONSTRAINT mail_one_subject,
  ADD CONSTRAINT mail_one_subject
    CHECK (num_nonnulls(order_id, signing_id, member_id, invitation_id, account_event_id, org_event_id, join_request_id, application_id) = 1);
CREATE INDEX mail_application_idx ON mail (application_id) WHERE application_id IS NOT NULL;

-- The organisation of an application that is approved: made, or, if it is there as an agent, given a number as a customer.
CREATE FUNCTION application_makes_customer(a application, of_category text, with_facts fact[], moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  o organisation;
  today date := (moment AT TIME ZONE 'Europe/Stockholm')::date;
BEGIN
  PERFORM pg_advisory_xact_lock(7251002);
  SELECT * INTO o FROM organisation x WHERE x.org_nr = a.org_nr FOR UPDATE;
  IF o.is_inera OR o.ceased_on < today OR (o.id IS NOT NULL AND o.sole_trader <> a.sole_trader) THEN RAISE 'other_organisation' USING ERRCODE = 'P0412'; END IF;
  IF o.id IS NULL THEN
    INSERT INTO organisation (id, name, org_nr, customer_no, sole_trader, four_eyes, email, phone, postal_address, hsa_id)
      VALUES (gen_random_uuid(), a.content ->> 'name', a.org_nr, (SELECT coalesce(max(x.customer_no), 10000) + 1 FROM organisation x), a.sole_trader,
              -- portal.md 1.5 rule 1: off for one person, on for others.
              NOT a.sole_trader, a.content ->> 'email', a.content ->> 'phone', a.content ->> 'address', coalesce(a.content ->> 'hsa', ''))
      RETURNING * INTO o;
  ELSIF o.customer_no IS NULL THEN
    UPDATE organisation x SET customer_no = (SELECT coalesce(max(y.customer_no), 10000) + 1 FROM organisation y) WHERE x.id = o.id;
  END IF;
  -- One that is there already keeps what it has; the officer changes it on its own page, with its own trace (0024).
  IF NOT EXISTS (SELECT FROM organisation_category c WHERE c.org_id = o.id) THEN
    INSERT INTO organisation_category (org_id, category, valid_from) VALUES (o.id, of_category, today);
    INSERT INTO organisation_fact (org_id, fact, valid_from)
      SELECT o.id, f, today FROM (SELECT DISTINCT unnest(with_facts) AS f) n
       WHERE NOT EXISTS (SELECT FROM organisation_fact x WHERE x.org_id = o.id AND x.fact = n.f AND (x.valid_to IS NULL OR x.valid_to >= today));
  END IF;
  PERFORM audit_append(o.id, 'inera', 'application.approve', 'application:' || a.id, a.number);
  RETURN o.id;
END
$$;
REVOKE ALL ON FUNCTION application_makes_customer(application, text, fact[], timestamptz) FROM PUBLIC;

-- What an organisation that an application is about is in the register already, for the officer.
CREATE FUNCTION application_known_as(which uuid) RETURNS TABLE (name text, customer_no bigint, agent_no bigint, has_category boolean, administrators text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT o.name, o.customer_no, o.agent_no, EXISTS (SELECT FROM organisation_category c WHERE c.org_id = o.id),
               coalesce((SELECT string_agg(m.name, ', ' ORDER BY m.name) FROM membership m JOIN role_grant g ON g.membership_id = m.id AND g.role = 'administrator'
                          AND (g.valid_to IS NULL OR g.valid_to >= today_here()) WHERE m.org_id = o.id AND m.ended_at IS NULL), '')
          FROM application a JOIN organisation o ON o.org_nr = a.org_nr
         WHERE a.id = which AND a.org_id IS NULL AND a.state <> 'draft' AND is_agreements_officer() $$;
GRANT EXECUTE ON FUNCTION application_known_as(uuid) TO portal_staff;

-- Does the organisation with the number have the agreement already (contracts.md rule 7)?
CREATE FUNCTION has_customer_agreement(nr text, moment timestamptz) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM organisation o JOIN agreement g ON g.org_id = o.id AND g.kind = 'customer_2' AND g.status IN ('active', 'terminated')
                          AND (g.valid_to IS NULL OR g.valid_to >= (moment AT TIME ZONE 'Europe/Stockholm')::date) WHERE o.org_nr = nr) $$;
REVOKE ALL ON FUNCTION has_customer_agreement(text, timestamptz) FROM PUBLIC;

-- Approved, not signed, and nothing to sign for thirty days (portal.md 2.2 row 9)?
CREATE FUNCTION application_is_idle(a application, moment timestamptz) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT a.state = 'approved' AND a.state_since < moment - interval '30 days' AND NOT has_customer_agreement(a.org_nr, moment)
           AND NOT EXISTS (SELECT FROM signing s JOIN agreement g ON g.id = s.agreement_id AND g.kind = 'customer_2'
                            WHERE s.org_id = a.org_id AND (s.closed_at IS NULL OR s.closed_at > moment - interval '30 days')) $$;
REVOKE ALL ON FUNCTION application_is_idle(application, timestamptz) FROM PUBLIC;
-- The event is the transition, as for orders and agreements.
CREATE FUNCTION application_event_applies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  a application;
  proof confirmation;
  closes boolean := NEW.to_state IN ('signed', 'rejected', 'withdrawn', 'lapsed');
BEGIN
  SELECT * INTO a FROM application x WHERE x.id = NEW.application_id FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_application' USING ERRCODE = 'P0404'; END IF;
  IF a.state <> NEW.from_state OR a.revision <> NEW.seq - 1 THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF NOT EXISTS (SELECT FROM application_rule r WHERE (r.from_state, r.to_state, r.moved_by) = (NEW.from_state, NEW.to_state, NEW.moved_by)) THEN
    RETURN NEW; -- the foreign key refuses it with its own name
  END IF;
  -- What happened is kept for ever, so who applies is not named in it.
  NEW.actor_name := CASE NEW.moved_by WHEN 'applicant' THEN 'Sökanden' ELSE '' END;
  IF NEW.moved_by = 'inera' THEN
    IF NOT is_agreements_officer() OR NEW.actor_id IS DISTINCT FROM ctx_person() THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
    NEW.actor_name := coalesce((SELECT p.name FROM person p WHERE p.id = NEW.actor_id), '');
    IF NEW.confirmation_id IS NOT NULL THEN
      SELECT * INTO proof FROM confirmation c WHERE c.id = NEW.confirmation_id;
      IF NOT FOUND OR proof.person_id <> ctx_person() OR proof.subject <> 'application:' || a.id || ':' || a.revision || ':' || NEW.to_state OR proof.at < now() - interval '10 minutes' THEN
        RAISE 'confirmation' USING ERRCODE = 'P0412';
      END IF;
    END IF;
  END IF;
  IF NEW.to_state IN ('submitted', 'approved') OR (NEW.to_state = 'under_review' AND NEW.moved_by = 'applicant') THEN
    IF a.org_nr = '' OR a.numbers_sealed IS NULL OR char_length(coalesce(a.content ->> 'name', '')) < 2
       OR coalesce(a.content #>> '{administrator,email}', '') = '' OR coalesce(a.content #>> '{contact,email}', '') = ''
       OR (coalesce((a.content ->> 'needed')::int, 0) BETWEEN 1 AND jsonb_array_length(a.content -> 'signatories')) IS NOT TRUE THEN
      RAISE 'incomplete' USING ERRCODE = 'P0412';
    END IF;
  END IF;
  IF NEW.from_state = 'approved' AND NEW.to_state = 'rejected' THEN
    -- Whoever sends it anew holds the organisation too.
    PERFORM FROM organisation o WHERE o.id = a.org_id FOR NO KEY UPDATE;
    IF has_customer_agreement(a.org_nr, NEW.at) OR EXISTS (SELECT FROM signing s JOIN agreement g ON g.id = s.agreement_id AND g.kind = 'customer_2'
         WHERE s.org_id = a.org_id AND s.closed_at IS NULL) THEN
      RAISE 'recall_first' USING ERRCODE = 'P0412';
    END IF;
  END IF;
  IF NEW.to_state = 'submitted' THEN
    IF has_customer_agreement(a.org_nr, NEW.at) THEN RAISE 'customer_already' USING ERRCODE = 'P0412'; END IF;
    UPDATE application x SET number = 'KA-' || extract(year FROM NEW.at AT TIME ZONE 'Europe/Stockholm') || '-' || lpad(nextval('application_no_seq')::text, 5, '0'), state = 'submitted' WHERE x.id = a.id;
  ELSIF NEW.to_state = 'approved' THEN
    IF has_customer_agreement(a.org_nr, NEW.at) THEN RAISE 'customer_already' USING ERRCODE = 'P0412'; END IF;
    UPDATE application x SET org_id = application_makes_customer(a, NEW.category, NEW.facts, NEW.at), state = 'approved' WHERE x.id = a.id;
  ELSIF NEW.to_state = 'signed' AND NOT has_customer_agreement(a.org_nr, NEW.at) THEN
    RAISE 'not_yet' USING ERRCODE = 'P0412';
  ELSIF NEW.to_state = 'lapsed' THEN
    -- Whoever sends it anew holds the organisation too.
    PERFORM FROM organisation o WHERE o.id = a.org_id FOR NO KEY UPDATE;
    IF NOT application_is_idle(a, NEW.at) THEN RAISE 'not_yet' USING ERRCODE = 'P0412'; END IF;
  END IF;
  UPDATE application x SET state = NEW.to_state, revision = NEW.seq, state_since = NEW.at, closed_at = CASE WHEN closes THEN NEW.at END,
    taken_by = CASE WHEN NEW.from_state = 'submitted' AND NEW.to_state = 'under_review' THEN NEW.actor_id ELSE x.taken_by END,
    taken_by_name = CASE WHEN NEW.from_state = 'submitted' AND NEW.to_state = 'under_review' THEN NEW.actor_name ELSE x.taken_by_name END,
    -- The agreement's signatories have their own; nobody else needs them any more.
    numbers_sealed = CASE WHEN closes OR NEW.to_state = 'approved' THEN NULL ELSE x.numbers_sealed END
   WHERE x.id = a.id;
  INSERT INTO notification (id, key, cause, application_id, seq, due_at)
    VALUES (gen_random_uuid(), 'application:' || a.id || ':' || NEW.seq, 'event', a.id, NEW.seq, NEW.at);
  RETURN NEW;
END
$$;
CREATE TRIGGER application_event_applies BEFORE INSERT ON application_event FOR EACH ROW EXECUTE FUNCTION application_event_applies();
-- At commit: whoever approves has sent the agreement.
CREATE FUNCTION application_has_agreement() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM application a JOIN signing s ON s.org_id = a.org_id AND s.closed_at IS NULL JOIN agreement g ON g.id = s.agreement_id AND g.kind = 'customer_2'
                  WHERE a.id = NEW.application_id) THEN
    RAISE 'incomplete' USING ERRCODE = 'P0412';
  END IF;
  RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER application_has_agreement AFTER INSERT ON application_event DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.to_state = 'approved') EXECUTE FUNCTION application_has_agreement();
-- A round that ends without signatures is told to the applicant.
CREATE FUNCTION application_signing_ended() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO notification (id, key, cause, application_id, seq, due_at)
    SELECT gen_random_uuid(), 'application signing:' || NEW.signing_id, 'reminder', a.id, a.revision, NEW.at
      FROM application a JOIN signing s ON s.id = NEW.signing_id JOIN agreement g ON g.id = s.agreement_id AND g.kind = 'customer_2'
     WHERE a.org_id = NEW.org_id AND a.state = 'approved'
    ON CONFLICT (key) DO NOTHING;
  RETURN NULL;
END
$$;
CREATE TRIGGER application_signing_ended AFTER INSERT ON signing_event FOR EACH ROW
  WHEN (NEW.to_state IN ('rejected', 'expired')) EXECUTE FUNCTION application_signing_ended();
-- What happened stays as it was written.
CREATE TRIGGER application_event_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON application_event EXECUTE FUNCTION refuse_change();

-- The applicant's door: the link in the mail, and nothing else.
CREATE FUNCTION application_start(new_id uuid, by_name text, by_email text, link bytea, moment timestamptz) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ INSERT INTO application (id, applicant_name, applicant_email, link_sha256, made_at, state_since) VALUES (new_id, by_name, by_email, link, moment, moment);
        INSERT INTO notification (id, key, cause, application_id, seq, due_at)
          VALUES (gen_random_uuid(), 'application:' || new_id || ':0', 'event', new_id, 0, moment) $$;
CREATE FUNCTION application_of(link bytea, moment timestamptz)
  RETURNS TABLE (id uuid, number text, state text, revision int, saves int, applicant_name text, applicant_email text, org_nr text, sole_trader boolean,
                 content jsonb, numbers_sealed bytea, made_at timestamptz, state_since timestamptz, signing text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT a.id, a.number, a.state::text, a.revision, a.saves, a.applicant_name, a.applicant_email, a.org_nr, a.sole_trader, a.content, a.numbers_sealed, a.made_at, a.state_since,
               (SELECT s.state::text FROM signing s JOIN agreement g ON g.id = s.agreement_id AND g.kind = 'customer_2' WHERE s.org_id = a.org_id ORDER BY s.sent_at DESC LIMIT 1)
          FROM application a
         WHERE a.link_sha256 = link AND a.erased_at IS NULL AND (a.state <> 'draft' OR a.made_at > moment - interval '30 days') $$;
CREATE FUNCTION application_events_of(link bytea) RETURNS TABLE (at timestamptz, to_state text, moved_by text, note text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT e.at, e.to_state::text, e.moved_by::text, e.note FROM application a JOIN application_event e ON e.application_id = a.id
         WHERE a.link_sha256 = link AND a.erased_at IS NULL ORDER BY e.seq LIMIT 200 $$;
CREATE FUNCTION application_save(link bytea, seen int, nr text, is_sole_trader boolean, what jsonb, numbers bytea, moment timestamptz) RETURNS boolean
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH saved AS (UPDATE application a SET org_nr = CASE WHEN a.state = 'draft' THEN nr ELSE a.org_nr END,
                              sole_trader = CASE WHEN a.state = 'draft' THEN is_sole_trader ELSE a.sole_trader END,
                              content = what, numbers_sealed = numbers, saves = a.saves + 1
                        WHERE a.link_sha256 = link AND a.saves = seen AND a.state IN ('draft', 'completion_asked') AND a.erased_at IS NULL
                          AND (a.state <> 'draft' OR a.made_at > moment - interval '30 days') RETURNING 1)
        SELECT EXISTS (SELECT FROM saved) $$;
-- Sends it, answers, or takes it back: to a state that the applicant can reach. Whose it is; null when the link leads nowhere.
CREATE FUNCTION application_act(link bytea, seen int, seen_saves int, target text, why text, certified text, moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  a application;
BEGIN
  SELECT * INTO a FROM application x WHERE x.link_sha256 = link AND x.erased_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  -- What is sent is what was read.
  IF a.revision <> seen OR a.saves <> seen_saves THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF a.state = 'draft' AND a.made_at <= moment - interval '30 days' THEN RETURN NULL; END IF;
  -- An answer can be forgotten with the rest, so it stands there.
  UPDATE application x SET content = x.content || jsonb_build_object('answer', why) WHERE x.id = a.id AND a.state = 'completion_asked' AND target = 'under_review';
  INSERT INTO application_event (application_id, seq, from_state, to_state, moved_by, at, note)
    VALUES (a.id, a.revision + 1, a.state, target::application_state, 'applicant', moment, certified);
  RETURN a.id;
END
$$;
GRANT EXECUTE ON FUNCTION application_start(uuid, text, text, bytea, timestamptz), application_of(bytea, timestamptz), application_events_of(bytea),
  application_save(bytea, int, text, boolean, jsonb, bytea, timestamptz), application_act(bytea, int, int, text, text, text, timestamptz) TO portal_app;

-- Invitations of an application rest on the officer's approval, and belong to nobody in the organisation.
ALTER TABLE invitation ALTER COLUMN confirmation_id DROP NOT NULL, ADD COLUMN application_id uuid REFERENCES application,
  ADD CONSTRAINT invitation_rests_on_something CHECK (confirmation_id IS NOT NULL OR application_id IS NOT NULL);
CREATE INDEX invitation_application_idx ON invitation (application_id) WHERE application_id IS NOT NULL;
GRANT SELECT (application_id) ON invitation TO portal_staff, portal_worker;
-- As 0025 but for them, and an administrator who is blocked has invited nobody.
CREATE OR REPLACE FUNCTION invitation_moves() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  proof confirmation;
BEGIN
  IF TG_OP = 'UPDATE' AND (OLD.accepted_at IS NOT NULL OR OLD.revoked_at IS NOT NULL) THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF NEW.accepted_at IS NOT NULL THEN
    RETURN NEW; -- invitation_join() alone may set it
  END IF;
  IF NEW.application_id IS NOT NULL AND TG_OP = 'INSERT' THEN
    -- Of an application whose agreement has just been signed; application_signed() alone comes here.
    IF NOT EXISTS (SELECT FROM application x WHERE x.id = NEW.application_id AND x.state = 'signed' AND x.org_id = NEW.org_id
                      AND x.xmin = pg_current_xact_id()::xid) THEN
      RAISE 'not_this_person' USING ERRCODE = 'P0403';
    END IF;
    NEW.invited_by_name := 'Inera';
    RETURN NEW;
  END IF;
  -- Until there is an administrator Inera sends it again.
  IF acting_membership(NEW.org_id, ARRAY[gives_roles(NEW.org_id)]) IS NULL
     AND (NEW.application_id IS NULL OR acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{support,agreements_officer}') IS NULL) THEN
    RAISE 'not_this_person' USING ERRCODE = 'P0403';
  END IF;
  -- One at a time in an organisation, so that none slips past the counts.
  PERFORM FROM organisation o WHERE o.id = NEW.org_id FOR NO KEY UPDATE;
  IF TG_OP = 'INSERT' THEN
    IF (NEW.side = 'inera') <> (SELECT o.is_inera FROM organisation o WHERE o.id = NEW.org_id) THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
    IF EXISTS (SELECT FROM unnest(NEW.roles) r WHERE NOT role_fits(NEW.org_id, r)) THEN RAISE 'role' USING ERRCODE = 'P0412'; END IF;
    IF runs_and_approves(NEW.roles) THEN RAISE 'sysadmin_alone' USING ERRCODE = 'P0412'; END IF;
    IF EXISTS (SELECT FROM unnest(NEW.mandates) w WHERE NOT 'agent_handler' = ANY (NEW.roles) OR NOT EXISTS (
         SELECT FROM mandate a WHERE a.id = w AND a.agent_id = NEW.org_id AND a.status <> 'ended')) THEN
      RAISE 'mandate' USING ERRCODE = 'P0412';
    END IF;
    IF EXISTS (SELECT FROM membership m WHERE m.org_id = NEW.org_id AND m.ended_at IS NULL AND lower(m.email) = NEW.email) THEN
      RAISE 'email_known' USING ERRCODE = 'P0412';
    END IF;
    -- Only Kundservice brings back somebody who was removed (portal.md 2.6).
    IF EXISTS (SELECT FROM membership m WHERE m.org_id = NEW.org_id AND m.ended_at IS NOT NULL AND lower(m.email) = NEW.email) THEN
      RAISE 'email_removed' USING ERRCODE = 'P0412';
    END IF;
    -- Nobody's mailbox is filled: three a day from one organisation, ten from all.
    IF (SELECT count(*) FILTER (WHERE i.org_id = NEW.org_id) >= 3 OR count(*) >= 10 FROM invitation i
         WHERE i.email = NEW.email AND i.sent_at > NEW.sent_at - interval '1 day') THEN
      RAISE 'too_many_address' USING ERRCODE = 'P0412';
    END IF;
    IF (SELECT count(*) FROM invitation i WHERE i.org_id = NEW.org_id AND i.accepted_at IS NULL AND i.revoked_at IS NULL) >= 100
       OR (SELECT count(*) FROM invitation i WHERE i.org_id = NEW.org_id AND i.sent_at > NEW.sent_at - interval '1 day') >= 200 THEN
      RAISE 'too_many' USING ERRCODE = 'P0412';
    END IF;
    SELECT * INTO proof FROM confirmation c WHERE c.id = NEW.confirmation_id;
    IF NOT FOUND OR proof.person_id <> ctx_person() OR proof.subject <> 'invitation:' || NEW.id OR proof.at < now() - interval '10 minutes' THEN
      RAISE 'confirmation' USING ERRCODE = 'P0412';
    END IF;
  ELSIF NEW.revoked_at IS NOT NULL THEN
    NEW.round := OLD.round; NEW.link_sha256 := OLD.link_sha256; NEW.sent_at := OLD.sent_at;
    NEW.expires_at := OLD.expires_at; NEW.invited_by := OLD.invited_by;
  ELSE
    IF NEW.round > 10 THEN RAISE 'too_many_address' USING ERRCODE = 'P0412'; END IF;
    IF NEW.round <> OLD.round + 1 OR NEW.invited_by <> ctx_person() THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
    -- portal.md 2.1 row 4.
    IF NEW.sent_at < OLD.sent_at + interval '5 minutes' THEN RAISE 'too_soon' USING ERRCODE = 'P0412'; END IF;
  END IF;
  NEW.invited_by_name := CASE WHEN NEW.application_id IS NULL THEN coalesce((SELECT p.name FROM person p WHERE p.id = NEW.invited_by), '') ELSE OLD.invited_by_name END;
  RETURN NEW;
END
$$;
CREATE OR REPLACE FUNCTION invitation_by_link(link bytea, at timestamptz)
  RETURNS TABLE (id uuid, org_id uuid, org_name text, name text, email text, invited_by_name text, roles text[], expires_at timestamptz,
                 closed text, has_account boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT i.id, i.org_id, o.name, i.name, i.email, i.invited_by_name, i.roles::text[], i.expires_at,
               CASE WHEN i.accepted_at IS NOT NULL THEN 'accepted'
                    WHEN i.revoked_at IS NOT NULL THEN 'revoked'
                    WHEN i.expires_at <= at THEN 'expired'
                    WHEN i.application_id IS NULL AND NOT EXISTS (SELECT FROM membership m JOIN role_grant g ON g.membership_id = m.id
                          WHERE m.person_id = i.invited_by AND m.ended_at IS NULL AND m.blocked_at IS NULL AND (g.valid_to IS NULL OR g.valid_to >= today_here())
                            AND m.org_id = i.org_id AND g.role = gives_roles(i.org_id))
                      THEN 'inviter_left' END,
               EXISTS (SELECT FROM person p WHERE p.email = i.email AND p.password_hash IS NOT NULL)
          FROM invitation i JOIN organisation o ON o.id = i.org_id
         WHERE i.link_sha256 = link $$;

-- Approved; or lapsed, and nobody has applied for the organisation since: then the agreement is another's.
CREATE FUNCTION application_may_be_signed(a application) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT a.erased_at IS NULL AND (a.state = 'approved' OR (a.state = 'lapsed' AND NOT EXISTS (
           SELECT FROM application x WHERE x.org_nr = a.org_nr AND x.id <> a.id AND x.made_at > a.made_at AND x.state <> 'draft'))) $$;
-- Does somebody run it, if only for a time, or with an account that is blocked?
CREATE FUNCTION is_run(org uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM membership m JOIN role_grant g ON g.membership_id = m.id AND g.role = 'administrator' AND (g.valid_to IS NULL OR g.valid_to >= today_here())
                        WHERE m.org_id = org AND m.ended_at IS NULL) $$;
REVOKE ALL ON FUNCTION application_may_be_signed(application) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_run(uuid) TO portal_staff;
-- With the last signature: the administrator and the contact are invited, as one when they have one address. `ids` and `links`
-- are of two invitations.
CREATE FUNCTION application_signed(which uuid, ids uuid[], links bytea[], moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  a application;
  officer uuid;
BEGIN
  SELECT * INTO a FROM application x WHERE x.id = which FOR UPDATE;
  IF NOT FOUND OR NOT application_may_be_signed(a) OR NOT has_customer_agreement(a.org_nr, moment) THEN RETURN NULL; END IF;
  INSERT INTO application_event (application_id, seq, from_state, to_state, moved_by, at) VALUES (a.id, a.revision + 1, a.state, 'signed', 'system', moment);
  SELECT e.actor_id INTO officer FROM application_event e WHERE e.application_id = a.id AND e.to_state = 'approved';
  INSERT INTO invitation (id, org_id, name, email, roles, link_sha256, sent_at, expires_at, invited_by, side, application_id)
    SELECT ids[n.place], a.org_id, n.name, n.email, n.roles, links[n.place], moment, moment + interval '14 days', officer, 'customer', a.id
      FROM (SELECT row_number() OVER (ORDER BY min(p.place)) AS place, (array_agg(p.name ORDER BY p.place))[1] AS name, p.email, array_agg(p.role ORDER BY p.role) AS roles
              FROM (VALUES (1, a.content #>> '{administrator,name}', lower(a.content #>> '{administrator,email}'), 'administrator'::role),
                           (2, a.content #>> '{contact,name}', lower(a.content #>> '{contact,email}'), 'contract_contact')) p (place, name, email, role)
             GROUP BY p.email) n
     -- An organisation that somebody runs already invites its own people: nobody gets in over their heads.
     WHERE NOT is_run(a.org_id)
       AND NOT EXISTS (SELECT FROM membership m WHERE m.org_id = a.org_id AND m.ended_at IS NULL AND lower(m.email) = n.email
                          AND n.roles <@ ARRAY (SELECT g.role FROM role_grant g WHERE g.membership_id = m.id AND g.valid_to IS NULL))
       AND NOT EXISTS (SELECT FROM invitation i WHERE i.org_id = a.org_id AND i.email = n.email AND i.accepted_at IS NULL AND i.revoked_at IS NULL);
  RETURN a.org_id;
END
$$;
CREATE FUNCTION applications_signed(moment timestamptz) RETURNS SETOF uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT a.id FROM application a WHERE application_may_be_signed(a) AND has_customer_agreement(a.org_nr, moment) ORDER BY a.state_since LIMIT 100 $$;
CREATE FUNCTION applications_lapsed(moment timestamptz) RETURNS TABLE (application_id uuid, revision int)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT a.id, a.revision FROM application a WHERE a.state = 'approved' AND application_is_idle(a, moment) ORDER BY a.state_since LIMIT 100 $$;
-- A form that nobody sent is forgotten after thirty days, what was refused or taken back after two years, and what became an
-- organisation's after one: but for the number, the organisation's name and what happened.
CREATE FUNCTION applications_erase(moment timestamptz) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH erased AS (UPDATE application a SET content = CASE WHEN a.sole_trader OR a.state = 'draft' THEN '{}' ELSE jsonb_build_object('name', a.content ->> 'name') END,
                               numbers_sealed = NULL, applicant_name = 'Borttagen', applicant_email = a.id || '@borttagen.invalid', org_nr = '', erased_at = moment
                         WHERE a.erased_at IS NULL AND ((a.state = 'draft' AND a.made_at < moment - interval '30 days')
                               OR (a.state IN ('rejected', 'withdrawn', 'lapsed') AND a.closed_at < moment - interval '2 years')
                               OR (a.state = 'signed' AND a.closed_at < moment - interval '1 year')) RETURNING 1)
        SELECT count(*) FROM erased $$;
GRANT EXECUTE ON FUNCTION application_signed(uuid, uuid[], bytea[], timestamptz), applications_signed(timestamptz), applications_lapsed(timestamptz),
  applications_erase(timestamptz) TO portal_worker;
-- Inera sends the first invitations again.
CREATE FUNCTION application_invite_again(of_application uuid, of_invitation uuid, link bytea, moment timestamptz) RETURNS boolean
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH sent AS (UPDATE invitation i SET round = i.round + 1, link_sha256 = link, sent_at = moment, expires_at = moment + interval '14 days', invited_by = ctx_person()
                       WHERE i.id = of_invitation AND i.application_id = of_application AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND NOT is_run(i.org_id) RETURNING 1)
        SELECT EXISTS (SELECT FROM sent) $$;
-- Somebody else in the place of one who can't be reached: Kundservice makes sure of it, and confirms it anew.
CREATE FUNCTION application_invite_other(of_application uuid, instead_of uuid, new_id uuid, by_name text, by_email text, link bytea, proof_id uuid, moment timestamptz)
  RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  a application;
  i invitation;
  proof confirmation;
BEGIN
  IF acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{support,agreements_officer}') IS NULL THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  SELECT * INTO a FROM application x WHERE x.id = of_application AND x.state = 'signed' FOR UPDATE;
  -- In the order of invitation_join(). One that nobody answered for long has lost its name, and can still be replaced.
  SELECT * INTO i FROM invitation x WHERE x.id = instead_of AND x.application_id = a.id AND x.accepted_at IS NULL AND (x.revoked_at IS NULL OR x.erased_at IS NOT NULL) FOR UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM FROM organisation o WHERE o.id = a.org_id FOR NO KEY UPDATE;
  IF is_run(a.org_id) THEN RETURN false; END IF;
  SELECT * INTO proof FROM confirmation c WHERE c.id = proof_id;
  IF NOT FOUND OR proof.person_id <> ctx_person() OR proof.subject <> 'invitation:' || new_id OR proof.at < now() - interval '10 minutes' THEN
    RAISE 'confirmation' USING ERRCODE = 'P0412';
  END IF;
  IF by_email = i.email OR EXISTS (SELECT FROM invitation x WHERE x.org_id = a.org_id AND x.email = by_email AND x.accepted_at IS NULL AND x.revoked_at IS NULL) THEN
    RAISE 'invited_already' USING ERRCODE = 'P0412';
  END IF;
  IF EXISTS (SELECT FROM membership m WHERE m.org_id = a.org_id AND m.ended_at IS NOT NULL AND lower(m.email) = by_email) THEN RAISE 'email_removed' USING ERRCODE = 'P0412'; END IF;
  IF (SELECT count(*) FROM invitation x WHERE x.email = by_email AND x.sent_at > moment - interval '1 day') >= 10 THEN RAISE 'too_many_address' USING ERRCODE = 'P0412'; END IF;
  UPDATE invitation x SET revoked_at = moment WHERE x.id = i.id AND x.revoked_at IS NULL;
  -- Touched, so that invitation_moves() sees whose doing the new one is.
  UPDATE application x SET state_since = x.state_since WHERE x.id = a.id;
  INSERT INTO invitation (id, org_id, name, email, roles, link_sha256, sent_at, expires_at, invited_by, side, application_id, confirmation_id)
    VALUES (new_id, a.org_id, by_name, by_email, i.roles, link, moment, moment + interval '14 days', ctx_person(), 'customer', a.id, proof_id);
  PERFORM audit_append(a.org_id, 'inera', 'application.invite_other', 'invitation:' || new_id, 'instead of ' || i.id);
  RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION application_invite_again(uuid, uuid, bytea, timestamptz), application_invite_other(uuid, uuid, uuid, text, text, bytea, uuid, timestamptz)
  TO portal_staff;
