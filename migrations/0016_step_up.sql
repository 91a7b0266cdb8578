-- A decision can be confirmed with the e-legitimation that is connected to the account, and what was typed is kept while
-- its owner is away at the provider.
ALTER TABLE confirmation DROP CONSTRAINT confirmation_method_known;
ALTER TABLE confirmation ADD CONSTRAINT confirmation_method_known CHECK (method IN ('password', 'oidc', 'test_eid'));
-- What the identification is found by in the provider's log; empty for a password.
ALTER TABLE confirmation ADD COLUMN reference text NOT NULL DEFAULT ''
  CONSTRAINT confirmation_reference_form CHECK (char_length(reference) <= 200 AND (reference = '') = (method = 'password'));
GRANT INSERT (reference) ON confirmation TO portal_customer, portal_agent, portal_staff;

-- The demo's made-up e-legitimation is worth nothing anywhere else.
CREATE FUNCTION confirmation_method() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.method = 'test_eid' AND NOT is_demo_database() THEN RAISE 'method' USING ERRCODE = 'P0403'; END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER confirmation_method BEFORE INSERT ON confirmation FOR EACH ROW EXECUTE FUNCTION confirmation_method();

-- How a decision was confirmed stands on its event too, where every party may read it. Events from before have none: they
-- were all confirmed with a password.
ALTER TABLE order_event ADD COLUMN confirmed_by text;
CREATE FUNCTION order_event_confirmed_by() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  NEW.confirmed_by := (SELECT c.method FROM confirmation c WHERE c.id = NEW.confirmation_id);
  RETURN NEW;
END
$$;
CREATE TRIGGER order_event_confirmed_by BEFORE INSERT ON order_event FOR EACH ROW EXECUTE FUNCTION order_event_confirmed_by();

-- Is the e-legitimation the acting person's, and is this the first time that its answer is used?
CREATE FUNCTION eid_confirms(of_mark bytea, of_answer bytea) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM person_eid e WHERE e.mark = of_mark AND e.ended_at IS NULL AND e.person_id = ctx_person()) THEN
    RETURN false;
  END IF;
  RETURN eid_answer_first(of_answer);
END
$$;
-- Is it the acting person's?
CREATE FUNCTION eid_is_own(of_mark bytea) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM person_eid e WHERE e.mark = of_mark AND e.ended_at IS NULL AND e.person_id = ctx_person()) $$;
GRANT EXECUTE ON FUNCTION eid_confirms(bytea, bytea), eid_is_own(bytea) TO portal_customer, portal_agent, portal_staff;

-- What somebody has typed on a page, sealed, for that person alone and for a day; the last of each page.
CREATE TABLE kept_form (
  id uuid PRIMARY KEY,
  person_id uuid NOT NULL REFERENCES person,
  page text NOT NULL CONSTRAINT kept_form_page_length CHECK (char_length(page) BETWEEN 1 AND 200),
  sealed bytea NOT NULL CONSTRAINT kept_form_length CHECK (octet_length(sealed) <= 65536),
  at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT kept_form_person_key UNIQUE (person_id, page)
);
CREATE INDEX kept_form_at_idx ON kept_form (at);
CALL protect('kept_form');
CREATE POLICY own ON kept_form TO portal_customer, portal_agent, portal_staff
  USING (person_id = (SELECT ctx_person())) WITH CHECK (person_id = (SELECT ctx_person()));
GRANT SELECT, INSERT (id, person_id, page, sealed), UPDATE (id, sealed, at) ON kept_form TO portal_customer, portal_agent, portal_staff;

CREATE OR REPLACE FUNCTION purge() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH gone AS (DELETE FROM session WHERE created_at < now() - interval '90 days' RETURNING 1),
             old AS (DELETE FROM throttle WHERE started_at < now() - interval '1 day' RETURNING 1),
             answered AS (DELETE FROM eid_answer WHERE at < now() - interval '1 day' RETURNING 1),
             kept AS (DELETE FROM kept_form WHERE at < now() - interval '1 day' RETURNING 1)
        SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM old) + (SELECT count(*) FROM answered)
             + (SELECT count(*) FROM kept) $$;
