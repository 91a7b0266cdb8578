-- With which provider of e-legitimation a session began: where one may still be signed in after signing out here.
ALTER TABLE session ADD COLUMN eid_provider text
  CONSTRAINT session_eid_provider_form CHECK (eid_provider ~ '^[a-z0-9-]{1,40}$');
CREATE FUNCTION session_began_with(token bytea, provider text) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ UPDATE session s SET eid_provider = provider WHERE s.token_hash = token AND s.ended_at IS NULL $$;
CREATE FUNCTION session_eid(token bytea) RETURNS text
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT s.eid_provider FROM session s WHERE s.token_hash = token $$;
GRANT EXECUTE ON FUNCTION session_began_with(bytea, text), session_eid(bytea) TO portal_app;
