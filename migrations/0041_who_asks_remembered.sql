-- Who asks, remembered: what the look-up of a session finds for a person in an organisation changes a few times a year and is
-- asked for with every page. It is kept beside the session and believed only while nothing it was made of has changed: each
-- such change raises a number on the person, in the change's own transaction.

ALTER TABLE person ADD COLUMN place_version bigint NOT NULL DEFAULT 0;

-- A copy, of no worth without its number: nothing refers to it, it refers to the session alone, only the two functions at the
-- end read it, and it may be lost at any time.
CREATE UNLOGGED TABLE session_place (
  session_id uuid NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  side side NOT NULL,
  no bigint NOT NULL,
  person_id uuid NOT NULL,
  -- The person's place_version that it was made of.
  version bigint NOT NULL,
  -- Roles and substitutes have days: the midnight in Stockholm after it was made.
  good_until timestamptz NOT NULL,
  org_id uuid NOT NULL,
  membership_id uuid NOT NULL,
  person_name text NOT NULL,
  org_name text NOT NULL,
  org_no bigint,
  email text NOT NULL,
  roles text[] NOT NULL,
  mandates uuid[] NOT NULL,
  stands_in_for uuid[] NOT NULL,
  orgs json NOT NULL,
  -- Has the person a second step to confirm with?
  has_factor boolean NOT NULL,
  PRIMARY KEY (session_id, side, no)
);
ALTER TABLE session_place ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON session_place TO portal_owner USING (true) WITH CHECK (true);

-- What was remembered of these contacts' people, and of whoever stands in for them, is no longer believed.
CREATE FUNCTION places_changed(members uuid[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid[];
BEGIN
  -- In order: two changes at once wait for each other instead of locking each other out.
  who := ARRAY (SELECT p.id FROM person p
                 WHERE p.id IN (SELECT m.person_id FROM membership m WHERE m.id = ANY (members)
                                UNION
                                SELECT m.person_id FROM substitution s JOIN membership m ON m.id = s.substitute_id
                                 WHERE s.absent_id = ANY (members) AND s.ended_at IS NULL)
                 ORDER BY p.id FOR NO KEY UPDATE);
  UPDATE person p SET place_version = p.place_version + 1 WHERE p.id = ANY (who);
END
$$;

CREATE FUNCTION place_of_person_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  NEW.place_version := OLD.place_version + 1;
  RETURN NEW;
END
$$;
CREATE TRIGGER place_changed BEFORE UPDATE OF name, email, disabled_at, merged_into, has_had_factor, has_had_several ON person
  FOR EACH ROW EXECUTE FUNCTION place_of_person_changed();

CREATE FUNCTION place_of_factor_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE person p SET place_version = p.place_version + 1 WHERE p.id IN (OLD.person_id, NEW.person_id);
  RETURN NULL;
END
$$;
CREATE TRIGGER place_changed AFTER INSERT OR DELETE OR UPDATE OF person_id, ended_at ON second_factor
  FOR EACH ROW EXECUTE FUNCTION place_of_factor_changed();

CREATE FUNCTION place_of_membership_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  -- Somebody else's from now on: whose it was sees it no longer.
  IF TG_OP <> 'INSERT' AND OLD.person_id IS DISTINCT FROM NEW.person_id THEN
    UPDATE person p SET place_version = p.place_version + 1 WHERE p.id = OLD.person_id;
  END IF;
  IF TG_OP <> 'DELETE' THEN PERFORM places_changed(ARRAY[NEW.id]); END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER place_changed AFTER INSERT OR DELETE OR UPDATE OF person_id, org_id, name, email, ended_at, blocked_at, has_stood_in ON membership
  FOR EACH ROW EXECUTE FUNCTION place_of_membership_changed();

CREATE FUNCTION place_of_grant_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM places_changed(ARRAY[OLD.membership_id, NEW.membership_id]);
  RETURN NULL;
END
$$;
CREATE TRIGGER place_changed AFTER INSERT OR UPDATE OR DELETE ON role_grant FOR EACH ROW EXECUTE FUNCTION place_of_grant_changed();
CREATE TRIGGER place_changed AFTER INSERT OR UPDATE OR DELETE ON mandate_permission FOR EACH ROW EXECUTE FUNCTION place_of_grant_changed();

CREATE FUNCTION place_of_substitute_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM places_changed(ARRAY[OLD.substitute_id, NEW.substitute_id]);
  RETURN NULL;
END
$$;
CREATE TRIGGER place_changed AFTER INSERT OR UPDATE OR DELETE ON substitution FOR EACH ROW EXECUTE FUNCTION place_of_substitute_changed();

CREATE FUNCTION place_of_organisation_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM places_changed(ARRAY (SELECT m.id FROM membership m WHERE m.org_id = NEW.id AND m.ended_at IS NULL));
  RETURN NULL;
END
$$;
CREATE TRIGGER place_changed AFTER UPDATE OF name, customer_no, agent_no, is_inera ON organisation
  FOR EACH ROW WHEN ((OLD.name, OLD.customer_no, OLD.agent_no, OLD.is_inera) IS DISTINCT FROM (NEW.name, NEW.customer_no, NEW.agent_no, NEW.is_inera))
  EXECUTE FUNCTION place_of_organisation_changed();

-- As 0036, and held as places_changed() holds it: two restores of one person wait for each other.
CREATE OR REPLACE FUNCTION membership_is_somebodys() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  p person;
BEGIN
  SELECT * INTO p FROM person x WHERE x.id = NEW.person_id FOR NO KEY UPDATE;
  IF NOT FOUND OR p.anonymised_at IS NOT NULL THEN RAISE 'account_closed' USING ERRCODE = 'P0412'; END IF;
  IF p.blocked_at IS NOT NULL THEN RAISE 'account_blocked' USING ERRCODE = 'P0412'; END IF;
  RETURN NEW;
END
$$;
-- What a session remembered says nothing after its day, and holds a name and an address.
CREATE FUNCTION purge_places() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH gone AS (DELETE FROM session_place WHERE good_until < now() RETURNING 1) SELECT count(*) FROM gone $$;
GRANT EXECUTE ON FUNCTION purge_places() TO portal_worker;

-- As session_entry() of 0039, asked of the tables themselves.
CREATE FUNCTION who_asks(token bytea, wanted_side side, wanted_no bigint)
  RETURNS TABLE (session_id uuid, stale boolean, person_id uuid, person_name text, org_id uuid, org_name text, org_no bigint,
                 membership_id uuid, roles text[], mandates uuid[], unread bigint, orgs json, email text, stands_in_for uuid[],
                 strong boolean, has_factor boolean)
  LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 AS $$
DECLARE
  has_more boolean;
BEGIN
  SELECT s.id, s.seen_at < now() - interval '60 seconds', p.id, coalesce(m.name, p.name), m.org_id, o.name,
         CASE wanted_side WHEN 'agent' THEN o.agent_no ELSE o.customer_no END,
         m.id,
         ARRAY (SELECT g.role::text FROM public.role_grant g
                 WHERE g.membership_id = m.id AND (g.valid_to IS NULL OR g.valid_to >= (now() AT TIME ZONE 'Europe/Stockholm')::date)
                 ORDER BY g.role LIMIT 50),
         '{}',
         (SELECT count(*) FROM (SELECT FROM public.notice n
           WHERE n.org_id = m.org_id AND n.person_id = p.id AND n.read_at IS NULL LIMIT 100) x),
         CASE WHEN m.id IS NOT NULL AND NOT p.has_had_several
              THEN json_build_array(json_build_object('name', o.name, 'customer_no', o.customer_no, 'agent_no', o.agent_no, 'inera', o.is_inera)) END,
         coalesce(m.email, p.email, ''),
         '{}',
         s.method <> 'password',
         p.has_had_factor,
         p.has_had_factor OR coalesce(m.has_stood_in, false) OR wanted_side = 'agent'
    INTO session_id, stale, person_id, person_name, org_id, org_name, org_no, membership_id, roles, mandates, unread, orgs, email,
         stands_in_for, strong, has_factor, has_more
    FROM public.session s
    JOIN public.person p ON p.id = s.person_id AND p.disabled_at IS NULL
    LEFT JOIN (public.membership m
               JOIN public.organisation o ON o.id = m.org_id
                AND CASE wanted_side WHEN 'customer' THEN o.customer_no = wanted_no
                                     WHEN 'agent' THEN o.agent_no = wanted_no
                                     WHEN 'inera' THEN o.is_inera END)
      ON m.person_id = p.id AND m.ended_at IS NULL
   -- As session_is_live(), written out: a call for each session costs more than the look-up.
   WHERE s.token_hash = token AND s.ended_at IS NULL
     AND s.seen_at > now() - interval '30 minutes' AND s.created_at > now() - interval '12 hours';
  IF NOT FOUND THEN RETURN; END IF;
  IF has_more THEN
    has_factor := has_factor AND EXISTS (SELECT FROM public.second_factor f WHERE f.person_id = who_asks.person_id AND f.ended_at IS NULL);
    -- A password alone is not enough for somebody with a second factor.
    IF has_factor AND NOT strong THEN RETURN; END IF;
    stands_in_for := ARRAY (SELECT x.absent_id FROM public.substitution x
                             WHERE x.substitute_id = who_asks.membership_id AND x.ended_at IS NULL
                               AND (now() AT TIME ZONE 'Europe/Stockholm')::date BETWEEN x.valid_from AND x.valid_to);
    IF stands_in_for <> '{}' THEN
      roles := ARRAY (SELECT DISTINCT r.role::text FROM public.membership_role r WHERE r.membership_id = who_asks.membership_id);
    END IF;
    IF wanted_side = 'agent' AND 'agent_handler' = ANY (roles) THEN
      mandates := ARRAY (SELECT h.mandate_id FROM public.mandate_handler h WHERE h.membership_id = who_asks.membership_id);
    END IF;
  END IF;
  IF orgs IS NULL THEN
    orgs := (SELECT coalesce(json_agg(json_build_object('name', g.name, 'customer_no', g.customer_no, 'agent_no', g.agent_no, 'inera', g.is_inera)
                               ORDER BY g.name COLLATE pg_catalog."sv-x-icu"), '[]')
               FROM public.membership m JOIN public.organisation g ON g.id = m.org_id
              WHERE m.person_id = who_asks.person_id AND m.ended_at IS NULL);
  END IF;
  RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION who_asks(bytea, side, bigint) FROM PUBLIC;

-- As who_asks(); what is remembered is enough for most pages. `stale`: time for session_keep().
DROP FUNCTION session_entry(bytea, side, bigint);
CREATE FUNCTION session_entry(token bytea, wanted_side side, wanted_no bigint)
  RETURNS TABLE (session_id uuid, stale boolean, person_id uuid, person_name text, org_id uuid, org_name text, org_no bigint,
                 membership_id uuid, roles text[], mandates uuid[], unread bigint, orgs json, email text, stands_in_for uuid[],
                 strong boolean, has_factor boolean)
  LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 AS $$
BEGIN
  SELECT s.id, s.seen_at < now() - interval '60 seconds', p.id, c.person_name, c.org_id, c.org_name, c.org_no, c.membership_id, c.roles,
         c.mandates,
         (SELECT count(*) FROM (SELECT FROM public.notice n
           WHERE n.org_id = c.org_id AND n.person_id = p.id AND n.read_at IS NULL LIMIT 100) x),
         c.orgs, c.email, c.stands_in_for, s.method <> 'password', c.has_factor
    INTO session_id, stale, person_id, person_name, org_id, org_name, org_no, membership_id, roles, mandates, unread, orgs, email,
         stands_in_for, strong, has_factor
    FROM public.session s
    JOIN public.person p ON p.id = s.person_id AND p.disabled_at IS NULL
    JOIN public.session_place c ON c.session_id = s.id AND c.side = wanted_side AND c.no = wanted_no
     AND c.person_id = p.id AND c.version = p.place_version AND c.good_until > now()
   -- As session_is_live(), written out: a call for each session costs more than the look-up.
   WHERE s.token_hash = token AND s.ended_at IS NULL
     AND s.seen_at > now() - interval '30 minutes' AND s.created_at > now() - interval '12 hours';
  IF FOUND THEN
    RETURN NEXT;
  ELSE
    RETURN QUERY SELECT w.session_id, w.stale OR w.membership_id IS NOT NULL, w.person_id, w.person_name, w.org_id, w.org_name, w.org_no,
                        w.membership_id, w.roles, w.mandates, w.unread, w.orgs, w.email, w.stands_in_for, w.strong, w.has_factor
                   FROM public.who_asks(token, wanted_side, wanted_no) w;
  END IF;
END
$$;

-- Notes that the session is in use, and remembers who asked where. What is remembered and the person's number are of one
-- snapshot: a change that is not in the one is not in the other.
CREATE FUNCTION session_keep(token bytea, wanted_side side, wanted_no bigint) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE session s SET seen_at = now() WHERE s.token_hash = token AND session_is_live(s);
  INSERT INTO session_place AS c (session_id, side, no, person_id, version, good_until, org_id, membership_id, person_name, org_name, org_no,
                                  email, roles, mandates, stands_in_for, orgs, has_factor)
    SELECT w.session_id, wanted_side, wanted_no, p.id, p.place_version,
           (today_here() + 1)::timestamp AT TIME ZONE 'Europe/Stockholm',
           w.org_id, w.membership_id, w.person_name, w.org_name, w.org_no, w.email, w.roles, w.mandates, w.stands_in_for, w.orgs, w.has_factor
      FROM who_asks(token, wanted_side, wanted_no) w JOIN person p ON p.id = w.person_id
     WHERE w.membership_id IS NOT NULL
  ON CONFLICT ON CONSTRAINT session_place_pkey DO UPDATE
     SET person_id = EXCLUDED.person_id, version = EXCLUDED.version, good_until = EXCLUDED.good_until, org_id = EXCLUDED.org_id,
         membership_id = EXCLUDED.membership_id, person_name = EXCLUDED.person_name, org_name = EXCLUDED.org_name, org_no = EXCLUDED.org_no, email = EXCLUDED.email,
         roles = EXCLUDED.roles, mandates = EXCLUDED.mandates, stands_in_for = EXCLUDED.stands_in_for, orgs = EXCLUDED.orgs,
         has_factor = EXCLUDED.has_factor
   WHERE (c.version, c.good_until, c.person_id) IS DISTINCT FROM (EXCLUDED.version, EXCLUDED.good_until, EXCLUDED.person_id);
END
$$;
GRANT EXECUTE ON FUNCTION session_entry(bytea, side, bigint) TO portal_app;
GRANT EXECUTE ON FUNCTION session_keep(bytea, side, bigint) TO portal_app;
