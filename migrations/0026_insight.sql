-- Insight: Kundservice sees an organisation's pages as one of its contacts sees them, for half an hour, reading only, with a
-- reason that the organisation can read (issue 3, "se som kund").
CREATE TABLE insight (
  id uuid PRIMARY KEY,
  org_id uuid NOT NULL REFERENCES organisation,
  -- As whom.
  membership_id uuid NOT NULL,
  seen_as text NOT NULL DEFAULT '',
  session_id uuid NOT NULL,
  staff_id uuid NOT NULL REFERENCES person,
  staff_name text NOT NULL DEFAULT '',
  reason text NOT NULL CONSTRAINT insight_reason_length CHECK (char_length(btrim(reason)) BETWEEN 3 AND 300 AND reason !~ '[[:cntrl:]]'),
  -- By this database's clock, as sessions are.
  started_at timestamptz NOT NULL DEFAULT now(),
  ends_at timestamptz NOT NULL DEFAULT now() + interval '30 minutes',
  CONSTRAINT insight_membership FOREIGN KEY (membership_id, org_id) REFERENCES membership (id, org_id),
  CONSTRAINT insight_period CHECK (ends_at >= started_at AND ends_at <= started_at + interval '30 minutes')
);
CREATE INDEX insight_org_idx ON insight (org_id, started_at DESC);
CREATE INDEX insight_session_idx ON insight (session_id, ends_at DESC);
CREATE INDEX insight_staff_idx ON insight (staff_id, started_at);
CREATE INDEX insight_membership_idx ON insight (membership_id);
CALL protect('insight');
CREATE POLICY customer_reads ON insight FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON insight FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON insight FOR SELECT TO portal_staff USING (true);
CREATE POLICY staff_begins ON insight FOR INSERT TO portal_staff WITH CHECK (staff_id = (SELECT ctx_person()));
CREATE POLICY staff_ends ON insight FOR UPDATE TO portal_staff
  USING (staff_id = (SELECT ctx_person())) WITH CHECK (staff_id = (SELECT ctx_person()));
GRANT SELECT (id, org_id, membership_id, seen_as, staff_name, reason, started_at, ends_at) ON insight TO portal_customer, portal_agent;
GRANT SELECT ON insight TO portal_staff;
GRANT INSERT (id, org_id, membership_id, session_id, staff_id, reason) ON insight TO portal_staff;
GRANT UPDATE (ends_at) ON insight TO portal_staff;

CREATE FUNCTION insight_moves() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  m membership;
  acting uuid;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    -- Only ending, and only now.
    IF OLD.ends_at <= now() THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
    -- Not by the transaction's start: the one that waited may have begun before what it ends.
    NEW.ends_at := greatest(clock_timestamp(), OLD.started_at);
    RETURN NEW;
  END IF;
  acting := acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{support}');
  IF acting IS NULL THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  SELECT * INTO m FROM membership x WHERE x.id = NEW.membership_id AND x.org_id = NEW.org_id AND x.ended_at IS NULL;
  IF NOT FOUND OR EXISTS (SELECT FROM organisation o WHERE o.id = NEW.org_id AND o.is_inera) THEN
    RAISE 'no_member' USING ERRCODE = 'P0404';
  END IF;
  -- Whoever works there sees it as themselves.
  IF EXISTS (SELECT FROM membership x WHERE x.org_id = NEW.org_id AND x.person_id = NEW.staff_id AND x.ended_at IS NULL) THEN
    RAISE 'own_organisation' USING ERRCODE = 'P0412';
  END IF;
  -- Colleagues at Inera are nobody's customers, in whichever organisation they are met.
  IF EXISTS (SELECT FROM membership x JOIN organisation o ON o.id = x.org_id AND o.is_inera
              WHERE x.person_id = m.person_id AND x.ended_at IS NULL) THEN
    RAISE 'no_member' USING ERRCODE = 'P0404';
  END IF;
  IF (SELECT count(*) FROM insight i WHERE i.staff_id = NEW.staff_id AND i.started_at > now() - interval '1 day') >= 100 THEN
    RAISE 'too_many_insights' USING ERRCODE = 'P0412';
  END IF;
  -- Held, so that two at once are one after the other.
  PERFORM FROM session s WHERE s.id = NEW.session_id AND s.person_id = NEW.staff_id AND s.ended_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RAISE 'not_this_person' USING ERRCODE = 'P0403';
  END IF;
  NEW.seen_as := m.name;
  NEW.staff_name := (SELECT x.name FROM membership x WHERE x.id = acting);
  NEW.started_at := clock_timestamp();
  NEW.ends_at := NEW.started_at + interval '30 minutes';
  -- One at a time.
  UPDATE insight i SET ends_at = now() WHERE i.session_id = NEW.session_id AND i.ends_at > now();
  RETURN NEW;
END
$$;
CREATE TRIGGER insight_moves BEFORE INSERT OR UPDATE ON insight FOR EACH ROW EXECUTE FUNCTION insight_moves();

-- As session_entry(), for a session of Inera's with an insight into the organisation that the page is of. Only asked when
-- the person has no place there.
CREATE FUNCTION insight_entry(token bytea, wanted_side side, wanted_no bigint)
  RETURNS TABLE (session_id uuid, person_id uuid, person_name text, org_id uuid, org_name text, org_no bigint, membership_id uuid,
                 roles text[], mandates uuid[], orgs jsonb, email text, stands_in_for uuid[], staff_id uuid, staff_name text,
                 ends_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path FROM CURRENT
  AS $$ SELECT s.id, m.person_id, m.name, m.org_id, o.name, CASE wanted_side WHEN 'agent' THEN o.agent_no ELSE o.customer_no END, m.id,
               ARRAY (SELECT DISTINCT r.role::text FROM membership_role r WHERE r.membership_id = m.id),
               CASE WHEN wanted_side = 'agent'
                    THEN ARRAY (SELECT h.mandate_id FROM mandate_handler h WHERE h.membership_id = m.id) ELSE '{}' END,
               (SELECT coalesce(jsonb_agg(jsonb_build_object('name', g.name, 'customer_no', g.customer_no, 'agent_no', g.agent_no, 'inera', g.is_inera)
                         ORDER BY g.name COLLATE "sv-x-icu"), '[]')
                  FROM membership gm JOIN organisation g ON g.id = gm.org_id WHERE gm.person_id = s.person_id AND gm.ended_at IS NULL),
               m.email,
               ARRAY (SELECT x.absent_id FROM substitution_now x WHERE x.substitute_id = m.id),
               i.staff_id, i.staff_name, i.ends_at
          FROM session s
          JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL
          JOIN insight i ON i.session_id = s.id AND i.staff_id = s.person_id AND i.ends_at > now()
          JOIN organisation o ON o.id = i.org_id
           AND CASE wanted_side WHEN 'customer' THEN o.customer_no = wanted_no WHEN 'agent' THEN o.agent_no = wanted_no END
          JOIN membership m ON m.id = i.membership_id AND m.ended_at IS NULL
         WHERE s.token_hash = token AND session_is_live(s)
           -- Whoever has left Kundservice sees nothing more.
           AND EXISTS (SELECT FROM membership k JOIN organisation n ON n.id = k.org_id AND n.is_inera
                         JOIN membership_role r ON r.membership_id = k.id AND r.role = 'support'
                        WHERE k.person_id = s.person_id AND k.ended_at IS NULL)
         LIMIT 1 $$;
GRANT EXECUTE ON FUNCTION insight_entry(bytea, side, bigint) TO portal_app;

-- What own_extract() (0022) lacks: insights, through the person's eyes and by the person, and changes of organisations' data.
CREATE FUNCTION own_extract_more(token bytea) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH who AS MATERIALIZED (SELECT s.person_id AS id FROM session s WHERE s.token_hash = token AND session_is_live(s))
    SELECT jsonb_build_object(
      'ineras_insyn', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (
         SELECT jsonb_build_object('när', i.started_at, 'organisation', o.name, 'av', i.staff_name, 'som', i.seen_as, 'anledning', i.reason) AS x
           FROM insight i JOIN organisation o ON o.id = i.org_id JOIN membership m ON m.id = i.membership_id
          WHERE (SELECT w.id FROM who w) IN (m.person_id, i.staff_id) ORDER BY i.started_at DESC LIMIT 1000) q),
      'ändringar_av_organisationens_uppgifter', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (
         SELECT jsonb_build_object('när', e.at, 'organisation', o.name, 'vad', e.kind) AS x
           FROM org_event e JOIN organisation o ON o.id = e.org_id
          WHERE e.actor_id = (SELECT w.id FROM who w) ORDER BY e.at DESC LIMIT 1000) q))
    FROM who $$;
GRANT EXECUTE ON FUNCTION own_extract_more(bytea) TO portal_app;
