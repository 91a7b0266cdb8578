-- What happens to an account is told to its owner: a link to a new password is asked for, the password is changed, an
-- e-legitimation is connected or removed. The database notices by itself, whichever way it was done.
CREATE TABLE account_event (
  id uuid PRIMARY KEY,
  -- null = somebody asked for a link with an address that nobody signs in with: the same is written, so that the answer
  -- takes as long (issue 3, timing), and nothing is sent.
  person_id uuid REFERENCES person,
  kind text NOT NULL CONSTRAINT account_event_kind_known CHECK (kind IN ('reset', 'password', 'eid_connected', 'eid_removed')),
  at timestamptz NOT NULL,
  -- For a link to a new password: it works once and for half an hour.
  link_sha256 bytea CONSTRAINT account_event_link_key UNIQUE CONSTRAINT account_event_link_length CHECK (octet_length(link_sha256) = 32),
  expires_at timestamptz,
  used_at timestamptz,
  CONSTRAINT account_event_link CHECK ((kind = 'reset') = (link_sha256 IS NOT NULL AND expires_at IS NOT NULL))
);
CREATE INDEX account_event_person_idx ON account_event (person_id);
CREATE INDEX account_event_at_idx ON account_event (at);
CALL protect('account_event');
CREATE POLICY worker_reads ON account_event FOR SELECT TO portal_worker USING (true);
GRANT SELECT (id, person_id, kind, at, expires_at, used_at) ON account_event TO portal_worker;

ALTER TABLE notification ADD COLUMN account_event_id uuid REFERENCES account_event ON DELETE CASCADE, DROP CONSTRAINT notification_one_subject,
  ADD CONSTRAINT notification_one_subject
    CHECK (num_nonnulls(order_id, signing_id, member_id, role_request_id, invitation_id, account_event_id) = 1);
CREATE INDEX notification_account_event_idx ON notification (account_event_id) WHERE account_event_id IS NOT NULL;
ALTER TABLE mail ADD COLUMN account_event_id uuid REFERENCES account_event, DROP CONSTRAINT mail_one_subject,
  ADD CONSTRAINT mail_one_subject CHECK (num_nonnulls(order_id, signing_id, member_id, invitation_id, account_event_id) = 1);
CREATE INDEX mail_account_event_idx ON mail (account_event_id) WHERE account_event_id IS NOT NULL;

CREATE FUNCTION account_event_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO notification (id, key, cause, account_event_id, seq, due_at)
    VALUES (gen_random_uuid(), 'account:' || NEW.id, 'event', NEW.id, 0, to_timestamp(0));
  RETURN NULL;
END
$$;
CREATE TRIGGER account_event_told AFTER INSERT ON account_event FOR EACH ROW EXECUTE FUNCTION account_event_told();

CREATE FUNCTION person_password_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO account_event (id, person_id, kind, at) VALUES (gen_random_uuid(), NEW.id, 'password', now());
  RETURN NULL;
END
$$;
CREATE TRIGGER person_password_told AFTER UPDATE OF password_hash ON person FOR EACH ROW
  WHEN (OLD.password_hash IS DISTINCT FROM NEW.password_hash) EXECUTE FUNCTION person_password_told();

CREATE FUNCTION person_eid_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  -- With a new account it is not news.
  IF TG_OP = 'INSERT' AND EXISTS (SELECT FROM person p WHERE p.id = NEW.person_id AND p.xmin = pg_current_xact_id()::xid) THEN
    RETURN NULL;
  END IF;
  INSERT INTO account_event (id, person_id, kind, at)
    VALUES (gen_random_uuid(), NEW.person_id, CASE TG_OP WHEN 'INSERT' THEN 'eid_connected' ELSE 'eid_removed' END, now());
  RETURN NULL;
END
$$;
CREATE TRIGGER person_eid_connected AFTER INSERT ON person_eid FOR EACH ROW EXECUTE FUNCTION person_eid_told();
CREATE TRIGGER person_eid_removed AFTER UPDATE OF ended_at ON person_eid FOR EACH ROW
  WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION person_eid_told();

-- Somebody asks for a link. An account without a password has none to forget, and gets none by mail.
CREATE FUNCTION password_reset_ask(by_email text, new_id uuid, link bytea, moment timestamptz) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ INSERT INTO account_event (id, person_id, kind, at, link_sha256, expires_at)
          VALUES (new_id, (SELECT p.id FROM person p WHERE p.email = by_email AND p.disabled_at IS NULL AND p.password_hash IS NOT NULL),
                  'reset', moment, link, moment + interval '30 minutes') $$;
-- Whose the link is, while it can be used.
CREATE FUNCTION password_reset_of(link bytea, moment timestamptz) RETURNS TABLE (name text, email text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.name, p.email FROM account_event e JOIN person p ON p.id = e.person_id AND p.disabled_at IS NULL
         WHERE e.link_sha256 = link AND e.used_at IS NULL AND e.expires_at > moment $$;
-- Sets the password. Every link and every session of the person is over.
CREATE FUNCTION password_reset_use(link bytea, hash text, moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid;
BEGIN
  UPDATE account_event e SET used_at = moment FROM person p
   WHERE e.link_sha256 = link AND e.used_at IS NULL AND e.expires_at > moment AND p.id = e.person_id AND p.disabled_at IS NULL
  RETURNING e.person_id INTO who;
  IF who IS NULL THEN RETURN NULL; END IF;
  UPDATE account_event e SET used_at = moment WHERE e.person_id = who AND e.kind = 'reset' AND e.used_at IS NULL;
  UPDATE person SET password_hash = hash WHERE id = who;
  UPDATE session SET ended_at = now() WHERE person_id = who AND ended_at IS NULL;
  RETURN who;
END
$$;
GRANT EXECUTE ON FUNCTION password_reset_ask(text, uuid, bytea, timestamptz), password_reset_of(bytea, timestamptz),
  password_reset_use(bytea, text, timestamptz) TO portal_app;

CREATE OR REPLACE FUNCTION purge() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH gone AS (DELETE FROM session WHERE created_at < now() - interval '90 days' RETURNING 1),
             old AS (DELETE FROM throttle WHERE started_at < now() - interval '1 day' RETURNING 1),
             answered AS (DELETE FROM eid_answer WHERE at < now() - interval '1 day' RETURNING 1),
             kept AS (DELETE FROM kept_form WHERE at < now() - interval '1 day' RETURNING 1),
             -- Asked for with an address that nobody has: no mail was ever made of it.
             nobodys AS (DELETE FROM account_event WHERE person_id IS NULL AND at < now() - interval '1 day' RETURNING 1)
        SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM old) + (SELECT count(*) FROM answered)
             + (SELECT count(*) FROM kept) + (SELECT count(*) FROM nobodys) $$;
