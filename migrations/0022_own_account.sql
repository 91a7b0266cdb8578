-- What somebody was sending when the session had ended: kept sealed for the person whose session it was (issue 3, "text typed
-- into a form is never lost"). The session is known by its token for as long as its row is kept.
CREATE FUNCTION form_keep(token bytea, new_id uuid, at_page text, new_sealed bytea) RETURNS boolean
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH kept AS (
          INSERT INTO kept_form (id, person_id, page, sealed)
            SELECT new_id, s.person_id, at_page, new_sealed FROM session s JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL
             WHERE s.token_hash = token AND s.created_at > now() - interval '7 days'
               AND (SELECT count(*) FROM kept_form k WHERE k.person_id = s.person_id) < 20
            ON CONFLICT (person_id, page) DO UPDATE SET id = new_id, sealed = new_sealed, at = now()
          RETURNING 1)
        SELECT EXISTS (SELECT FROM kept) $$;
-- The same person, signed in again, gets it back.
CREATE FUNCTION form_back(token bytea, which uuid) RETURNS bytea
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT k.sealed FROM kept_form k
         WHERE k.id = which AND k.person_id = (SELECT s.person_id FROM session s WHERE s.token_hash = token AND session_is_live(s)) $$;
GRANT EXECUTE ON FUNCTION form_keep(bytea, uuid, text, bytea), form_back(bytea, uuid) TO portal_app;
