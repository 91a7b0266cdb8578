-- e-legitimation: whose is whose. A mark (keys.rs) stands for the personal number, or for the subject of a provider that
-- gives none; without the program's secret nobody can try numbers until one fits. Never found by an e-mail address: a
-- provider can say anything of those (issue 3, scenario "no account takeover").
CREATE TABLE person_eid (
  id uuid PRIMARY KEY,
  person_id uuid NOT NULL REFERENCES person,
  -- Code and name of the provider it was connected with; another that vouches for the same number is the same person.
  provider text NOT NULL CONSTRAINT person_eid_provider_form CHECK (provider ~ '^[a-z0-9-]{1,40}$'),
  provider_name text NOT NULL CONSTRAINT person_eid_provider_name_length CHECK (char_length(provider_name) BETWEEN 1 AND 80),
  mark bytea NOT NULL CONSTRAINT person_eid_mark_length CHECK (octet_length(mark) = 32),
  linked_at timestamptz NOT NULL DEFAULT now(),
  used_at timestamptz,
  ended_at timestamptz
);
CREATE UNIQUE INDEX person_eid_mark_key ON person_eid (mark) WHERE ended_at IS NULL;
CREATE INDEX person_eid_person_idx ON person_eid (person_id);
CALL protect('person_eid');

-- Answers of providers that have been used: none counts twice, whatever the provider does. Kept for a day.
CREATE TABLE eid_answer (
  mark bytea PRIMARY KEY CONSTRAINT eid_answer_mark_length CHECK (octet_length(mark) = 32),
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX eid_answer_at_idx ON eid_answer (at);
CALL protect('eid_answer');

-- True the first time.
CREATE FUNCTION eid_answer_first(of_answer bytea) RETURNS boolean
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH made AS (INSERT INTO eid_answer (mark) VALUES (of_answer) ON CONFLICT DO NOTHING RETURNING 1)
        SELECT EXISTS (SELECT FROM made) $$;

-- Whose it is, noting that it was used.
CREATE FUNCTION eid_person(of_mark bytea) RETURNS uuid
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ UPDATE person_eid e SET used_at = now() FROM person p
         WHERE e.mark = of_mark AND e.ended_at IS NULL AND p.id = e.person_id AND p.disabled_at IS NULL
        RETURNING e.person_id $$;

-- Connects to the person of a live session: 'linked', 'own' (it was theirs already), 'taken' (somebody else's), 'full' (five
-- are enough, and all are shown) or no row.
CREATE FUNCTION eid_link(token bytea, new_id uuid, of_mark bytea, by_provider text, by_name text)
  RETURNS TABLE (person_id uuid, outcome text)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  who uuid;
  holder uuid;
BEGIN
  SELECT p.id INTO who FROM session s JOIN person p ON p.id = s.person_id
   WHERE s.token_hash = token AND session_is_live(s) FOR UPDATE OF p;
  IF NOT FOUND THEN RETURN; END IF;
  IF (SELECT count(*) FROM person_eid e WHERE e.person_id = who AND e.ended_at IS NULL AND e.mark <> of_mark) >= 5 THEN
    RETURN QUERY SELECT who, 'full'; RETURN;
  END IF;
  INSERT INTO person_eid (id, person_id, provider, provider_name, mark) VALUES (new_id, who, by_provider, by_name, of_mark)
    ON CONFLICT (mark) WHERE ended_at IS NULL DO NOTHING;
  IF FOUND THEN RETURN QUERY SELECT who, 'linked'; RETURN; END IF;
  SELECT e.person_id INTO holder FROM person_eid e WHERE e.mark = of_mark AND e.ended_at IS NULL;
  RETURN QUERY SELECT who, CASE WHEN holder = who THEN 'own' ELSE 'taken' END;
END
$$;

CREATE FUNCTION eids_of(token bytea)
  RETURNS TABLE (id uuid, provider_name text, linked_at timestamptz, used_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT e.id, e.provider_name, e.linked_at, e.used_at
          FROM session s JOIN person_eid e ON e.person_id = s.person_id AND e.ended_at IS NULL
         WHERE s.token_hash = token AND session_is_live(s)
         ORDER BY e.linked_at LIMIT 20 $$;

-- Disconnects one of one's own; answers whose it was. Not the last way in, also when two go at the same moment.
CREATE FUNCTION eid_unlink(token bytea, which uuid) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who person;
BEGIN
  SELECT p.* INTO who FROM session s JOIN person p ON p.id = s.person_id
   WHERE s.token_hash = token AND session_is_live(s) FOR UPDATE OF p;
  UPDATE person_eid e SET ended_at = now()
   WHERE e.id = which AND e.person_id = who.id AND e.ended_at IS NULL
     AND (who.password_hash IS NOT NULL
          OR EXISTS (SELECT FROM person_eid x WHERE x.person_id = who.id AND x.ended_at IS NULL AND x.id <> which));
  RETURN CASE WHEN FOUND THEN who.id END;
END
$$;

-- As own_password() of 0009, for pages of the person alone.
CREATE FUNCTION session_password(token bytea, what bytea, most int) RETURNS TABLE (password_hash text, wait int)
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT pg_advisory_xact_lock(hashtextextended(encode(what, 'hex'), 7));
        SELECT p.password_hash,
               coalesce((SELECT greatest(0, ceil(extract(epoch FROM t.started_at + interval '15 minutes' - now()))::int)
                           FROM throttle t WHERE t.key = what AND t.hits >= most), 0)
          FROM session s JOIN person p ON p.id = s.person_id
         WHERE s.token_hash = token AND session_is_live(s) $$;

GRANT EXECUTE ON FUNCTION eid_answer_first(bytea), eid_person(bytea), eid_link(bytea, uuid, bytea, text, text), eids_of(bytea),
  eid_unlink(bytea, uuid), session_password(bytea, bytea, int) TO portal_app;
