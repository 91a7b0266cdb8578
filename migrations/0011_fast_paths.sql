-- What every request and every agent's inbox goes through, measured at a million orders (docs/performance.md).

-- The agent's work lists, first to answer first. Nine orders of ten are closed and not in here. The state is in the
-- predicate and not in the key: comparing an enum is not leakproof, so under row security it can't be an index condition.
DROP INDEX orders_agent_due;
DROP INDEX orders_agent_state;
CREATE INDEX orders_agent_review ON orders (agent_id, (coalesce(due_on, 'infinity')), id) WHERE state = 'awaiting_agent_review';
-- With what row security and the counts on the tabs ask for, so that they are answered from the index alone.
CREATE INDEX orders_agent_open ON orders (agent_id, (coalesce(due_on, 'infinity')), id) INCLUDE (state, mandate_id)
  WHERE submitted_at IS NOT NULL AND closed_at IS NULL;

-- The same answers as before, in one call less: the statement that calls it sets role and context itself. Names are
-- written with their schema instead of SET search_path, which costs as much as a look-up; nobody but the owner can make
-- objects that could stand in front of pg_catalog's.
-- open_session() stays for programs of the release before, which may still be running.
CREATE OR REPLACE FUNCTION session_context(token bytea, wanted_side side, wanted_no bigint)
  RETURNS TABLE (session_id uuid, stale boolean, person_id uuid, person_name text, org_id uuid, org_name text, org_no bigint,
                 membership_id uuid, roles text[], mandates uuid[], unread bigint, orgs jsonb, email text)
  LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 AS $$
DECLARE
  wanted_org uuid;
BEGIN
  CASE wanted_side
    WHEN 'customer' THEN SELECT o.id INTO wanted_org FROM public.organisation o WHERE o.customer_no = wanted_no;
    WHEN 'agent' THEN SELECT o.id INTO wanted_org FROM public.organisation o WHERE o.agent_no = wanted_no;
    WHEN 'inera' THEN SELECT o.id INTO wanted_org FROM public.organisation o WHERE o.is_inera;
    ELSE wanted_org := NULL;
  END CASE;
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
      LEFT JOIN public.membership m ON m.org_id = wanted_org AND m.person_id = p.id AND m.ended_at IS NULL
      LEFT JOIN public.organisation o ON o.id = m.org_id
     -- As session_is_live() of 0009, written out: a call for each session costs more than the look-up.
     WHERE s.token_hash = token AND s.ended_at IS NULL
       AND s.seen_at > now() - interval '30 minutes' AND s.created_at > now() - interval '12 hours';
END
$$;

-- What has no use any more: sessions that ended or ran out 90 days ago, and counters of tries from before yesterday.
-- Confirmations and audit entries name sessions by id and stay.
-- Asked for every minute: found by an index, not by reading every session.
CREATE INDEX session_created_idx ON session (created_at);
CREATE FUNCTION purge() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH gone AS (DELETE FROM session WHERE created_at < now() - interval '90 days' RETURNING 1),
             old AS (DELETE FROM throttle WHERE started_at < now() - interval '1 day' RETURNING 1)
        SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM old) $$;
GRANT EXECUTE ON FUNCTION purge() TO portal_worker;

-- Staff may let a cause that could not be expanded be tried again, as they may a dead mail.
CREATE POLICY staff_retries ON notification FOR UPDATE TO portal_staff USING (dead_at IS NOT NULL) WITH CHECK (true);
GRANT UPDATE (due_at, attempts, dead_at) ON notification TO portal_staff;
CREATE INDEX notification_dead ON notification (dead_at) WHERE dead_at IS NOT NULL;
