-- Kundservice helps with contacts: changes their data (portal.md 1.4, `user.update`), and invites the first administrator of an
-- organisation that has none (2.6).

-- Why Kundservice did it.
ALTER TABLE member_event ADD COLUMN reason text CONSTRAINT member_event_reason_form CHECK (char_length(reason) BETWEEN 3 AND 300 AND reason !~ '[[:cntrl:]]');
GRANT INSERT (reason) ON member_event TO portal_customer, portal_agent, portal_staff;
CREATE POLICY parties_give_no_reason ON member_event AS RESTRICTIVE FOR INSERT TO portal_customer, portal_agent WITH CHECK (reason IS NULL);
DROP POLICY staff_changes ON member_event;
CREATE POLICY staff_changes ON member_event FOR INSERT TO portal_staff
  WITH CHECK (side = 'inera' AND actor_id = (SELECT ctx_person())
              AND (kind IN ('roles', 'restored', 'details', 'email_withdrawn') OR (kind = 'removed' AND org_id = (SELECT ctx_org()))));
-- member_email_claim_belongs() asks for an event of the same moment, and that is judged below.
DROP POLICY claims ON member_email_claim;
CREATE POLICY claims ON member_email_claim FOR INSERT TO portal_customer, portal_agent WITH CHECK (org_id = (SELECT ctx_org()));
CREATE POLICY staff_claims ON member_email_claim FOR INSERT TO portal_staff WITH CHECK (true);

-- As 0030, and Kundservice for customers' and agents' contacts, with a reason.
CREATE OR REPLACE FUNCTION member_details_apply() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  m membership;
  runs uuid;
  helps uuid;
  own boolean;
  of_inera boolean;
BEGIN
  SELECT o.is_inera INTO of_inera FROM organisation o WHERE o.id = NEW.org_id FOR NO KEY UPDATE;
  SELECT * INTO m FROM membership x WHERE x.id = NEW.membership_id AND x.org_id = NEW.org_id FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_member' USING ERRCODE = 'P0404'; END IF;
  IF m.revision <> NEW.seq - 1 OR m.ended_at IS NOT NULL THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  NEW.roles := '{}'; NEW.until := '{}'; NEW.mandates := '{}'; NEW.given := '{}'; NEW.taken := '{}'; NEW.permitted := '{}'; NEW.barred := '{}';
  NEW.hand_over_to := NULL; NEW.substitution_id := NULL; NEW.substitute_id := NULL; NEW.from_on := NULL; NEW.until_on := NULL;
  NEW.confirmation_id := NULL;

  IF NEW.kind IN ('email_confirmed', 'merged') THEN
    -- Whoever reads a mail is no session; only member_email_confirm() and merge_apply() (0033) come here.
    IF NEW.side <> 'system' THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
    NEW.actor_name := '';
  ELSE
    own := coalesce(m.person_id = ctx_person() AND NEW.org_id = ctx_org(), false);
    IF NEW.org_id = ctx_org() THEN
      runs := acting_membership(NEW.org_id, CASE WHEN of_inera THEN '{sysadmin}'::role[] ELSE '{administrator}'::role[] END);
    ELSIF NEW.side = 'inera' AND NOT of_inera AND NOT EXISTS (
        -- Colleagues at Inera are not Kundservice's customers, in whichever organisation they are met.
        SELECT FROM membership x JOIN organisation o ON o.id = x.org_id AND o.is_inera WHERE x.person_id = m.person_id AND x.ended_at IS NULL) THEN
      helps := acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{support}');
      IF NEW.kind = 'details' AND NEW.reason IS NULL THEN RAISE 'reason' USING ERRCODE = 'P0412'; END IF;
    END IF;
    IF runs IS NULL AND helps IS NULL AND NOT own THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
    -- Names stand under decisions: an administrator writes them, at Inera never one's own.
    IF NEW.wanted ? 'name' AND ((runs IS NULL AND helps IS NULL) OR (own AND of_inera)) THEN RAISE 'own_name' USING ERRCODE = 'P0412'; END IF;
    SELECT x.name INTO NEW.actor_name FROM membership x WHERE x.id = CASE WHEN own THEN m.id ELSE coalesce(runs, helps) END;
    -- Whoever changes only their own can't use up the others' share.
    IF NEW.kind = 'details' AND (SELECT count(*) FROM member_event e WHERE (e.org_id = NEW.org_id OR helps IS NOT NULL) AND e.actor_id = ctx_person() AND e.kind = 'details'
           AND e.at > NEW.at - interval '1 day') >= (CASE WHEN runs IS NULL AND helps IS NULL THEN 20 ELSE 200 END) THEN
      RAISE 'too_many_changes' USING ERRCODE = 'P0412';
    END IF;
  END IF;

  IF NEW.kind = 'email_withdrawn' THEN
    NEW.wanted := '{}';
    UPDATE member_email_claim c SET used_at = NEW.at WHERE c.membership_id = m.id AND c.used_at IS NULL AND c.expires_at > NEW.at;
    IF NOT FOUND THEN RAISE 'nothing_changed' USING ERRCODE = 'P0412'; END IF;
  ELSIF NEW.kind = 'merged' THEN
    NEW.wanted := '{}';
  ELSE
    IF EXISTS (SELECT FROM jsonb_object_keys(NEW.wanted) k
                WHERE k <> ALL (CASE NEW.kind WHEN 'details' THEN '{name,title,phone,email}'::text[] ELSE '{email}'::text[] END)) THEN
      RAISE 'not_this_person' USING ERRCODE = 'P0403';
    END IF;
    NEW.was := (SELECT coalesce(jsonb_object_agg(k, to_jsonb(m) -> k), '{}') FROM jsonb_object_keys(NEW.wanted) k);
    IF NEW.wanted = NEW.was THEN RAISE 'nothing_changed' USING ERRCODE = 'P0412'; END IF;
    -- A name stands under decisions: two living contacts have never the same through a change.
    IF NEW.wanted ? 'name' AND EXISTS (SELECT FROM membership x WHERE x.org_id = NEW.org_id AND x.ended_at IS NULL AND x.id <> m.id
         AND lower(x.name) = lower(NEW.wanted ->> 'name')) THEN
      RAISE 'name_known' USING ERRCODE = 'P0412';
    END IF;
    IF NEW.wanted ? 'email' AND EXISTS (SELECT FROM membership x WHERE x.org_id = NEW.org_id AND x.ended_at IS NULL AND x.id <> m.id
         AND lower(x.email) = NEW.wanted ->> 'email') THEN
      RAISE 'email_known' USING ERRCODE = 'P0412';
    END IF;
    IF NEW.kind = 'details' AND NEW.wanted ? 'email' AND EXISTS (SELECT FROM invitation i WHERE i.org_id = NEW.org_id AND i.email = NEW.wanted ->> 'email'
         AND i.accepted_at IS NULL AND i.revoked_at IS NULL) THEN
      RAISE 'invited_already' USING ERRCODE = 'P0412';
    END IF;
    UPDATE membership x SET
      name = coalesce(NEW.wanted ->> 'name', x.name),
      title = coalesce(NEW.wanted ->> 'title', x.title),
      phone = coalesce(NEW.wanted ->> 'phone', x.phone),
      -- A new address waits for its link to be opened.
      email = CASE WHEN NEW.kind = 'email_confirmed' THEN NEW.wanted ->> 'email' ELSE x.email END
     WHERE x.id = m.id;
    -- Of somebody who has no other place, it is the account's name too.
    IF NEW.wanted ? 'name' AND NOT EXISTS (SELECT FROM membership x WHERE x.person_id = m.person_id AND x.id <> m.id AND x.ended_at IS NULL) THEN
      UPDATE person p SET name = NEW.wanted ->> 'name' WHERE p.id = m.person_id;
    END IF;
  END IF;

  UPDATE membership SET revision = NEW.seq WHERE id = m.id;
  IF NEW.kind <> 'email_withdrawn' THEN
    INSERT INTO notification (id, key, cause, member_id, seq, due_at)
      VALUES (gen_random_uuid(), 'member:' || m.id || ':' || NEW.seq, 'event', m.id, NEW.seq, NEW.at);
  END IF;
  RETURN NEW;
END
$$;

-- As 0030, and while Kundservice may still ask.
CREATE OR REPLACE FUNCTION member_email_of(link bytea, moment timestamptz) RETURNS TABLE (org_name text, name text, email text, taken boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT o.name, m.name, c.email,
               EXISTS (SELECT FROM membership x WHERE x.org_id = c.org_id AND x.ended_at IS NULL AND x.id <> m.id AND lower(x.email) = c.email)
          FROM member_email_claim c
          JOIN organisation o ON o.id = c.org_id
          JOIN membership m ON m.id = c.membership_id AND m.ended_at IS NULL
          JOIN member_event a ON a.membership_id = c.membership_id AND a.seq = c.seq
         WHERE c.link_sha256 = link AND c.used_at IS NULL AND c.expires_at > moment
           AND (m.person_id = a.actor_id
                OR (a.side = 'inera' AND NOT o.is_inera AND EXISTS (
                 SELECT FROM membership x JOIN organisation n ON n.id = x.org_id AND n.is_inera JOIN membership_role r ON r.membership_id = x.id AND r.role = 'support'
                  WHERE x.person_id = a.actor_id AND x.ended_at IS NULL))
                OR EXISTS (
                 SELECT FROM membership x JOIN role_grant g ON g.membership_id = x.id AND g.role = gives_roles(c.org_id)
                    AND (g.valid_to IS NULL OR g.valid_to >= today_here())
                  WHERE x.person_id = a.actor_id AND x.org_id = c.org_id AND x.ended_at IS NULL)) $$;

-- Does somebody run it, whose account is not blocked?
CREATE FUNCTION has_administrator(org uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM membership m JOIN role_grant g ON g.membership_id = m.id AND g.role = 'administrator' AND (g.valid_to IS NULL OR g.valid_to >= today_here())
                        WHERE m.org_id = org AND m.ended_at IS NULL AND m.blocked_at IS NULL) $$;
GRANT EXECUTE ON FUNCTION has_administrator(uuid) TO portal_staff;

-- How Kundservice knows that the organisation wants the person; on these invitations alone.
ALTER TABLE invitation ADD COLUMN authority text CONSTRAINT invitation_authority_form CHECK (char_length(authority) BETWEEN 3 AND 300 AND authority !~ '[[:cntrl:]]');
GRANT SELECT (authority) ON invitation TO portal_staff, portal_worker;
GRANT INSERT (authority) ON invitation TO portal_customer, portal_agent, portal_staff;
CREATE POLICY parties_need_no_authority ON invitation AS RESTRICTIVE FOR INSERT TO portal_customer, portal_agent WITH CHECK (authority IS NULL);
DROP POLICY staff_invites ON invitation;
CREATE POLICY staff_invites ON invitation FOR INSERT TO portal_staff
  WITH CHECK (invited_by = (SELECT ctx_person())
              AND CASE WHEN authority IS NULL THEN side = 'inera' AND org_id = (SELECT ctx_org()) ELSE side <> 'inera' AND roles = '{administrator}' END);
DROP POLICY staff_moves ON invitation;
CREATE POLICY staff_moves ON invitation FOR UPDATE TO portal_staff
  USING (org_id = (SELECT ctx_org()) OR authority IS NOT NULL) WITH CHECK (org_id = (SELECT ctx_org()) OR authority IS NOT NULL);
-- As 0038, and Kundservice's.
CREATE OR REPLACE FUNCTION invitation_moves() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  proof confirmation;
BEGIN
  IF TG_OP = 'UPDATE' AND (OLD.accepted_at IS NOT NULL OR OLD.revoked_at IS NOT NULL) THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF NEW.accepted_at IS NOT NULL THEN
    -- invitation_join() alone may set it. Nobody at Inera makes a customer their own.
    IF NEW.authority IS NOT NULL AND EXISTS (
         SELECT FROM membership m JOIN membership x ON x.person_id = m.person_id AND x.ended_at IS NULL JOIN organisation o ON o.id = x.org_id AND o.is_inera
          WHERE m.id = NEW.membership_id) THEN
      RAISE 'works_at_inera' USING ERRCODE = 'P0412';
    END IF;
    RETURN NEW;
  END IF;
  -- Somebody runs it meanwhile: invitation_is_over() takes Kundservice's back.
  IF NEW.authority IS NOT NULL AND NEW.revoked_at IS NOT NULL AND has_administrator(NEW.org_id) THEN RETURN NEW; END IF;
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
     AND (NEW.application_id IS NULL OR acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{support,agreements_officer}') IS NULL)
     AND (NEW.authority IS NULL OR acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{support}') IS NULL) THEN
    RAISE 'not_this_person' USING ERRCODE = 'P0403';
  END IF;
  -- One at a time in an organisation, so that none slips past the counts.
  PERFORM FROM organisation o WHERE o.id = NEW.org_id FOR NO KEY UPDATE;
  IF NEW.authority IS NOT NULL AND NEW.revoked_at IS NULL THEN
    IF NEW.roles <> '{administrator}' OR NEW.mandates <> '{}' THEN RAISE 'role' USING ERRCODE = 'P0412'; END IF;
    -- Whoever runs it invites its people; nobody gets in over their heads.
    IF has_administrator(NEW.org_id) THEN RAISE 'has_administrator' USING ERRCODE = 'P0412'; END IF;
    -- Whoever has blocked the last administrator does not choose the next.
    IF EXISTS (SELECT FROM membership m JOIN role_grant g ON g.membership_id = m.id AND g.role = 'administrator'
                 JOIN LATERAL (SELECT e.actor_id FROM account_event e WHERE e.person_id = m.person_id AND e.kind = 'blocked' ORDER BY e.at DESC LIMIT 1) b ON true
                WHERE m.org_id = NEW.org_id AND m.ended_at IS NULL AND m.blocked_at IS NOT NULL AND b.actor_id = ctx_person()) THEN
      RAISE 'other_officer' USING ERRCODE = 'P0412';
    END IF;
    IF EXISTS (SELECT FROM organisation o WHERE o.id = NEW.org_id AND o.ceased_on < today_here()) THEN RAISE 'org_ceased' USING ERRCODE = 'P0412'; END IF;
  END IF;
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
  NEW.invited_by_name := CASE WHEN NEW.authority IS NOT NULL THEN 'Kundservice hos Inera' WHEN NEW.application_id IS NULL THEN coalesce((SELECT p.name FROM person p WHERE p.id = NEW.invited_by), '') ELSE OLD.invited_by_name END;
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
                    WHEN i.authority IS NOT NULL AND (has_administrator(i.org_id) OR o.ceased_on < today_here()) THEN 'revoked'
                    WHEN i.authority IS NOT NULL AND NOT EXISTS (
                           SELECT FROM membership m JOIN organisation n ON n.id = m.org_id AND n.is_inera
                             JOIN membership_role r ON r.membership_id = m.id AND r.role = 'support'
                            WHERE m.person_id = i.invited_by AND m.ended_at IS NULL)
                      THEN 'inviter_left'
                    WHEN i.application_id IS NULL AND i.authority IS NULL AND NOT EXISTS (SELECT FROM membership m JOIN role_grant g ON g.membership_id = m.id
                          WHERE m.person_id = i.invited_by AND m.ended_at IS NULL AND m.blocked_at IS NULL AND (g.valid_to IS NULL OR g.valid_to >= today_here())
                            AND m.org_id = i.org_id AND g.role = gives_roles(i.org_id))
                      THEN 'inviter_left' END,
               EXISTS (SELECT FROM person p WHERE p.email = i.email AND p.password_hash IS NOT NULL)
          FROM invitation i JOIN organisation o ON o.id = i.org_id
         WHERE i.link_sha256 = link $$;

-- From the moment somebody runs the organisation Kundservice's invitations are over, for good.
CREATE FUNCTION invitation_is_over() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  -- The invitation that is being accepted ends by itself.
  UPDATE invitation i SET revoked_at = greatest(now(), i.sent_at)
   WHERE i.org_id = NEW.org_id AND i.authority IS NOT NULL AND i.accepted_at IS NULL AND i.revoked_at IS NULL
     AND has_administrator(NEW.org_id) AND coalesce(current_setting('portal.joining', true), '') = '';
  RETURN NULL;
END
$$;
CREATE TRIGGER invitation_is_over AFTER INSERT OR UPDATE ON role_grant FOR EACH ROW WHEN (NEW.role = 'administrator') EXECUTE FUNCTION invitation_is_over();
CREATE TRIGGER invitation_is_over AFTER UPDATE OF blocked_at ON membership FOR EACH ROW WHEN (OLD.blocked_at IS NOT NULL AND NEW.blocked_at IS NULL) EXECUTE FUNCTION invitation_is_over();
-- One yes is enough: others that Kundservice has sent end with it.
CREATE FUNCTION invitation_was_enough() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE invitation i SET revoked_at = NEW.accepted_at
   WHERE i.org_id = NEW.org_id AND i.id <> NEW.id AND i.authority IS NOT NULL AND i.accepted_at IS NULL AND i.revoked_at IS NULL
     AND has_administrator(NEW.org_id);
  RETURN NULL;
END
$$;
CREATE TRIGGER invitation_was_enough AFTER UPDATE OF accepted_at ON invitation FOR EACH ROW WHEN (OLD.accepted_at IS NULL AND NEW.accepted_at IS NOT NULL) EXECUTE FUNCTION invitation_was_enough();

-- What Kundservice has done for the person, and why.
CREATE FUNCTION own_extract_help(token bytea) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH who AS MATERIALIZED (SELECT p.id FROM session s JOIN person p ON s.person_id IN (p.id, p.merged_into) WHERE s.token_hash = token AND session_is_live(s))
    SELECT jsonb_build_object(
      'kundservice_har_ändrat', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (
         SELECT jsonb_build_object('när', e.at, 'organisation', o.name, 'av', e.actor_name, 'anledning', e.reason) AS x
           FROM membership m JOIN member_event e ON e.membership_id = m.id AND e.reason IS NOT NULL JOIN organisation o ON o.id = m.org_id
          WHERE m.person_id IN (SELECT w.id FROM who w) ORDER BY e.at DESC LIMIT 1000) q),
      'kundservice_har_bjudit_in', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (
         SELECT jsonb_build_object('när', i.sent_at, 'organisation', o.name, 'kontrollerat', i.authority) AS x
           FROM membership m JOIN invitation i ON i.membership_id = m.id AND i.authority IS NOT NULL JOIN organisation o ON o.id = m.org_id
          WHERE m.person_id IN (SELECT w.id FROM who w) ORDER BY i.sent_at DESC LIMIT 1000) q)) $$;
GRANT EXECUTE ON FUNCTION own_extract_help(bytea) TO portal_app;

-- What nobody answered, and the invitation of whoever has closed their account, is forgotten whole.
CREATE FUNCTION invitation_forgets() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  NEW.authority := CASE WHEN OLD.authority IS NOT NULL THEN 'Borttaget' END;
  RETURN NEW;
END
$$;
CREATE TRIGGER invitation_forgets BEFORE UPDATE OF erased_at, email ON invitation FOR EACH ROW WHEN (NEW.erased_at IS NOT NULL OR NEW.email = '') EXECUTE FUNCTION invitation_forgets();
