-- Invitations: how somebody gets into an organisation (portal.md 2.1 and 2.6). The link is the mail's alone; only its hash is
-- kept, it counts once, and a new sending makes the one before it useless.

-- Somebody who signs in with e-legitimation alone needs no address of their own: each organisation has one for them
-- (portal.md 1.2), and two people may have the same.
ALTER TABLE person ALTER COLUMN email DROP NOT NULL;
ALTER TABLE person ADD CONSTRAINT person_password_needs_email CHECK (password_hash IS NULL OR email IS NOT NULL);

CREATE TABLE invitation (
  id uuid PRIMARY KEY,
  org_id uuid NOT NULL REFERENCES organisation,
  name text NOT NULL CONSTRAINT invitation_name_form CHECK (char_length(name) BETWEEN 1 AND 120 AND name !~ '[[:cntrl:]]'),
  email text NOT NULL CONSTRAINT invitation_email_form CHECK (char_length(email) <= 254 AND email = lower(email) AND email !~ '[[:cntrl:]]'),
  title text NOT NULL DEFAULT '' CONSTRAINT invitation_title_length CHECK (char_length(title) <= 120),
  roles role[] NOT NULL DEFAULT '{}',
  mandates uuid[] NOT NULL DEFAULT '{}',
  -- How many times it has been sent.
  round int NOT NULL DEFAULT 1,
  link_sha256 bytea NOT NULL CONSTRAINT invitation_link_key UNIQUE CONSTRAINT invitation_link_length CHECK (octet_length(link_sha256) = 32),
  sent_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  invited_by uuid NOT NULL REFERENCES person,
  invited_by_name text NOT NULL DEFAULT '',
  side side NOT NULL CONSTRAINT invitation_side_is_partys CHECK (side IN ('customer', 'agent')),
  confirmation_id uuid NOT NULL REFERENCES confirmation CONSTRAINT invitation_confirmation_once UNIQUE,
  accepted_at timestamptz,
  membership_id uuid,
  revoked_at timestamptz,
  CONSTRAINT invitation_membership FOREIGN KEY (membership_id, org_id) REFERENCES membership (id, org_id),
  CONSTRAINT invitation_ends_once CHECK (accepted_at IS NULL OR revoked_at IS NULL),
  CONSTRAINT invitation_accepted CHECK ((accepted_at IS NULL) = (membership_id IS NULL)),
  CONSTRAINT invitation_period CHECK (expires_at > sent_at AND expires_at <= sent_at + interval '15 days')
);
CREATE UNIQUE INDEX invitation_one_open ON invitation (org_id, email) WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX invitation_org_idx ON invitation (org_id, sent_at);
CREATE INDEX invitation_email_idx ON invitation (email, sent_at);
CREATE INDEX invitation_invited_by_idx ON invitation (invited_by);
CREATE INDEX invitation_membership_idx ON invitation (membership_id) WHERE membership_id IS NOT NULL;
CREATE INDEX invitation_expires_idx ON invitation (expires_at) WHERE accepted_at IS NULL AND revoked_at IS NULL;
CALL protect('invitation');
CREATE POLICY customer_reads ON invitation FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON invitation FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON invitation FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON invitation FOR SELECT TO portal_worker USING (true);
CREATE POLICY invites ON invitation FOR INSERT TO portal_customer, portal_agent
  WITH CHECK (org_id = (SELECT ctx_org()) AND invited_by = (SELECT ctx_person()));
CREATE POLICY moves ON invitation FOR UPDATE TO portal_customer, portal_agent
  USING (org_id = (SELECT ctx_org())) WITH CHECK (org_id = (SELECT ctx_org()));
GRANT SELECT (id, org_id, name, email, title, roles, mandates, round, sent_at, expires_at, invited_by, invited_by_name, side,
    accepted_at, membership_id, revoked_at)
  ON invitation TO portal_customer, portal_agent, portal_staff, portal_worker;
GRANT INSERT (id, org_id, name, email, title, roles, mandates, link_sha256, sent_at, expires_at, invited_by, side, confirmation_id)
  ON invitation TO portal_customer, portal_agent;
GRANT UPDATE (round, link_sha256, sent_at, expires_at, invited_by, revoked_at) ON invitation TO portal_customer, portal_agent;

ALTER TABLE notification ADD COLUMN invitation_id uuid REFERENCES invitation, DROP CONSTRAINT notification_one_subject,
  ADD CONSTRAINT notification_one_subject CHECK (num_nonnulls(order_id, signing_id, member_id, role_request_id, invitation_id) = 1);
CREATE INDEX notification_invitation_idx ON notification (invitation_id) WHERE invitation_id IS NOT NULL;
ALTER TABLE mail ADD COLUMN invitation_id uuid REFERENCES invitation, DROP CONSTRAINT mail_one_subject,
  ADD CONSTRAINT mail_one_subject CHECK (num_nonnulls(order_id, signing_id, member_id, invitation_id) = 1);
CREATE INDEX mail_invitation_idx ON mail (invitation_id) WHERE invitation_id IS NOT NULL;

CREATE FUNCTION invitation_moves() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  proof confirmation;
BEGIN
  IF TG_OP = 'UPDATE' AND (OLD.accepted_at IS NOT NULL OR OLD.revoked_at IS NOT NULL) THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF NEW.accepted_at IS NOT NULL THEN
    RETURN NEW; -- invitation_join() alone may set it
  END IF;
  IF acting_membership(NEW.org_id, '{administrator}') IS NULL THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  -- One at a time in an organisation, so that none slips past the counts.
  PERFORM FROM organisation o WHERE o.id = NEW.org_id FOR NO KEY UPDATE;
  IF TG_OP = 'INSERT' THEN
    IF EXISTS (SELECT FROM unnest(NEW.roles) r WHERE NOT role_fits(NEW.org_id, r)) THEN RAISE 'role' USING ERRCODE = 'P0412'; END IF;
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
CREATE TRIGGER invitation_moves BEFORE INSERT OR UPDATE ON invitation FOR EACH ROW EXECUTE FUNCTION invitation_moves();
CREATE FUNCTION invitation_sent() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO notification (id, key, cause, invitation_id, seq, due_at)
    VALUES (gen_random_uuid(), 'invitation:' || NEW.id || ':' || NEW.round, 'event', NEW.id, NEW.round, NEW.sent_at);
  RETURN NULL;
END
$$;
CREATE TRIGGER invitation_sent AFTER INSERT OR UPDATE OF round ON invitation FOR EACH ROW
  WHEN (NEW.accepted_at IS NULL AND NEW.revoked_at IS NULL) EXECUTE FUNCTION invitation_sent();

-- What a link leads to. `closed` tells why it can't be used; whoever invited must still have the right to (an administrator
-- who has been removed takes the invitations along).
CREATE FUNCTION invitation_by_link(link bytea, at timestamptz)
  RETURNS TABLE (id uuid, org_id uuid, org_name text, name text, email text, invited_by_name text, roles text[], expires_at timestamptz,
                 closed text, has_account boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT i.id, i.org_id, o.name, i.name, i.email, i.invited_by_name, i.roles::text[], i.expires_at,
               CASE WHEN i.accepted_at IS NOT NULL THEN 'accepted'
                    WHEN i.revoked_at IS NOT NULL THEN 'revoked'
                    WHEN i.expires_at <= at THEN 'expired'
                    WHEN NOT EXISTS (SELECT FROM membership m JOIN role_grant g ON g.membership_id = m.id
                          WHERE m.person_id = i.invited_by AND m.ended_at IS NULL AND (g.valid_to IS NULL OR g.valid_to >= today_here())
                            AND m.org_id = i.org_id AND g.role = 'administrator')
                      THEN 'inviter_left' END,
               EXISTS (SELECT FROM person p WHERE p.email = i.email AND p.password_hash IS NOT NULL)
          FROM invitation i JOIN organisation o ON o.id = i.org_id
         WHERE i.link_sha256 = link $$;

-- Gives the person a place with what the invitation says. Answers `joined`, `removed` (only Kundservice restores, portal.md
-- 2.6) or why the invitation is closed.
CREATE FUNCTION invitation_join(link bytea, who uuid, new_membership uuid, at timestamptz)
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

-- The person of a live session says yes.
CREATE FUNCTION invitation_accept(link bytea, token bytea, new_membership uuid, at timestamptz)
  RETURNS TABLE (outcome text, person_id uuid, org_id uuid, membership_id uuid)
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT j.* FROM session s JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL
         CROSS JOIN LATERAL invitation_join(link, s.person_id, new_membership, at) j
         WHERE s.token_hash = token AND session_is_live(s) $$;

-- Somebody new says yes, with a password (the mail has shown that the address is theirs) or with an e-legitimation that
-- nobody has. Also answers `taken`: there is such an account already.
CREATE FUNCTION invitation_accept_new(link bytea, new_person uuid, new_membership uuid, person_name text, hash text,
    new_eid uuid, of_mark bytea, by_provider text, by_name text, at timestamptz)
  RETURNS TABLE (outcome text, person_id uuid, org_id uuid, membership_id uuid)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  i invitation;
  why text;
BEGIN
  SELECT * INTO i FROM invitation x WHERE x.link_sha256 = link FOR UPDATE;
  SELECT b.closed INTO why FROM invitation_by_link(link, at) b;
  IF i.id IS NULL OR why IS NOT NULL THEN RETURN QUERY SELECT coalesce(why, 'gone'), NULL::uuid, i.org_id, NULL::uuid; RETURN; END IF;
  IF (hash IS NULL) = (of_mark IS NULL) THEN RAISE 'one way in' USING ERRCODE = 'P0412'; END IF;
  IF (hash IS NOT NULL AND EXISTS (SELECT FROM person p WHERE p.email = i.email))
     OR (of_mark IS NOT NULL AND EXISTS (SELECT FROM person_eid e WHERE e.mark = of_mark AND e.ended_at IS NULL)) THEN
    RETURN QUERY SELECT 'taken', NULL::uuid, i.org_id, NULL::uuid; RETURN;
  END IF;
  BEGIN
    INSERT INTO person (id, name, email, password_hash)
      -- An e-legitimation takes nobody's address: the next one may have a better right to it.
      VALUES (new_person, coalesce(person_name, i.name), CASE WHEN hash IS NOT NULL THEN i.email END, hash);
    IF of_mark IS NOT NULL THEN
      INSERT INTO person_eid (id, person_id, provider, provider_name, mark, used_at) VALUES (new_eid, new_person, by_provider, by_name, of_mark, now());
    END IF;
  EXCEPTION WHEN unique_violation THEN -- two at the same moment
    RETURN QUERY SELECT 'taken', NULL::uuid, i.org_id, NULL::uuid; RETURN;
  END;
  RETURN QUERY SELECT * FROM invitation_join(link, new_person, new_membership, at);
END
$$;
GRANT EXECUTE ON FUNCTION invitation_by_link(bytea, timestamptz), invitation_accept(bytea, bytea, uuid, timestamptz),
  invitation_accept_new(bytea, uuid, uuid, text, text, uuid, bytea, text, text, timestamptz) TO portal_app;
