-- Somebody asks to become a contact (portal.md 2.1 row 2: self-registration). First the address is confirmed by its reader
-- (N-03); then an administrator invites, or says no. The account comes with the invitation, so that nobody has one before the
-- organisation has said yes.
CREATE TABLE join_request (
  id uuid PRIMARY KEY,
  -- null = no organisation has the number: the same is written, so that the answer takes as long and says as little.
  org_id uuid REFERENCES organisation,
  name text NOT NULL CONSTRAINT join_request_name_form CHECK (char_length(name) BETWEEN 1 AND 120 AND name !~ '[[:cntrl:]]'),
  email text NOT NULL CONSTRAINT join_request_email_form CHECK (char_length(email) <= 254 AND email = lower(email) AND email !~ '[[:cntrl:]]'),
  title text NOT NULL DEFAULT '' CONSTRAINT join_request_title_length CHECK (char_length(title) <= 120),
  reason text NOT NULL DEFAULT '' CONSTRAINT join_request_reason_length CHECK (char_length(reason) <= 500),
  link_sha256 bytea NOT NULL CONSTRAINT join_request_link_key UNIQUE CONSTRAINT join_request_link_length CHECK (octet_length(link_sha256) = 32),
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  confirmed_at timestamptz,
  closed_at timestamptz,
  outcome text CONSTRAINT join_request_outcome_known CHECK (outcome IN ('invited', 'declined', 'lapsed')),
  closed_by uuid REFERENCES person,
  erased_at timestamptz,
  CONSTRAINT join_request_closed CHECK ((closed_at IS NULL) = (outcome IS NULL) AND (closed_by IS NOT NULL) = (coalesce(outcome, 'lapsed') <> 'lapsed')),
  CONSTRAINT join_request_confirmed_first CHECK (confirmed_at IS NOT NULL OR closed_at IS NULL),
  CONSTRAINT join_request_somewhere CHECK (org_id IS NOT NULL OR confirmed_at IS NULL),
  CONSTRAINT join_request_period CHECK (expires_at > made_at AND expires_at <= made_at + interval '72 hours'),
  CONSTRAINT join_request_tenant_key UNIQUE (id, org_id)
);
CREATE INDEX join_request_org_idx ON join_request (org_id, made_at);
CREATE INDEX join_request_email_idx ON join_request (email, made_at);
CREATE INDEX join_request_closed_by_idx ON join_request (closed_by) WHERE closed_by IS NOT NULL;
CREATE INDEX join_request_to_erase_idx ON join_request (made_at) WHERE erased_at IS NULL;
CREATE UNIQUE INDEX join_request_one_open ON join_request (org_id, email) WHERE confirmed_at IS NOT NULL AND closed_at IS NULL;
CALL protect('join_request');
CREATE POLICY party_reads ON join_request FOR SELECT TO portal_customer, portal_agent USING (org_id = (SELECT ctx_org()) AND confirmed_at IS NOT NULL);
CREATE POLICY party_closes ON join_request FOR UPDATE TO portal_customer, portal_agent
  USING (org_id = (SELECT ctx_org()) AND confirmed_at IS NOT NULL) WITH CHECK (org_id = (SELECT ctx_org()) AND closed_by = (SELECT ctx_person()));
-- Nobody asks to become a contact at Inera; its list is read all the same.
CREATE POLICY staff_reads ON join_request FOR SELECT TO portal_staff USING (org_id = (SELECT ctx_org()) AND confirmed_at IS NOT NULL);
CREATE POLICY worker_reads ON join_request FOR SELECT TO portal_worker USING (true);
GRANT SELECT (id, org_id, name, email, title, reason, made_at, confirmed_at, closed_at, outcome) ON join_request TO portal_customer, portal_agent, portal_staff;
GRANT UPDATE (closed_at, outcome, closed_by) ON join_request TO portal_customer, portal_agent;
GRANT SELECT (id, org_id, name, email, made_at, expires_at, confirmed_at, closed_at, outcome) ON join_request TO portal_worker;

ALTER TABLE notification ADD COLUMN join_request_id uuid REFERENCES join_request, DROP CONSTRAINT notification_one_subject,
  ADD CONSTRAINT notification_one_subject
    CHECK (num_nonnulls(order_id, signing_id, member_id, role_request_id, invitation_id, account_event_id, org_event_id, join_request_id) = 1);
CREATE INDEX notification_join_request_idx ON notification (join_request_id) WHERE join_request_id IS NOT NULL;
ALTER TABLE mail ADD COLUMN join_request_id uuid REFERENCES join_request, DROP CONSTRAINT mail_one_subject,
  ADD CONSTRAINT mail_one_subject
    CHECK (num_nonnulls(order_id, signing_id, member_id, invitation_id, account_event_id, org_event_id, join_request_id) = 1);
CREATE INDEX mail_join_request_idx ON mail (join_request_id) WHERE join_request_id IS NOT NULL;

CREATE FUNCTION join_request_closes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF OLD.closed_at IS NOT NULL THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF acting_membership(NEW.org_id, ARRAY[gives_roles(NEW.org_id)]) IS NULL THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  -- Invited is who has been: in the same transaction.
  IF NEW.outcome = 'invited' AND NOT EXISTS (SELECT FROM invitation i WHERE i.org_id = NEW.org_id AND i.email = NEW.email
       AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.xmin = pg_current_xact_id()::xid) THEN
    RAISE 'not_this_person' USING ERRCODE = 'P0403';
  END IF;
  IF NEW.outcome = 'declined' THEN
    INSERT INTO notification (id, key, cause, join_request_id, seq, due_at)
      VALUES (gen_random_uuid(), 'join:' || NEW.id || ':2', 'event', NEW.id, 2, NEW.closed_at);
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER join_request_closes BEFORE UPDATE OF closed_at, outcome, closed_by ON join_request FOR EACH ROW WHEN (NEW.erased_at IS NULL) EXECUTE FUNCTION join_request_closes();

-- Asks, with a number that may be nobody's. A sole trader's number is a personal number and can't be asked with.
CREATE FUNCTION join_ask(new_id uuid, by_org_nr text, by_name text, by_email text, of_title text, why text, link bytea, moment timestamptz) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO join_request (id, org_id, name, email, title, reason, link_sha256, made_at, expires_at)
    VALUES (new_id, (SELECT o.id FROM organisation o WHERE o.org_nr = by_org_nr AND NOT o.sole_trader AND NOT o.is_inera
                        AND (o.ceased_on IS NULL OR o.ceased_on >= (moment AT TIME ZONE 'Europe/Stockholm')::date)
                      ORDER BY o.customer_no, o.agent_no LIMIT 1),
            by_name, by_email, of_title, why, link, moment, moment + interval '72 hours');
  INSERT INTO notification (id, key, cause, join_request_id, seq, due_at)
    VALUES (gen_random_uuid(), 'join:' || new_id || ':0', 'event', new_id, 0, moment);
END
$$;
-- What a link leads to: `open`, or why nothing can be sent: `expired`, `unknown` (no such organisation), `invited`, `sent`, `closed`,
-- `member` (a contact already), `nobody` (there is no administrator), `full` (fifty wait).
CREATE FUNCTION join_of(link bytea, moment timestamptz) RETURNS TABLE (id uuid, org_id uuid, org_name text, name text, email text, state text)
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
                                        AND (g.valid_to IS NULL OR g.valid_to >= today_here()) WHERE m.org_id = j.org_id AND m.ended_at IS NULL) THEN 'nobody'
                    WHEN (SELECT count(*) FROM join_request x WHERE x.org_id = j.org_id AND x.confirmed_at IS NOT NULL AND x.closed_at IS NULL) >= 50 THEN 'full'
                    ELSE 'open' END
          FROM join_request j LEFT JOIN organisation o ON o.id = j.org_id
         WHERE j.link_sha256 = link $$;
-- Its reader confirms it, and the administrators are told; answers as join_of() did, `open` = it is sent.
CREATE FUNCTION join_confirm(link bytea, moment timestamptz) RETURNS TABLE (id uuid, org_id uuid, state text)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  j record;
BEGIN
  -- One at a time in an organisation, so that two clicks are one.
  PERFORM FROM organisation o JOIN join_request x ON x.org_id = o.id WHERE x.link_sha256 = link FOR NO KEY UPDATE OF o;
  SELECT * INTO j FROM join_of(link, moment);
  IF NOT FOUND THEN RETURN; END IF;
  IF j.state = 'open' THEN
    UPDATE join_request x SET confirmed_at = moment WHERE x.id = j.id;
    INSERT INTO notification (id, key, cause, join_request_id, seq, due_at)
      VALUES (gen_random_uuid(), 'join:' || j.id || ':1', 'event', j.id, 1, moment);
  END IF;
  RETURN QUERY SELECT j.id, j.org_id, j.state;
END
$$;
GRANT EXECUTE ON FUNCTION join_ask(uuid, text, text, text, text, text, bytea, timestamptz), join_of(bytea, timestamptz), join_confirm(bytea, timestamptz) TO portal_app;

-- As 0031, and what somebody asked for: 90 days after the answer, or without one, and a week after a link that nobody opened.
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
                             WHERE accepted_at IS NULL AND erased_at IS NULL AND expires_at < now() - interval '90 days' RETURNING 1),
             asked AS (UPDATE join_request SET name = 'Borttagen', email = id || '@borttagen.invalid', title = '', reason = '', erased_at = now(),
                          -- Nobody answered in 90 days: nobody will.
                          closed_at = CASE WHEN confirmed_at IS NOT NULL THEN coalesce(closed_at, now()) END,
                          outcome = CASE WHEN confirmed_at IS NOT NULL THEN coalesce(outcome, 'lapsed') END
                        WHERE erased_at IS NULL
                          AND (coalesce(closed_at, confirmed_at) < now() - interval '90 days' OR (confirmed_at IS NULL AND expires_at < now() - interval '7 days')) RETURNING 1)
        SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM old) + (SELECT count(*) FROM answered)
             + (SELECT count(*) FROM kept) + (SELECT count(*) FROM nobodys) + (SELECT count(*) FROM told) + (SELECT count(*) FROM claimed)
             + (SELECT count(*) FROM unanswered) + (SELECT count(*) FROM asked) $$;
