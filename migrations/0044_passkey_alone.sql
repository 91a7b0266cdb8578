-- A passkey is a way in of its own: who holds it has shown that they know its code or are its owner, so nothing else is asked for.
-- An account with an address to sign in with has a password, a passkey, or both; one with e-legitimation alone has no address.

-- The second steps of somebody, for whoever has shown the password, and for whoever confirms while signed in.
CREATE OR REPLACE FUNCTION second_factors_at_sign_in(who uuid)
  RETURNS TABLE (id uuid, kind text, sealed bytea, credential bytea, password_hash text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT f.id, f.kind, f.sealed, f.credential, p.password_hash
          FROM person p JOIN second_factor f ON f.person_id = p.id AND f.ended_at IS NULL
         WHERE p.id = who AND p.disabled_at IS NULL
         ORDER BY f.created_at, f.id LIMIT 20 $$;
-- Holds somebody who is about to sign in: whoever removes what they show waits, or has removed it.
CREATE FUNCTION person_hold(who uuid) RETURNS void
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT FROM person p WHERE p.id = who FOR NO KEY UPDATE $$;
-- The passkeys of somebody who shows one of them and nothing else. Whose account is blocked is told so, when it holds.
CREATE FUNCTION passkeys_alone(who uuid) RETURNS TABLE (id uuid, sealed bytea, credential bytea, blocked boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT f.id, f.sealed, f.credential, p.blocked_at IS NOT NULL
          FROM person p JOIN second_factor f ON f.person_id = p.id AND f.ended_at IS NULL AND f.kind = 'passkey'
         WHERE p.id = who AND (p.disabled_at IS NULL OR p.blocked_at IS NOT NULL) AND p.anonymised_at IS NULL
         ORDER BY f.created_at, f.id LIMIT 20 $$;
GRANT EXECUTE ON FUNCTION person_hold(uuid), passkeys_alone(uuid) TO portal_app;

-- Can the person sign in without this second step and this e-legitimation?
CREATE FUNCTION has_way_in(who uuid, without uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM person p WHERE p.id = who AND p.password_hash IS NOT NULL)
            OR EXISTS (SELECT FROM person_eid e WHERE e.person_id = who AND e.ended_at IS NULL AND e.id IS DISTINCT FROM without)
            OR EXISTS (SELECT FROM second_factor f WHERE f.person_id = who AND f.kind = 'passkey' AND f.ended_at IS NULL
                          AND f.id IS DISTINCT FROM without) $$;

-- The last way in stays: 'last_way_in'. Whoever has the lost telephone may be signed in with it: other sessions end.
CREATE OR REPLACE FUNCTION second_factor_remove(token bytea, which uuid, moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid := session_person(token);
BEGIN
  UPDATE second_factor f SET ended_at = moment WHERE f.id = which AND f.person_id = who AND f.ended_at IS NULL;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF NOT has_way_in(who, which) THEN RAISE 'last_way_in' USING ERRCODE = 'P0403'; END IF;
  IF NOT EXISTS (SELECT FROM second_factor f WHERE f.person_id = who AND f.ended_at IS NULL) THEN
    DELETE FROM recovery_code c WHERE c.person_id = who;
  END IF;
  UPDATE session s SET ended_at = now() WHERE s.person_id = who AND s.token_hash <> token AND s.ended_at IS NULL;
  PERFORM account_tells(who, 'step_removed', moment);
  RETURN who;
END
$$;
-- As 0034, for accounts with an address.
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
  -- With e-legitimation alone there is no password for it to stand beside, and no address to come back by.
  IF EXISTS (SELECT FROM person p WHERE p.id = who AND p.email IS NULL) THEN RETURN QUERY SELECT who, 'no_address'; RETURN; END IF;
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
CREATE OR REPLACE FUNCTION eid_unlink(token bytea, which uuid) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid;
BEGIN
  SELECT p.id INTO who FROM session s JOIN person p ON p.id = s.person_id
   WHERE s.token_hash = token AND session_is_live(s) FOR UPDATE OF p;
  UPDATE person_eid e SET ended_at = now()
   WHERE e.id = which AND e.person_id = who AND e.ended_at IS NULL AND has_way_in(who, which);
  RETURN CASE WHEN FOUND THEN who END;
END
$$;

-- On the account's own pages too, what confirms is the person's own.
GRANT EXECUTE ON FUNCTION step_is_own(uuid), eid_is_own(bytea) TO portal_app;

-- A link to a password goes to whoever has the address, with a password before or without: the second step stays.
CREATE OR REPLACE FUNCTION password_reset_ask(by_email text, new_id uuid, link bytea, moment timestamptz) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ INSERT INTO account_event (id, person_id, kind, at, link_sha256, expires_at)
          VALUES (new_id, (SELECT p.id FROM person p WHERE p.email = by_email AND (p.disabled_at IS NULL OR p.blocked_at IS NOT NULL)
                                                        AND p.anonymised_at IS NULL),
                  'reset', moment, link, moment + interval '30 minutes') $$;

-- The address goes with the account, whatever opens it.
CREATE OR REPLACE FUNCTION login_email_ask(token bytea, new_id uuid, wanted text, link bytea, moment timestamptz)
  RETURNS TABLE (outcome text, person_id uuid)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  who uuid := session_person(token);
  p person;
BEGIN
  SELECT * INTO p FROM person x WHERE x.id = who;
  IF NOT FOUND THEN RETURN; END IF;
  IF p.email IS NULL THEN RETURN QUERY SELECT 'none', who; RETURN; END IF;
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
CREATE OR REPLACE FUNCTION login_email_of(link bytea, moment timestamptz) RETURNS TABLE (email text, taken boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT e.email, EXISTS (SELECT FROM person x WHERE x.email = e.email)
          FROM account_event e JOIN person p ON p.id = e.person_id AND p.disabled_at IS NULL AND p.email IS NOT NULL
         WHERE e.link_sha256 = link AND e.kind = 'email_asked' AND e.used_at IS NULL AND e.expires_at > moment $$;
CREATE OR REPLACE FUNCTION login_email_before(link bytea, moment timestamptz) RETURNS text
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT e.email FROM account_event e JOIN person p ON p.id = e.person_id AND p.disabled_at IS NULL AND p.email IS NOT NULL
         WHERE e.link_sha256 = link AND e.kind = 'email_changed' AND e.used_at IS NULL AND e.expires_at > moment AND e.email <> '' $$;
CREATE OR REPLACE FUNCTION session_login_email(token bytea) RETURNS text
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.email FROM session s JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL AND p.email IS NOT NULL
         WHERE s.token_hash = token AND session_is_live(s) $$;
-- As 0030: whoever changed the address has first given themselves a way in. What was added in the week before ends too.
CREATE OR REPLACE FUNCTION login_email_undo(link bytea, reset_id uuid, reset_link bytea, moment timestamptz) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid;
  since timestamptz;
  before text;
  after text;
BEGIN
  SELECT e.person_id, e.at - interval '7 days' INTO who, since FROM account_event e WHERE e.link_sha256 = link AND e.kind = 'email_changed';
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
    AND (e.kind <> 'email_changed' OR e.at >= since + interval '7 days');
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

-- As 0036, by whichever way in.
CREATE OR REPLACE FUNCTION unused_people(moment timestamptz) RETURNS TABLE (person_id uuid, told boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.id, w.at IS NOT NULL FROM person p
          LEFT JOIN LATERAL (SELECT max(e.at) AS at FROM account_event e WHERE e.person_id = p.id AND e.kind = 'unused_warned' AND e.at > p.used_at) w ON true
         WHERE p.disabled_at IS NULL AND p.used_at < moment - interval '11 months'
           AND (w.at IS NULL OR (w.at < moment - interval '28 days' AND p.used_at < moment - interval '12 months'))
           AND (p.email IS NOT NULL OR EXISTS (SELECT FROM person_eid e WHERE e.person_id = p.id AND e.ended_at IS NULL))
           AND EXISTS (SELECT FROM membership m WHERE m.person_id = p.id AND m.ended_at IS NULL)
           AND NOT EXISTS (SELECT FROM membership m JOIN role_grant g ON g.membership_id = m.id AND g.role = 'sysadmin'
                            WHERE m.person_id = p.id AND m.ended_at IS NULL
                              AND NOT EXISTS (SELECT FROM role_grant x JOIN membership y ON y.id = x.membership_id AND y.ended_at IS NULL AND y.blocked_at IS NULL
                                               WHERE x.role = 'sysadmin' AND x.valid_to IS NULL AND y.id <> m.id))
         ORDER BY p.used_at LIMIT 100 $$;

-- As 0040: an account that a passkey opens is one too.
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
               EXISTS (SELECT FROM person p WHERE p.email = i.email)
          FROM invitation i JOIN organisation o ON o.id = i.org_id
         WHERE i.link_sha256 = link $$;

-- As 0019, with a third way in: a passkey, and the recovery codes that go with it.
CREATE FUNCTION invitation_accept_new(link bytea, new_person uuid, new_membership uuid, person_name text, hash text,
    new_eid uuid, of_mark bytea, by_provider text, by_name text,
    new_factor uuid, secret bytea, of_credential bytea, codes bytea[], at timestamptz)
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
  IF num_nonnulls(hash, of_mark, of_credential) <> 1 THEN RAISE 'one way in' USING ERRCODE = 'P0412'; END IF;
  IF (of_mark IS NULL AND EXISTS (SELECT FROM person p WHERE p.email = i.email))
     OR (of_mark IS NOT NULL AND EXISTS (SELECT FROM person_eid e WHERE e.mark = of_mark AND e.ended_at IS NULL)) THEN
    RETURN QUERY SELECT 'taken', NULL::uuid, i.org_id, NULL::uuid; RETURN;
  END IF;
  BEGIN
    INSERT INTO person (id, name, email, password_hash)
      -- An e-legitimation takes nobody's address: the next one may have a better right to it.
      VALUES (new_person, coalesce(person_name, i.name), CASE WHEN of_mark IS NULL THEN i.email END, hash);
    IF of_mark IS NOT NULL THEN
      INSERT INTO person_eid (id, person_id, provider, provider_name, mark, used_at) VALUES (new_eid, new_person, by_provider, by_name, of_mark, now());
    END IF;
    IF of_credential IS NOT NULL THEN
      INSERT INTO second_factor (id, person_id, kind, name, sealed, credential, created_at)
        VALUES (new_factor, new_person, 'passkey', 'Passnyckel', secret, of_credential, at);
      INSERT INTO recovery_code (code_sha256, person_id, made_at) SELECT x, new_person, at FROM unnest(codes) x;
    END IF;
  EXCEPTION WHEN unique_violation THEN -- two at the same moment
    RETURN QUERY SELECT 'taken', NULL::uuid, i.org_id, NULL::uuid; RETURN;
  END;
  RETURN QUERY SELECT * FROM invitation_join(link, new_person, new_membership, at);
END
$$;
GRANT EXECUTE ON FUNCTION invitation_accept_new(bytea, uuid, uuid, text, text, uuid, bytea, text, text, uuid, bytea, bytea, bytea[], timestamptz)
  TO portal_app;
-- For programs of the version before.
CREATE OR REPLACE FUNCTION invitation_accept_new(link bytea, new_person uuid, new_membership uuid, person_name text, hash text,
    new_eid uuid, of_mark bytea, by_provider text, by_name text, at timestamptz)
  RETURNS TABLE (outcome text, person_id uuid, org_id uuid, membership_id uuid)
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT * FROM invitation_accept_new(link, new_person, new_membership, person_name, hash, new_eid, of_mark, by_provider, by_name,
                                            NULL, NULL, NULL, NULL, at) $$;

-- Evidence of a passkey or an app names one that the acting person has: as 0016 for the demo's e-legitimation.
CREATE OR REPLACE FUNCTION confirmation_method() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.method = 'test_eid' AND NOT is_demo_database() THEN RAISE 'method' USING ERRCODE = 'P0403'; END IF;
  IF NEW.method IN ('passkey', 'totp')
     AND NOT EXISTS (SELECT FROM second_factor f WHERE f.id::text = split_part(NEW.reference, ' ', 1) AND f.kind = NEW.method
                        AND f.person_id = NEW.person_id AND f.ended_at IS NULL) THEN
    RAISE 'method' USING ERRCODE = 'P0403';
  END IF;
  RETURN NEW;
END
$$;

-- Has the acting person a password to confirm with?
CREATE FUNCTION has_own_password() RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM person p WHERE p.id = ctx_person() AND p.password_hash IS NOT NULL) $$;
GRANT EXECUTE ON FUNCTION has_own_password() TO portal_customer, portal_agent, portal_staff;
