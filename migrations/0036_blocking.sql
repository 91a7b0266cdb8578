-- Blocking an account (portal.md 2.1 rows 6 and 8): Kundservice, or the clock when nobody has signed in for a year. Only
-- Kundservice opens it again; for Inera's own people it is a systemadministratör. A blocked person can't sign in, counts as
-- nobody where a rule asks who may act, and what waited for their attest goes to the other attestants.
ALTER TABLE person ADD COLUMN blocked_at timestamptz,
  -- The last sign-in; for those before this, the day it began to be noted.
  ADD COLUMN used_at timestamptz NOT NULL DEFAULT now(),
  ADD CONSTRAINT person_blocked_is_disabled CHECK (blocked_at IS NULL OR disabled_at IS NOT NULL);
ALTER TABLE membership ADD COLUMN blocked_at timestamptz;
GRANT SELECT (anonymised_at, blocked_at) ON person TO portal_worker;
ALTER TABLE account_event DROP CONSTRAINT account_event_kind_known, DROP CONSTRAINT account_event_cleared,
  ADD COLUMN reason text CONSTRAINT account_event_reason_length CHECK (char_length(reason) BETWEEN 3 AND 300),
  ADD CONSTRAINT account_event_kind_known CHECK (kind IN
    ('reset', 'password', 'eid_connected', 'eid_removed', 'step_added', 'step_removed', 'step_cleared', 'codes_made', 'code_used', 'step_tries',
     'email_asked', 'email_changed', 'email_undone', 'closed', 'merge_asked', 'merge_told', 'merged', 'step_asked',
     'unused_warned', 'blocked', 'unblocked')),
  -- What somebody at Inera has done rests on a confirmation; the clock blocks too, and confirms nothing.
  ADD CONSTRAINT account_event_by_inera CHECK (
    (actor_id IS NOT NULL) = (confirmation_id IS NOT NULL)
    AND CASE WHEN kind IN ('step_cleared', 'unblocked') THEN actor_id IS NOT NULL WHEN kind = 'blocked' THEN true ELSE actor_id IS NULL END
    AND (reason IS NOT NULL) = (actor_id IS NOT NULL AND kind IN ('blocked', 'unblocked')));
CREATE INDEX account_event_blocked_idx ON account_event (person_id, at) WHERE kind IN ('blocked', 'unblocked', 'unused_warned');
CREATE INDEX person_unused_idx ON person (used_at) WHERE disabled_at IS NULL;

-- Notes the use, and begins a session; false when the account is blocked meanwhile: who comes first makes the other wait. The one
-- of 0021 stays for the program before this one, while both run.
CREATE FUNCTION session_begin(token bytea, session_id uuid, for_person uuid, on_device text, how text) RETURNS boolean
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH used AS (UPDATE person p SET used_at = now() WHERE p.id = for_person AND p.disabled_at IS NULL RETURNING p.id),
             begun AS (INSERT INTO session (token_hash, id, person_id, device, method)
                         SELECT token, session_id, u.id, left(on_device, 200), how FROM used u RETURNING 1)
        SELECT EXISTS (SELECT FROM begun) $$;
CREATE OR REPLACE FUNCTION session_start(token bytea, session_id uuid, for_person uuid, on_device text, how text) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT session_begin(token, session_id, for_person, on_device, how) $$;
GRANT EXECUTE ON FUNCTION session_begin(bytea, uuid, uuid, text, text) TO portal_app;

-- As 0018: what holds today. Blocked is nobody, and nobody stands in for them: whoever uses a stolen account may have chosen the
-- substitute. But a contract contact is still told of changes: their role is to be informed, not to act.
CREATE OR REPLACE VIEW membership_role WITH (security_invoker = true) AS
  SELECT g.org_id, g.membership_id, g.role, g.since, NULL::uuid AS in_place_of
    FROM role_grant g JOIN membership b ON b.id = g.membership_id AND (b.blocked_at IS NULL OR g.role = 'contract_contact')
   WHERE g.valid_to IS NULL OR g.valid_to >= today_here()
  UNION ALL
  SELECT s.org_id, s.substitute_id, g.role, s.made_at, s.absent_id
    FROM substitution_now s JOIN role_grant g ON g.membership_id = s.absent_id JOIN membership b ON b.id = s.substitute_id AND b.blocked_at IS NULL
    JOIN membership a ON a.id = s.absent_id AND a.blocked_at IS NULL
   WHERE g.role IN ('attestant', 'agent_handler') AND (g.valid_to IS NULL OR g.valid_to >= today_here());
CREATE OR REPLACE VIEW mandate_handler WITH (security_invoker = true) AS
  SELECT p.mandate_id, p.agent_id, p.membership_id, NULL::uuid AS in_place_of
    FROM mandate_permission p JOIN role_grant g ON g.membership_id = p.membership_id AND g.role = 'agent_handler'
    JOIN membership b ON b.id = p.membership_id AND b.blocked_at IS NULL
   WHERE g.valid_to IS NULL OR g.valid_to >= today_here()
  UNION ALL
  SELECT p.mandate_id, p.agent_id, s.substitute_id, s.absent_id
    FROM substitution_now s
    JOIN mandate_permission p ON p.membership_id = s.absent_id
    JOIN role_grant g ON g.membership_id = s.absent_id AND g.role = 'agent_handler'
    JOIN membership b ON b.id = s.substitute_id AND b.blocked_at IS NULL
    JOIN membership a ON a.id = s.absent_id AND a.blocked_at IS NULL
   WHERE g.valid_to IS NULL OR g.valid_to >= today_here();
CREATE OR REPLACE FUNCTION has_lasting(org uuid, wanted role) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (
    SELECT FROM role_grant g JOIN membership m ON m.id = g.membership_id AND m.ended_at IS NULL AND (m.blocked_at IS NULL OR wanted = 'contract_contact')
     WHERE g.org_id = org AND g.role = wanted AND g.valid_to IS NULL) $$;
-- As 0031: nobody anonymous gets a place, and nobody blocked.
CREATE OR REPLACE FUNCTION membership_is_somebodys() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  p person;
BEGIN
  SELECT * INTO p FROM person x WHERE x.id = NEW.person_id FOR SHARE;
  IF NOT FOUND OR p.anonymised_at IS NOT NULL THEN RAISE 'account_closed' USING ERRCODE = 'P0412'; END IF;
  IF p.blocked_at IS NOT NULL THEN RAISE 'account_blocked' USING ERRCODE = 'P0412'; END IF;
  RETURN NEW;
END
$$;

-- What becomes of a place whose account is blocked or opened. Only person_block() and person_unblock() come here.
CREATE FUNCTION member_block_apply() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  m membership;
BEGIN
  IF NEW.side <> 'system' THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  SELECT * INTO m FROM membership x WHERE x.id = NEW.membership_id AND x.org_id = NEW.org_id FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_member' USING ERRCODE = 'P0404'; END IF;
  IF m.revision <> NEW.seq - 1 OR m.ended_at IS NOT NULL THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  UPDATE membership SET revision = NEW.seq, blocked_at = CASE WHEN NEW.kind = 'blocked' THEN NEW.at END WHERE id = m.id;
  IF NEW.kind = 'blocked' THEN
    PERFORM hand_over_attests(NEW.org_id, m.id, NULL, NEW.at, false);
    -- Also where it would come to wait later.
    UPDATE orders o SET customer_attestant_id = NULL
     WHERE o.customer_id = NEW.org_id AND o.customer_attestant_id = m.id AND o.closed_at IS NULL AND o.state <> 'draft';
    -- Addresses that somebody was about to put in place of others.
    UPDATE member_email_claim c SET used_at = NEW.at FROM member_event e
     WHERE e.membership_id = c.membership_id AND e.seq = c.seq AND e.actor_id = m.person_id AND c.org_id = NEW.org_id AND c.used_at IS NULL;
    UPDATE org_email_claim c SET used_at = NEW.at FROM org_event e
     WHERE e.id = c.event_id AND e.actor_id = m.person_id AND c.org_id = NEW.org_id AND c.used_at IS NULL;
  END IF;
  INSERT INTO notification (id, key, cause, member_id, seq, due_at)
    VALUES (gen_random_uuid(), 'member:' || m.id || ':' || NEW.seq, 'event', m.id, NEW.seq, NEW.at);
  RETURN NEW;
END
$$;
DROP TRIGGER member_event_applies ON member_event;
CREATE TRIGGER member_event_applies BEFORE INSERT ON member_event FOR EACH ROW
  WHEN (NEW.kind NOT IN ('details', 'email_confirmed', 'email_withdrawn', 'merged', 'blocked', 'unblocked')) EXECUTE FUNCTION member_event_applies();
CREATE TRIGGER member_block_apply BEFORE INSERT ON member_event FOR EACH ROW
  WHEN (NEW.kind IN ('blocked', 'unblocked')) EXECUTE FUNCTION member_block_apply();

-- An event in each living place of somebody, and an entry in each organisation's chain but one, where the program writes it.
-- Organisations first, as every change of a place has them.
CREATE FUNCTION person_places_told(who uuid, what member_event_kind, by_whom text, skip uuid, moment timestamptz) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  place record;
BEGIN
  FOR place IN SELECT m.id, m.org_id, m.revision FROM membership m WHERE m.person_id = who AND m.ended_at IS NULL ORDER BY m.org_id LOOP
    INSERT INTO member_event (membership_id, seq, org_id, kind, side, at, actor_name)
      VALUES (place.id, place.revision + 1, place.org_id, what, 'system', moment, by_whom);
    IF place.org_id IS DISTINCT FROM skip THEN
      PERFORM audit_append(place.org_id, 'system', CASE what WHEN 'blocked' THEN 'account.block' ELSE 'account.unblock' END, 'member:' || place.id, '');
    END IF;
  END LOOP;
END
$$;
CREATE FUNCTION person_places_lock(who uuid) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT FROM organisation o WHERE o.id IN (SELECT m.org_id FROM membership m WHERE m.person_id = who AND m.ended_at IS NULL)
         ORDER BY o.id FOR NO KEY UPDATE $$;
CREATE FUNCTION person_block(who uuid, by_whom text, skip uuid, moment timestamptz) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE person p SET blocked_at = moment, disabled_at = moment WHERE p.id = who AND p.disabled_at IS NULL;
  IF NOT FOUND THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  UPDATE session s SET ended_at = now() WHERE s.person_id = who AND s.ended_at IS NULL;
  -- Links that were under way are of no use when the account is opened again; but whoever had the sign-in address may still
  -- take it back.
  UPDATE account_event e SET used_at = moment
   WHERE e.person_id = who AND e.link_sha256 IS NOT NULL AND e.used_at IS NULL AND e.kind <> 'email_changed';
  PERFORM person_places_told(who, 'blocked', by_whom, skip, moment);
END
$$;
CREATE FUNCTION person_unblock(who uuid, by_whom text, skip uuid, moment timestamptz) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE person p SET blocked_at = NULL, disabled_at = NULL, used_at = moment WHERE p.id = who AND p.blocked_at IS NOT NULL AND p.anonymised_at IS NULL;
  IF NOT FOUND THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  -- A link that was asked for meanwhile was never sent.
  UPDATE account_event e SET used_at = moment WHERE e.person_id = who AND e.kind = 'reset' AND e.used_at IS NULL;
  -- Removed meanwhile: that it was blocked ends there too.
  UPDATE membership m SET blocked_at = NULL WHERE m.person_id = who AND m.ended_at IS NOT NULL AND m.blocked_at IS NOT NULL;
  PERFORM person_places_told(who, 'unblocked', by_whom, skip, moment);
END
$$;
REVOKE ALL ON FUNCTION person_places_told(uuid, member_event_kind, text, uuid, timestamptz), person_places_lock(uuid), person_block(uuid, text, uuid, timestamptz),
  person_unblock(uuid, text, uuid, timestamptz) FROM PUBLIC;

-- May the acting person block or open the account? Kundservice a customer's or an agent's, a systemadministratör those of
-- colleagues, in whichever organisation they are met; nobody their own.
CREATE FUNCTION may_block(who uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT who <> ctx_person() AND acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera),
           CASE WHEN EXISTS (SELECT FROM membership m JOIN organisation o ON o.id = m.org_id AND o.is_inera WHERE m.person_id = who AND m.ended_at IS NULL)
                THEN '{sysadmin}'::role[] ELSE '{support}'::role[] END) IS NOT NULL $$;
REVOKE ALL ON FUNCTION may_block(uuid) FROM PUBLIC;
-- Blocks ('blocked') or opens ('unblocked') the account behind a contact, with a reason and a confirmation of this very thing.
CREATE FUNCTION account_block(member uuid, what text, why text, proof_id uuid, moment timestamptz) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  m membership;
  proof confirmation;
BEGIN
  PERFORM person_places_lock((SELECT x.person_id FROM membership x WHERE x.id = member));
  -- Also somebody who was removed meanwhile is opened again.
  SELECT * INTO m FROM membership x WHERE x.id = member AND (x.ended_at IS NULL OR what = 'unblocked') FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_member' USING ERRCODE = 'P0404'; END IF;
  IF NOT may_block(m.person_id) THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  IF (what = 'blocked') = (m.blocked_at IS NOT NULL) THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  SELECT * INTO proof FROM confirmation c WHERE c.id = proof_id;
  IF NOT FOUND OR proof.person_id <> ctx_person() OR proof.subject <> 'member:' || m.id || ':' || m.revision
     OR proof.at < now() - interval '10 minutes' OR EXISTS (SELECT FROM member_event e WHERE e.confirmation_id = proof_id) THEN
    RAISE 'confirmation' USING ERRCODE = 'P0412';
  END IF;
  IF what = 'blocked' THEN
    PERFORM person_block(m.person_id, 'Inera', m.org_id, moment);
  ELSE
    PERFORM person_unblock(m.person_id, 'Inera', m.org_id, moment);
  END IF;
  INSERT INTO account_event (id, person_id, kind, at, actor_id, confirmation_id, reason)
    VALUES (gen_random_uuid(), m.person_id, what, moment, ctx_person(), proof_id, why);
END
$$;
-- Since when, by whom and why the account behind a contact is blocked; nobody's name and no reason when it was the clock.
CREATE FUNCTION account_block_of(member uuid) RETURNS TABLE (at timestamptz, by_name text, reason text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT e.at, coalesce(a.name, ''), coalesce(e.reason, '')
          FROM membership m JOIN account_event e ON e.person_id = m.person_id AND e.kind = 'blocked' LEFT JOIN person a ON a.id = e.actor_id
         WHERE m.id = member AND m.blocked_at IS NOT NULL AND may_block(m.person_id)
         ORDER BY e.at DESC LIMIT 1 $$;
GRANT EXECUTE ON FUNCTION account_block(uuid, text, text, uuid, timestamptz), account_block_of(uuid) TO portal_staff;

-- People with a way in and a place somewhere who have not signed in for eleven months and have not been told, and those who
-- have been told at least four weeks ago and have not signed in for twelve. Inera keeps its last systemadministratör.
CREATE FUNCTION unused_people(moment timestamptz) RETURNS TABLE (person_id uuid, told boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.id, w.at IS NOT NULL FROM person p
          LEFT JOIN LATERAL (SELECT max(e.at) AS at FROM account_event e WHERE e.person_id = p.id AND e.kind = 'unused_warned' AND e.at > p.used_at) w ON true
         WHERE p.disabled_at IS NULL AND p.used_at < moment - interval '11 months'
           AND (w.at IS NULL OR (w.at < moment - interval '28 days' AND p.used_at < moment - interval '12 months'))
           AND (p.password_hash IS NOT NULL OR EXISTS (SELECT FROM person_eid e WHERE e.person_id = p.id AND e.ended_at IS NULL))
           AND EXISTS (SELECT FROM membership m WHERE m.person_id = p.id AND m.ended_at IS NULL)
           AND NOT EXISTS (SELECT FROM membership m JOIN role_grant g ON g.membership_id = m.id AND g.role = 'sysadmin'
                            WHERE m.person_id = p.id AND m.ended_at IS NULL
                              AND NOT EXISTS (SELECT FROM role_grant x JOIN membership y ON y.id = x.membership_id AND y.ended_at IS NULL AND y.blocked_at IS NULL
                                               WHERE x.role = 'sysadmin' AND x.valid_to IS NULL AND y.id <> m.id))
         ORDER BY p.used_at LIMIT 100 $$;
-- Tells one of them, or blocks the account: 'warned', 'blocked', or null when somebody has signed in meanwhile.
CREATE FUNCTION unused_person_act(who uuid, moment timestamptz) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  was_told boolean;
BEGIN
  PERFORM person_places_lock(who);
  PERFORM FROM person p WHERE p.id = who FOR UPDATE;
  SELECT u.told INTO was_told FROM unused_people(moment) u WHERE u.person_id = who;
  IF was_told IS NULL THEN RETURN NULL; END IF;
  IF was_told THEN
    PERFORM person_block(who, '', NULL, moment);
    PERFORM account_tells(who, 'blocked', moment);
    RETURN 'blocked';
  END IF;
  PERFORM account_tells(who, 'unused_warned', moment);
  RETURN 'warned';
END
$$;
GRANT EXECUTE ON FUNCTION unused_people(timestamptz), unused_person_act(uuid, timestamptz) TO portal_worker;

-- At the sign-in: a blocked account is told so, to whoever has shown that it is theirs.
CREATE FUNCTION password_at_sign_in(by_email text) RETURNS TABLE (person_id uuid, password_hash text, blocked boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.id, p.password_hash, p.blocked_at IS NOT NULL FROM person p
         WHERE p.email = by_email AND (p.disabled_at IS NULL OR p.blocked_at IS NOT NULL) AND p.anonymised_at IS NULL AND p.password_hash IS NOT NULL $$;
CREATE FUNCTION eid_blocked(of_mark bytea) RETURNS uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.id FROM person_eid e JOIN person p ON p.id = e.person_id AND p.blocked_at IS NOT NULL AND p.anonymised_at IS NULL
         WHERE e.mark = of_mark AND e.ended_at IS NULL $$;
-- As 0020: whoever is blocked and asks for a new password is told by mail that the account is blocked. The link leads nowhere.
CREATE OR REPLACE FUNCTION password_reset_ask(by_email text, new_id uuid, link bytea, moment timestamptz) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ INSERT INTO account_event (id, person_id, kind, at, link_sha256, expires_at)
          VALUES (new_id, (SELECT p.person_id FROM password_at_sign_in(by_email) p), 'reset', moment, link, moment + interval '30 minutes') $$;
GRANT EXECUTE ON FUNCTION password_at_sign_in(text), eid_blocked(bytea) TO portal_app;

-- Own pages tell of it: the log as 0033, and the extract's part of its own.
CREATE OR REPLACE FUNCTION own_log(token bytea, before timestamptz, most int)
  RETURNS TABLE (at timestamptz, action text, object text, org_name text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH who AS MATERIALIZED (SELECT p.id AS person_id FROM session s JOIN person p ON s.person_id IN (p.id, p.merged_into) WHERE s.token_hash = token AND session_is_live(s)),
             mine AS ((SELECT e.at, e.action, e.object, e.org_id FROM audit_entry e
                        WHERE e.person_id IN (SELECT w.person_id FROM who w) AND e.at < before ORDER BY e.at DESC LIMIT most)
                      UNION ALL
                      (SELECT e.at, e.action, e.object, e.org_id FROM audit_entry e
                        WHERE e.object IN (SELECT 'person:' || w.person_id FROM who w) AND e.person_id IS NULL AND e.at < before
                        ORDER BY e.at DESC LIMIT most)
                      UNION ALL
                      (SELECT a.at, 'account.' || a.kind, '', NULL FROM account_event a
                        WHERE a.person_id IN (SELECT w.person_id FROM who w) AND a.at < before AND a.kind IN ('step_cleared', 'code_used', 'blocked', 'unblocked')
                        ORDER BY a.at DESC LIMIT most)),
             shown AS MATERIALIZED (SELECT m.* FROM mine m ORDER BY m.at DESC LIMIT most)
        SELECT n.at, n.action,
               -- The order's number, when it is about one; nothing of others.
               coalesce((SELECT o.number FROM orders o
                          WHERE o.id = CASE WHEN n.object LIKE 'order:%' THEN substr(n.object, 7)::uuid END), ''),
               coalesce((SELECT g.name FROM organisation g WHERE g.id = n.org_id), '')
          FROM shown n ORDER BY n.at DESC $$;
CREATE FUNCTION own_extract_blocks(token bytea) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT jsonb_build_object('spärrningar', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (
          SELECT jsonb_build_object('när', e.at, 'vad', e.kind, 'av', CASE WHEN e.actor_id IS NULL THEN 'Kundportalen' ELSE 'Inera' END, 'anledning', e.reason) AS x
            FROM session s JOIN person p ON s.person_id IN (p.id, p.merged_into) JOIN account_event e ON e.person_id = p.id AND e.kind IN ('blocked', 'unblocked')
           WHERE s.token_hash = token AND session_is_live(s) ORDER BY e.at DESC LIMIT 1000) q)) $$;
GRANT EXECUTE ON FUNCTION own_extract_blocks(bytea) TO portal_app;

-- As 0031: a closed account is blocked no more. As 0032: somebody blocked answers nobody.
CREATE OR REPLACE FUNCTION person_anonymise(who uuid, moment timestamptz) RETURNS void
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
  UPDATE membership m SET name = 'Avslutat konto', email = '', title = '', phone = '', blocked_at = NULL WHERE m.person_id = who;
  UPDATE person p SET name = 'Avslutat konto', email = NULL, phone = '', password_hash = NULL,
    disabled_at = coalesce(p.disabled_at, moment), blocked_at = NULL, anonymised_at = moment WHERE p.id = who;
END
$$;
CREATE OR REPLACE FUNCTION join_of(link bytea, moment timestamptz) RETURNS TABLE (id uuid, org_id uuid, org_name text, name text, email text, state text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT j.id, j.org_id, o.name, j.name, j.email,
               CASE WHEN j.closed_at IS NOT NULL THEN 'closed'
                    WHEN j.confirmed_at IS NOT NULL THEN 'sent'
                    WHEN j.expires_at <= moment THEN 'expired'
                    WHEN j.org_id IS NULL OR o.ceased_on < (moment AT TIME ZONE 'Europe/Stockholm')::date THEN 'unknown'
                    WHEN EXISTS (SELECT FROM invitation i WHERE i.org_id = j.org_id AND i.email = j.email AND i.accepted_at IS NULL AND i.revoked_at IS NULL
                                    AND i.expires_at > moment) THEN 'invited'
                    WHEN EXISTS (SELECT FROM membership m WHERE m.org_id = j.org_id AND m.ended_at IS NULL AND lower(m.email) = j.email) THEN 'member'
                    WHEN EXISTS (SELECT FROM join_request x WHERE x.org_id = j.org_id AND x.email = j.email AND x.confirmed_at IS NOT NULL AND x.closed_at IS NULL) THEN 'sent'
                    WHEN NOT EXISTS (SELECT FROM membership m JOIN role_grant g ON g.membership_id = m.id AND g.role = gives_roles(j.org_id)
                                        AND (g.valid_to IS NULL OR g.valid_to >= today_here()) WHERE m.org_id = j.org_id AND m.ended_at IS NULL AND m.blocked_at IS NULL) THEN 'nobody'
                    WHEN (SELECT count(*) FROM join_request x WHERE x.org_id = j.org_id AND x.confirmed_at IS NOT NULL AND x.closed_at IS NULL) >= 50 THEN 'full'
                    ELSE 'open' END
          FROM join_request j LEFT JOIN organisation o ON o.id = j.org_id
         WHERE j.link_sha256 = link $$;
