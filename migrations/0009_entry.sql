-- The doors: signing in, opening a transaction for a person in an organisation, and the worker's own.
-- The login role may call these and nothing else.

-- Idle 30 minutes, absolute 12 hours, by this clock (security-statements.md 49).
CREATE FUNCTION session_is_live(s session) RETURNS boolean LANGUAGE sql STABLE
  AS $$ SELECT s.ended_at IS NULL AND s.seen_at > now() - interval '30 minutes' AND s.created_at > now() - interval '12 hours' $$;

-- Everything a signed-in page needs to know about who asks, in one look-up. No row = no live session.
-- org_id is null when the person has no place in that organisation: the page does not exist for them.
CREATE FUNCTION session_context(token bytea, wanted_side side, wanted_no bigint)
  RETURNS TABLE (session_id uuid, stale boolean, person_id uuid, person_name text, org_id uuid, org_name text, org_no bigint,
                 membership_id uuid, roles text[], mandates uuid[], unread bigint, orgs jsonb, email text)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  wanted_org uuid;
BEGIN
  CASE wanted_side
    WHEN 'customer' THEN SELECT o.id INTO wanted_org FROM organisation o WHERE o.customer_no = wanted_no;
    WHEN 'agent' THEN SELECT o.id INTO wanted_org FROM organisation o WHERE o.agent_no = wanted_no;
    WHEN 'inera' THEN SELECT o.id INTO wanted_org FROM organisation o WHERE o.is_inera;
    ELSE wanted_org := NULL;
  END CASE;
  RETURN QUERY
    SELECT s.id, s.seen_at < now() - interval '60 seconds', p.id, coalesce(m.name, p.name), m.org_id, o.name,
           CASE wanted_side WHEN 'agent' THEN o.agent_no ELSE o.customer_no END,
           m.id,
           coalesce((SELECT array_agg(r.role::text ORDER BY r.role) FROM membership_role r WHERE r.membership_id = m.id), '{}'),
           CASE WHEN wanted_side = 'agent'
                THEN coalesce((SELECT array_agg(h.mandate_id) FROM mandate_handler h WHERE h.membership_id = m.id), '{}')
                ELSE '{}' END,
           CASE WHEN m.id IS NULL THEN 0
                ELSE (SELECT count(*) FROM (SELECT FROM notice n WHERE n.org_id = m.org_id AND n.person_id = p.id AND n.read_at IS NULL LIMIT 100) x) END,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('name', g.name, 'customer_no', g.customer_no, 'agent_no', g.agent_no, 'inera', g.is_inera)
                     ORDER BY g.name COLLATE "sv-x-icu"), '[]')
              FROM membership gm JOIN organisation g ON g.id = gm.org_id WHERE gm.person_id = p.id AND gm.ended_at IS NULL),
           coalesce(m.email, p.email)
      FROM session s
      JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL
      LEFT JOIN membership m ON m.org_id = wanted_org AND m.person_id = p.id AND m.ended_at IS NULL
      LEFT JOIN organisation o ON o.id = m.org_id
     WHERE s.token_hash = token AND session_is_live(s);
END
$$;

-- Opens the transaction: looks the session up, then sets role and context until commit. Runs as the caller,
-- because a security-definer function may not change the role.
CREATE FUNCTION open_session(token bytea, wanted_side side, wanted_no bigint)
  RETURNS TABLE (session_id uuid, stale boolean, person_id uuid, person_name text, org_id uuid, org_name text, org_no bigint,
                 membership_id uuid, roles text[], mandates uuid[], unread bigint, orgs jsonb, email text)
  LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  c record;
BEGIN
  SELECT * INTO c FROM session_context(token, wanted_side, wanted_no);
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM set_config('portal.person', c.person_id::text, true);
  IF c.org_id IS NOT NULL THEN
    PERFORM set_config('portal.org', c.org_id::text, true),
            set_config('portal.membership', c.membership_id::text, true),
            set_config('portal.mandates', c.mandates::text, true),
            set_config('portal.sees_all', (CASE wanted_side
               WHEN 'customer' THEN c.roles && '{administrator,orderer,attestant,contract_contact}'::text[]
               WHEN 'agent' THEN c.roles && '{administrator,mandate_orderer,attestant,contract_contact}'::text[]
               ELSE true END)::text, true),
            set_config('role', CASE wanted_side WHEN 'customer' THEN 'portal_customer' WHEN 'agent' THEN 'portal_agent' ELSE 'portal_staff' END, true);
  ELSIF wanted_side IS NOT NULL THEN
    PERFORM set_config('role', 'portal_public', true);
  END IF;
  RETURN QUERY SELECT c.session_id, c.stale, c.person_id, c.person_name, c.org_id, c.org_name, c.org_no,
    c.membership_id, c.roles, c.mandates, c.unread, c.orgs, c.email;
END
$$;

CREATE FUNCTION session_start(token bytea, session_id uuid, for_person uuid, on_device text) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ INSERT INTO session (token_hash, id, person_id, device) VALUES (token, session_id, for_person, left(on_device, 200)) $$;
CREATE FUNCTION session_touch(token bytea) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ UPDATE session s SET seen_at = now() WHERE s.token_hash = token AND session_is_live(s) $$;
-- Answers whose session it was.
CREATE FUNCTION session_end(token bytea) RETURNS uuid
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ UPDATE session SET ended_at = now() WHERE token_hash = token AND ended_at IS NULL RETURNING person_id $$;
-- Own sessions, and ending one of them: both by the cookie of a live session of the same person.
CREATE FUNCTION sessions_of(token bytea) RETURNS TABLE (id uuid, created_at timestamptz, seen_at timestamptz, device text, current boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT x.id, x.created_at, x.seen_at, x.device, x.token_hash = token
          FROM session x WHERE session_is_live(x)
           AND x.person_id = (SELECT s.person_id FROM session s WHERE s.token_hash = token AND session_is_live(s))
         ORDER BY x.created_at DESC LIMIT 100 $$;
CREATE FUNCTION session_end_other(token bytea, other uuid) RETURNS boolean
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH ended AS (
          UPDATE session x SET ended_at = now()
           WHERE x.id = other AND x.ended_at IS NULL
             AND x.person_id = (SELECT s.person_id FROM session s WHERE s.token_hash = token AND session_is_live(s))
          RETURNING 1)
        SELECT EXISTS (SELECT FROM ended) $$;

CREATE FUNCTION password_of(by_email text) RETURNS TABLE (person_id uuid, password_hash text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.id, p.password_hash FROM person p WHERE p.email = by_email AND p.disabled_at IS NULL AND p.password_hash IS NOT NULL $$;
-- For a fresh confirmation: the acting person's own hash, and how long to wait after too many wrong tries (0 = go on).
-- Guesses of one person wait for each other, so that none slips past the count.
CREATE FUNCTION own_password(what bytea, most int) RETURNS TABLE (password_hash text, wait int)
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT pg_advisory_xact_lock(hashtextextended(ctx_person()::text, 7));
        SELECT p.password_hash,
               coalesce((SELECT greatest(0, ceil(extract(epoch FROM t.started_at + interval '15 minutes' - now()))::int)
                           FROM throttle t WHERE t.key = what AND t.hits >= most), 0)
          FROM person p WHERE p.id = ctx_person() $$;

-- Counts a hit; answers how many seconds to wait, 0 = go on.
CREATE FUNCTION throttle_hit(what bytea, most int, span_seconds int) RETURNS int
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  t throttle;
BEGIN
  INSERT INTO throttle AS x (key, started_at, hits) VALUES (what, now(), 1)
    ON CONFLICT (key) DO UPDATE SET
      hits = CASE WHEN x.started_at < now() - make_interval(secs => span_seconds) THEN 1 ELSE x.hits + 1 END,
      started_at = CASE WHEN x.started_at < now() - make_interval(secs => span_seconds) THEN now() ELSE x.started_at END
    RETURNING * INTO t;
  IF t.hits <= most THEN RETURN 0; END IF;
  RETURN greatest(1, ceil(extract(epoch FROM t.started_at + make_interval(secs => span_seconds) - now()))::int);
END
$$;
-- A try that turned out to be right does not count.
CREATE FUNCTION throttle_undo(what bytea[]) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ UPDATE throttle SET hits = greatest(0, hits - 1) WHERE key = ANY (what) $$;
CREATE FUNCTION throttle_clear(what bytea) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ DELETE FROM throttle WHERE key = what $$;

-- Where an order is for the person behind a session: one row for each hat that may see it.
CREATE FUNCTION order_whereabouts(token bytea, wanted text)
  RETURNS TABLE (side side, org_no bigint)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$
    SELECT h.side, h.org_no
      FROM session s
      JOIN orders o ON o.number = wanted
     CROSS JOIN LATERAL (
       SELECT 'customer'::side AS side, g.customer_no AS org_no, 1 AS rank FROM membership m JOIN organisation g ON g.id = m.org_id
        WHERE m.person_id = s.person_id AND m.ended_at IS NULL AND m.org_id = o.customer_id
          AND (o.created_by = s.person_id OR EXISTS (SELECT FROM membership_role r WHERE r.membership_id = m.id
                AND r.role IN ('administrator', 'orderer', 'attestant', 'contract_contact')))
       UNION ALL
       SELECT 'agent', g.agent_no, 2 FROM membership m JOIN organisation g ON g.id = m.org_id
        WHERE m.person_id = s.person_id AND m.ended_at IS NULL AND m.org_id = o.agent_id AND o.submitted_at IS NOT NULL
          AND (EXISTS (SELECT FROM mandate_handler h WHERE h.mandate_id = o.mandate_id AND h.membership_id = m.id)
            OR EXISTS (SELECT FROM membership_role r WHERE r.membership_id = m.id
                AND r.role IN ('administrator', 'mandate_orderer', 'attestant', 'contract_contact')))
       UNION ALL
       SELECT 'inera', 0, 3 FROM membership m JOIN organisation g ON g.id = m.org_id
        WHERE m.person_id = s.person_id AND m.ended_at IS NULL AND g.is_inera) h
     WHERE s.token_hash = token AND session_is_live(s)
     ORDER BY h.rank LIMIT 3 $$;

-- Nothing is callable unless granted here (0001 took the default away).
GRANT EXECUTE ON FUNCTION order_whereabouts(bytea, text) TO portal_app;
GRANT EXECUTE ON FUNCTION ctx_org(), ctx_person(), ctx_membership(), ctx_sees_all(), ctx_mandates(), shown_org_nr(text, boolean)
  TO portal_public, portal_customer, portal_agent, portal_staff, portal_worker;
GRANT EXECUTE ON FUNCTION session_context(bytea, side, bigint), open_session(bytea, side, bigint), session_start(bytea, uuid, uuid, text),
  session_touch(bytea), session_end(bytea), sessions_of(bytea), session_end_other(bytea, uuid), password_of(text),
  throttle_hit(bytea, int, int), throttle_undo(bytea[]), throttle_clear(bytea), audit_append(uuid, text, text, text, text)
  TO portal_app;
GRANT EXECUTE ON FUNCTION own_password(bytea, int) TO portal_customer, portal_agent, portal_staff;
GRANT EXECUTE ON FUNCTION agents_for(text, text, date) TO portal_public, portal_customer, portal_staff;
GRANT EXECUTE ON FUNCTION customer_agreement_covers(uuid, text, date), has_attestant(uuid) TO portal_customer, portal_staff;

-- What the readiness page compares with its own newest migration.
CREATE FUNCTION schema_version() RETURNS bigint
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  RETURN (SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success);
END
$$;
GRANT EXECUTE ON FUNCTION schema_version() TO portal_app;
