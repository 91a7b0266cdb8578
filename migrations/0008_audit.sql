-- Tamper-evident audit: one hash chain per organisation. Entries can be added and read, never changed.
CREATE TABLE audit_entry (
  chain uuid NOT NULL,
  seq bigint NOT NULL,
  at timestamptz NOT NULL,
  side text NOT NULL,
  person_id uuid,
  person_name text NOT NULL,
  -- The organisation the person acted for.
  org_id uuid,
  action text NOT NULL CONSTRAINT audit_entry_action_length CHECK (char_length(action) BETWEEN 1 AND 80),
  object text NOT NULL CONSTRAINT audit_entry_object_length CHECK (char_length(object) <= 200),
  detail text NOT NULL CONSTRAINT audit_entry_detail_length CHECK (char_length(detail) <= 4000),
  previous bytea NOT NULL,
  hash bytea NOT NULL,
  CONSTRAINT audit_entry_pkey PRIMARY KEY (chain, seq)
);
CREATE INDEX audit_entry_object_idx ON audit_entry (object);
CALL protect('audit_entry');

-- The last link of each chain; a chain that was cut short does not match it.
CREATE TABLE audit_head (
  chain uuid PRIMARY KEY,
  seq bigint NOT NULL,
  hash bytea NOT NULL
);
CALL protect('audit_head');

CREATE POLICY customer_reads ON audit_entry FOR SELECT TO portal_customer USING (chain = (SELECT ctx_org()));
CREATE POLICY agent_reads ON audit_entry FOR SELECT TO portal_agent USING (chain = (SELECT ctx_org()));
CREATE POLICY staff_reads ON audit_entry FOR SELECT TO portal_staff USING (true);
GRANT SELECT ON audit_entry TO portal_customer, portal_agent, portal_staff;

-- The text that is hashed; `kundportal check` builds the same one in Rust, apart from this function.
CREATE FUNCTION audit_text(chain uuid, seq bigint, at timestamptz, side text, person_id uuid, person_name text, org_id uuid, action text, object text, detail text)
  RETURNS text LANGUAGE sql IMMUTABLE
  AS $$ SELECT concat_ws(E'\n', chain, seq, (extract(epoch FROM at) * 1000000)::bigint, side, coalesce(person_id::text, '-'), person_name,
                         coalesce(org_id::text, '-'), action, object, detail) $$;

-- Adds one entry for the acting person. Chain null = the acting organisation's own.
CREATE FUNCTION audit_append(on_chain uuid, acting_side text, act text, on_object text, details text) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  link audit_head;
  moment timestamptz := clock_timestamp();
  this_chain uuid := coalesce(on_chain, ctx_org(), '00000000-0000-0000-0000-000000000000');
  this_hash bytea;
  named text := coalesce((SELECT p.name FROM person p WHERE p.id = ctx_person()), '');
BEGIN
  INSERT INTO audit_head AS h (chain, seq, hash) VALUES (this_chain, 1, '\x')
    ON CONFLICT (chain) DO UPDATE SET seq = h.seq + 1
    RETURNING * INTO link; -- holds the chain until commit
  this_hash := sha256(link.hash || convert_to(
    audit_text(this_chain, link.seq, moment, acting_side, ctx_person(), named, ctx_org(), act, on_object, details), 'UTF8'));
  INSERT INTO audit_entry (chain, seq, at, side, person_id, person_name, org_id, action, object, detail, previous, hash)
    VALUES (this_chain, link.seq, moment, acting_side, ctx_person(),
      named, ctx_org(), act, on_object, details, link.hash, this_hash);
  UPDATE audit_head SET hash = this_hash WHERE chain = this_chain;
END
$$;
GRANT EXECUTE ON FUNCTION audit_append(uuid, text, text, text, text) TO portal_app, portal_customer, portal_agent, portal_staff, portal_worker;
