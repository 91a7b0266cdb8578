-- Leaving an organisation oneself, and closing an account: the ways in and the contact data are erased, what was decided and
-- signed stays as it was written (portal.md appendix B rule 7, security-statements.md: erasure without breaking the audit).

-- Who makes an event of somebody's place: an administrator; one's own absence and leaving oneself; Kundservice restores, and
-- appoints an administrator; at Inera a systemadministratör, but never for themselves. Null = nobody who may. Taken out of
-- member_event_applies(), so that the next change of it is small.
CREATE FUNCTION member_event_by(e member_event, m membership, of_inera boolean) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  acting uuid;
BEGIN
  IF e.kind = 'joined' THEN
    -- Only invitation_join() (0019) comes here: nobody has the right to insert one.
    RETURN CASE WHEN current_setting('portal.joining', true) = m.id::text THEN m.id END;
  ELSIF e.side IN ('customer', 'agent') THEN
    IF e.kind = 'restored' THEN RETURN NULL; END IF;
    acting := acting_membership(e.org_id, '{administrator}');
    IF acting IS NULL AND e.kind IN ('substitute', 'substitute_ended', 'removed') AND m.person_id = ctx_person() THEN acting := m.id; END IF;
  ELSIF e.side = 'inera' AND of_inera THEN
    acting := acting_membership(e.org_id, '{sysadmin}');
    IF acting = m.id THEN RAISE 'own_roles' USING ERRCODE = 'P0412'; END IF;
  ELSIF e.side = 'inera' AND e.kind IN ('roles', 'restored') THEN
    acting := acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{support}');
  END IF;
  RETURN acting;
END
$$;
-- As 0025 but for that.
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

  acting := member_event_by(NEW, m, of_inera);
  IF NEW.side <> 'system' AND acting IS NULL THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  IF acting IS NOT NULL THEN SELECT x.name INTO NEW.actor_name FROM membership x WHERE x.id = acting; END IF;

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
      UPDATE member_email_claim c SET used_at = NEW.at WHERE c.membership_id = m.id AND c.used_at IS NULL;
      UPDATE substitution s SET ended_at = NEW.at WHERE s.ended_at IS NULL AND m.id IN (s.absent_id, s.substitute_id);
      UPDATE role_request q SET closed_at = NEW.at, outcome = 'withdrawn' WHERE q.membership_id = m.id AND q.closed_at IS NULL;
    END IF;

    -- portal.md 1.5 rules 8 and 9, and the contact that an agreement asks for at every moment (2.6). A day on which the
    -- last one stops is the same as stopping. The clock has no choice: it takes what has run out.
    -- In an organisation that is no more the last one puts out the light.
    IF NEW.side <> 'system' AND NOT EXISTS (SELECT FROM organisation o WHERE o.id = NEW.org_id AND o.ceased_on < today) THEN
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

-- When the person behind it is anonymous.
ALTER TABLE person ADD COLUMN anonymised_at timestamptz;
-- Nobody anonymous has a place, also when the account is closed at the same moment: who comes first makes the other wait.
CREATE FUNCTION membership_is_somebodys() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM FROM person p WHERE p.id = NEW.person_id AND p.anonymised_at IS NULL FOR SHARE;
  IF NOT FOUND THEN RAISE 'account_closed' USING ERRCODE = 'P0412'; END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER membership_is_somebodys_new BEFORE INSERT ON membership FOR EACH ROW EXECUTE FUNCTION membership_is_somebodys();
CREATE TRIGGER membership_is_somebodys BEFORE UPDATE OF ended_at ON membership FOR EACH ROW
  WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL) EXECUTE FUNCTION membership_is_somebodys();
-- An invitation that nobody answered loses name and address.
ALTER TABLE invitation ADD COLUMN erased_at timestamptz;
GRANT SELECT (erased_at) ON invitation TO portal_customer, portal_agent, portal_staff, portal_worker;
CREATE INDEX invitation_to_erase_idx ON invitation (expires_at) WHERE accepted_at IS NULL AND erased_at IS NULL;
CREATE INDEX account_event_to_empty_idx ON account_event (at) WHERE email <> '';
-- An accepted invitation gives up name and address; what it was does not change.
DROP TRIGGER invitation_moves ON invitation;
CREATE TRIGGER invitation_moves BEFORE INSERT OR UPDATE OF round, link_sha256, sent_at, expires_at, invited_by, accepted_at, membership_id, revoked_at
  ON invitation FOR EACH ROW WHEN (NEW.erased_at IS NULL) EXECUTE FUNCTION invitation_moves();
-- A password that goes with its account is no news of its own.
DROP TRIGGER person_password_told ON person;
CREATE TRIGGER person_password_told AFTER UPDATE OF password_hash ON person FOR EACH ROW
  WHEN (NEW.password_hash IS NOT NULL AND OLD.password_hash IS DISTINCT FROM NEW.password_hash) EXECUTE FUNCTION person_password_told();
ALTER TABLE account_event DROP CONSTRAINT account_event_kind_known, DROP CONSTRAINT account_event_email,
  ADD CONSTRAINT account_event_kind_known CHECK (kind IN
    ('reset', 'password', 'eid_connected', 'eid_removed', 'step_added', 'step_removed', 'step_cleared', 'codes_made', 'code_used', 'step_tries',
     'email_asked', 'email_changed', 'email_undone', 'closed')),
  ADD CONSTRAINT account_event_email CHECK ((kind IN ('email_asked', 'email_changed', 'email_undone', 'closed')) = (email IS NOT NULL));

-- Erases what is known of a person but what stands under decisions: events, messages, orders and the audit keep the name they
-- were written with, as the evidence they are.
CREATE FUNCTION person_anonymise(who uuid, moment timestamptz) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  DELETE FROM session s WHERE s.person_id = who;
  DELETE FROM recovery_code c WHERE c.person_id = who;
  DELETE FROM second_factor f WHERE f.person_id = who;
  DELETE FROM person_eid e WHERE e.person_id = who;
  DELETE FROM kept_form k WHERE k.person_id = who;
  DELETE FROM notice n WHERE n.person_id = who;
  DELETE FROM member_email_claim c USING membership m WHERE m.id = c.membership_id AND m.person_id = who;
  -- Which data was changed stays, not what it was; but a name is evidence of who decided under it.
  UPDATE member_event e SET wanted = (SELECT jsonb_object_agg(k, CASE WHEN k = 'name' THEN e.wanted ->> k ELSE '' END) FROM jsonb_object_keys(e.wanted) k),
                            was = CASE WHEN e.was ? 'name' THEN jsonb_build_object('name', e.was ->> 'name') ELSE '{}' END FROM membership m
   WHERE m.id = e.membership_id AND m.person_id = who AND e.wanted <> '{}';
  UPDATE mail x SET last_error = '' FROM membership m WHERE m.id = x.membership_id AND m.person_id = who AND x.last_error <> '';
  UPDATE invitation i SET name = 'Avslutat konto', email = '', title = '' FROM membership m
   WHERE m.id = i.membership_id AND m.person_id = who;
  UPDATE account_event e SET used_at = moment WHERE e.person_id = who AND e.link_sha256 IS NOT NULL AND e.used_at IS NULL;
  UPDATE membership m SET name = 'Avslutat konto', email = '', title = '', phone = '' WHERE m.person_id = who;
  UPDATE person p SET name = 'Avslutat konto', email = NULL, phone = '', password_hash = NULL,
    disabled_at = coalesce(p.disabled_at, moment), anonymised_at = moment WHERE p.id = who;
END
$$;
REVOKE ALL ON FUNCTION person_anonymise(uuid, timestamptz) FROM PUBLIC;

-- Closes the account of a live session: 'closed', 'member' (a place is left first, where what waits is handed over),
-- 'recent' (the sign-in address was changed less than a week ago: whoever had the old one may take it back), 'sign_in' (without a password it takes a session that has just begun), or null when the session is over. Whose, too.
CREATE FUNCTION account_close(token bytea, moment timestamptz) RETURNS TABLE (outcome text, person_id uuid)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  who uuid := session_person(token);
  address text;
BEGIN
  IF who IS NULL THEN RETURN; END IF;
  IF EXISTS (SELECT FROM membership m WHERE m.person_id = who AND m.ended_at IS NULL) THEN
    RETURN QUERY SELECT 'member', who; RETURN;
  END IF;
  IF EXISTS (SELECT FROM account_event e WHERE e.person_id = who AND e.kind = 'email_changed' AND e.expires_at > moment AND e.used_at IS NULL) THEN
    RETURN QUERY SELECT 'recent', who; RETURN;
  END IF;
  IF NOT EXISTS (SELECT FROM person p WHERE p.id = who AND p.password_hash IS NOT NULL)
     AND NOT EXISTS (SELECT FROM session s WHERE s.token_hash = token AND s.created_at > now() - interval '10 minutes') THEN
    RETURN QUERY SELECT 'sign_in', who; RETURN;
  END IF;
  SELECT coalesce(p.email, (SELECT lower(m.email) FROM membership m WHERE m.person_id = who ORDER BY m.ended_at DESC LIMIT 1), '') INTO address
    FROM person p WHERE p.id = who;
  PERFORM person_anonymise(who, moment);
  -- The address waits for the mail that says so, and a week at most: purge().
  INSERT INTO account_event (id, person_id, kind, at, email) VALUES (gen_random_uuid(), who, 'closed', moment, address);
  RETURN QUERY SELECT 'closed', who;
END
$$;
-- Has the person had no place anywhere for two years, and not signed in for as long as that is kept?
CREATE FUNCTION is_forgettable(p person, moment timestamptz) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.anonymised_at IS NULL AND p.created_at < moment - interval '2 years'
           AND NOT EXISTS (SELECT FROM membership m WHERE m.person_id = p.id AND (m.ended_at IS NULL OR m.ended_at > moment - interval '2 years'))
           AND NOT EXISTS (SELECT FROM session s WHERE s.person_id = p.id) $$;
-- Such people, the oldest first.
CREATE FUNCTION people_to_forget(moment timestamptz) RETURNS SETOF uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.id FROM person p
         WHERE p.anonymised_at IS NULL AND p.created_at < moment - interval '2 years' AND is_forgettable(p, moment)
         ORDER BY p.created_at LIMIT 100 $$;
-- Anonymises one of them; false when the person has a place again, or has signed in.
CREATE FUNCTION person_forget(who uuid, moment timestamptz) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  p person;
BEGIN
  SELECT * INTO p FROM person x WHERE x.id = who FOR UPDATE;
  IF NOT FOUND OR NOT is_forgettable(p, moment) THEN RETURN false; END IF;
  PERFORM person_anonymise(who, moment);
  RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION account_close(bytea, timestamptz) TO portal_app;
GRANT EXECUTE ON FUNCTION people_to_forget(timestamptz), person_forget(uuid, timestamptz) TO portal_worker;
CREATE INDEX person_to_forget_idx ON person (created_at) WHERE anonymised_at IS NULL;

CREATE OR REPLACE FUNCTION purge() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH gone AS (DELETE FROM session WHERE created_at < now() - interval '90 days' RETURNING 1),
             old AS (DELETE FROM throttle WHERE started_at < now() - interval '1 day' RETURNING 1),
             answered AS (DELETE FROM eid_answer WHERE at < now() - interval '1 day' RETURNING 1),
             kept AS (DELETE FROM kept_form WHERE at < now() - interval '1 day' RETURNING 1),
             -- Asked for with an address that nobody has: no mail was ever made of it.
             nobodys AS (DELETE FROM account_event WHERE person_id IS NULL AND at < now() - interval '1 day' RETURNING 1),
             -- The mails have been sent, or never will be.
             told AS (UPDATE account_event SET email = '', email_before = '' WHERE email <> '' AND at < now() - interval '7 days' RETURNING 1),
             claimed AS (DELETE FROM member_email_claim WHERE expires_at < now() - interval '7 days' RETURNING 1),
             -- Nobody answered, and nobody can any more: who it was is not needed.
             unanswered AS (UPDATE invitation SET name = 'Utan svar', email = id || '@borttagen.invalid', title = '', erased_at = now(),
                                                  revoked_at = coalesce(revoked_at, now())
                             WHERE accepted_at IS NULL AND erased_at IS NULL AND expires_at < now() - interval '90 days' RETURNING 1)
        SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM old) + (SELECT count(*) FROM answered)
             + (SELECT count(*) FROM kept) + (SELECT count(*) FROM nobodys) + (SELECT count(*) FROM told) + (SELECT count(*) FROM claimed)
             + (SELECT count(*) FROM unanswered) $$;

-- Where the person of a live session has a place.
CREATE FUNCTION own_places(token bytea) RETURNS TABLE (membership_id uuid, org_name text, customer_no bigint, agent_no bigint, is_inera boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT m.id, o.name, o.customer_no, o.agent_no, o.is_inera
          FROM session s JOIN membership m ON m.person_id = s.person_id AND m.ended_at IS NULL JOIN organisation o ON o.id = m.org_id
         WHERE s.token_hash = token AND session_is_live(s) ORDER BY o.name COLLATE "sv-x-icu", m.id $$;
GRANT EXECUTE ON FUNCTION own_places(bytea) TO portal_app;

-- As 0026, and what has been changed of one's contact data, with what it was.
CREATE OR REPLACE FUNCTION own_extract_more(token bytea) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH who AS MATERIALIZED (SELECT s.person_id AS id FROM session s WHERE s.token_hash = token AND session_is_live(s))
    SELECT jsonb_build_object(
      'ineras_insyn', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (
         SELECT jsonb_build_object('när', i.started_at, 'organisation', o.name, 'av', i.staff_name, 'som', i.seen_as, 'anledning', i.reason) AS x
           FROM insight i JOIN organisation o ON o.id = i.org_id JOIN membership m ON m.id = i.membership_id
          WHERE (SELECT w.id FROM who w) IN (m.person_id, i.staff_id) ORDER BY i.started_at DESC LIMIT 1000) q),
      'ändringar_av_kontaktuppgifter', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (
         SELECT jsonb_build_object('när', e.at, 'organisation', o.name, 'av', e.actor_name, 'vad', e.kind,
                  'namn', e.wanted ->> 'name', 'titel', e.wanted ->> 'title', 'telefon', e.wanted ->> 'phone', 'e-post', e.wanted ->> 'email',
                  'tidigare_namn', e.was ->> 'name', 'tidigare_titel', e.was ->> 'title', 'tidigare_telefon', e.was ->> 'phone', 'tidigare_e-post', e.was ->> 'email') AS x
           FROM membership m JOIN member_event e ON e.membership_id = m.id JOIN organisation o ON o.id = m.org_id
          WHERE m.person_id = (SELECT w.id FROM who w) AND e.wanted <> '{}' ORDER BY e.at DESC LIMIT 1000) q),
      'ändringar_av_organisationens_uppgifter', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (
         SELECT jsonb_build_object('när', e.at, 'organisation', o.name, 'vad', e.kind) AS x
           FROM org_event e JOIN organisation o ON o.id = e.org_id
          WHERE e.actor_id = (SELECT w.id FROM who w) ORDER BY e.at DESC LIMIT 1000) q))
    FROM who $$;
