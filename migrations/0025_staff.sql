-- Inera's own people: a systemadministratör invites them, gives and takes their roles, removes and restores (portal.md 1.3).
-- Accounts and settings on one hand, decisions on the other: nobody has both.

-- The role whose holders give roles in an organisation.
CREATE FUNCTION gives_roles(org uuid) RETURNS role
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT CASE WHEN o.is_inera THEN 'sysadmin'::role ELSE 'administrator' END FROM organisation o WHERE o.id = org $$;
GRANT EXECUTE ON FUNCTION gives_roles(uuid) TO portal_worker;

-- Would somebody with these roles both run the accounts and approve something?
CREATE FUNCTION runs_and_approves(roles role[]) RETURNS boolean LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
  AS $$ SELECT 'sysadmin' = ANY (roles) AND roles && '{support,agreements_officer,agent_officer,service_manager,finance}'::role[] $$;

-- Whichever way a role comes, by hand too.
CREATE FUNCTION role_grant_is_apart() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF runs_and_approves(ARRAY (SELECT g.role FROM role_grant g
       WHERE g.membership_id = NEW.membership_id AND (g.valid_to IS NULL OR g.valid_to >= today_here()))) THEN
    RAISE 'sysadmin_alone' USING ERRCODE = 'P0412';
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER role_grant_is_apart AFTER INSERT OR UPDATE ON role_grant FOR EACH ROW
  WHEN (NEW.role IN ('support', 'agreements_officer', 'agent_officer', 'service_manager', 'finance', 'sysadmin'))
  EXECUTE FUNCTION role_grant_is_apart();

-- As 0018; Inera has a systemadministratör where others have an administrator.
CREATE OR REPLACE FUNCTION role_fits(org uuid, wanted role) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT CASE
          WHEN wanted IN ('support', 'agreements_officer', 'agent_officer', 'service_manager', 'finance', 'sysadmin', 'auditor') THEN o.is_inera
          WHEN wanted IN ('mandate_orderer', 'agent_handler') THEN o.agent_no IS NOT NULL
          WHEN wanted = 'orderer' THEN o.customer_no IS NOT NULL
          ELSE NOT o.is_inera END
          FROM organisation o WHERE o.id = org $$;

-- As 0018, and for Inera's own people.
CREATE OR REPLACE FUNCTION member_event_applies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  m membership;
  proof confirmation;
  acting uuid;
  was role[];
  lasting boolean;
  of_inera boolean;
  today date := (NEW.at AT TIME ZONE 'Europe/Stockholm')::date;
BEGIN
  -- One change at a time in an organisation: two administrators can't remove each other.
  SELECT o.is_inera INTO of_inera FROM organisation o WHERE o.id = NEW.org_id FOR NO KEY UPDATE;
  SELECT * INTO m FROM membership x WHERE x.id = NEW.membership_id AND x.org_id = NEW.org_id FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_member' USING ERRCODE = 'P0404'; END IF;
  IF m.revision <> NEW.seq - 1 OR (m.ended_at IS NULL) = (NEW.kind = 'restored') THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;

  -- Who may: an administrator; one's own absence oneself; Kundservice restores, and appoints an administrator; at Inera a
  -- systemadministratör, but never for themselves: nobody there gives themselves rights.
  IF NEW.kind = 'joined' THEN
    -- Only invitation_accept() (0019) comes here: nobody has the right to insert one.
    IF current_setting('portal.joining', true) IS DISTINCT FROM NEW.membership_id::text THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
    NEW.actor_name := m.name;
  ELSIF NEW.side IN ('customer', 'agent') THEN
    acting := acting_membership(NEW.org_id, '{administrator}');
    IF acting IS NULL AND NEW.kind IN ('substitute', 'substitute_ended') AND m.person_id = ctx_person() THEN acting := m.id; END IF;
    IF NEW.kind = 'restored' THEN acting := NULL; END IF;
  ELSIF NEW.side = 'inera' THEN
    IF of_inera THEN
      acting := acting_membership(NEW.org_id, '{sysadmin}');
      IF acting = m.id THEN RAISE 'own_roles' USING ERRCODE = 'P0412'; END IF;
    ELSE
      acting := acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{support}');
      IF NEW.kind NOT IN ('roles', 'restored') THEN acting := NULL; END IF;
    END IF;
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
    -- Who runs accounts and settings approves nothing (portal.md 1.3).
    IF NEW.side <> 'system' AND runs_and_approves(NEW.roles) THEN RAISE 'sysadmin_alone' USING ERRCODE = 'P0412'; END IF;
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
    IF (NEW.side = 'inera' AND NOT of_inera AND NEW.kind = 'roles' AND (NEW.given <> '{administrator}' OR NEW.taken <> '{}' OR NEW.permitted <> '{}'
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
      IF 'administrator' = ANY (was) AND NOT of_inera AND NOT has_lasting(NEW.org_id, 'administrator') THEN RAISE 'last_administrator' USING ERRCODE = 'P0412'; END IF;
      IF 'sysadmin' = ANY (was) AND NOT has_lasting(NEW.org_id, 'sysadmin') THEN RAISE 'last_sysadmin' USING ERRCODE = 'P0412'; END IF;
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

DROP POLICY staff_changes ON member_event;
CREATE POLICY staff_changes ON member_event FOR INSERT TO portal_staff
  WITH CHECK (side = 'inera' AND actor_id = (SELECT ctx_person())
              AND (kind IN ('roles', 'restored') OR (kind = 'removed' AND org_id = (SELECT ctx_org()))));

-- Invitations to Inera.
ALTER TABLE invitation DROP CONSTRAINT invitation_side_is_partys,
  ADD CONSTRAINT invitation_side_is_somebodys CHECK (side IN ('customer', 'agent', 'inera'));
CREATE POLICY staff_invites ON invitation FOR INSERT TO portal_staff
  WITH CHECK (side = 'inera' AND org_id = (SELECT ctx_org()) AND invited_by = (SELECT ctx_person()));
CREATE POLICY staff_moves ON invitation FOR UPDATE TO portal_staff
  USING (org_id = (SELECT ctx_org())) WITH CHECK (org_id = (SELECT ctx_org()));
GRANT INSERT (id, org_id, name, email, title, roles, mandates, link_sha256, sent_at, expires_at, invited_by, side, confirmation_id)
  ON invitation TO portal_staff;
GRANT UPDATE (round, link_sha256, sent_at, expires_at, invited_by, revoked_at) ON invitation TO portal_staff;

-- As 0019, by whoever gives roles there.
CREATE OR REPLACE FUNCTION invitation_moves() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  proof confirmation;
BEGIN
  IF TG_OP = 'UPDATE' AND (OLD.accepted_at IS NOT NULL OR OLD.revoked_at IS NOT NULL) THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF NEW.accepted_at IS NOT NULL THEN
    RETURN NEW; -- invitation_join() alone may set it
  END IF;
  IF acting_membership(NEW.org_id, ARRAY[gives_roles(NEW.org_id)]) IS NULL THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
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
  NEW.invited_by_name := coalesce((SELECT p.name FROM person p WHERE p.id = NEW.invited_by), '');
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
                    WHEN NOT EXISTS (SELECT FROM membership m JOIN role_grant g ON g.membership_id = m.id
                          WHERE m.person_id = i.invited_by AND m.ended_at IS NULL AND (g.valid_to IS NULL OR g.valid_to >= today_here())
                            AND m.org_id = i.org_id AND g.role = gives_roles(i.org_id))
                      THEN 'inviter_left' END,
               EXISTS (SELECT FROM person p WHERE p.email = i.email AND p.password_hash IS NOT NULL)
          FROM invitation i JOIN organisation o ON o.id = i.org_id
         WHERE i.link_sha256 = link $$;

-- As 0019, but nobody at Inera gets more by an invitation.
CREATE OR REPLACE FUNCTION invitation_join(link bytea, who uuid, new_membership uuid, at timestamptz)
  RETURNS TABLE (outcome text, person_id uuid, org_id uuid, membership_id uuid)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  i invitation;
  m membership;
  why text;
BEGIN
  SELECT * INTO i FROM invitation x WHERE x.link_sha256 = link FOR UPDATE;
  IF NOT FOUND THEN RETURN QUERY SELECT 'gone', NULL::uuid, NULL::uuid, NULL::uuid; RETURN; END IF;
  -- Held first: whoever invited may be on the way out.
  PERFORM FROM organisation o WHERE o.id = i.org_id FOR NO KEY UPDATE;
  SELECT b.closed INTO why FROM invitation_by_link(link, at) b;
  IF why IS NOT NULL THEN RETURN QUERY SELECT why, who, i.org_id, NULL::uuid; RETURN; END IF;
  SELECT * INTO m FROM membership x WHERE x.org_id = i.org_id AND x.person_id = who FOR UPDATE;
  IF FOUND AND m.ended_at IS NOT NULL THEN RETURN QUERY SELECT 'removed', who, i.org_id, m.id; RETURN; END IF;
  -- Whoever is at Inera already has roles from a systemadministratör, never by an invitation to another address.
  IF m.id IS NOT NULL AND EXISTS (SELECT FROM organisation o WHERE o.id = i.org_id AND o.is_inera) THEN
    RETURN QUERY SELECT 'known', who, i.org_id, m.id; RETURN;
  END IF;
  IF m.id IS NULL AND EXISTS (SELECT FROM membership x WHERE x.org_id = i.org_id AND x.ended_at IS NOT NULL AND lower(x.email) = i.email) THEN
    RETURN QUERY SELECT 'removed', who, i.org_id, NULL::uuid; RETURN;
  END IF;
  IF m.id IS NULL THEN
    -- By the name the organisation gave: what it calls its people is not theirs to choose.
    INSERT INTO membership (id, org_id, person_id, name, email, title) VALUES (new_membership, i.org_id, who, i.name, i.email, i.title)
      RETURNING * INTO m;
  END IF;
  PERFORM set_config('portal.person', who::text, true), set_config('portal.joining', m.id::text, true);
  -- What they had already stays; a mandate that has ended since is left out.
  INSERT INTO member_event (membership_id, seq, org_id, kind, side, actor_id, at, roles, until, mandates)
    SELECT m.id, m.revision + 1, i.org_id, 'joined', i.side, who, at,
           coalesce(array_agg(h.role ORDER BY h.role), '{}'), coalesce(array_agg(h.valid_to ORDER BY h.role), '{}'),
           ARRAY (SELECT w FROM unnest(i.mandates) w JOIN mandate a ON a.id = w AND a.status <> 'ended'
                  UNION SELECT p.mandate_id FROM mandate_permission p WHERE p.membership_id = m.id)
      FROM (SELECT g.role, g.valid_to FROM role_grant g WHERE g.membership_id = m.id AND (g.valid_to IS NULL OR g.valid_to >= today_here())
            UNION ALL
            SELECT r, NULL FROM unnest(i.roles) r
             WHERE NOT EXISTS (SELECT FROM role_grant g WHERE g.membership_id = m.id AND g.role = r
                                 AND (g.valid_to IS NULL OR g.valid_to >= today_here()))) h;
  UPDATE invitation SET accepted_at = at, membership_id = m.id WHERE id = i.id;
  RETURN QUERY SELECT 'joined', who, i.org_id, m.id;
END
$$;

-- As 0021; a systemadministratör clears for Inera's own people.
CREATE OR REPLACE FUNCTION second_factors_clear(member uuid, proof_id uuid, moment timestamptz) RETURNS bigint
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  m membership;
  proof confirmation;
  cleared bigint;
  works_at_inera boolean;
BEGIN
  SELECT * INTO m FROM membership x WHERE x.id = member AND x.ended_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_member' USING ERRCODE = 'P0404'; END IF;
  -- Colleagues at Inera are not Kundservice's customers, in whichever organisation they are met: a systemadministratör helps
  -- them, in Inera's own list.
  SELECT EXISTS (SELECT FROM membership x JOIN organisation o ON o.id = x.org_id AND o.is_inera
                  WHERE x.person_id = m.person_id AND x.ended_at IS NULL) INTO works_at_inera;
  IF m.person_id = ctx_person() OR works_at_inera <> (SELECT o.is_inera FROM organisation o WHERE o.id = m.org_id)
     OR acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera),
                          CASE WHEN works_at_inera THEN '{sysadmin}'::role[] ELSE '{support}' END) IS NULL THEN
    RAISE 'not_this_person' USING ERRCODE = 'P0403';
  END IF;
  SELECT * INTO proof FROM confirmation c WHERE c.id = proof_id;
  IF NOT FOUND OR proof.person_id <> ctx_person() OR proof.subject <> 'member:' || m.id || ':' || m.revision
     OR proof.at < now() - interval '10 minutes' OR EXISTS (SELECT FROM member_event e WHERE e.confirmation_id = proof_id) THEN
    RAISE 'confirmation' USING ERRCODE = 'P0412';
  END IF;
  PERFORM FROM person p WHERE p.id = m.person_id FOR UPDATE;
  WITH ended AS (UPDATE second_factor f SET ended_at = moment WHERE f.person_id = m.person_id AND f.ended_at IS NULL RETURNING 1)
    SELECT count(*) INTO cleared FROM ended;
  DELETE FROM recovery_code c WHERE c.person_id = m.person_id;
  -- Whoever has the lost telephone may be signed in with it.
  UPDATE session SET ended_at = now() WHERE person_id = m.person_id AND ended_at IS NULL;
  INSERT INTO account_event (id, person_id, kind, at, actor_id, confirmation_id)
    VALUES (gen_random_uuid(), m.person_id, 'step_cleared', moment, ctx_person(), proof_id);
  RETURN cleared;
END
$$;
