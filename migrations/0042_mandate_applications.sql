-- Applying for an agentuppdrag (portal.md 2.10): an agent asks to mediate a service, Inera reviews, the agent's attestant attests,
-- Inera activates it. A service may demand end customers that Inera has approved (1.5 rule 11).
ALTER TABLE offer ADD COLUMN min_end_customers int NOT NULL DEFAULT 0 CONSTRAINT offer_min_end_customers CHECK (min_end_customers BETWEEN 0 AND 10);

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
  CONSTRAINT mandate_application_granted CHECK ((mandate_id IS NOT NULL) = (state IN ('granted', 'active')))
);
CREATE UNIQUE INDEX mandate_application_one_open ON mandate_application (agent_id, service_code, role) WHERE closed_at IS NULL;
CREATE INDEX mandate_application_state_idx ON mandate_application (state, state_since);
CREATE INDEX mandate_application_attestant_idx ON mandate_application (attestant_id) WHERE attestant_id IS NOT NULL;
CREATE INDEX mandate_application_mandate_idx ON mandate_application (mandate_id) WHERE mandate_id IS NOT NULL;
CREATE INDEX mandate_application_applied_by_idx ON mandate_application (applied_by);
CALL protect('mandate_application');
CREATE POLICY agent_reads ON mandate_application FOR SELECT TO portal_agent USING (agent_id = (SELECT ctx_org()));
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
  CONSTRAINT mandate_application_event_approval CHECK (to_state = 'awaiting_attest' OR (approved = '{}' AND waiver = ''))
);
CREATE INDEX mandate_application_event_actor_idx ON mandate_application_event (actor_id);
CREATE INDEX mandate_application_event_in_place_of_idx ON mandate_application_event (in_place_of_id) WHERE in_place_of_id IS NOT NULL;
CALL protect('mandate_application_event');
CREATE POLICY agent_reads ON mandate_application_event FOR SELECT TO portal_agent USING (agent_id = (SELECT ctx_org()));
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
  SELECT * INTO o FROM offer x WHERE x.code = offer_wanted AND x.channel = 'via_agent' AND x.orderable
     AND (x.valid_from IS NULL OR x.valid_from <= today) AND (x.valid_to IS NULL OR x.valid_to >= today);
  IF NOT FOUND THEN RAISE 'not_mediable' USING ERRCODE = 'P0412'; END IF;
  IF NOT agent_agreement_in_force(agent, today) THEN RAISE 'agent_agreement' USING ERRCODE = 'P0412'; END IF;
  IF EXISTS (SELECT FROM mandate m WHERE m.agent_id = agent AND m.service_code = o.service_code AND m.role = o.role AND m.status <> 'ended') THEN
    RAISE 'has_mandate' USING ERRCODE = 'P0412';
  END IF;
END
$$;
REVOKE ALL ON FUNCTION mandate_may_be_asked_for(uuid, text, timestamptz) FROM PUBLIC;

-- Sends an application: row and first event. Who may is judged with the event. Answers the number.
CREATE FUNCTION mandate_apply(new_id uuid, offer_wanted text, what jsonb, named uuid, moment timestamptz) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  nr text;
BEGIN
  IF acting_membership(ctx_org(), '{mandate_orderer}') IS NULL THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  -- One at a time for an agent: what is there already is seen.
  PERFORM FROM organisation o WHERE o.id = ctx_org() FOR NO KEY UPDATE;
  PERFORM mandate_may_be_asked_for(ctx_org(), offer_wanted, moment);
  IF (SELECT count(*) FROM mandate_application a WHERE a.agent_id = ctx_org() AND a.made_at > moment - interval '1 day') >= 20 THEN
    RAISE 'too_many' USING ERRCODE = 'P0412';
  END IF;
  IF named IS NOT NULL AND NOT EXISTS (SELECT FROM membership_role r JOIN membership m ON m.id = r.membership_id
      WHERE r.membership_id = named AND r.org_id = ctx_org() AND r.role = 'attestant' AND r.in_place_of IS NULL AND m.ended_at IS NULL) THEN
    RAISE 'attestant' USING ERRCODE = 'P0412';
  END IF;
  nr := 'AU-' || extract(year FROM moment AT TIME ZONE 'Europe/Stockholm') || '-' || lpad(nextval('mandate_application_no_seq')::text, 5, '0');
  INSERT INTO mandate_application (id, number, agent_id, agent_name, offer_code, service_code, role, state, revision, content, attestant_id, applied_by,
                                   applied_by_name, made_at, state_since)
    SELECT new_id, nr, g.id, g.name, o.code, o.service_code, o.role, 'under_review', 0, what, named, ctx_person(),
           (SELECT m.name FROM membership m WHERE m.id = acting_membership(g.id, '{mandate_orderer}')), moment, moment
      FROM organisation g, offer o WHERE g.id = ctx_org() AND o.code = offer_wanted;
  INSERT INTO mandate_application_event (application_id, agent_id, seq, to_state, side, at, actor_id)
    VALUES (new_id, ctx_org(), 1, 'under_review', 'agent', moment, ctx_person());
  RETURN nr;
END
$$;
-- Answers Inera's question with the form as it is now.
CREATE FUNCTION mandate_complete(which uuid, seen int, what jsonb, named uuid, answer text, moment timestamptz) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM FROM mandate_application a WHERE a.id = which AND a.agent_id = ctx_org() AND a.revision = seen AND a.state = 'completion_asked' FOR UPDATE;
  IF NOT FOUND THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF named IS NOT NULL AND NOT EXISTS (SELECT FROM membership_role r JOIN membership m ON m.id = r.membership_id
      WHERE r.membership_id = named AND r.org_id = ctx_org() AND r.role = 'attestant' AND r.in_place_of IS NULL AND m.ended_at IS NULL) THEN
    RAISE 'attestant' USING ERRCODE = 'P0412';
  END IF;
  UPDATE mandate_application a SET content = what, attestant_id = named WHERE a.id = which;
  INSERT INTO mandate_application_event (application_id, agent_id, seq, from_state, to_state, side, at, actor_id, note)
    VALUES (which, ctx_org(), seen + 1, 'completion_asked', 'under_review', 'agent', moment, ctx_person(), answer);
END
$$;
GRANT EXECUTE ON FUNCTION mandate_apply(uuid, text, jsonb, uuid, timestamptz), mandate_complete(uuid, int, jsonb, uuid, text, timestamptz) TO portal_agent;

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
    SELECT * INTO desk FROM desk_of(a.agent_id, 'attestant', a.attestant_id, NULL, a.applied_by);
    acting := desk.acting;
    NEW.in_place_of := coalesce(desk.absent_name, '');
    NEW.in_place_of_id := desk.absent_person;
  ELSIF NEW.side = 'agent' THEN
    acting := acting_membership(a.agent_id, '{mandate_orderer}');
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
  ELSIF NEW.to_state = 'active' AND NOT agent_agreement_in_force(a.agent_id, today) THEN
    RAISE 'agent_agreement' USING ERRCODE = 'P0412';
  END IF;
  IF NEW.to_state = 'awaiting_attest' THEN
    IF NOT has_attestant(a.agent_id) THEN RAISE 'no_attestant' USING ERRCODE = 'P0412'; END IF;
    -- portal.md 1.5 rule 11: as many approved end customers as the service demands, each named by the agent, or a reason why fewer will do.
    SELECT ARRAY (SELECT DISTINCT c ->> 'org_nr' FROM jsonb_array_elements(a.content -> 'customers') c) INTO known;
    NEW.approved := ARRAY (SELECT DISTINCT n FROM unnest(NEW.approved) n ORDER BY n);
    IF NOT NEW.approved <@ known THEN RAISE 'not_named' USING ERRCODE = 'P0412'; END IF;
    SELECT o.min_end_customers INTO asked FROM offer o WHERE o.code = a.offer_code;
    IF cardinality(NEW.approved) < asked AND char_length(NEW.waiver) < 3 THEN RAISE 'min_end_customers' USING ERRCODE = 'P0412'; END IF;
    IF cardinality(NEW.approved) >= asked THEN NEW.waiver := ''; END IF;
  ELSIF NEW.to_state = 'granted' THEN
    -- portal.md 1.5 rule 1, as for orders.
    NEW.self_attested := coalesce(a.applied_by IN (NEW.actor_id, NEW.in_place_of_id), false);
    IF NEW.self_attested AND (SELECT o.four_eyes FROM organisation o WHERE o.id = a.agent_id) THEN RAISE 'four_eyes' USING ERRCODE = 'P0412'; END IF;
    INSERT INTO mandate (id, agent_id, service_code, role, system, status, since)
      VALUES (gen_random_uuid(), a.agent_id, a.service_code, a.role, left(a.content ->> 'system', 120), 'granted', today) RETURNING id INTO a.mandate_id;
  ELSIF NEW.to_state = 'active' THEN
    UPDATE mandate m SET status = 'active', since = today WHERE m.id = a.mandate_id AND m.status = 'granted';
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
