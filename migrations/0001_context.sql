-- Functions are callable only by those named in a GRANT (0009 and later).
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Who is asking: settings of the running transaction, set once by open_session() or as_worker().
-- A setting that was only ever local reads as '' afterwards, hence nullif.
CREATE FUNCTION ctx_org() RETURNS uuid LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('portal.org', true), '')::uuid $$;
CREATE FUNCTION ctx_person() RETURNS uuid LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('portal.person', true), '')::uuid $$;
CREATE FUNCTION ctx_membership() RETURNS uuid LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('portal.membership', true), '')::uuid $$;
-- True when the person's roles let them see everything of the organisation, not only what they made themselves.
CREATE FUNCTION ctx_sees_all() RETURNS boolean LANGUAGE sql STABLE
  AS $$ SELECT coalesce(nullif(current_setting('portal.sees_all', true), '')::boolean, false) $$;
-- The agent's mandates this handler may work with ("Hantera behörigheter", portal.md 1.3).
CREATE FUNCTION ctx_mandates() RETURNS uuid[] LANGUAGE sql STABLE
  AS $$ SELECT coalesce(nullif(current_setting('portal.mandates', true), '')::uuid[], '{}') $$;

-- Every table with a tenant gets this: security on, also for the owner, who then needs a policy of its own.
CREATE PROCEDURE protect(target regclass) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format('CREATE POLICY owner_all ON %s TO portal_owner USING (true) WITH CHECK (true)', target);
END
$$;
