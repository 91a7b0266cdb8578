-- Who asks, in less work: every page begins with it. What only some people have is asked for by itself, and what tells that
-- they may have it stands where the look-up passes anyway. Fewer tables also keep a page within the locks that PostgreSQL
-- takes without a word to other connections (sixteen).

-- True from the person's first second factor on.
ALTER TABLE person ADD COLUMN has_had_factor boolean NOT NULL DEFAULT false;
-- True from the person's second organisation on.
ALTER TABLE person ADD COLUMN has_had_several boolean NOT NULL DEFAULT false;
-- True from the first time the contact was somebody's substitute.
ALTER TABLE membership ADD COLUMN has_stood_in boolean NOT NULL DEFAULT false;
UPDATE person p SET has_had_factor = true WHERE EXISTS (SELECT FROM second_factor f WHERE f.person_id = p.id);
UPDATE person p SET has_had_several = true WHERE (SELECT count(*) FROM membership m WHERE m.person_id = p.id) > 1;
UPDATE membership m SET has_stood_in = true WHERE EXISTS (SELECT FROM substitution s WHERE s.substitute_id = m.id);

CREATE FUNCTION second_factor_is_noted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE person p SET has_had_factor = true WHERE p.id = NEW.person_id AND NOT p.has_had_factor;
  RETURN NULL;
END
$$;
CREATE TRIGGER second_factor_is_noted AFTER INSERT OR UPDATE OF person_id ON second_factor FOR EACH ROW EXECUTE FUNCTION second_factor_is_noted();

-- Before membership_is_somebodys(), which holds the person more loosely: two new places of one person wait for each other.
CREATE FUNCTION membership_is_counted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM FROM person p WHERE p.id = NEW.person_id FOR NO KEY UPDATE;
  IF EXISTS (SELECT FROM membership x WHERE x.person_id = NEW.person_id AND x.id <> NEW.id) THEN
    UPDATE person p SET has_had_several = true WHERE p.id = NEW.person_id AND NOT p.has_had_several;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER membership_is_counted BEFORE INSERT OR UPDATE OF person_id ON membership FOR EACH ROW EXECUTE FUNCTION membership_is_counted();

CREATE FUNCTION substitution_is_noted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE membership m SET has_stood_in = true WHERE m.id = NEW.substitute_id AND NOT m.has_stood_in;
  RETURN NULL;
END
$$;
CREATE TRIGGER substitution_is_noted AFTER INSERT OR UPDATE OF substitute_id ON substitution FOR EACH ROW EXECUTE FUNCTION substitution_is_noted();

-- As 0021. The other organisations are asked for when there are any; roles are read through their index.
DROP FUNCTION session_entry(bytea, side, bigint);
CREATE FUNCTION session_entry(token bytea, wanted_side side, wanted_no bigint)
  RETURNS TABLE (session_id uuid, stale boolean, person_id uuid, person_name text, org_id uuid, org_name text, org_no bigint,
                 membership_id uuid, roles text[], mandates uuid[], unread bigint, orgs json, email text, stands_in_for uuid[],
                 strong boolean)
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
         (s.method = 'password' AND p.has_had_factor) OR coalesce(m.has_stood_in, false) OR wanted_side = 'agent'
    INTO session_id, stale, person_id, person_name, org_id, org_name, org_no, membership_id, roles, mandates, unread, orgs, email,
         stands_in_for, strong, has_more
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
    -- A password alone is not enough for somebody with a second factor.
    IF NOT strong AND EXISTS (SELECT FROM public.second_factor f WHERE f.person_id = session_entry.person_id AND f.ended_at IS NULL) THEN
      RETURN;
    END IF;
    stands_in_for := ARRAY (SELECT x.absent_id FROM public.substitution x
                             WHERE x.substitute_id = session_entry.membership_id AND x.ended_at IS NULL
                               AND (now() AT TIME ZONE 'Europe/Stockholm')::date BETWEEN x.valid_from AND x.valid_to);
    IF stands_in_for <> '{}' THEN
      roles := ARRAY (SELECT DISTINCT r.role::text FROM public.membership_role r WHERE r.membership_id = session_entry.membership_id);
    END IF;
    IF wanted_side = 'agent' AND 'agent_handler' = ANY (roles) THEN
      mandates := ARRAY (SELECT h.mandate_id FROM public.mandate_handler h WHERE h.membership_id = session_entry.membership_id);
    END IF;
  END IF;
  IF orgs IS NULL THEN
    orgs := (SELECT coalesce(json_agg(json_build_object('name', g.name, 'customer_no', g.customer_no, 'agent_no', g.agent_no, 'inera', g.is_inera)
                               ORDER BY g.name COLLATE pg_catalog."sv-x-icu"), '[]')
               FROM public.membership m JOIN public.organisation g ON g.id = m.org_id
              WHERE m.person_id = session_entry.person_id AND m.ended_at IS NULL);
  END IF;
  RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION session_entry(bytea, side, bigint) TO portal_app;

-- What a decision asks, as 0004, 0006 and 0018 have it: a function in plain SQL is planned anew for each call, this keeps its plan.
CREATE OR REPLACE FUNCTION acting_membership(org uuid, any_of role[]) RETURNS uuid
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  RETURN (SELECT m.id FROM membership m
           WHERE m.org_id = org AND m.person_id = ctx_person() AND m.ended_at IS NULL
             AND EXISTS (SELECT FROM membership_role r WHERE r.membership_id = m.id AND r.role = ANY (any_of)));
END
$$;
CREATE OR REPLACE FUNCTION desk_of(org uuid, as_role role, named uuid, in_mandate uuid, apart_from uuid)
  RETURNS TABLE (acting uuid, absent uuid, absent_person uuid, absent_name text)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  RETURN QUERY
    SELECT m.id, a.id, a.person_id, a.name
      FROM membership m
      JOIN membership_role r ON r.membership_id = m.id AND r.role = as_role
      LEFT JOIN membership a ON a.id = r.in_place_of
     WHERE m.org_id = org AND m.person_id = ctx_person() AND m.ended_at IS NULL
       AND (named IS NULL OR coalesce(r.in_place_of, m.id) = named)
       AND (in_mandate IS NULL OR EXISTS (SELECT FROM mandate_handler h
             WHERE h.mandate_id = in_mandate AND h.membership_id = m.id AND h.in_place_of IS NOT DISTINCT FROM r.in_place_of))
     ORDER BY a.id IS NOT NULL, a.person_id = apart_from, a.id LIMIT 1;
END
$$;
CREATE OR REPLACE FUNCTION customer_agreement_covers(customer uuid, service text, day date) RETURNS boolean
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM agreement a
     WHERE a.org_id = customer
       AND a.status IN ('active', 'terminated')
       AND a.valid_from <= day
       AND (a.valid_to IS NULL OR a.valid_to >= day)
       AND ((a.kind = 'customer_2' AND (SELECT s.ka2_from IS NULL OR s.ka2_from <= day FROM service s WHERE s.code = service))
         OR (a.kind = 'customer_1' AND a.service_code = service)));
END
$$;
CREATE OR REPLACE FUNCTION agent_agreement_in_force(agent uuid, day date) RETURNS boolean
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM agreement a
     WHERE a.org_id = agent AND a.kind = 'agent' AND a.status IN ('active', 'terminated')
       AND a.valid_from <= day AND (a.valid_to IS NULL OR a.valid_to >= day));
END
$$;
