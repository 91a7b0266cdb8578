-- Organisations, persons, memberships, roles, sessions, fresh confirmations and sign-in throttling.
CREATE TYPE role AS ENUM (
  'administrator', 'orderer', 'mandate_orderer', 'attestant', 'agent_handler', 'contract_contact', 'signatory',
  'support', 'agreements_officer', 'agent_officer', 'service_manager', 'finance', 'sysadmin', 'auditor');
CREATE TYPE fact AS ENUM ('care_provider', 'publicly_financed', 'sole_trader', 'hsa_ombud', 'siths_ombud', 'region_agreement');

CREATE TABLE organisation (
  id uuid PRIMARY KEY,
  name text NOT NULL CONSTRAINT organisation_name_length CHECK (char_length(name) BETWEEN 2 AND 200),
  -- For a sole trader this is a personal number: shown masked, never in a URL (ux.md decision 10).
  org_nr text NOT NULL CONSTRAINT organisation_org_nr_form CHECK (org_nr ~ '^[0-9]{10}$'),
  customer_no bigint CONSTRAINT organisation_customer_no_key UNIQUE,
  agent_no bigint CONSTRAINT organisation_agent_no_key UNIQUE,
  is_inera boolean NOT NULL DEFAULT false,
  sole_trader boolean NOT NULL DEFAULT false,
  -- Attest must be by another person than the one who ordered (portal.md 1.5 rule 1).
  four_eyes boolean NOT NULL DEFAULT false,
  email text NOT NULL DEFAULT '' CONSTRAINT organisation_email_length CHECK (char_length(email) <= 254),
  phone text NOT NULL DEFAULT '' CONSTRAINT organisation_phone_length CHECK (char_length(phone) <= 40),
  hsa_id text NOT NULL DEFAULT '' CONSTRAINT organisation_hsa_id_length CHECK (char_length(hsa_id) <= 31),
  invoice_address text NOT NULL DEFAULT '' CONSTRAINT organisation_invoice_address_length CHECK (char_length(invoice_address) <= 400),
  invoice_reference text NOT NULL DEFAULT '' CONSTRAINT organisation_invoice_reference_length CHECK (char_length(invoice_reference) <= 50),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT organisation_org_nr_key UNIQUE (org_nr)
);
CREATE UNIQUE INDEX organisation_one_inera ON organisation (is_inera) WHERE is_inera;
CREATE INDEX organisation_name_idx ON organisation (name, id);
CALL protect('organisation');

-- What is shown of an organisation number: a sole trader's is a personal number and only its last four digits are hidden.
CREATE FUNCTION shown_org_nr(org_nr text, sole_trader boolean) RETURNS text LANGUAGE sql IMMUTABLE
  AS $$ SELECT substr(org_nr, 1, 6) || '-' || CASE WHEN sole_trader THEN 'XXXX' ELSE substr(org_nr, 7) END $$;

-- Dated facts that decide what an organisation may order; a change is a new row.
CREATE TABLE organisation_fact (
  org_id uuid NOT NULL REFERENCES organisation,
  fact fact NOT NULL,
  valid_from date NOT NULL,
  valid_to date,
  CONSTRAINT organisation_fact_pkey PRIMARY KEY (org_id, fact, valid_from),
  CONSTRAINT organisation_fact_period CHECK (valid_to IS NULL OR valid_to >= valid_from)
);
CALL protect('organisation_fact');

CREATE TABLE organisation_category (
  org_id uuid NOT NULL REFERENCES organisation,
  category text NOT NULL,
  valid_from date NOT NULL,
  valid_to date,
  CONSTRAINT organisation_category_pkey PRIMARY KEY (org_id, category, valid_from),
  CONSTRAINT organisation_category_period CHECK (valid_to IS NULL OR valid_to >= valid_from)
);
CALL protect('organisation_category');

CREATE TABLE person (
  id uuid PRIMARY KEY,
  name text NOT NULL CONSTRAINT person_name_form CHECK (char_length(name) BETWEEN 1 AND 120 AND name !~ '[[:cntrl:]]'),
  email text NOT NULL CONSTRAINT person_email_form CHECK (char_length(email) <= 254 AND email = lower(email) AND email !~ '[[:cntrl:]]'),
  phone text NOT NULL DEFAULT '' CONSTRAINT person_phone_length CHECK (char_length(phone) <= 40),
  password_hash text,
  disabled_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT person_email_key UNIQUE (email)
);
CALL protect('person');

CREATE TABLE membership (
  id uuid PRIMARY KEY,
  org_id uuid NOT NULL REFERENCES organisation,
  person_id uuid NOT NULL REFERENCES person,
  -- Name and address as this organisation knows the person; mail for the organisation goes here.
  name text NOT NULL CONSTRAINT membership_name_form CHECK (char_length(name) BETWEEN 1 AND 120 AND name !~ '[[:cntrl:]]'),
  email text NOT NULL CONSTRAINT membership_email_form CHECK (char_length(email) <= 254 AND email !~ '[[:cntrl:]]'),
  title text NOT NULL DEFAULT '' CONSTRAINT membership_title_length CHECK (char_length(title) <= 120),
  ended_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT membership_person_key UNIQUE (org_id, person_id),
  CONSTRAINT membership_tenant_key UNIQUE (id, org_id)
);
CREATE INDEX membership_person_idx ON membership (person_id);
CALL protect('membership');

CREATE TABLE membership_role (
  org_id uuid NOT NULL,
  membership_id uuid NOT NULL,
  role role NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT membership_role_pkey PRIMARY KEY (membership_id, role),
  CONSTRAINT membership_role_membership FOREIGN KEY (membership_id, org_id) REFERENCES membership (id, org_id)
);
CREATE INDEX membership_role_org_idx ON membership_role (org_id, role);
CALL protect('membership_role');

-- Only the hash of the cookie is kept. Idle and absolute limits are judged by this database's clock.
CREATE TABLE session (
  token_hash bytea PRIMARY KEY CONSTRAINT session_token_hash_length CHECK (octet_length(token_hash) = 32),
  id uuid NOT NULL CONSTRAINT session_id_key UNIQUE,
  person_id uuid NOT NULL REFERENCES person,
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  device text NOT NULL DEFAULT '' CONSTRAINT session_device_length CHECK (char_length(device) <= 200)
);
CREATE INDEX session_person_idx ON session (person_id);
CALL protect('session');

-- A fresh confirmation of identity, bound to the exact text the person saw. Used once, kept as evidence.
CREATE TABLE confirmation (
  id uuid PRIMARY KEY,
  org_id uuid NOT NULL REFERENCES organisation,
  person_id uuid NOT NULL REFERENCES person,
  session_id uuid NOT NULL,
  method text NOT NULL CONSTRAINT confirmation_method_known CHECK (method IN ('password')),
  at timestamptz NOT NULL DEFAULT now(),
  -- What it is for, for example 'order:<id>:<revision>'.
  subject text NOT NULL CONSTRAINT confirmation_subject_length CHECK (char_length(subject) BETWEEN 1 AND 200),
  shown text NOT NULL CONSTRAINT confirmation_shown_length CHECK (char_length(shown) <= 200000),
  shown_sha256 bytea NOT NULL CONSTRAINT confirmation_hash_is_of_shown CHECK (shown_sha256 = sha256(convert_to(shown, 'UTF8')))
);
CREATE INDEX confirmation_person_idx ON confirmation (person_id);
CREATE INDEX confirmation_org_idx ON confirmation (org_id);
CALL protect('confirmation');

-- Counters that slow guessing down; they hold hashes of what is limited, never an address.
CREATE TABLE throttle (
  key bytea PRIMARY KEY,
  started_at timestamptz NOT NULL,
  hits int NOT NULL
);
CALL protect('throttle');

-- Rows a side may see.
CREATE POLICY customer_reads ON organisation FOR SELECT TO portal_customer USING (id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON organisation FOR SELECT TO portal_agent USING (id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON organisation FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON organisation FOR SELECT TO portal_worker USING (true);
GRANT SELECT ON organisation TO portal_customer, portal_agent, portal_staff, portal_worker;

CREATE POLICY customer_reads ON organisation_fact FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON organisation_fact FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON organisation_fact FOR SELECT TO portal_staff USING (true);
GRANT SELECT ON organisation_fact TO portal_customer, portal_agent, portal_staff;
CREATE POLICY customer_reads ON organisation_category FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON organisation_category FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON organisation_category FOR SELECT TO portal_staff USING (true);
GRANT SELECT ON organisation_category TO portal_customer, portal_agent, portal_staff;

CREATE POLICY customer_reads ON membership FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON membership FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON membership FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON membership FOR SELECT TO portal_worker USING (true);
GRANT SELECT ON membership TO portal_customer, portal_agent, portal_staff, portal_worker;
CREATE POLICY customer_reads ON membership_role FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON membership_role FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON membership_role FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON membership_role FOR SELECT TO portal_worker USING (true);
GRANT SELECT ON membership_role TO portal_customer, portal_agent, portal_staff, portal_worker;

-- Nobody but the functions of 0007 reads a password hash or a session.
CREATE POLICY worker_reads ON person FOR SELECT TO portal_worker USING (true);
GRANT SELECT (id, name, email, disabled_at) ON person TO portal_worker;

CREATE POLICY own ON confirmation FOR SELECT TO portal_customer, portal_agent
  USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON confirmation FOR SELECT TO portal_staff USING (true);
CREATE POLICY own_insert ON confirmation FOR INSERT TO portal_customer, portal_agent, portal_staff
  WITH CHECK (org_id = (SELECT ctx_org()) AND person_id = (SELECT ctx_person()));
GRANT SELECT ON confirmation TO portal_customer, portal_agent, portal_staff;
GRANT INSERT (id, org_id, person_id, session_id, method, subject, shown, shown_sha256) ON confirmation
  TO portal_customer, portal_agent, portal_staff;
