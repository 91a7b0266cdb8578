-- Signing by a provider of e-legitimation (portal.md 2.3 row 2): the named person's number from the provider, and each of its
-- answers counts once, for whatever it is used.
ALTER TABLE signing_event DROP CONSTRAINT signing_event_method_known,
  ADD CONSTRAINT signing_event_method_known CHECK (method IN ('', 'test_eid', 'oidc'));
GRANT EXECUTE ON FUNCTION eid_answer_first(bytea) TO portal_signatory;
-- Is somebody who has legitimated the one a link is for? For the page; whoever answers is judged by signing_event_applies().
CREATE FUNCTION signatory_is(mark bytea) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM signatory g WHERE g.id = ctx_signatory() AND g.personal_no_mark = mark) $$;
GRANT EXECUTE ON FUNCTION signatory_is(bytea) TO portal_signatory;
