-- Applying for an agentuppdrag (portal.md 2.10): an agent asks to mediate a service, Inera reviews, the agent's attestant attests,
-- Inera activates it. A service may demand end customers that Inera has approved (1.5 rule 11).
ALTER TABLE offer ADD COLUMN min_end_customers int NOT NULL DEFAULT 0 CONSTRAINT offer_min_end_customers CHECK (min_end_customers BETWEEN 0 AND 10);

-- What an agent accepts when it mediates a service: not the customers' terms. A new version is a new row.
CREATE TABLE mediation_terms (
  id uuid PRIMARY KEY,
  service_code text NOT NULL REFERENCES service,
  version text NOT NULL,
  title text NOT NULL,
  body text NOT NULL,
  sha256 bytea NOT NULL CONSTRAINT mediation_terms_hash_is_of_body CHECK (sha256 = sha256(convert_to(body, 'UTF8'))),
  valid_from date NOT NULL,
  CONSTRAINT mediation_terms_version_key UNIQUE (service_code, version)
);
GRANT SELECT ON mediation_terms TO portal_public, portal_customer, portal_agent, portal_staff, portal_worker;

CREATE TYPE mandate_application_state AS ENUM
  ('under_review', 'completion_asked', 'awaiting_attest', 'granted', 'active', 'rejected', 'attest_refused', 'withdrawn');
CREATE SEQUENCE mandate_application_no_seq;
CREATE TABLE mandate_application (
  id uuid PRIMARY KEY,
  -- AU-2026-00031.
  number text NOT NULL CONSTRAINT mandate_application_number_key UNIQUE,
  agent_id uuid NOT NULL REFERENCES organisation,
  agent_name text NOT NULL,
  -- The way to use the service that customers will order: its service and its role are the mandate's.
  offer_code text NOT NULL REFERENCES offer,
  service_code text NOT NULL REFERENCES service,
  role text NOT NULL CONSTRAINT mandate_application_role_known CHECK (role IN ('', 'producer', 'consumer')),
  state mandate_application_state NOT NULL,
  revision int NOT NULL,
  -- The terms that were read and accepted.
  terms_id uuid NOT NULL REFERENCES mediation_terms,
  content jsonb NOT NULL CONSTRAINT mandate_application_content_length CHECK (octet_length(content::text) <= 20000),
  -- Who attests; nobody named is anybody with the role.
  attestant_id uuid,
  applied_by uuid NOT NULL REFERENCES person,
  applied_by_name text NOT NULL,
  made_at timestamptz NOT NULL,
  state_since timestamptz NOT NULL,
  closed_at timestamptz,
  mandate_id uuid,
  CONSTRAINT mandate_application_tenant_key UNIQUE (id, agent_id),
  CONSTRAINT mandate_application_attestant FOREIGN KEY (attestant_id, agent_id) REFERENCES membership (id, org_id),
  CONSTRAINT mandate_application_mandate FOREIGN KEY (mandate_id, agent_id) REFERENCES mandate (id, agent_id),
  CONSTRAINT mandate_application_closed CHECK ((closed_at IS NOT NULL) = (state IN ('active', 'rejected', 'attest_refused', 'withdrawn'))),
  CONSTRAINT mandate_application_granted CHECK (mandate_id IS NOT NULL OR state NOT IN ('granted', 'active'))
);
CREATE UNIQUE INDEX mandate_application_one_open ON mandate_application (agent_id, service_code, role) WHERE closed_at IS NULL;
CREATE INDEX mandate_application_state_idx ON mandate_application (state, state_since);
CREATE INDEX mandate_application_attestant_idx ON mandate_application (attestant_id) WHERE attestant_id IS NOT NULL;
CREATE INDEX mandate_application_mandate_idx ON mandate_application (mandate_id) WHERE mandate_id IS NOT NULL;
CREATE INDEX mandate_application_applied_by_idx ON mandate_application (applied_by);
CALL protect('mandate_application');
-- A handler sees those of their own mandates alone (portal.md 1.5 rule 4).
CREATE POLICY agent_reads ON mandate_application FOR SELECT TO portal_agent
  USING (agent_id = (SELECT ctx_org()) AND ((SELECT ctx_sees_all()) OR mandate_id = ANY ((SELECT ctx_mandates())::uuid[])));
CREATE POLICY staff_reads ON mandate_application FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON mandate_application FOR SELECT TO portal_worker USING (true);
GRANT SELECT ON mandate_application TO portal_agent, portal_staff, portal_worker;

CREATE TABLE mandate_application_rule (
  from_state mandate_application_state NOT NULL,
  to_state mandate_application_state NOT NULL,
  side side NOT NULL,
  CONSTRAINT mandate_application_rule_pkey PRIMARY KEY (from_state, to_state, side)
);
INSERT INTO mandate_application_rule VALUES
  ('under_review', 'completion_asked', 'inera'), ('completion_asked', 'under_review', 'agent'), ('under_review', 'awaiting_attest', 'inera'),
  ('under_review', 'rejected', 'inera'), ('completion_asked', 'rejected', 'inera'),
  ('awaiting_attest', 'granted', 'agent'), ('awaiting_attest', 'attest_refused', 'agent'), ('granted', 'active', 'inera'),
  -- The connection could not be verified.
  ('granted', 'rejected', 'inera'),
  ('under_review', 'withdrawn', 'agent'), ('completion_asked', 'withdrawn', 'agent'), ('awaiting_attest', 'withdrawn', 'agent');
GRANT SELECT ON mandate_application_rule TO portal_app, portal_agent, portal_staff, portal_worker;

-- The application itself is the first event's work (seq 1, from nothing).
CREATE TABLE mandate_application_event (
  application_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  seq int NOT NULL,
  from_state mandate_application_state,
  to_state mandate_application_state NOT NULL,
  side side NOT NULL,
  at timestamptz NOT NULL,
  actor_id uuid NOT NULL REFERENCES person,
  actor_name text NOT NULL DEFAULT '',
  in_place_of text NOT NULL DEFAULT '',
  in_place_of_id uuid REFERENCES person,
  self_attested boolean NOT NULL DEFAULT false,
  -- What the agent sent: later ones replace it in the application, not here.
  content jsonb,
  note text NOT NULL DEFAULT '' CONSTRAINT mandate_application_event_note_length CHECK (char_length(note) <= 2000),
  -- Organisation numbers of the end customers that Inera approves, and why fewer are enough.
  approved text[] NOT NULL DEFAULT '{}',
  waiver text NOT NULL DEFAULT '' CONSTRAINT mandate_application_event_waiver_length CHECK (char_length(waiver) <= 2000),
  confirmation_id uuid REFERENCES confirmation CONSTRAINT mandate_application_event_confirmation_once UNIQUE,
  CONSTRAINT mandate_application_event_pkey PRIMARY KEY (application_id, seq),
  CONSTRAINT mandate_application_event_application FOREIGN KEY (application_id, agent_id) REFERENCES mandate_application (id, agent_id),
  CONSTRAINT mandate_application_event_rule FOREIGN KEY (from_state, to_state, side) REFERENCES mandate_application_rule (from_state, to_state, side),
  CONSTRAINT mandate_application_event_first CHECK ((seq = 1) = (from_state IS NULL) AND (from_state IS NOT NULL OR (to_state = 'under_review' AND side = 'agent'))),
  CONSTRAINT mandate_application_event_confirmed CHECK ((confirmation_id IS NOT NULL) =
    (to_state IN ('awaiting_attest', 'rejected', 'granted', 'attest_refused', 'active'))),
  CONSTRAINT mandate_application_event_reason CHECK (to_state NOT IN ('completion_asked', 'rejected', 'attest_refused') OR char_length(note) >= 3),
  CONSTRAINT mandate_application_event_content CHECK ((content IS NOT NULL) = (to_state = 'under_review')),
  CONSTRAINT mandate_application_event_approval CHECK (to_state = 'awaiting_attest' OR (approved = '{}' AND waiver = ''))
);
CREATE INDEX mandate_application_event_actor_idx ON mandate_application_event (actor_id);
CREATE INDEX mandate_application_event_in_place_of_idx ON mandate_application_event (in_place_of_id) WHERE in_place_of_id IS NOT NULL;
CALL protect('mandate_application_event');
CREATE POLICY agent_reads ON mandate_application_event FOR SELECT TO portal_agent
  USING (agent_id = (SELECT ctx_org()) AND EXISTS (SELECT FROM mandate_application a WHERE a.id = application_id));
CREATE POLICY agent_acts ON mandate_application_event FOR INSERT TO portal_agent
  WITH CHECK (agent_id = (SELECT ctx_org()) AND side = 'agent' AND actor_id = (SELECT ctx_person()));
CREATE POLICY staff_reads ON mandate_application_event FOR SELECT TO portal_staff USING (true);
CREATE POLICY staff_acts ON mandate_application_event FOR INSERT TO portal_staff WITH CHECK (side = 'inera' AND actor_id = (SELECT ctx_person()));
CREATE POLICY worker_reads ON mandate_application_event FOR SELECT TO portal_worker USING (true);
GRANT SELECT ON mandate_application_event TO portal_agent, portal_staff, portal_worker;
GRANT INSERT (application_id, agent_id, seq, from_state, to_state, side, at, actor_id, note, confirmation_id) ON mandate_application_event TO portal_agent, portal_staff;
GRANT INSERT (approved, waiver) ON mandate_application_event TO portal_staff;
CREATE TRIGGER mandate_application_event_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON mandate_application_event EXECUTE FUNCTION refuse_change();

ALTER TABLE notification ADD COLUMN mandate_application_id uuid REFERENCES mandate_application, DROP CONSTRAINT notification_one_subject,
  ADD CONSTRAINT notification_one_subject CHECK (num_nonnulls(order_id, signing_id, member_id, role_request_id, invitation_id, account_event_id, org_event_id,
    join_request_id, application_id, mandate_application_id) = 1);
CREATE INDEX notification_mandate_application_idx ON notification (mandate_application_id) WHERE mandate_application_id IS NOT NULL;
ALTER TABLE mail ADD COLUMN mandate_application_id uuid REFERENCES mandate_application, DROP CONSTRAINT mail_one_subject,
  ADD CONSTRAINT mail_one_subject CHECK (num_nonnulls(order_id, signing_id, member_id, invitation_id, account_event_id, org_event_id, join_request_id,
    application_id, mandate_application_id) = 1);
CREATE INDEX mail_mandate_application_idx ON mail (mandate_application_id) WHERE mandate_application_id IS NOT NULL;
ALTER TABLE notice ADD COLUMN mandate_application_id uuid REFERENCES mandate_application, DROP CONSTRAINT notice_one_subject,
  ADD CONSTRAINT notice_one_subject CHECK (num_nonnulls(order_id, agreement_id, member_id, org_event_id, mandate_application_id) = 1);
CREATE INDEX notice_mandate_application_idx ON notice (mandate_application_id) WHERE mandate_application_id IS NOT NULL;

-- What must hold when an application is sent, reviewed, attested and activated.
CREATE FUNCTION mandate_may_be_asked_for(agent uuid, offer_wanted text, moment timestamptz) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  today date := (moment AT TIME ZONE 'Europe/Stockholm')::date;
  o offer;
BEGIN
  SELECT x.* INTO o FROM offer x JOIN service s ON s.code = x.service_code AND s.lifecycle <> 'closed_to_new'
   WHERE x.code = offer_wanted AND x.channel = 'via_agent' AND x.orderable
     AND (x.valid_from IS NULL OR x.valid_from <= today) AND (x.valid_to IS NULL OR x.valid_to >= today);
  IF NOT FOUND THEN RAISE 'not_mediable' USING ERRCODE = 'P0412'; END IF;
  PERFORM mandate_agent_goes_on(agent, today);
  IF EXISTS (SELECT FROM mandate m WHERE m.agent_id = agent AND m.service_code = o.service_code AND m.role = o.role AND m.status <> 'ended') THEN
    RAISE 'has_mandate' USING ERRCODE = 'P0412';
  END IF;
END
$$;
CREATE FUNCTION mandate_agent_goes_on(agent uuid, today date) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM organisation o WHERE o.id = agent AND o.ceased_on < today) THEN RAISE 'agent_ceased' USING ERRCODE = 'P0412'; END IF;
  IF NOT agent_agreement_in_force(agent, today) THEN RAISE 'agent_agreement' USING ERRCODE = 'P0412'; END IF;
END
$$;
-- Who has sent it, at any time: four eyes are others than these.
CREATE FUNCTION mandate_sent_by(which uuid, person uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM mandate_application_event e WHERE e.application_id = which AND e.to_state = 'under_review' AND same_person(e.actor_id, person)) $$;
-- The attestant it names, while that one has the role: else it is anybody's.
CREATE FUNCTION mandate_attestant(org uuid, named uuid) RETURNS uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT r.membership_id FROM membership_role r JOIN membership m ON m.id = r.membership_id AND m.ended_at IS NULL
         WHERE r.membership_id = named AND r.org_id = org AND r.role = 'attestant' AND r.in_place_of IS NULL $$;
-- Is there somebody who may attest it, with four eyes where they are asked for?
CREATE FUNCTION mandate_can_be_attested(a mandate_application) RETURNS void
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF NOT has_attestant(a.agent_id) THEN RAISE 'no_attestant' USING ERRCODE = 'P0412'; END IF;
  IF (SELECT o.four_eyes FROM organisation o WHERE o.id = a.agent_id) AND NOT EXISTS (
      SELECT FROM membership_role r JOIN membership m ON m.id = r.membership_id AND m.ended_at IS NULL
       WHERE r.org_id = a.agent_id AND r.role = 'attestant' AND r.in_place_of IS NULL
         AND (mandate_attestant(a.agent_id, a.attestant_id) IS NULL OR r.membership_id = a.attestant_id)
         AND NOT mandate_sent_by(a.id, m.person_id)) THEN
    RAISE 'four_eyes_attestant' USING ERRCODE = 'P0412';
  END IF;
END
$$;
REVOKE ALL ON FUNCTION mandate_may_be_asked_for(uuid, text, timestamptz), mandate_agent_goes_on(uuid, date), mandate_sent_by(uuid, uuid),
  mandate_can_be_attested(mandate_application) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mandate_attestant(uuid, uuid) TO portal_agent, portal_staff, portal_worker;
GRANT EXECUTE ON FUNCTION mandate_sent_by(uuid, uuid) TO portal_agent, portal_staff;

-- What is sent: the terms are those of the service on the day, the attestant is one, and no end customer is the agent or Inera.
CREATE FUNCTION mandate_content_holds(agent uuid, offer_wanted text, what jsonb, terms uuid, named uuid, moment timestamptz) RETURNS void
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  today date := (moment AT TIME ZONE 'Europe/Stockholm')::date;
BEGIN
  IF terms IS DISTINCT FROM (SELECT t.id FROM mediation_terms t JOIN offer o ON o.service_code = t.service_code
      WHERE o.code = offer_wanted AND t.valid_from <= today ORDER BY t.valid_from DESC LIMIT 1) THEN
    RAISE 'terms' USING ERRCODE = 'P0412';
  END IF;
  IF named IS NOT NULL AND mandate_attestant(agent, named) IS NULL THEN RAISE 'attestant' USING ERRCODE = 'P0412'; END IF;
  IF EXISTS (SELECT FROM jsonb_array_elements(what -> 'customers') c JOIN organisation o ON o.org_nr = c ->> 'org_nr' WHERE o.id = agent OR o.is_inera) THEN
    RAISE 'own_customer' USING ERRCODE = 'P0412';
  END IF;
END
$$;
REVOKE ALL ON FUNCTION mandate_content_holds(uuid, text, jsonb, uuid, uuid, timestamptz) FROM PUBLIC;

-- Sends an application: row and first event. Who may is judged with the event. Answers the number.
CREATE FUNCTION mandate_apply(new_id uuid, offer_wanted text, what jsonb, terms uuid, named uuid, moment timestamptz) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  nr text;
BEGIN
  IF acting_membership(ctx_org(), '{mandate_orderer}') IS NULL THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  -- One at a time for an agent: what is there already is seen.
  PERFORM FROM organisation o WHERE o.id = ctx_org() FOR NO KEY UPDATE;
  PERFORM mandate_may_be_asked_for(ctx_org(), offer_wanted, moment);
  PERFORM mandate_content_holds(ctx_org(), offer_wanted, what, terms, named, moment);
  IF (SELECT count(*) FROM mandate_application a WHERE a.agent_id = ctx_org() AND a.made_at > moment - interval '1 day') >= 20 THEN
    RAISE 'too_many' USING ERRCODE = 'P0412';
  END IF;
  nr := 'AU-' || extract(year FROM moment AT TIME ZONE 'Europe/Stockholm') || '-' || lpad(nextval('mandate_application_no_seq')::text, 5, '0');
  INSERT INTO mandate_application (id, number, agent_id, agent_name, offer_code, service_code, role, state, revision, content, terms_id, attestant_id, applied_by,
                                   applied_by_name, made_at, state_since)
    SELECT new_id, nr, g.id, g.name, o.code, o.service_code, o.role, 'under_review', 0, what, terms, named, ctx_person(),
           (SELECT m.name FROM membership m WHERE m.id = acting_membership(g.id, '{mandate_orderer}')), moment, moment
      FROM organisation g, offer o WHERE g.id = ctx_org() AND o.code = offer_wanted;
  INSERT INTO mandate_application_event (application_id, agent_id, seq, to_state, side, at, actor_id, content)
    VALUES (new_id, ctx_org(), 1, 'under_review', 'agent', moment, ctx_person(), what);
  RETURN nr;
END
$$;
-- Answers Inera's question with the form as it is now. Whoever sends it last is told how it goes.
CREATE FUNCTION mandate_complete(which uuid, seen int, what jsonb, terms uuid, named uuid, answer text, moment timestamptz) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  a mandate_application;
BEGIN
  SELECT * INTO a FROM mandate_application x WHERE x.id = which AND x.agent_id = ctx_org() FOR UPDATE;
  IF NOT FOUND OR a.revision <> seen OR a.state <> 'completion_asked' THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  PERFORM mandate_content_holds(a.agent_id, a.offer_code, what, terms, named, moment);
  UPDATE mandate_application x
     SET content = what, terms_id = terms, attestant_id = named, applied_by = ctx_person(),
         applied_by_name = coalesce((SELECT m.name FROM membership m WHERE m.id = acting_membership(a.agent_id, '{mandate_orderer}')), x.applied_by_name)
   WHERE x.id = which;
  INSERT INTO mandate_application_event (application_id, agent_id, seq, from_state, to_state, side, at, actor_id, note, content)
    VALUES (which, ctx_org(), seen + 1, 'completion_asked', 'under_review', 'agent', moment, ctx_person(), answer, what);
END
$$;
GRANT EXECUTE ON FUNCTION mandate_apply(uuid, text, jsonb, uuid, uuid, timestamptz), mandate_complete(uuid, int, jsonb, uuid, uuid, text, timestamptz) TO portal_agent;

CREATE FUNCTION mandate_application_event_applies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  a mandate_application;
  today date := (NEW.at AT TIME ZONE 'Europe/Stockholm')::date;
  acting uuid;
  desk record;
  proof confirmation;
  asked int;
  known text[];
BEGIN
  SELECT * INTO a FROM mandate_application x WHERE x.id = NEW.application_id AND x.agent_id = NEW.agent_id FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_application' USING ERRCODE = 'P0404'; END IF;
  IF a.revision <> NEW.seq - 1 OR (NEW.from_state IS NOT NULL AND a.state <> NEW.from_state) THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;

  IF NEW.side = 'inera' THEN
    acting := acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{agent_officer,service_manager}');
  ELSIF NEW.side = 'agent' AND NEW.to_state IN ('granted', 'attest_refused') THEN
    SELECT * INTO desk FROM desk_of(a.agent_id, 'attestant', mandate_attestant(a.agent_id, a.attestant_id), NULL, a.applied_by);
    acting := desk.acting;
    NEW.in_place_of := coalesce(desk.absent_name, '');
    NEW.in_place_of_id := desk.absent_person;
  ELSIF NEW.side = 'agent' THEN
    acting := acting_membership(a.agent_id, '{mandate_orderer}');
    -- Taken back by whoever sent it; by a colleague when that one is gone.
    IF NEW.to_state = 'withdrawn' AND NOT mandate_sent_by(a.id, NEW.actor_id)
       AND EXISTS (SELECT FROM membership m WHERE m.org_id = a.agent_id AND same_person(m.person_id, a.applied_by) AND m.ended_at IS NULL AND m.blocked_at IS NULL) THEN
      acting := NULL;
    END IF;
  END IF;
  IF acting IS NULL THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  SELECT m.name INTO NEW.actor_name FROM membership m WHERE m.id = acting;

  IF NEW.confirmation_id IS NOT NULL THEN
    SELECT * INTO proof FROM confirmation c WHERE c.id = NEW.confirmation_id;
    IF NOT FOUND OR proof.person_id <> NEW.actor_id OR proof.subject <> 'mandate:' || a.id || ':' || a.revision || ':' || NEW.to_state
       OR proof.at < now() - interval '10 minutes' THEN
      RAISE 'confirmation' USING ERRCODE = 'P0412';
    END IF;
  END IF;

  -- Whatever leads towards a mandate is asked again at each step.
  IF NEW.from_state IS NOT NULL AND NEW.to_state IN ('under_review', 'awaiting_attest', 'granted') THEN
    PERFORM mandate_may_be_asked_for(a.agent_id, a.offer_code, NEW.at);
  ELSIF NEW.to_state = 'active' THEN
    PERFORM mandate_agent_goes_on(a.agent_id, today);
  END IF;
  IF NEW.to_state = 'awaiting_attest' THEN
    PERFORM mandate_can_be_attested(a);
    -- portal.md 1.5 rule 11: as many approved end customers as the service demands, each named by the agent, or a reason why fewer will do.
    SELECT ARRAY (SELECT DISTINCT c ->> 'org_nr' FROM jsonb_array_elements(a.content -> 'customers') c) INTO known;
    NEW.approved := ARRAY (SELECT DISTINCT n FROM unnest(NEW.approved) n ORDER BY n);
    IF NOT NEW.approved <@ known THEN RAISE 'not_named' USING ERRCODE = 'P0412'; END IF;
    SELECT o.min_end_customers INTO asked FROM offer o WHERE o.code = a.offer_code;
    IF cardinality(NEW.approved) < asked AND char_length(NEW.waiver) < 3 THEN RAISE 'min_end_customers' USING ERRCODE = 'P0412'; END IF;
    IF cardinality(NEW.approved) >= asked THEN NEW.waiver := ''; END IF;
  ELSIF NEW.to_state = 'granted' THEN
    -- portal.md 1.5 rule 1, as for orders: of all who have sent it.
    NEW.self_attested := mandate_sent_by(a.id, NEW.actor_id) OR mandate_sent_by(a.id, NEW.in_place_of_id);
    IF NEW.self_attested AND (SELECT o.four_eyes FROM organisation o WHERE o.id = a.agent_id) THEN RAISE 'four_eyes' USING ERRCODE = 'P0412'; END IF;
    INSERT INTO mandate (id, agent_id, service_code, role, system, status, since)
      VALUES (gen_random_uuid(), a.agent_id, a.service_code, a.role, left(a.content ->> 'system', 120), 'granted', today) RETURNING id INTO a.mandate_id;
  ELSIF NEW.from_state = 'granted' THEN
    UPDATE mandate m SET status = CASE WHEN NEW.to_state = 'active' THEN 'active'::mandate_status ELSE 'ended' END, since = today
     WHERE m.id = a.mandate_id AND m.status = 'granted';
    IF NOT FOUND THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  END IF;

  UPDATE mandate_application x
     SET state = NEW.to_state, revision = NEW.seq, state_since = NEW.at, mandate_id = a.mandate_id,
         closed_at = CASE WHEN NEW.to_state IN ('active', 'rejected', 'attest_refused', 'withdrawn') THEN NEW.at END
   WHERE x.id = a.id;
  INSERT INTO notification (id, key, cause, mandate_application_id, seq, due_at)
    VALUES (gen_random_uuid(), 'mandate:' || a.id || ':' || NEW.seq, 'event', a.id, NEW.seq, NEW.at);
  RETURN NEW;
END
$$;
CREATE TRIGGER mandate_application_event_applies BEFORE INSERT ON mandate_application_event FOR EACH ROW EXECUTE FUNCTION mandate_application_event_applies();
GRANT EXECUTE ON FUNCTION agent_agreement_in_force(uuid, date) TO portal_agent;
-- A notice of an organisation that is both is listed on its other side; what it leads to is not.
GRANT SELECT (id, number) ON mandate_application TO portal_customer;
GRANT SELECT (merged_into) ON person TO portal_worker;
