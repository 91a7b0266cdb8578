-- Contacts: roles with a last day, substitutes for somebody away, and every change of a person's place as an event
-- (portal.md 1.5 and 2.6).

CREATE FUNCTION today_here() RETURNS date LANGUAGE sql STABLE AS $$ SELECT (now() AT TIME ZONE 'Europe/Stockholm')::date $$;
GRANT EXECUTE ON FUNCTION today_here() TO portal_customer, portal_agent, portal_staff, portal_worker;

ALTER TABLE membership ADD COLUMN phone text NOT NULL DEFAULT '' CONSTRAINT membership_phone_length CHECK (char_length(phone) <= 40);
-- How many events it has had.
ALTER TABLE membership ADD COLUMN revision int NOT NULL DEFAULT 0;

-- Who stands in for whom, between two days. The substitute decides as attestant and handler what the absent one may decide,
-- nothing else, and hands nothing on.
CREATE TABLE substitution (
  id uuid PRIMARY KEY,
  org_id uuid NOT NULL,
  absent_id uuid NOT NULL,
  substitute_id uuid NOT NULL,
  valid_from date NOT NULL,
  valid_to date NOT NULL,
  made_at timestamptz NOT NULL,
  ended_at timestamptz,
  CONSTRAINT substitution_absent FOREIGN KEY (absent_id, org_id) REFERENCES membership (id, org_id),
  CONSTRAINT substitution_substitute FOREIGN KEY (substitute_id, org_id) REFERENCES membership (id, org_id),
  CONSTRAINT substitution_two_people CHECK (absent_id <> substitute_id),
  CONSTRAINT substitution_period CHECK (valid_to >= valid_from AND valid_to <= valid_from + 366)
);
CREATE INDEX substitution_org_idx ON substitution (org_id, valid_to);
CREATE INDEX substitution_absent_idx ON substitution (absent_id);
CREATE INDEX substitution_substitute_idx ON substitution (substitute_id) WHERE ended_at IS NULL;
CALL protect('substitution');
CREATE POLICY customer_reads ON substitution FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON substitution FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON substitution FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON substitution FOR SELECT TO portal_worker USING (true);
GRANT SELECT ON substitution TO portal_customer, portal_agent, portal_staff, portal_worker;
CREATE VIEW substitution_now WITH (security_invoker = true) AS
  SELECT s.org_id, s.absent_id, s.substitute_id, s.made_at
    FROM substitution s
   WHERE s.ended_at IS NULL AND s.valid_from <= today_here() AND s.valid_to >= today_here();

-- The tables are what was given; the views, under the names that everything asks for, are what holds today.
ALTER TABLE membership_role RENAME TO role_grant;
ALTER TABLE role_grant ADD COLUMN valid_to date;
CREATE INDEX role_grant_valid_to_idx ON role_grant (valid_to) WHERE valid_to IS NOT NULL;
ALTER TABLE mandate_handler RENAME TO mandate_permission;
-- An organisation that is both customer and agent has one list of contacts.
CREATE POLICY customer_reads ON mandate FOR SELECT TO portal_customer USING (agent_id = (SELECT ctx_org()));
CREATE POLICY customer_reads ON mandate_permission FOR SELECT TO portal_customer USING (agent_id = (SELECT ctx_org()));
GRANT SELECT ON mandate, mandate_permission TO portal_customer;
CREATE VIEW membership_role WITH (security_invoker = true) AS
  SELECT g.org_id, g.membership_id, g.role, g.since, NULL::uuid AS in_place_of
    FROM role_grant g
   WHERE g.valid_to IS NULL OR g.valid_to >= today_here()
  UNION ALL
  SELECT s.org_id, s.substitute_id, g.role, s.made_at, s.absent_id
    FROM substitution_now s JOIN role_grant g ON g.membership_id = s.absent_id
   WHERE g.role IN ('attestant', 'agent_handler') AND (g.valid_to IS NULL OR g.valid_to >= today_here());
CREATE VIEW mandate_handler WITH (security_invoker = true) AS
  SELECT p.mandate_id, p.agent_id, p.membership_id, NULL::uuid AS in_place_of
    FROM mandate_permission p JOIN role_grant g ON g.membership_id = p.membership_id AND g.role = 'agent_handler'
   WHERE g.valid_to IS NULL OR g.valid_to >= today_here()
  UNION ALL
  SELECT p.mandate_id, p.agent_id, s.substitute_id, s.absent_id
    FROM substitution_now s
    JOIN mandate_permission p ON p.membership_id = s.absent_id
    JOIN role_grant g ON g.membership_id = s.absent_id AND g.role = 'agent_handler'
   WHERE g.valid_to IS NULL OR g.valid_to >= today_here();
GRANT SELECT ON substitution_now, membership_role, mandate_handler TO portal_customer, portal_agent, portal_staff, portal_worker;

-- What has a role in an organisation: Inera's are Inera's, two are agents' alone (portal.md 1.3).
CREATE FUNCTION role_fits(org uuid, wanted role) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT CASE
          WHEN wanted IN ('support', 'agreements_officer', 'agent_officer', 'service_manager', 'finance', 'sysadmin', 'auditor') THEN o.is_inera
          WHEN wanted IN ('mandate_orderer', 'agent_handler') THEN o.agent_no IS NOT NULL
          WHEN wanted = 'orderer' THEN o.customer_no IS NOT NULL
          WHEN wanted = 'administrator' THEN true
          ELSE NOT o.is_inera END
          FROM organisation o WHERE o.id = org $$;

CREATE TYPE member_event_kind AS ENUM ('joined', 'roles', 'removed', 'restored', 'substitute', 'substitute_ended');
CREATE TABLE member_event (
  membership_id uuid NOT NULL,
  seq int NOT NULL,
  org_id uuid NOT NULL,
  kind member_event_kind NOT NULL,
  side side NOT NULL,
  actor_id uuid REFERENCES person,
  actor_name text NOT NULL DEFAULT '',
  at timestamptz NOT NULL,
  -- Everything the person has afterwards, with each role's last day (null = until further notice).
  roles role[] NOT NULL DEFAULT '{}',
  until date[] NOT NULL DEFAULT '{}',
  mandates uuid[] NOT NULL DEFAULT '{}',
  -- What that changed: found by the database.
  given role[] NOT NULL DEFAULT '{}',
  taken role[] NOT NULL DEFAULT '{}',
  permitted uuid[] NOT NULL DEFAULT '{}',
  barred uuid[] NOT NULL DEFAULT '{}',
  -- Who takes over the orders that wait for this attestant by name; null = any of the others.
  hand_over_to uuid,
  substitution_id uuid REFERENCES substitution,
  substitute_id uuid,
  from_on date,
  until_on date,
  confirmation_id uuid REFERENCES confirmation,
  CONSTRAINT member_event_pkey PRIMARY KEY (membership_id, seq),
  CONSTRAINT member_event_membership FOREIGN KEY (membership_id, org_id) REFERENCES membership (id, org_id),
  CONSTRAINT member_event_hand_over FOREIGN KEY (hand_over_to, org_id) REFERENCES membership (id, org_id),
  CONSTRAINT member_event_substitute FOREIGN KEY (substitute_id, org_id) REFERENCES membership (id, org_id),
  CONSTRAINT member_event_confirmation_once UNIQUE (confirmation_id),
  CONSTRAINT member_event_days CHECK (cardinality(roles) = cardinality(until)),
  CONSTRAINT member_event_substitute_named CHECK (kind <> 'substitute' OR (substitute_id IS NOT NULL AND from_on IS NOT NULL AND until_on IS NOT NULL)),
  -- A change of what somebody may do rests on a fresh confirmation of identity (decisions.md 5).
  CONSTRAINT member_event_confirmed CHECK (
    confirmation_id IS NOT NULL OR side = 'system' OR kind IN ('joined', 'substitute_ended'))
);
CREATE INDEX member_event_org_idx ON member_event (org_id, at DESC);
CREATE INDEX member_event_actor_idx ON member_event (actor_id);
CREATE INDEX member_event_substitution_idx ON member_event (substitution_id) WHERE substitution_id IS NOT NULL;
CREATE INDEX member_event_hand_over_idx ON member_event (hand_over_to) WHERE hand_over_to IS NOT NULL;
CREATE INDEX member_event_substitute_idx ON member_event (substitute_id) WHERE substitute_id IS NOT NULL;
CALL protect('member_event');
CREATE POLICY customer_reads ON member_event FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON member_event FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON member_event FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON member_event FOR SELECT TO portal_worker USING (true);
CREATE POLICY customer_changes ON member_event FOR INSERT TO portal_customer
  WITH CHECK (side = 'customer' AND actor_id = (SELECT ctx_person()) AND org_id = (SELECT ctx_org()) AND kind <> 'joined');
CREATE POLICY agent_changes ON member_event FOR INSERT TO portal_agent
  WITH CHECK (side = 'agent' AND actor_id = (SELECT ctx_person()) AND org_id = (SELECT ctx_org()) AND kind <> 'joined');
CREATE POLICY staff_changes ON member_event FOR INSERT TO portal_staff
  WITH CHECK (side = 'inera' AND actor_id = (SELECT ctx_person()) AND kind IN ('roles', 'restored'));
CREATE POLICY worker_changes ON member_event FOR INSERT TO portal_worker
  WITH CHECK (side = 'system' AND actor_id IS NULL AND kind = 'roles');
GRANT SELECT ON member_event TO portal_customer, portal_agent, portal_staff, portal_worker;
GRANT INSERT (membership_id, seq, org_id, kind, side, actor_id, at, roles, until, mandates, hand_over_to, substitution_id, substitute_id,
    from_on, until_on, confirmation_id)
  ON member_event TO portal_customer, portal_agent, portal_staff, portal_worker;

-- Causes, mails and notices can be about somebody's place too.
ALTER TABLE notification ADD COLUMN member_id uuid REFERENCES membership, DROP CONSTRAINT notification_one_subject,
  ADD CONSTRAINT notification_one_subject CHECK (num_nonnulls(order_id, signing_id, member_id) = 1);
CREATE INDEX notification_member_idx ON notification (member_id) WHERE member_id IS NOT NULL;
ALTER TABLE mail ADD COLUMN member_id uuid, ADD CONSTRAINT mail_member FOREIGN KEY (member_id, org_id) REFERENCES membership (id, org_id), DROP CONSTRAINT mail_one_subject,
  ADD CONSTRAINT mail_one_subject CHECK (num_nonnulls(order_id, signing_id, member_id) = 1);
CREATE INDEX mail_member_idx ON mail (member_id) WHERE member_id IS NOT NULL;
ALTER TABLE notice ADD COLUMN member_id uuid, ADD CONSTRAINT notice_member FOREIGN KEY (member_id, org_id) REFERENCES membership (id, org_id), DROP CONSTRAINT notice_one_subject,
  ADD CONSTRAINT notice_one_subject CHECK (num_nonnulls(order_id, agreement_id, member_id) = 1);
CREATE INDEX notice_member_idx ON notice (member_id) WHERE member_id IS NOT NULL;

-- In whose place an order was decided: name (empty = the actor's own) and person.
ALTER TABLE order_event ADD COLUMN in_place_of text NOT NULL DEFAULT '', ADD COLUMN in_place_of_id uuid REFERENCES person;
CREATE INDEX order_event_in_place_of_idx ON order_event (in_place_of_id) WHERE in_place_of_id IS NOT NULL;

-- Is there an active member with the role and no last day?
CREATE FUNCTION has_lasting(org uuid, wanted role) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (
    SELECT FROM role_grant g JOIN membership m ON m.id = g.membership_id AND m.ended_at IS NULL
     WHERE g.org_id = org AND g.role = wanted AND g.valid_to IS NULL) $$;

-- Orders that wait for an attestant of the organisation, with whose orders (or reviews) they are: under four eyes those may
-- not attest.
CREATE FUNCTION attests_waiting(org uuid) RETURNS TABLE (order_id uuid, revision int, named uuid, not_by uuid[])
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT o.id, o.revision, o.customer_attestant_id,
               CASE WHEN c.four_eyes THEN ARRAY[o.submitted_by] ELSE '{}' END
          FROM orders o JOIN organisation c ON c.id = o.customer_id
         WHERE o.customer_id = org AND o.state = 'awaiting_customer_attest'
        UNION ALL
        SELECT o.id, o.revision, o.agent_attestant_id,
               CASE WHEN a.four_eyes THEN (SELECT ARRAY[e.actor_id, e.in_place_of_id] FROM order_event e
                     WHERE e.order_id = o.id AND e.to_state = 'awaiting_agent_attest' ORDER BY e.seq DESC LIMIT 1) ELSE '{}' END
          FROM orders o JOIN organisation a ON a.id = o.agent_id
         WHERE o.agent_id = org AND o.state = 'awaiting_agent_attest' $$;

-- What is left of somebody who may not attest any more goes to the one named, or to all the others. Every order that waits
-- must have somebody who may (portal.md 1.5 rule 9); only the clock has no choice.
CREATE FUNCTION hand_over_attests(org uuid, leaver uuid, heir uuid, moment timestamptz, has_choice boolean) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  heirs_person uuid;
BEGIN
  IF heir IS NOT NULL THEN
    SELECT m.person_id INTO heirs_person
      FROM membership_role r JOIN membership m ON m.id = r.membership_id AND m.ended_at IS NULL
     WHERE r.membership_id = heir AND r.org_id = org AND r.role = 'attestant' AND r.in_place_of IS NULL AND heir <> leaver;
    IF NOT FOUND THEN RAISE 'heir' USING ERRCODE = 'P0412'; END IF;
    IF EXISTS (SELECT FROM attests_waiting(org) w WHERE w.named = leaver AND heirs_person = ANY (w.not_by)) THEN
      RAISE 'heir_ordered' USING ERRCODE = 'P0412';
    END IF;
  END IF;
  IF has_choice AND EXISTS (SELECT FROM attests_waiting(org) w WHERE (w.named IS NULL OR w.named = leaver) AND NOT EXISTS (
       SELECT FROM membership_role r JOIN membership m ON m.id = r.membership_id AND m.ended_at IS NULL
        WHERE r.org_id = org AND r.role = 'attestant' AND r.in_place_of IS NULL AND (m.person_id = ANY (w.not_by)) IS NOT TRUE)) THEN
    RAISE 'last_attestant' USING ERRCODE = 'P0412';
  END IF;
  -- They are reminded, whoever they are now.
  INSERT INTO notification (id, key, cause, order_id, seq, due_at)
    SELECT gen_random_uuid(), 'handed over:' || w.order_id || ':' || w.revision || ':' || leaver, 'reminder', w.order_id, w.revision, moment
      FROM attests_waiting(org) w WHERE w.named = leaver
    ON CONFLICT (key) DO NOTHING;
  UPDATE orders o SET customer_attestant_id = heir WHERE o.customer_id = org AND o.customer_attestant_id = leaver AND o.state = 'awaiting_customer_attest';
  UPDATE orders o SET agent_attestant_id = heir, agent_attestant_name = coalesce((SELECT m.name FROM membership m WHERE m.id = heir), '')
   WHERE o.agent_id = org AND o.agent_attestant_id = leaver AND o.state = 'awaiting_agent_attest';
END
$$;

-- The event is the change. Keys of P0412 are turned into sentences by the application.
CREATE FUNCTION member_event_applies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  m membership;
  proof confirmation;
  acting uuid;
  was role[];
  lasting boolean;
  today date := (NEW.at AT TIME ZONE 'Europe/Stockholm')::date;
BEGIN
  -- One change at a time in an organisation: two administrators can't remove each other.
  PERFORM FROM organisation o WHERE o.id = NEW.org_id FOR NO KEY UPDATE;
  SELECT * INTO m FROM membership x WHERE x.id = NEW.membership_id AND x.org_id = NEW.org_id FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_member' USING ERRCODE = 'P0404'; END IF;
  IF m.revision <> NEW.seq - 1 OR (m.ended_at IS NULL) = (NEW.kind = 'restored') THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;

  -- Who may: an administrator; one's own absence oneself; Kundservice restores, and appoints an administrator.
  IF NEW.kind = 'joined' THEN
    -- Only invitation_accept() (0019) comes here: nobody has the right to insert one.
    IF current_setting('portal.joining', true) IS DISTINCT FROM NEW.membership_id::text THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
    NEW.actor_name := m.name;
  ELSIF NEW.side IN ('customer', 'agent') THEN
    acting := acting_membership(NEW.org_id, '{administrator}');
    IF acting IS NULL AND NEW.kind IN ('substitute', 'substitute_ended') AND m.person_id = ctx_person() THEN acting := m.id; END IF;
    IF NEW.kind = 'restored' THEN acting := NULL; END IF;
  ELSIF NEW.side = 'inera' THEN
    acting := acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{support}');
    IF EXISTS (SELECT FROM organisation o WHERE o.id = NEW.org_id AND o.is_inera) THEN acting := NULL; END IF;
  END IF;
  IF NEW.kind <> 'joined' AND NEW.side <> 'system' THEN
    IF acting IS NULL THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
    SELECT x.name INTO NEW.actor_name FROM membership x WHERE x.id = acting;
  END IF;

  IF NEW.confirmation_id IS NOT NULL THEN
    SELECT * INTO proof FROM confirmation c WHERE c.id = NEW.confirmation_id;
    IF NOT FOUND OR proof.person_id <> NEW.actor_id OR proof.subject <> 'member:' || m.id || ':' || m.revision
       OR proof.at < now() - interval '10 minutes' THEN
      RAISE 'confirmation' USING ERRCODE = 'P0412';
    END IF;
  END IF;

  IF NEW.kind IN ('substitute', 'substitute_ended', 'restored') THEN
    NEW.roles := '{}'; NEW.until := '{}'; NEW.mandates := '{}'; NEW.hand_over_to := NULL;
  ELSIF NEW.kind = 'removed' THEN
    NEW.roles := '{}'; NEW.until := '{}'; NEW.mandates := '{}';
  END IF;

  IF NEW.kind IN ('roles', 'removed', 'joined') THEN
    IF EXISTS (SELECT FROM unnest(NEW.roles) r GROUP BY r HAVING count(*) > 1) THEN RAISE 'role' USING ERRCODE = 'P0412'; END IF;
    IF EXISTS (SELECT FROM unnest(NEW.roles) r WHERE NOT role_fits(NEW.org_id, r)) THEN RAISE 'role' USING ERRCODE = 'P0412'; END IF;
    IF NEW.side <> 'system' AND EXISTS (SELECT FROM unnest(NEW.until) u WHERE u < today) THEN RAISE 'past_day' USING ERRCODE = 'P0412'; END IF;
    -- Permission in a mandate goes with the handler's role (portal.md appendix B rule 9).
    IF NOT 'agent_handler' = ANY (NEW.roles) THEN NEW.mandates := '{}'; END IF;
    IF EXISTS (SELECT FROM unnest(NEW.mandates) w
                WHERE NOT EXISTS (SELECT FROM mandate a WHERE a.id = w AND a.agent_id = NEW.org_id AND a.status <> 'ended')
                  AND NOT EXISTS (SELECT FROM mandate_permission p WHERE p.membership_id = m.id AND p.mandate_id = w)) THEN
      RAISE 'mandate' USING ERRCODE = 'P0412';
    END IF;
    was := ARRAY (SELECT g.role FROM role_grant g WHERE g.membership_id = m.id);
    lasting := EXISTS (SELECT FROM role_grant g WHERE g.membership_id = m.id AND g.role = 'attestant' AND g.valid_to IS NULL);
    NEW.given := ARRAY (SELECT r FROM unnest(NEW.roles) r WHERE r <> ALL (was) ORDER BY r);
    NEW.taken := ARRAY (SELECT r FROM unnest(was) r WHERE r <> ALL (NEW.roles) ORDER BY r);
    NEW.permitted := ARRAY (SELECT DISTINCT w FROM unnest(NEW.mandates) w
      WHERE NOT EXISTS (SELECT FROM mandate_permission p WHERE p.membership_id = m.id AND p.mandate_id = w));
    NEW.barred := ARRAY (SELECT p.mandate_id FROM mandate_permission p WHERE p.membership_id = m.id AND p.mandate_id <> ALL (NEW.mandates));

    -- Kundservice appoints an administrator and changes nothing else; the clock gives nothing.
    IF (NEW.side = 'inera' AND NEW.kind = 'roles' AND (NEW.given <> '{administrator}' OR NEW.taken <> '{}' OR NEW.permitted <> '{}'
          OR NEW.barred <> '{}' OR EXISTS (SELECT FROM unnest(NEW.roles, NEW.until) AS n (role, until) LEFT JOIN role_grant g
               ON g.membership_id = m.id AND g.role = n.role WHERE g.valid_to IS DISTINCT FROM n.until)))
       OR (NEW.side = 'system' AND NEW.kind = 'roles' AND (NEW.given <> '{}' OR NEW.permitted <> '{}')) THEN
      RAISE 'not_this_person' USING ERRCODE = 'P0403';
    END IF;
    DELETE FROM mandate_permission p WHERE p.membership_id = m.id AND p.mandate_id = ANY (NEW.barred);
    DELETE FROM role_grant g WHERE g.membership_id = m.id AND g.role = ANY (NEW.taken);
    INSERT INTO role_grant AS g (org_id, membership_id, role, since, valid_to)
      SELECT NEW.org_id, m.id, n.role, NEW.at, n.until FROM unnest(NEW.roles, NEW.until) AS n (role, until)
      ON CONFLICT (membership_id, role) DO UPDATE SET valid_to = excluded.valid_to;
    INSERT INTO mandate_permission (mandate_id, agent_id, membership_id) SELECT w, NEW.org_id, m.id FROM unnest(NEW.permitted) w;
    -- A substitute decides what the absent one may decide, and that has come to an end.
    IF NOT NEW.roles && '{attestant,agent_handler}' THEN
      UPDATE substitution s SET ended_at = NEW.at WHERE s.ended_at IS NULL AND s.absent_id = m.id;
    END IF;
    -- A request that has been met is answered, whoever thought of it.
    UPDATE role_request q SET closed_at = NEW.at, outcome = 'granted'
     WHERE q.membership_id = m.id AND q.closed_at IS NULL AND q.roles <@ NEW.roles;
    IF NEW.kind = 'removed' THEN
      UPDATE membership SET ended_at = NEW.at WHERE id = m.id;
      UPDATE substitution s SET ended_at = NEW.at WHERE s.ended_at IS NULL AND m.id IN (s.absent_id, s.substitute_id);
      UPDATE role_request q SET closed_at = NEW.at, outcome = 'withdrawn' WHERE q.membership_id = m.id AND q.closed_at IS NULL;
    END IF;

    -- portal.md 1.5 rules 8 and 9, and the contact that an agreement asks for at every moment (2.6). A day on which the
    -- last one stops is the same as stopping. The clock has no choice: it takes what has run out.
    IF NEW.side <> 'system' THEN
      IF 'administrator' = ANY (was) AND NOT has_lasting(NEW.org_id, 'administrator') THEN RAISE 'last_administrator' USING ERRCODE = 'P0412'; END IF;
      IF 'contract_contact' = ANY (was) AND NOT has_lasting(NEW.org_id, 'contract_contact')
         AND EXISTS (SELECT FROM agreement a WHERE a.org_id = NEW.org_id AND a.status IN ('active', 'terminated')
                        AND (a.valid_to IS NULL OR a.valid_to >= today)) THEN
        RAISE 'last_contact' USING ERRCODE = 'P0412';
      END IF;
      IF 'attestant' = ANY (NEW.taken) THEN
        PERFORM hand_over_attests(NEW.org_id, m.id, NEW.hand_over_to, NEW.at, true);
      ELSE
        NEW.hand_over_to := NULL;
        IF lasting AND NOT has_lasting(NEW.org_id, 'attestant') AND EXISTS (SELECT FROM attests_waiting(NEW.org_id)) THEN
          RAISE 'last_attestant' USING ERRCODE = 'P0412';
        END IF;
      END IF;
    ELSIF 'attestant' = ANY (NEW.taken) THEN
      PERFORM hand_over_attests(NEW.org_id, m.id, NULL, NEW.at, false);
    END IF;

  ELSIF NEW.kind = 'restored' THEN
    IF EXISTS (SELECT FROM membership x WHERE x.org_id = NEW.org_id AND x.ended_at IS NULL AND lower(x.email) = lower(m.email)) THEN
      RAISE 'email_known' USING ERRCODE = 'P0412';
    END IF;
    UPDATE membership SET ended_at = NULL WHERE id = m.id;

  ELSIF NEW.kind = 'substitute' THEN
    IF NEW.until_on < today OR NEW.from_on < today - 1 THEN RAISE 'past_day' USING ERRCODE = 'P0412'; END IF;
    IF NOT EXISTS (SELECT FROM membership x WHERE x.id = NEW.substitute_id AND x.org_id = NEW.org_id AND x.ended_at IS NULL)
       OR NEW.substitute_id = m.id THEN
      RAISE 'substitute' USING ERRCODE = 'P0412';
    END IF;
    IF NOT EXISTS (SELECT FROM role_grant g WHERE g.membership_id = m.id AND g.role IN ('attestant', 'agent_handler')) THEN
      RAISE 'nothing_to_decide' USING ERRCODE = 'P0412';
    END IF;
    IF EXISTS (SELECT FROM substitution s WHERE s.absent_id = m.id AND s.substitute_id = NEW.substitute_id AND s.ended_at IS NULL
                  AND s.valid_from <= NEW.until_on AND s.valid_to >= NEW.from_on) THEN
      RAISE 'substitute_twice' USING ERRCODE = 'P0412';
    END IF;
    NEW.substitution_id := gen_random_uuid();
    INSERT INTO substitution (id, org_id, absent_id, substitute_id, valid_from, valid_to, made_at)
      VALUES (NEW.substitution_id, NEW.org_id, m.id, NEW.substitute_id, NEW.from_on, NEW.until_on, NEW.at);

  ELSIF NEW.kind = 'substitute_ended' THEN
    UPDATE substitution s SET ended_at = NEW.at
     WHERE s.id = NEW.substitution_id AND s.absent_id = m.id AND s.ended_at IS NULL AND s.valid_to >= today
    RETURNING s.substitute_id INTO NEW.substitute_id;
    IF NOT FOUND THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  END IF;

  UPDATE membership SET revision = NEW.seq WHERE id = m.id;
  INSERT INTO notification (id, key, cause, member_id, seq, due_at)
    VALUES (gen_random_uuid(), 'member:' || m.id || ':' || NEW.seq, 'event', m.id, NEW.seq, NEW.at);
  RETURN NEW;
END
$$;
CREATE TRIGGER member_event_applies BEFORE INSERT ON member_event FOR EACH ROW EXECUTE FUNCTION member_event_applies();

-- Somebody asks for a role (portal.md 2.6, "Begär roll"). One at a time.
CREATE TABLE role_request (
  id uuid PRIMARY KEY,
  org_id uuid NOT NULL,
  membership_id uuid NOT NULL,
  roles role[] NOT NULL CONSTRAINT role_request_roles_some CHECK (cardinality(roles) BETWEEN 1 AND 8),
  reason text NOT NULL CONSTRAINT role_request_reason_length CHECK (char_length(btrim(reason)) BETWEEN 3 AND 1000),
  made_at timestamptz NOT NULL,
  closed_at timestamptz,
  closed_by_name text NOT NULL DEFAULT '',
  outcome text CONSTRAINT role_request_outcome_known CHECK (outcome IN ('granted', 'declined', 'withdrawn')),
  answer text NOT NULL DEFAULT '' CONSTRAINT role_request_answer_length CHECK (char_length(answer) <= 1000),
  CONSTRAINT role_request_membership FOREIGN KEY (membership_id, org_id) REFERENCES membership (id, org_id),
  CONSTRAINT role_request_closed CHECK ((closed_at IS NULL) = (outcome IS NULL))
);
CREATE UNIQUE INDEX role_request_one_open ON role_request (membership_id) WHERE closed_at IS NULL;
CREATE INDEX role_request_membership_idx ON role_request (membership_id);
CREATE INDEX role_request_org_idx ON role_request (org_id) WHERE closed_at IS NULL;
CALL protect('role_request');
CREATE POLICY customer_reads ON role_request FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON role_request FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON role_request FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON role_request FOR SELECT TO portal_worker USING (true);
CREATE POLICY asks ON role_request FOR INSERT TO portal_customer, portal_agent
  WITH CHECK (org_id = (SELECT ctx_org()) AND membership_id = (SELECT ctx_membership()) AND closed_at IS NULL);
CREATE POLICY answers ON role_request FOR UPDATE TO portal_customer, portal_agent
  USING (org_id = (SELECT ctx_org()) AND closed_at IS NULL) WITH CHECK (org_id = (SELECT ctx_org()));
GRANT SELECT ON role_request TO portal_customer, portal_agent, portal_staff, portal_worker;
GRANT INSERT (id, org_id, membership_id, roles, reason, made_at) ON role_request TO portal_customer, portal_agent;
GRANT UPDATE (closed_at, outcome, answer) ON role_request TO portal_customer, portal_agent;
ALTER TABLE notification ADD COLUMN role_request_id uuid REFERENCES role_request, DROP CONSTRAINT notification_one_subject,
  ADD CONSTRAINT notification_one_subject CHECK (num_nonnulls(order_id, signing_id, member_id, role_request_id) = 1);
CREATE INDEX notification_role_request_idx ON notification (role_request_id) WHERE role_request_id IS NOT NULL;

CREATE FUNCTION role_request_moves() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  acting uuid;
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF EXISTS (SELECT FROM unnest(NEW.roles) r WHERE NOT role_fits(NEW.org_id, r)) THEN RAISE 'role' USING ERRCODE = 'P0412'; END IF;
  ELSIF NEW.outcome = 'withdrawn' THEN
    -- One's own can be taken back, and it goes with somebody who is removed.
    IF NEW.membership_id <> ctx_membership() AND EXISTS (SELECT FROM membership m WHERE m.id = NEW.membership_id AND m.ended_at IS NULL) THEN
      RAISE 'not_this_person' USING ERRCODE = 'P0403';
    END IF;
  ELSIF NEW.outcome = 'granted' THEN
    -- The change of roles (above) says so, when everything asked for is there.
    IF EXISTS (SELECT FROM unnest(NEW.roles) r WHERE NOT EXISTS (
         SELECT FROM role_grant g WHERE g.membership_id = NEW.membership_id AND g.role = r)) THEN
      RAISE 'not_this_person' USING ERRCODE = 'P0403';
    END IF;
  ELSE
    acting := acting_membership(NEW.org_id, '{administrator}');
    IF acting IS NULL THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
    NEW.closed_by_name := coalesce((SELECT m.name FROM membership m WHERE m.id = acting), '');
    IF NEW.outcome = 'declined' AND char_length(btrim(NEW.answer)) < 3 THEN RAISE 'answer' USING ERRCODE = 'P0412'; END IF;
  END IF;
  RETURN NEW;
END
$$;
CREATE FUNCTION role_request_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.outcome IS NULL OR NEW.outcome = 'declined' THEN
    INSERT INTO notification (id, key, cause, role_request_id, seq, due_at)
      VALUES (gen_random_uuid(), 'role request:' || NEW.id || ':' || coalesce(NEW.outcome, 'made'), 'event', NEW.id,
              CASE WHEN NEW.outcome IS NULL THEN 0 ELSE 1 END, coalesce(NEW.closed_at, NEW.made_at));
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER role_request_moves BEFORE INSERT OR UPDATE ON role_request FOR EACH ROW EXECUTE FUNCTION role_request_moves();
CREATE TRIGGER role_request_told AFTER INSERT OR UPDATE ON role_request FOR EACH ROW EXECUTE FUNCTION role_request_told();

-- From which place somebody decides: as themselves, or in place of one who is away. `named` is who the order waits for,
-- `in_mandate` the agent's mandate it is about;
-- a desk of `apart_from`, who made the step before, comes last.
CREATE FUNCTION desk_of(org uuid, as_role role, named uuid, in_mandate uuid, apart_from uuid)
  RETURNS TABLE (acting uuid, absent uuid, absent_person uuid, absent_name text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT m.id, a.id, a.person_id, a.name
          FROM membership m
          JOIN membership_role r ON r.membership_id = m.id AND r.role = as_role
          LEFT JOIN membership a ON a.id = r.in_place_of
         WHERE m.org_id = org AND m.person_id = ctx_person() AND m.ended_at IS NULL
           AND (named IS NULL OR coalesce(r.in_place_of, m.id) = named)
           AND (in_mandate IS NULL OR EXISTS (SELECT FROM mandate_handler h
                 WHERE h.mandate_id = in_mandate AND h.membership_id = m.id AND h.in_place_of IS NOT DISTINCT FROM r.in_place_of))
         ORDER BY a.id IS NOT NULL, a.person_id = apart_from, a.id LIMIT 1 $$;

-- Somebody else than this one who attests, not counting those who only stand in for this one.
CREATE OR REPLACE FUNCTION has_other_attestant(org uuid, than uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (
    SELECT FROM membership_role r JOIN membership m ON m.id = r.membership_id
     WHERE r.org_id = org AND r.role = 'attestant' AND m.ended_at IS NULL AND m.id <> than AND r.in_place_of IS DISTINCT FROM than) $$;

-- As in 0006 but for the person: who decides may stand in for another, and what a leaver made can be taken back.
CREATE OR REPLACE FUNCTION order_event_applies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  o orders;
  today date := (NEW.at AT TIME ZONE 'Europe/Stockholm')::date;
  acting uuid;
  proof confirmation;
  submits boolean;
  attestant text := '';
  desk record;
  review order_event;
BEGIN
  SELECT * INTO o FROM orders WHERE id = NEW.order_id AND customer_id = NEW.customer_id FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_order' USING ERRCODE = 'P0404'; END IF;
  IF o.state <> NEW.from_state OR o.revision <> NEW.seq - 1 THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF o.route <> NEW.route THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF NOT EXISTS (SELECT FROM order_transition_rule r
                  WHERE r.route = NEW.route AND r.from_state = NEW.from_state AND r.to_state = NEW.to_state AND r.side = NEW.side) THEN
    RETURN NEW; -- the foreign key refuses it with its own name
  END IF;
  submits := NEW.from_state IN ('draft', 'returned') AND NEW.to_state <> 'withdrawn';

  -- The person, who may stand in for another.
  IF NEW.side = 'customer' THEN
    IF submits OR NEW.to_state = 'withdrawn' THEN
      acting := acting_membership(o.customer_id, '{orderer}');
      -- What somebody who has left had made is the other orderers'.
      IF NEW.to_state = 'withdrawn' AND NOT o.placed_by_staff AND o.created_by <> NEW.actor_id
         AND EXISTS (SELECT FROM membership m WHERE m.org_id = o.customer_id AND m.person_id = o.created_by AND m.ended_at IS NULL) THEN
        acting := NULL;
      END IF;
    ELSE
      SELECT * INTO desk FROM desk_of(o.customer_id, 'attestant', o.customer_attestant_id, NULL, o.submitted_by);
      acting := desk.acting;
    END IF;
  ELSIF NEW.side = 'agent' THEN
    IF NEW.from_state = 'awaiting_agent_attest' THEN
      SELECT * INTO review FROM order_event e WHERE e.order_id = o.id AND e.to_state = 'awaiting_agent_attest' ORDER BY e.seq DESC LIMIT 1;
      SELECT * INTO desk FROM desk_of(o.agent_id, 'attestant', o.agent_attestant_id, NULL, review.actor_id);
    ELSE
      SELECT * INTO desk FROM desk_of(o.agent_id, 'agent_handler', NULL, o.mandate_id, NULL);
    END IF;
    acting := desk.acting;
  ELSIF NEW.side = 'inera' THEN
    acting := acting_membership((SELECT id FROM organisation WHERE is_inera), '{support,service_manager}');
    IF NEW.from_state = 'draft' AND NOT o.placed_by_staff THEN acting := NULL; END IF;
  END IF;
  IF acting IS NULL AND NEW.side <> 'system' THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  NEW.actor_name := coalesce((SELECT m.name FROM membership m WHERE m.id = acting), '');
  IF NEW.side IN ('customer', 'agent') AND NOT submits AND NEW.to_state <> 'withdrawn' THEN
    NEW.in_place_of := coalesce(desk.absent_name, '');
    NEW.in_place_of_id := desk.absent_person;
  END IF;

  -- Four eyes, and the note that one person did both (portal.md 1.5 rule 1).
  IF NEW.side = 'customer' AND NEW.from_state = 'awaiting_customer_attest' AND NEW.to_state = 'attested' THEN
    -- Whoever stands in for the one who ordered is no other pair of eyes.
    NEW.self_attested := o.submitted_by IN (NEW.actor_id, NEW.in_place_of_id);
    NEW.self_attested := coalesce(NEW.self_attested, false);
    IF NEW.self_attested AND (SELECT c.four_eyes FROM organisation c WHERE c.id = o.customer_id) THEN
      RAISE 'four_eyes' USING ERRCODE = 'P0412';
    END IF;
  ELSIF NEW.side = 'agent' AND NEW.to_state = 'awaiting_customer_attest' THEN
    NEW.self_attested := coalesce(ARRAY[NEW.actor_id, NEW.in_place_of_id] && ARRAY[review.actor_id, review.in_place_of_id], false);
    IF NEW.self_attested AND (SELECT a.four_eyes FROM organisation a WHERE a.id = o.agent_id) THEN
      RAISE 'four_eyes' USING ERRCODE = 'P0412';
    END IF;
  END IF;

  -- The confirmation is this person's, for this order at this revision, fresh, and (by its unique key) not used before.
  IF NEW.confirmation_id IS NOT NULL THEN
    SELECT * INTO proof FROM confirmation c WHERE c.id = NEW.confirmation_id;
    IF NOT FOUND OR proof.person_id <> NEW.actor_id OR proof.subject <> 'order:' || o.id || ':' || o.revision
       OR proof.at < now() - interval '10 minutes' THEN
      RAISE 'confirmation' USING ERRCODE = 'P0412';
    END IF;
  END IF;

  -- The agreements, at every step that leads towards delivery (scenario 12).
  IF NEW.to_state IN ('awaiting_agent_review', 'awaiting_agent_attest', 'awaiting_customer_attest', 'attested', 'ready_to_connect', 'in_delivery') THEN
    IF NOT customer_agreement_covers(o.customer_id, o.service_code, today) THEN RAISE 'customer_agreement' USING ERRCODE = 'P0412'; END IF;
    IF o.wanted_on > today AND NOT customer_agreement_covers(o.customer_id, o.service_code, o.wanted_on) THEN
      RAISE 'customer_agreement_ends' USING ERRCODE = 'P0412';
    END IF;
    IF o.route = 'via_agent' AND NOT agent_agreement_in_force(o.agent_id, today) THEN RAISE 'agent_agreement' USING ERRCODE = 'P0412'; END IF;
  END IF;

  IF submits THEN
    IF NOT has_attestant(o.customer_id) THEN RAISE 'no_attestant' USING ERRCODE = 'P0412'; END IF;
    -- Somebody else than the one who orders must be able to attest, when that is asked for.
    IF (SELECT c.four_eyes FROM organisation c WHERE c.id = o.customer_id) AND NEW.side = 'customer'
       AND NOT has_other_attestant(o.customer_id, acting) THEN
      RAISE 'four_eyes' USING ERRCODE = 'P0412';
    END IF;
    IF o.invoice_address = '' OR o.invoice_reference = '' THEN RAISE 'invoice' USING ERRCODE = 'P0412'; END IF;
    IF NOT EXISTS (SELECT FROM offer f JOIN service s ON s.code = f.service_code
                    WHERE f.code = o.offer_code AND f.service_code = o.service_code AND f.orderable AND s.lifecycle <> 'closed_to_new'
                      AND (f.valid_from IS NULL OR f.valid_from <= today) AND (f.valid_to IS NULL OR f.valid_to >= today)
                      AND (f.channel = 'via_agent') = (o.route = 'via_agent')
                      AND (NOT f.sole_trader_only OR (SELECT c.sole_trader FROM organisation c WHERE c.id = o.customer_id))) THEN
      RAISE 'offer' USING ERRCODE = 'P0412';
    END IF;
    IF o.terms_id IS NULL OR NOT EXISTS (SELECT FROM terms t WHERE t.id = o.terms_id AND t.service_code = o.service_code) THEN
      RAISE 'terms' USING ERRCODE = 'P0412';
    END IF;
    IF o.customer_attestant_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM membership m JOIN membership_role r ON r.membership_id = m.id AND r.role = 'attestant' AND r.in_place_of IS NULL
         WHERE m.id = o.customer_attestant_id AND m.ended_at IS NULL) THEN
      RAISE 'attestant_gone' USING ERRCODE = 'P0412';
    END IF;
    IF o.route = 'via_agent' THEN
      IF NOT EXISTS (SELECT FROM mandate m JOIN offer f ON f.code = o.offer_code
                      WHERE m.id = o.mandate_id AND m.agent_id = o.agent_id AND m.status = 'active'
                        AND m.service_code = o.service_code AND m.role = f.role AND f.channel = 'via_agent') THEN
        RAISE 'mandate' USING ERRCODE = 'P0412';
      END IF;
      IF NOT has_handler(o.mandate_id) OR NOT has_attestant(o.agent_id) THEN RAISE 'agent_not_ready' USING ERRCODE = 'P0412'; END IF;
      IF NOT EXISTS (SELECT FROM organisation_fact f WHERE f.org_id = o.customer_id AND f.fact = 'care_provider'
                       AND f.valid_from <= today AND (f.valid_to IS NULL OR f.valid_to >= today)) THEN
        RAISE 'not_care_provider' USING ERRCODE = 'P0412';
      END IF;
    END IF;
  END IF;

  -- The agent's handler hands over to an attestant of the same agent.
  IF NEW.to_state = 'awaiting_agent_attest' THEN
    IF NEW.next_attestant_id IS NOT NULL THEN
      SELECT m.name INTO attestant FROM membership m JOIN membership_role r ON r.membership_id = m.id AND r.role = 'attestant' AND r.in_place_of IS NULL
       WHERE m.id = NEW.next_attestant_id AND m.org_id = o.agent_id AND m.ended_at IS NULL;
      IF NOT FOUND THEN RAISE 'attestant_gone' USING ERRCODE = 'P0412'; END IF;
    ELSIF NOT has_attestant(o.agent_id) THEN
      RAISE 'no_attestant' USING ERRCODE = 'P0412';
    END IF;
    IF (SELECT a.four_eyes FROM organisation a WHERE a.id = o.agent_id)
       AND (NEW.next_attestant_id = acting OR NOT has_other_attestant(o.agent_id, acting)) THEN
      RAISE 'four_eyes_agent' USING ERRCODE = 'P0412';
    END IF;
  ELSIF NEW.next_attestant_id IS NOT NULL THEN
    RAISE 'attestant_gone' USING ERRCODE = 'P0412';
  END IF;

  UPDATE orders SET
    state = NEW.to_state,
    revision = NEW.seq,
    state_since = NEW.at,
    due_on = NEW.due_on,
    submitted_at = CASE WHEN submits THEN coalesce(submitted_at, NEW.at) ELSE submitted_at END,
    submitted_by = CASE WHEN submits THEN NEW.actor_id ELSE submitted_by END,
    closed_at = CASE WHEN NEW.to_state IN ('activated', 'rejected_by_agent', 'rejected_by_agent_attestant', 'rejected_by_customer', 'rejected_by_inera', 'withdrawn', 'lapsed') THEN NEW.at END,
    content_sha256 = CASE WHEN submits THEN NEW.content_sha256 ELSE content_sha256 END,
    price_once_ore = CASE WHEN submits THEN NEW.price_once_ore ELSE price_once_ore END,
    price_yearly_ore = CASE WHEN submits THEN NEW.price_yearly_ore ELSE price_yearly_ore END,
    handler_name = CASE WHEN NEW.side = 'agent' AND NEW.from_state = 'awaiting_agent_review' THEN NEW.actor_name ELSE handler_name END,
    agent_attestant_id = CASE WHEN NEW.to_state = 'awaiting_agent_attest' THEN NEW.next_attestant_id WHEN submits THEN NULL ELSE agent_attestant_id END,
    agent_attestant_name = CASE WHEN NEW.to_state = 'awaiting_agent_attest' THEN attestant WHEN submits THEN '' ELSE agent_attestant_name END,
    agent_invoice_reference = CASE WHEN NEW.to_state = 'awaiting_agent_attest' THEN NEW.agent_invoice_reference ELSE agent_invoice_reference END
  WHERE id = o.id;

  IF NEW.to_state = 'activated' THEN
    INSERT INTO subscription (id, customer_id, service_code, offer_code, agent_id, agent_name, order_id, channel, valid_from)
      SELECT gen_random_uuid(), o.customer_id, o.service_code, o.offer_code, o.agent_id, o.agent_name, o.id, f.channel, today
        FROM offer f WHERE f.code = o.offer_code;
    IF o.route = 'via_agent' THEN
      UPDATE agent_relation r SET valid_to = today FROM offer f
       WHERE f.code = o.offer_code AND r.customer_id = o.customer_id AND r.service_code = o.service_code AND r.role = f.role
         AND r.agent_id <> o.agent_id AND r.valid_to IS NULL;
      INSERT INTO agent_relation (id, customer_id, agent_id, service_code, role, valid_from)
        SELECT gen_random_uuid(), o.customer_id, o.agent_id, o.service_code, f.role, today FROM offer f
        -- An add-on order finds the relation already there; one with another agent is ended the day the new one begins.
        WHERE f.code = o.offer_code
          AND NOT EXISTS (SELECT FROM agent_relation r WHERE r.customer_id = o.customer_id AND r.agent_id = o.agent_id
                            AND r.service_code = o.service_code AND r.role = f.role AND r.valid_to IS NULL);
    END IF;
  END IF;

  -- A matter for Kundservice is over when the order moves at last.
  UPDATE staff_task SET done_at = NEW.at WHERE order_id = o.id AND done_at IS NULL;

  -- Whoever must know is told by the worker, from this row, in the same transaction as its cause.
  INSERT INTO notification (id, key, cause, order_id, seq, due_at) VALUES
    (gen_random_uuid(), 'event:' || o.id || ':' || NEW.seq, 'event', o.id, NEW.seq, NEW.at);
  RETURN NEW;
END
$$;

-- As session_context() of 0013, which stays for programs of the release before, and whom the person stands in for. Every
-- request comes here: what the views (above) would say is written out, and who stands in for nobody does not pay for it.
CREATE FUNCTION session_entry(token bytea, wanted_side side, wanted_no bigint)
  RETURNS TABLE (session_id uuid, stale boolean, person_id uuid, person_name text, org_id uuid, org_name text, org_no bigint,
                 membership_id uuid, roles text[], mandates uuid[], unread bigint, orgs jsonb, email text, stands_in_for uuid[])
  LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 AS $$
DECLARE
  today date := (now() AT TIME ZONE 'Europe/Stockholm')::date;
BEGIN
  SELECT s.id, s.seen_at < now() - interval '60 seconds', p.id, coalesce(m.name, p.name), m.org_id, o.name,
         CASE wanted_side WHEN 'agent' THEN o.agent_no ELSE o.customer_no END,
         m.id,
         ARRAY (SELECT g.role::text FROM public.role_grant g
                 WHERE g.membership_id = m.id AND (g.valid_to IS NULL OR g.valid_to >= today)),
         '{}',
         CASE WHEN m.id IS NULL THEN 0
              ELSE (SELECT count(*) FROM (SELECT FROM public.notice n
                     WHERE n.org_id = m.org_id AND n.person_id = p.id AND n.read_at IS NULL LIMIT 100) x) END,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('name', g.name, 'customer_no', g.customer_no, 'agent_no', g.agent_no, 'inera', g.is_inera)
                   ORDER BY g.name COLLATE pg_catalog."sv-x-icu"), '[]')
            FROM public.membership gm JOIN public.organisation g ON g.id = gm.org_id WHERE gm.person_id = p.id AND gm.ended_at IS NULL),
         coalesce(m.email, p.email, ''),
         ARRAY (SELECT x.absent_id FROM public.substitution x
                 WHERE x.substitute_id = m.id AND x.ended_at IS NULL AND x.valid_from <= today AND x.valid_to >= today)
    INTO session_id, stale, person_id, person_name, org_id, org_name, org_no, membership_id, roles, mandates, unread, orgs, email,
         stands_in_for
    FROM public.session s
    JOIN public.person p ON p.id = s.person_id AND p.disabled_at IS NULL
    LEFT JOIN (public.membership m
               JOIN public.organisation o ON o.id = m.org_id
                AND CASE wanted_side WHEN 'customer' THEN o.customer_no = wanted_no
                                     WHEN 'agent' THEN o.agent_no = wanted_no
                                     WHEN 'inera' THEN o.is_inera END)
      ON m.person_id = p.id AND m.ended_at IS NULL
   -- As session_is_live() of 0009, written out: a call for each session costs more than the look-up.
   WHERE s.token_hash = token AND s.ended_at IS NULL
     AND s.seen_at > now() - interval '30 minutes' AND s.created_at > now() - interval '12 hours';
  IF NOT FOUND THEN RETURN; END IF;
  IF stands_in_for <> '{}' THEN
    roles := ARRAY (SELECT DISTINCT r.role::text FROM public.membership_role r WHERE r.membership_id = session_entry.membership_id);
  END IF;
  IF wanted_side = 'agent' AND 'agent_handler' = ANY (roles) THEN
    mandates := ARRAY (SELECT h.mandate_id FROM public.mandate_handler h WHERE h.membership_id = session_entry.membership_id);
  END IF;
  RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION session_entry(bytea, side, bigint) TO portal_app;
