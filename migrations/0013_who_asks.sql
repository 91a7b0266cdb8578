-- The same answers as before (0011): the organisation is found in the same statement, a look-up less for every request.
CREATE OR REPLACE FUNCTION session_context(token bytea, wanted_side side, wanted_no bigint)
  RETURNS TABLE (session_id uuid, stale boolean, person_id uuid, person_name text, org_id uuid, org_name text, org_no bigint,
                 membership_id uuid, roles text[], mandates uuid[], unread bigint, orgs jsonb, email text)
  LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 AS $$
BEGIN
  RETURN QUERY
    SELECT s.id, s.seen_at < now() - interval '60 seconds', p.id, coalesce(m.name, p.name), m.org_id, o.name,
           CASE wanted_side WHEN 'agent' THEN o.agent_no ELSE o.customer_no END,
           m.id,
           ARRAY (SELECT r.role::text FROM public.membership_role r WHERE r.membership_id = m.id),
           CASE WHEN wanted_side = 'agent'
                THEN ARRAY (SELECT h.mandate_id FROM public.mandate_handler h WHERE h.membership_id = m.id)
                ELSE '{}' END,
           CASE WHEN m.id IS NULL THEN 0
                ELSE (SELECT count(*) FROM (SELECT FROM public.notice n
                       WHERE n.org_id = m.org_id AND n.person_id = p.id AND n.read_at IS NULL LIMIT 100) x) END,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('name', g.name, 'customer_no', g.customer_no, 'agent_no', g.agent_no, 'inera', g.is_inera)
                     ORDER BY g.name COLLATE pg_catalog."sv-x-icu"), '[]')
              FROM public.membership gm JOIN public.organisation g ON g.id = gm.org_id WHERE gm.person_id = p.id AND gm.ended_at IS NULL),
           coalesce(m.email, p.email)
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
       AND s.seen_at > now() - interval '30 minutes' AND s.created_at > now() - interval '12 hours';
END
$$;
