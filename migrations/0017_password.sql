-- A person changes the password. Every other session ends: whoever knew the old one is out at the next click.
CREATE FUNCTION password_change(token bytea, new_hash text) RETURNS TABLE (person_id uuid, ended bigint)
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH who AS (SELECT s.person_id FROM session s WHERE s.token_hash = token AND session_is_live(s)),
             changed AS (UPDATE person p SET password_hash = new_hash FROM who WHERE p.id = who.person_id RETURNING p.id),
             out AS (UPDATE session x SET ended_at = now() FROM changed c
                      WHERE x.person_id = c.id AND x.ended_at IS NULL AND x.token_hash <> token RETURNING 1)
        SELECT c.id, (SELECT count(*) FROM out) FROM changed c $$;
GRANT EXECUTE ON FUNCTION password_change(bytea, text) TO portal_app;
