-- Who asks, in less work: every page begins with it. What only some people have is asked for by itself, and what tells that
-- they may have it stands where the look-up passes anyway. Fewer tables also keep a page within the locks that PostgreSQL
-- takes without a word to other connections (sixteen).

-- True from the person's first second factor on.
ALTER TABLE person ADD COLUMN has_had_factor boolean NOT NULL DEFAULT false;
-- True from the first time the contact was somebody's substitute.
ALTER TABLE membership ADD COLUMN has_stood_in boolean NOT NULL DEFAULT false;
UPDATE person p SET has_had_factor = true WHERE EXISTS (SELECT FROM second_factor f WHERE f.person_id = p.id);
UPDATE membership m SET has_stood_in = true WHERE EXISTS (SELECT FROM substitution s WHERE s.substitute_id = m.id);

CREATE FUNCTION second_factor_is_noted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE person p SET has_had_factor = true WHERE p.id = NEW.person_id AND NOT p.has_had_factor;
  RETURN NULL;
END
$$;
CREATE TRIGGER second_factor_is_noted AFTER INSERT OR UPDATE OF person_id ON second_factor FOR EACH ROW EXECUTE FUNCTION second_factor_is_noted();

CREATE FUNCTION substitution_is_noted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE membership m SET has_stood_in = true WHERE m.id = NEW.substitute_id AND NOT m.has_stood_in;
  RETURN NULL;
END
$$;
CREATE TRIGGER substitution_is_noted AFTER INSERT OR UPDATE OF substitute_id ON substitution FOR EACH ROW EXECUTE FUNCTION substitution_is_noted();

-- As 0021. The organisations come as json, which costs less to write, and are put in order only when there are several.
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
                 WHERE g.membership_id = m.id AND (g.valid_to IS NULL OR g.valid_to >= (now() AT TIME ZONE 'Europe/Stockholm')::date)),
         '{}',
         (SELECT count(*) FROM (SELECT FROM public.notice n
           WHERE n.org_id = m.org_id AND n.person_id = p.id AND n.read_at IS NULL LIMIT 100) x),
         (SELECT coalesce(json_agg(json_build_object('name', g.name, 'customer_no', g.customer_no, 'agent_no', g.agent_no, 'inera', g.is_inera)), '[]')
            FROM public.membership gm JOIN public.organisation g ON g.id = gm.org_id WHERE gm.person_id = p.id AND gm.ended_at IS NULL),
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
  IF json_array_length(orgs) > 1 THEN
    orgs := (SELECT json_agg(x ORDER BY x ->> 'name' COLLATE pg_catalog."sv-x-icu") FROM json_array_elements(orgs) x);
  END IF;
  RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION session_entry(bytea, side, bigint) TO portal_app;
