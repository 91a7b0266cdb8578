-- A contact's own data (portal.md 2.6, "Ändra kontaktuppgifter"): an event changes it, and a new address holds when its link
-- has been opened. The address one signs in with changes in the same way.

ALTER TABLE member_event ADD COLUMN wanted jsonb NOT NULL DEFAULT '{}' CONSTRAINT member_event_wanted_length CHECK (octet_length(wanted::text) <= 2000), ADD COLUMN was jsonb NOT NULL DEFAULT '{}',
  DROP CONSTRAINT member_event_confirmed,
  ADD CONSTRAINT member_event_confirmed CHECK (
    confirmation_id IS NOT NULL OR side = 'system' OR kind IN ('joined', 'substitute_ended', 'details', 'email_withdrawn'));
GRANT INSERT (wanted) ON member_event TO portal_customer, portal_agent, portal_staff;
DROP POLICY staff_changes ON member_event;
CREATE POLICY staff_changes ON member_event FOR INSERT TO portal_staff
  WITH CHECK (side = 'inera' AND actor_id = (SELECT ctx_person())
              AND (kind IN ('roles', 'restored') OR (kind IN ('removed', 'details', 'email_withdrawn') AND org_id = (SELECT ctx_org()))));

CREATE TABLE member_email_claim (
  membership_id uuid NOT NULL,
  seq int NOT NULL,
  org_id uuid NOT NULL,
  email text NOT NULL CONSTRAINT member_email_claim_form CHECK (char_length(email) <= 254 AND email = lower(email) AND email !~ '[[:cntrl:]]'),
  link_sha256 bytea NOT NULL CONSTRAINT member_email_claim_link_key UNIQUE CONSTRAINT member_email_claim_link_length CHECK (octet_length(link_sha256) = 32),
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  CONSTRAINT member_email_claim_pkey PRIMARY KEY (membership_id, seq),
  CONSTRAINT member_email_claim_event FOREIGN KEY (membership_id, seq) REFERENCES member_event (membership_id, seq),
  CONSTRAINT member_email_claim_membership FOREIGN KEY (membership_id, org_id) REFERENCES membership (id, org_id),
  CONSTRAINT member_email_claim_period CHECK (expires_at > made_at AND expires_at <= made_at + interval '72 hours')
);
CREATE INDEX member_email_claim_org_idx ON member_email_claim (org_id);
CREATE INDEX member_email_claim_email_idx ON member_email_claim (email, made_at);
CALL protect('member_email_claim');
CREATE POLICY party_reads ON member_email_claim FOR SELECT TO portal_customer, portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON member_email_claim FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON member_email_claim FOR SELECT TO portal_worker USING (true);
CREATE POLICY claims ON member_email_claim FOR INSERT TO portal_customer, portal_agent, portal_staff WITH CHECK (org_id = (SELECT ctx_org()));
GRANT SELECT (membership_id, seq, org_id, email, made_at, expires_at, used_at) ON member_email_claim TO portal_customer, portal_agent, portal_staff, portal_worker;
GRANT INSERT (membership_id, seq, org_id, email, link_sha256, made_at, expires_at) ON member_email_claim TO portal_customer, portal_agent, portal_staff;

CREATE FUNCTION member_email_claim_belongs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  SELECT e.at INTO NEW.made_at FROM member_event e
    WHERE e.membership_id = NEW.membership_id AND e.seq = NEW.seq AND e.org_id = NEW.org_id AND e.kind = 'details'
      AND e.wanted ->> 'email' = NEW.email AND e.xmin = pg_current_xact_id()::xid;
  IF NOT FOUND THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  -- Nobody's mailbox is filled.
  IF (SELECT count(*) FROM member_email_claim c WHERE c.membership_id = NEW.membership_id AND c.made_at > NEW.made_at - interval '1 day') >= 5
     -- By organisations: one alone can't keep an address from its owner, nor try every contact in turn on one address.
     OR (SELECT count(*) FROM member_email_claim c
          WHERE c.email = NEW.email AND c.org_id = NEW.org_id AND c.made_at > NEW.made_at - interval '1 day') >= 5
     OR (SELECT count(DISTINCT c.org_id) FROM member_email_claim c
          WHERE c.email = NEW.email AND c.org_id <> NEW.org_id AND c.made_at > NEW.made_at - interval '1 day') >= 5 THEN
    RAISE 'too_many_email' USING ERRCODE = 'P0412';
  END IF;
  -- The newest alone counts.
  UPDATE member_email_claim c SET used_at = NEW.made_at WHERE c.membership_id = NEW.membership_id AND c.used_at IS NULL;
  RETURN NEW;
END
$$;
CREATE TRIGGER member_email_claim_belongs BEFORE INSERT ON member_email_claim FOR EACH ROW EXECUTE FUNCTION member_email_claim_belongs();

-- Data changes by events of their own; what somebody may do is still member_event_applies()' business.
CREATE FUNCTION member_details_apply() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  m membership;
  runs uuid;
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
    END IF;
    IF runs IS NULL AND NOT own THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
    -- Names stand under decisions: an administrator writes them, at Inera never one's own.
    IF NEW.wanted ? 'name' AND (runs IS NULL OR (own AND of_inera)) THEN RAISE 'own_name' USING ERRCODE = 'P0412'; END IF;
    SELECT x.name INTO NEW.actor_name FROM membership x WHERE x.id = CASE WHEN own THEN m.id ELSE runs END;
    -- Whoever changes only their own can't use up the others' share.
    IF NEW.kind = 'details' AND (SELECT count(*) FROM member_event e WHERE e.org_id = NEW.org_id AND e.actor_id = ctx_person() AND e.kind = 'details'
           AND e.at > NEW.at - interval '1 day') >= (CASE WHEN runs IS NULL THEN 20 ELSE 200 END) THEN
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
DROP TRIGGER member_event_applies ON member_event;
CREATE TRIGGER member_event_applies BEFORE INSERT ON member_event FOR EACH ROW
  WHEN (NEW.kind NOT IN ('details', 'email_confirmed', 'email_withdrawn', 'merged')) EXECUTE FUNCTION member_event_applies();
CREATE TRIGGER member_details_apply BEFORE INSERT ON member_event FOR EACH ROW
  WHEN (NEW.kind IN ('details', 'email_confirmed', 'email_withdrawn', 'merged')) EXECUTE FUNCTION member_details_apply();

-- What a link leads to, while it can be used: the newest of the contact alone, and while whoever asked may still ask. `taken` =
-- it has become a colleague's meanwhile.
CREATE FUNCTION member_email_of(link bytea, moment timestamptz) RETURNS TABLE (org_name text, name text, email text, taken boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT o.name, m.name, c.email,
               EXISTS (SELECT FROM membership x WHERE x.org_id = c.org_id AND x.ended_at IS NULL AND x.id <> m.id AND lower(x.email) = c.email)
          FROM member_email_claim c
          JOIN organisation o ON o.id = c.org_id
          JOIN membership m ON m.id = c.membership_id AND m.ended_at IS NULL
          JOIN member_event a ON a.membership_id = c.membership_id AND a.seq = c.seq
         WHERE c.link_sha256 = link AND c.used_at IS NULL AND c.expires_at > moment
           AND (m.person_id = a.actor_id OR EXISTS (
                 SELECT FROM membership x JOIN role_grant g ON g.membership_id = x.id AND g.role = gives_roles(c.org_id)
                    AND (g.valid_to IS NULL OR g.valid_to >= today_here())
                  WHERE x.person_id = a.actor_id AND x.org_id = c.org_id AND x.ended_at IS NULL)) $$;
CREATE FUNCTION member_email_confirm(link bytea, moment timestamptz) RETURNS TABLE (org_id uuid, membership_id uuid)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  c member_email_claim;
BEGIN
  SELECT * INTO c FROM member_email_claim x WHERE x.link_sha256 = link;
  IF NOT FOUND THEN RETURN; END IF;
  -- Held first, so that a newer claim, a removal or a second click waits and is seen.
  PERFORM FROM organisation o WHERE o.id = c.org_id FOR NO KEY UPDATE;
  IF NOT EXISTS (SELECT FROM member_email_of(link, moment) f WHERE NOT f.taken) THEN RETURN; END IF;
  UPDATE member_email_claim x SET used_at = moment WHERE x.membership_id = c.membership_id AND x.seq = c.seq;
  INSERT INTO member_event (membership_id, seq, org_id, kind, side, at, wanted)
    SELECT m.id, m.revision + 1, m.org_id, 'email_confirmed', 'system', moment, jsonb_build_object('email', c.email)
      FROM membership m WHERE m.id = c.membership_id;
  RETURN QUERY SELECT c.org_id, c.membership_id;
END
$$;
GRANT EXECUTE ON FUNCTION member_email_of(bytea, timestamptz), member_email_confirm(bytea, timestamptz) TO portal_app;

-- The address one signs in with.
ALTER TABLE account_event DROP CONSTRAINT account_event_kind_known, DROP CONSTRAINT account_event_link,
  -- The new address while its link waits, with the one it is to replace; the old one when it was replaced. For the mails: after
  -- a week they are emptied by purge().
  ADD COLUMN email_before text NOT NULL DEFAULT '',
  ADD COLUMN email text CONSTRAINT account_event_email_form CHECK (char_length(email) <= 254 AND email = lower(email) AND email !~ '[[:cntrl:]]'),
  ADD CONSTRAINT account_event_kind_known CHECK (kind IN
    ('reset', 'password', 'eid_connected', 'eid_removed', 'step_added', 'step_removed', 'step_cleared', 'codes_made', 'code_used', 'step_tries',
     'email_asked', 'email_changed', 'email_undone')),
  ADD CONSTRAINT account_event_link CHECK ((kind IN ('reset', 'email_asked', 'email_changed')) = (link_sha256 IS NOT NULL AND expires_at IS NOT NULL)),
  ADD CONSTRAINT account_event_email CHECK ((kind IN ('email_asked', 'email_changed', 'email_undone')) = (email IS NOT NULL));
CREATE INDEX account_event_email_idx ON account_event (email, at) WHERE email IS NOT NULL;
GRANT SELECT (email, email_before) ON account_event TO portal_worker;

-- Asks for a new address to sign in with: 'asked', 'same', 'none' (no password to sign in with), 'too_many', or null when the
-- session is over; and whose it is. It is the same whoever has the address.
CREATE FUNCTION login_email_ask(token bytea, new_id uuid, wanted text, link bytea, moment timestamptz)
  RETURNS TABLE (outcome text, person_id uuid)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  who uuid := session_person(token);
  p person;
BEGIN
  SELECT * INTO p FROM person x WHERE x.id = who;
  IF NOT FOUND THEN RETURN; END IF;
  IF p.password_hash IS NULL THEN RETURN QUERY SELECT 'none', who; RETURN; END IF;
  IF p.email = wanted THEN RETURN QUERY SELECT 'same', who; RETURN; END IF;
  -- By people: one alone can't keep an address from its owner.
  IF (SELECT count(*) FILTER (WHERE e.person_id = p.id) >= 5 OR count(DISTINCT e.person_id) FILTER (WHERE e.person_id <> p.id) >= 5 FROM account_event e
       WHERE e.kind = 'email_asked' AND e.at > moment - interval '1 day' AND (e.person_id = p.id OR e.email = wanted)) THEN
    RETURN QUERY SELECT 'too_many', who; RETURN;
  END IF;
  -- A newer link makes the older ones useless.
  UPDATE account_event e SET used_at = moment WHERE e.person_id = p.id AND e.kind = 'email_asked' AND e.used_at IS NULL;
  INSERT INTO account_event (id, person_id, kind, at, link_sha256, expires_at, email, email_before)
    VALUES (new_id, p.id, 'email_asked', moment, link, moment + interval '72 hours', wanted, p.email);
  RETURN QUERY SELECT 'asked', who;
END
$$;
-- The address behind a link while it can be used, and whether somebody else signs in with it.
CREATE FUNCTION login_email_of(link bytea, moment timestamptz) RETURNS TABLE (email text, taken boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT e.email, EXISTS (SELECT FROM person x WHERE x.email = e.email)
          FROM account_event e JOIN person p ON p.id = e.person_id AND p.disabled_at IS NULL AND p.password_hash IS NOT NULL
         WHERE e.link_sha256 = link AND e.kind = 'email_asked' AND e.used_at IS NULL AND e.expires_at > moment $$;
-- Makes it the one to sign in with, and ends every session; null when the link can't be used, or somebody else has the address.
-- The one who had the old address gets a link that takes it back, for a week.
CREATE FUNCTION login_email_use(link bytea, undo_id uuid, undo_link bytea, moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid;
  p person;
  wanted text;
BEGIN
  SELECT e.person_id, e.email INTO who, wanted FROM account_event e WHERE e.link_sha256 = link AND e.kind = 'email_asked';
  SELECT * INTO p FROM person x WHERE x.id = who FOR UPDATE;
  IF NOT EXISTS (SELECT FROM login_email_of(link, moment) f WHERE NOT f.taken) THEN RETURN NULL; END IF;
  BEGIN
    UPDATE person x SET email = wanted WHERE x.id = who;
  EXCEPTION WHEN unique_violation THEN
    RETURN NULL;
  END;
  -- Links to a new password went to the old address.
  UPDATE account_event e SET used_at = moment WHERE e.person_id = who AND e.kind IN ('reset', 'email_asked') AND e.used_at IS NULL;
  UPDATE session s SET ended_at = now() WHERE s.person_id = who AND s.ended_at IS NULL;
  INSERT INTO account_event (id, person_id, kind, at, email, link_sha256, expires_at)
    VALUES (undo_id, who, 'email_changed', moment, p.email, undo_link, moment + interval '7 days');
  RETURN who;
END
$$;
-- The old address behind a link that takes it back, while it can.
CREATE FUNCTION login_email_before(link bytea, moment timestamptz) RETURNS text
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT e.email FROM account_event e JOIN person p ON p.id = e.person_id AND p.disabled_at IS NULL AND p.password_hash IS NOT NULL
         WHERE e.link_sha256 = link AND e.kind = 'email_changed' AND e.used_at IS NULL AND e.expires_at > moment AND e.email <> '' $$;
-- Takes it back, ends every session and every way in that came after the change, and makes every other link of the account
-- useless but one: to a new password, for whoever changed the address knows the old one.
CREATE FUNCTION login_email_undo(link bytea, reset_id uuid, reset_link bytea, moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid;
  since timestamptz;
  before text;
  after text;
BEGIN
  SELECT e.person_id, e.at INTO who, since FROM account_event e WHERE e.link_sha256 = link AND e.kind = 'email_changed';
  SELECT x.email INTO after FROM person x WHERE x.id = who FOR UPDATE;
  before := login_email_before(link, moment);
  IF before IS NULL THEN RETURN NULL; END IF;
  BEGIN
    UPDATE person x SET email = before WHERE x.id = who;
  EXCEPTION WHEN unique_violation THEN
    RETURN NULL;
  END;
  -- Those before it too: the oldest that is opened wins, and the thief's own are useless.
  UPDATE account_event e SET used_at = moment WHERE e.person_id = who AND e.link_sha256 IS NOT NULL AND e.used_at IS NULL
    AND (e.kind <> 'email_changed' OR e.at >= since);
  UPDATE session s SET ended_at = now() WHERE s.person_id = who AND s.ended_at IS NULL;
  UPDATE second_factor f SET ended_at = moment WHERE f.person_id = who AND f.ended_at IS NULL AND f.created_at >= since;
  DELETE FROM recovery_code c WHERE c.person_id = who AND c.made_at >= since;
  UPDATE person_eid x SET ended_at = moment WHERE x.person_id = who AND x.ended_at IS NULL AND x.linked_at >= since;
  INSERT INTO account_event (id, person_id, kind, at, email) VALUES (gen_random_uuid(), who, 'email_undone', moment, after);
  INSERT INTO account_event (id, person_id, kind, at, link_sha256, expires_at)
    VALUES (reset_id, who, 'reset', moment, reset_link, moment + interval '30 minutes');
  RETURN who;
END
$$;
-- The address the person of a live session signs in with; none for an e-legitimation alone.
CREATE FUNCTION session_login_email(token bytea) RETURNS text
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.email FROM session s JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL AND p.password_hash IS NOT NULL
         WHERE s.token_hash = token AND session_is_live(s) $$;
-- The one that waits for its link to be opened, and until when it can be.
CREATE FUNCTION session_login_email_waits(token bytea, moment timestamptz) RETURNS TABLE (email text, expires_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT e.email, e.expires_at FROM session s JOIN account_event e ON e.person_id = s.person_id
         WHERE s.token_hash = token AND session_is_live(s) AND e.kind = 'email_asked' AND e.used_at IS NULL AND e.expires_at > moment LIMIT 1 $$;
GRANT EXECUTE ON FUNCTION session_login_email_waits(bytea, timestamptz), session_login_email(bytea), login_email_ask(bytea, uuid, text, bytea, timestamptz), login_email_of(bytea, timestamptz),
  login_email_use(bytea, uuid, bytea, timestamptz), login_email_before(bytea, timestamptz), login_email_undo(bytea, uuid, bytea, timestamptz) TO portal_app;

-- As 0020: a link is for what it was asked for, and nothing else.
CREATE OR REPLACE FUNCTION password_reset_of(link bytea, moment timestamptz) RETURNS TABLE (name text, email text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.name, p.email FROM account_event e JOIN person p ON p.id = e.person_id AND p.disabled_at IS NULL
         WHERE e.link_sha256 = link AND e.kind = 'reset' AND e.used_at IS NULL AND e.expires_at > moment $$;
CREATE OR REPLACE FUNCTION password_reset_use(link bytea, hash text, moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid;
BEGIN
  UPDATE account_event e SET used_at = moment FROM person p
   WHERE e.link_sha256 = link AND e.kind = 'reset' AND e.used_at IS NULL AND e.expires_at > moment AND p.id = e.person_id AND p.disabled_at IS NULL
  RETURNING e.person_id INTO who;
  IF who IS NULL THEN RETURN NULL; END IF;
  UPDATE account_event e SET used_at = moment WHERE e.person_id = who AND e.kind = 'reset' AND e.used_at IS NULL;
  UPDATE person SET password_hash = hash WHERE id = who;
  UPDATE session SET ended_at = now() WHERE person_id = who AND ended_at IS NULL;
  RETURN who;
END
$$;
-- As 0020. Whoever changes the password because an address was asked for behind their back stops that address too.
CREATE OR REPLACE FUNCTION person_password_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE account_event e SET used_at = now() WHERE e.person_id = NEW.id AND e.kind = 'email_asked' AND e.used_at IS NULL;
  INSERT INTO account_event (id, person_id, kind, at) VALUES (gen_random_uuid(), NEW.id, 'password', now());
  RETURN NULL;
END
$$;
