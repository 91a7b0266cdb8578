-- Signing by a provider of e-legitimation (portal.md 2.3 row 2): the named person's number from the provider, and each of its
-- answers counts once, for whatever it is used.
ALTER TABLE signing_event DROP CONSTRAINT signing_event_method_known,
  ADD CONSTRAINT signing_event_method_known CHECK (method IN ('', 'test_eid', 'oidc'));
GRANT EXECUTE ON FUNCTION eid_answer_first(bytea) TO portal_signatory;
