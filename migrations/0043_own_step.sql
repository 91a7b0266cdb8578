-- A decision can be confirmed with the account's own passkey or code app too: what is shown at a sign-in, shown again.
ALTER TABLE confirmation DROP CONSTRAINT confirmation_method_known;
-- The reference of a passkey or an app is the second step's id.
ALTER TABLE confirmation ADD CONSTRAINT confirmation_method_known CHECK (method IN ('password', 'oidc', 'test_eid', 'passkey', 'totp'));

-- Is it the acting person's, and not removed since?
CREATE FUNCTION step_is_own(of_factor uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM second_factor f WHERE f.id = of_factor AND f.ended_at IS NULL AND f.person_id = ctx_person()) $$;
-- The same, and is this the first time that what was shown is used?
CREATE FUNCTION step_confirms(of_factor uuid, of_answer bytea) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  RETURN step_is_own(of_factor) AND eid_answer_first(of_answer);
END
$$;
GRANT EXECUTE ON FUNCTION step_is_own(uuid), step_confirms(uuid, bytea) TO portal_customer, portal_agent, portal_staff;
