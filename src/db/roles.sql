-- The database roles, once per cluster; run before the migrations by whoever migrates. Safe to run again.
-- One role per side keeps every row policy a single equality (docs/architecture.md, "Rows").
DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['portal_owner', 'portal_public', 'portal_customer', 'portal_agent', 'portal_staff', 'portal_signatory', 'portal_worker']
  LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another database of the cluster was first
      END;
    END IF;
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'portal_app') THEN
    BEGIN
      CREATE ROLE portal_app LOGIN NOINHERIT;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END IF;
  IF NOT pg_has_role('portal_app', 'portal_signatory', 'MEMBER') THEN
    GRANT portal_public, portal_customer, portal_agent, portal_staff, portal_signatory, portal_worker TO portal_app;
  END IF;
  IF NOT pg_has_role(CURRENT_USER, 'portal_owner', 'MEMBER') THEN
    EXECUTE format('GRANT portal_owner TO %I', CURRENT_USER);
  END IF;
EXCEPTION WHEN OTHERS THEN
  -- Two databases made at once may grant the same membership; the loser finds it done.
  IF SQLERRM NOT LIKE '%tuple concurrently updated%' AND SQLSTATE <> '23505' THEN RAISE; END IF;
END
$$;

GRANT USAGE, CREATE ON SCHEMA public TO portal_owner;
GRANT USAGE ON SCHEMA public TO portal_app, portal_public, portal_customer, portal_agent, portal_staff, portal_signatory, portal_worker;
-- Nobody but the owner makes temporary tables: one could stand in front of a real table inside a definer function.
DO $$ BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO portal_owner', current_database());
END $$;
-- Trusted extensions: the owner of the schema may add them; made here so that the migrations need no more rights.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
