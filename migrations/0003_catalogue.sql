-- Services, offers, rules, dependencies, prices, terms. Loaded from data/ by `kundportal seed`; dated rows, never rewritten.
CREATE TYPE channel AS ENUM ('direct', 'via_agent', 'via_ombud', 'via_region');
CREATE TYPE scope_kind AS ENUM ('none', 'care_units', 'contracts', 'cards');

CREATE TABLE service (
  code text PRIMARY KEY,
  slug text NOT NULL CONSTRAINT service_slug_key UNIQUE,
  name text NOT NULL,
  former_names text NOT NULL,
  area text NOT NULL,
  description text NOT NULL,
  -- Part of Kundavtal 2 since; null = unknown, and then not a reason to refuse.
  ka2_from date,
  lifecycle text NOT NULL CONSTRAINT service_lifecycle_known CHECK (lifecycle IN ('active', 'closed_to_new', 'transferring', 'unknown')),
  personal_data boolean,
  price_note text NOT NULL,
  ordering_note text NOT NULL,
  source text NOT NULL,
  position int NOT NULL
);

CREATE TABLE customer_category (
  code text PRIMARY KEY,
  name text NOT NULL,
  valid_from date,
  valid_to date,
  note text NOT NULL,
  source text NOT NULL
);

CREATE TABLE terms (
  id uuid PRIMARY KEY,
  service_code text NOT NULL REFERENCES service,
  version text NOT NULL,
  title text NOT NULL,
  body text NOT NULL,
  sha256 bytea NOT NULL CONSTRAINT terms_hash_is_of_body CHECK (sha256 = sha256(convert_to(body, 'UTF8'))),
  valid_from date NOT NULL,
  CONSTRAINT terms_version_key UNIQUE (service_code, version)
);

CREATE TABLE offer (
  code text PRIMARY KEY,
  service_code text NOT NULL REFERENCES service,
  name text NOT NULL,
  channel channel NOT NULL,
  role text NOT NULL CONSTRAINT offer_role_known CHECK (role IN ('', 'producer', 'consumer')),
  billed text NOT NULL CONSTRAINT offer_billed_known CHECK (billed IN ('customer', 'agent')),
  scope scope_kind NOT NULL,
  start_fee boolean NOT NULL,
  care_provider_only boolean NOT NULL,
  sole_trader_only boolean NOT NULL,
  orderable boolean NOT NULL,
  valid_from date,
  valid_to date,
  source text NOT NULL,
  position int NOT NULL
);
CREATE INDEX offer_service_idx ON offer (service_code);

CREATE TABLE eligibility_rule (
  category text NOT NULL REFERENCES customer_category,
  service_code text NOT NULL REFERENCES service,
  rule text NOT NULL CONSTRAINT eligibility_rule_known CHECK (rule IN ('allow', 'conditional', 'deny', 'not_listed', 'not_yet')),
  condition text NOT NULL,
  channels channel[] NOT NULL,
  requires text[] NOT NULL,
  valid_from date,
  valid_to date,
  source text NOT NULL,
  position int NOT NULL,
  CONSTRAINT eligibility_rule_pkey PRIMARY KEY (position)
);
CREATE INDEX eligibility_rule_service_idx ON eligibility_rule (service_code);

CREATE TABLE service_dependency (
  service_code text NOT NULL REFERENCES service,
  role text NOT NULL,
  requires text NOT NULL REFERENCES service,
  strength text NOT NULL CONSTRAINT service_dependency_strength_known CHECK (strength IN ('hard', 'soft')),
  valid_from date,
  valid_to date,
  reason text NOT NULL,
  source text NOT NULL,
  CONSTRAINT service_dependency_pkey PRIMARY KEY (service_code, role, requires)
);

CREATE TABLE price (
  code text PRIMARY KEY,
  service_code text REFERENCES service,
  role text NOT NULL,
  item text NOT NULL,
  kind text NOT NULL,
  -- Öre, exclusive of VAT; null = the price list does not say, which is never shown as zero (contracts.md rule 60).
  amount_ore bigint CONSTRAINT price_amount_not_negative CHECK (amount_ore >= 0),
  percent numeric,
  per text NOT NULL,
  applies_to text NOT NULL,
  excludes text NOT NULL,
  valid_from date,
  valid_to date,
  note text NOT NULL,
  source text NOT NULL
);
CREATE INDEX price_service_idx ON price (service_code);

CREATE TABLE service_contract (
  service_code text NOT NULL REFERENCES service,
  contract text NOT NULL,
  major int NOT NULL,
  name text NOT NULL,
  information_set text NOT NULL,
  source text NOT NULL,
  position int NOT NULL,
  CONSTRAINT service_contract_pkey PRIMARY KEY (service_code, contract)
);

-- Which file versions have been loaded: a second `seed` of the same files does nothing.
CREATE TABLE seed_file (
  name text PRIMARY KEY,
  sha256 bytea NOT NULL,
  loaded_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT ON service, customer_category, terms, offer, eligibility_rule, service_dependency, price, service_contract
  TO portal_public, portal_customer, portal_agent, portal_staff, portal_worker;
