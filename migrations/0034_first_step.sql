-- The first second step of an account rests on more than the password it is to help: whoever adds it in a session that began with
-- the password alone has first opened a link in the account's mail, in that session.
ALTER TABLE session ADD COLUMN mail_shown boolean NOT NULL DEFAULT false;
ALTER TABLE account_event DROP CONSTRAINT account_event_kind_known, DROP CONSTRAINT account_event_link,
  ADD CONSTRAINT account_event_kind_known CHECK (kind IN
    ('reset', 'password', 'eid_connected', 'eid_removed', 'step_added', 'step_removed', 'step_cleared', 'codes_made', 'code_used', 'step_tries',
     'email_asked', 'email_changed', 'email_undone', 'closed', 'merge_asked', 'merge_told', 'merged', 'step_asked')),
  ADD CONSTRAINT account_event_link CHECK ((kind IN ('reset', 'email_asked', 'email_changed', 'merge_asked', 'step_asked')) = (link_sha256 IS NOT NULL AND expires_at IS NOT NULL));

-- Must the person of the session open a link first? Not with a step already, nor without an address to send one to.
CREATE FUNCTION session_needs_mail(token bytea) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM session s JOIN person p ON p.id = s.person_id AND p.email IS NOT NULL
                        WHERE s.token_hash = token AND session_is_live(s) AND s.method = 'password' AND NOT s.mail_shown
                          AND NOT EXISTS (SELECT FROM second_factor f WHERE f.person_id = s.person_id AND f.ended_at IS NULL)) $$;
-- Somebody has just come by a link in the mail: an invitation that was answered with a new password.
CREATE FUNCTION session_came_by_mail(token bytea) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ UPDATE session s SET mail_shown = true WHERE s.token_hash = token $$;
-- Asks for the link: whose account it is, or null when none is needed.
CREATE FUNCTION step_link_ask(token bytea, new_id uuid, link bytea, moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid := session_person(token);
BEGIN
  IF who IS NULL OR NOT session_needs_mail(token) THEN RETURN NULL; END IF;
  UPDATE account_event e SET used_at = moment WHERE e.person_id = who AND e.kind = 'step_asked' AND e.used_at IS NULL;
  INSERT INTO account_event (id, person_id, kind, at, link_sha256, expires_at) VALUES (new_id, who, 'step_asked', moment, link, moment + interval '30 minutes');
  RETURN who;
END
$$;
-- Can the link be used in this session? By its account alone.
CREATE FUNCTION step_link_fits(link bytea, token bytea, moment timestamptz) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM account_event e JOIN session s ON s.person_id = e.person_id AND s.token_hash = token AND session_is_live(s)
                        WHERE e.link_sha256 = link AND e.kind = 'step_asked' AND e.used_at IS NULL AND e.expires_at > moment) $$;
-- Whoever opens it goes on in the session where it was opened, and in no other.
CREATE FUNCTION step_link_use(link bytea, token bytea, moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid := session_person(token);
BEGIN
  IF who IS NULL OR NOT step_link_fits(link, token, moment) THEN RETURN NULL; END IF;
  UPDATE account_event e SET used_at = moment WHERE e.link_sha256 = link;
  UPDATE session s SET mail_shown = true WHERE s.token_hash = token;
  RETURN who;
END
$$;
GRANT EXECUTE ON FUNCTION session_needs_mail(bytea), session_came_by_mail(bytea), step_link_ask(bytea, uuid, bytea, timestamptz),
  step_link_fits(bytea, bytea, timestamptz), step_link_use(bytea, bytea, timestamptz) TO portal_app;

-- As 0021 but for that.
CREATE OR REPLACE FUNCTION second_factor_add(token bytea, new_id uuid, of_kind text, called text, secret bytea, of_credential bytea,
                                  step bigint, codes bytea[], moment timestamptz)
  RETURNS TABLE (person_id uuid, outcome text)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  who uuid := session_person(token);
  had bigint;
BEGIN
  IF who IS NULL THEN RETURN; END IF;
  SELECT count(*) INTO had FROM second_factor f WHERE f.person_id = who AND f.ended_at IS NULL;
  IF had = 0 AND session_needs_mail(token) THEN RETURN QUERY SELECT who, 'mail_first'; RETURN; END IF;
  IF had >= 10 THEN RETURN QUERY SELECT who, 'full'; RETURN; END IF;
  INSERT INTO second_factor (id, person_id, kind, name, sealed, credential, last_step, created_at)
    VALUES (new_id, who, of_kind, called, secret, of_credential, step, moment)
    ON CONFLICT (credential) WHERE ended_at IS NULL DO NOTHING;
  IF NOT FOUND THEN RETURN QUERY SELECT who, 'known'; RETURN; END IF;
  IF had = 0 THEN
    DELETE FROM recovery_code c WHERE c.person_id = who;
    INSERT INTO recovery_code (code_sha256, person_id, made_at) SELECT x, who, moment FROM unnest(codes) x;
  END IF;
  PERFORM account_tells(who, 'step_added', moment);
  RETURN QUERY SELECT who, CASE WHEN had = 0 THEN 'first' ELSE 'added' END;
END
$$;
