-- A second step for those who sign in with a password (decisions.md 10; security statements 42, 45, 46): the code of an app
-- or a passkey, and recovery codes for the day the telephone is lost. An e-legitimation needs none.
CREATE TABLE second_factor (
  id uuid PRIMARY KEY,
  person_id uuid NOT NULL REFERENCES person,
  kind text NOT NULL CONSTRAINT second_factor_kind_known CHECK (kind IN ('totp', 'passkey')),
  -- What its owner calls it.
  name text NOT NULL CONSTRAINT second_factor_name_length CHECK (char_length(name) BETWEEN 1 AND 60),
  -- The app's secret or the passkey's public half, sealed with the program's secret.
  sealed bytea NOT NULL CONSTRAINT second_factor_sealed_length CHECK (octet_length(sealed) BETWEEN 1 AND 8192),
  -- The authenticator's own name of a passkey.
  credential bytea CONSTRAINT second_factor_credential_length CHECK (octet_length(credential) BETWEEN 1 AND 1023),
  -- The half minute, counted from 1970, whose code was used last: neither it nor an earlier one works again.
  last_step bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  used_at timestamptz,
  ended_at timestamptz,
  CONSTRAINT second_factor_credential CHECK ((kind = 'passkey') = (credential IS NOT NULL))
);
CREATE UNIQUE INDEX second_factor_credential_key ON second_factor (credential) WHERE ended_at IS NULL;
CREATE INDEX second_factor_person_idx ON second_factor (person_id) WHERE ended_at IS NULL;
CALL protect('second_factor');

-- Each works once. 80 random bits, so that a hash alone hides them.
CREATE TABLE recovery_code (
  code_sha256 bytea PRIMARY KEY CONSTRAINT recovery_code_length CHECK (octet_length(code_sha256) = 32),
  person_id uuid NOT NULL REFERENCES person,
  made_at timestamptz NOT NULL,
  used_at timestamptz
);
CREATE INDEX recovery_code_person_idx ON recovery_code (person_id);
CALL protect('recovery_code');

-- How a session began. 'password' alone is not enough for everybody; the rule is the program's (identity/second.rs).
ALTER TABLE session ADD COLUMN method text NOT NULL DEFAULT 'password'
  CONSTRAINT session_method_known CHECK (method IN ('password', 'totp', 'passkey', 'recovery', 'eid'));
CREATE FUNCTION session_start(token bytea, session_id uuid, for_person uuid, on_device text, how text) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ INSERT INTO session (token_hash, id, person_id, device, method)
          VALUES (token, session_id, for_person, left(on_device, 200), how) $$;
-- The one without `how` stays for the program before this one, while both run (docs/operations.md).
-- A session that began with a password alone is over at the moment its owner has a second step: whoever knew the password and
-- nothing more is out, however the session came to be. As 0009 but for that.
CREATE OR REPLACE FUNCTION session_is_live(s session) RETURNS boolean LANGUAGE sql STABLE
  AS $$ SELECT s.ended_at IS NULL AND s.seen_at > now() - interval '30 minutes' AND s.created_at > now() - interval '12 hours'
           AND (s.method <> 'password'
                OR NOT EXISTS (SELECT FROM public.second_factor f WHERE f.person_id = s.person_id AND f.ended_at IS NULL)) $$;
-- All but the one that has just added it, which goes on under a new token.
CREATE FUNCTION session_strengthen(token bytea, new_token bytea, how text) RETURNS boolean
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH changed AS (UPDATE session s SET token_hash = new_token, method = how
                          WHERE s.token_hash = token AND s.ended_at IS NULL AND s.method = 'password' RETURNING 1)
        SELECT EXISTS (SELECT FROM changed) $$;

-- What the owner is told, besides 0020.
ALTER TABLE account_event DROP CONSTRAINT account_event_kind_known;
ALTER TABLE account_event ADD CONSTRAINT account_event_kind_known CHECK (kind IN
  ('reset', 'password', 'eid_connected', 'eid_removed', 'step_added', 'step_removed', 'step_cleared', 'codes_made', 'code_used', 'step_tries'));
-- Kundservice clears the steps of somebody who has lost them: who, and the confirmation it rests on.
ALTER TABLE account_event ADD COLUMN actor_id uuid REFERENCES person, ADD COLUMN confirmation_id uuid REFERENCES confirmation,
  ADD CONSTRAINT account_event_confirmation_key UNIQUE (confirmation_id),
  ADD CONSTRAINT account_event_cleared CHECK ((kind = 'step_cleared') = (actor_id IS NOT NULL AND confirmation_id IS NOT NULL));
CREATE INDEX account_event_actor_idx ON account_event (actor_id) WHERE actor_id IS NOT NULL;

-- The person of a live session, locked, so that what is counted below stays true.
CREATE FUNCTION session_person(token bytea) RETURNS uuid
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.id FROM session s JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL
         WHERE s.token_hash = token AND session_is_live(s) FOR UPDATE OF p $$;

CREATE FUNCTION account_tells(who uuid, what text, moment timestamptz) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ INSERT INTO account_event (id, person_id, kind, at) VALUES (gen_random_uuid(), who, what, moment) $$;

CREATE FUNCTION second_factors_of(token bytea)
  RETURNS TABLE (id uuid, kind text, name text, credential bytea, created_at timestamptz, used_at timestamptz, codes_left bigint)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT f.id, f.kind, f.name, f.credential, f.created_at, f.used_at,
               (SELECT count(*) FROM recovery_code c WHERE c.person_id = f.person_id AND c.used_at IS NULL)
          FROM session s JOIN second_factor f ON f.person_id = s.person_id AND f.ended_at IS NULL
         WHERE s.token_hash = token AND session_is_live(s)
         ORDER BY f.created_at, f.id LIMIT 20 $$;

-- Adds one, and codes with the first: 'added', 'first', 'full' (ten are enough), 'known' (this authenticator is somebody's
-- already) or no row when the session is over.
CREATE FUNCTION second_factor_add(token bytea, new_id uuid, of_kind text, called text, secret bytea, of_credential bytea,
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

-- Removes one of one's own, and the codes with the last; answers whose, or null when there is none such.
CREATE FUNCTION second_factor_remove(token bytea, which uuid, moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid := session_person(token);
BEGIN
  UPDATE second_factor f SET ended_at = moment WHERE f.id = which AND f.person_id = who AND f.ended_at IS NULL;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF NOT EXISTS (SELECT FROM second_factor f WHERE f.person_id = who AND f.ended_at IS NULL) THEN
    DELETE FROM recovery_code c WHERE c.person_id = who;
  END IF;
  PERFORM account_tells(who, 'step_removed', moment);
  RETURN who;
END
$$;

-- New codes instead of the old; null when there is no second step to recover from.
CREATE FUNCTION recovery_codes_make(token bytea, codes bytea[], moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid := session_person(token);
BEGIN
  IF NOT EXISTS (SELECT FROM second_factor f WHERE f.person_id = who AND f.ended_at IS NULL) THEN RETURN NULL; END IF;
  DELETE FROM recovery_code c WHERE c.person_id = who;
  INSERT INTO recovery_code (code_sha256, person_id, made_at) SELECT x, who, moment FROM unnest(codes) x;
  PERFORM account_tells(who, 'codes_made', moment);
  RETURN who;
END
$$;

-- At the sign-in, when the password has been right: what the person can show, and the hash the password was right for.
CREATE FUNCTION second_factors_at_sign_in(who uuid)
  RETURNS TABLE (id uuid, kind text, sealed bytea, credential bytea, password_hash text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT f.id, f.kind, f.sealed, f.credential, p.password_hash
          FROM person p JOIN second_factor f ON f.person_id = p.id AND f.ended_at IS NULL
         WHERE p.id = who AND p.disabled_at IS NULL AND p.password_hash IS NOT NULL
         ORDER BY f.created_at, f.id LIMIT 20 $$;
-- True when the code of this half minute, or a later one, has not been used: two who show it at once are one.
CREATE FUNCTION second_factor_step(which uuid, step bigint, moment timestamptz) RETURNS boolean
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH used AS (UPDATE second_factor f SET last_step = step, used_at = moment
                       WHERE f.id = which AND f.kind = 'totp' AND f.ended_at IS NULL AND f.last_step < step RETURNING 1)
        SELECT EXISTS (SELECT FROM used) $$;
-- A passkey was shown; its counters are kept.
CREATE FUNCTION second_factor_shown(which uuid, now_sealed bytea, moment timestamptz) RETURNS boolean
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH used AS (UPDATE second_factor f SET sealed = now_sealed, used_at = moment
                       WHERE f.id = which AND f.kind = 'passkey' AND f.ended_at IS NULL RETURNING 1)
        SELECT EXISTS (SELECT FROM used) $$;
-- Uses a code up; answers how many are left, null when it is not one of the person's.
CREATE FUNCTION recovery_code_use(who uuid, code bytea, moment timestamptz) RETURNS bigint
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE recovery_code c SET used_at = moment WHERE c.code_sha256 = code AND c.person_id = who AND c.used_at IS NULL;
  IF NOT FOUND THEN RETURN NULL; END IF;
  PERFORM account_tells(who, 'code_used', moment);
  RETURN (SELECT count(*) FROM recovery_code c WHERE c.person_id = who AND c.used_at IS NULL);
END
$$;
-- Too many wrong codes from somebody who knows the password: told at most once a day, the caller counts.
CREATE FUNCTION second_step_tried(who uuid, moment timestamptz) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT account_tells(who, 'step_tries', moment) $$;
GRANT EXECUTE ON FUNCTION session_start(bytea, uuid, uuid, text, text), second_step_tried(uuid, timestamptz), session_strengthen(bytea, bytea, text),
  second_factors_of(bytea), second_factor_add(bytea, uuid, text, text, bytea, bytea, bigint, bytea[], timestamptz),
  second_factor_remove(bytea, uuid, timestamptz), recovery_codes_make(bytea, bytea[], timestamptz),
  second_factors_at_sign_in(uuid), second_factor_step(uuid, bigint, timestamptz), second_factor_shown(uuid, bytea, timestamptz),
  recovery_code_use(uuid, bytea, timestamptz) TO portal_app;

-- Contacts of an organisation who have a second step that Kundservice could clear.
CREATE FUNCTION members_with_second_factor(org uuid) RETURNS SETOF uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT m.id FROM membership m
         WHERE m.org_id = org AND m.ended_at IS NULL
           AND EXISTS (SELECT FROM second_factor f WHERE f.person_id = m.person_id AND f.ended_at IS NULL) $$;
-- Kundservice clears the steps of a contact who has lost them. The next sign-in takes the password alone, and whoever must
-- have a second step has to add one before anything else.
CREATE FUNCTION second_factors_clear(member uuid, proof_id uuid, moment timestamptz) RETURNS bigint
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  m membership;
  proof confirmation;
  cleared bigint;
BEGIN
  SELECT * INTO m FROM membership x WHERE x.id = member AND x.ended_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_member' USING ERRCODE = 'P0404'; END IF;
  -- Colleagues at Inera are not Kundservice's customers, in whichever organisation they are met.
  IF acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{support}') IS NULL OR m.person_id = ctx_person()
     OR EXISTS (SELECT FROM membership x JOIN organisation o ON o.id = x.org_id AND o.is_inera
                 WHERE x.person_id = m.person_id AND x.ended_at IS NULL) THEN
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
-- What has been used for this can't be used for a change of roles as well; the other way round is checked above.
CREATE FUNCTION member_event_proof_is_new() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM account_event e WHERE e.confirmation_id = NEW.confirmation_id) THEN
    RAISE 'confirmation' USING ERRCODE = 'P0412';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER member_event_proof_is_new BEFORE INSERT ON member_event FOR EACH ROW EXECUTE FUNCTION member_event_proof_is_new();
GRANT EXECUTE ON FUNCTION members_with_second_factor(uuid), second_factors_clear(uuid, uuid, timestamptz) TO portal_staff;

-- As 0018, and whether the session began with more than a password.
DROP FUNCTION session_entry(bytea, side, bigint);
CREATE FUNCTION session_entry(token bytea, wanted_side side, wanted_no bigint)
  RETURNS TABLE (session_id uuid, stale boolean, person_id uuid, person_name text, org_id uuid, org_name text, org_no bigint,
                 membership_id uuid, roles text[], mandates uuid[], unread bigint, orgs jsonb, email text, stands_in_for uuid[],
                 strong boolean)
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
                 WHERE x.substitute_id = m.id AND x.ended_at IS NULL AND x.valid_from <= today AND x.valid_to >= today),
         s.method <> 'password'
    INTO session_id, stale, person_id, person_name, org_id, org_name, org_no, membership_id, roles, mandates, unread, orgs, email,
         stands_in_for, strong
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
     AND s.seen_at > now() - interval '30 minutes' AND s.created_at > now() - interval '12 hours'
     AND (s.method <> 'password'
          OR NOT EXISTS (SELECT FROM public.second_factor f WHERE f.person_id = s.person_id AND f.ended_at IS NULL));
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
