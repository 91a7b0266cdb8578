-- Orders: content is a draft the customer edits; state moves only by inserting an event (portal.md 2.7 and 2.8).
CREATE TYPE order_state AS ENUM (
  'draft', 'awaiting_agent_review', 'awaiting_agent_attest', 'awaiting_customer_attest', 'returned',
  'attested', 'ready_to_connect', 'in_delivery', 'activated',
  'rejected_by_agent', 'rejected_by_agent_attestant', 'rejected_by_customer', 'rejected_by_inera', 'withdrawn', 'lapsed');
CREATE TYPE order_route AS ENUM ('direct', 'via_agent');
CREATE TYPE side AS ENUM ('customer', 'agent', 'inera', 'system');

CREATE SEQUENCE order_number;

CREATE TABLE orders (
  id uuid PRIMARY KEY,
  number text NOT NULL DEFAULT 'BES-' || to_char(now() AT TIME ZONE 'Europe/Stockholm', 'YYYY') || '-' || regexp_replace('00000' || nextval('order_number'), '^0+(?=\d{6})', ''),
  customer_id uuid NOT NULL REFERENCES organisation,
  agent_id uuid REFERENCES organisation,
  mandate_id uuid,
  -- Names as they were, filled in by the database, so that lists need no other tenant's rows.
  customer_name text NOT NULL DEFAULT '',
  customer_no bigint NOT NULL DEFAULT 0,
  customer_org_nr text NOT NULL DEFAULT '',
  agent_name text NOT NULL DEFAULT '',
  route order_route NOT NULL,
  service_code text NOT NULL REFERENCES service,
  offer_code text NOT NULL REFERENCES offer,
  state order_state NOT NULL DEFAULT 'draft',
  revision int NOT NULL DEFAULT 0,
  state_since timestamptz NOT NULL DEFAULT now(),
  due_on date,
  submitted_at timestamptz,
  submitted_by uuid REFERENCES person,
  closed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by uuid NOT NULL REFERENCES person,
  created_by_name text NOT NULL CONSTRAINT orders_created_by_name_length CHECK (char_length(created_by_name) <= 120),
  placed_by_staff boolean NOT NULL DEFAULT false,
  copied_from uuid,
  -- Content, edited while draft or returned.
  hsa_id text NOT NULL DEFAULT '' CONSTRAINT orders_hsa_id_length CHECK (char_length(hsa_id) <= 31),
  wanted_on date,
  contact_name text NOT NULL DEFAULT '' CONSTRAINT orders_contact_name_length CHECK (char_length(contact_name) <= 120),
  contact_email text NOT NULL DEFAULT '' CONSTRAINT orders_contact_email_length CHECK (char_length(contact_email) <= 254),
  contact_phone text NOT NULL DEFAULT '' CONSTRAINT orders_contact_phone_length CHECK (char_length(contact_phone) <= 40),
  invoice_address text NOT NULL DEFAULT '' CONSTRAINT orders_invoice_address_length CHECK (char_length(invoice_address) <= 400),
  invoice_reference text NOT NULL DEFAULT '' CONSTRAINT orders_invoice_reference_length CHECK (char_length(invoice_reference) <= 50),
  own_reference text NOT NULL DEFAULT '' CONSTRAINT orders_own_reference_length CHECK (char_length(own_reference) <= 1000),
  -- null = any attestant of the organisation.
  customer_attestant_id uuid,
  customer_attestant_name text NOT NULL DEFAULT '',
  agent_attestant_id uuid,
  agent_attestant_name text NOT NULL DEFAULT '',
  handler_name text NOT NULL DEFAULT '',
  agent_invoice_reference text NOT NULL DEFAULT '' CONSTRAINT orders_agent_invoice_reference_length CHECK (char_length(agent_invoice_reference) <= 50),
  terms_id uuid REFERENCES terms,
  -- What was agreed, as sent: set by the event that submits.
  content_sha256 bytea,
  -- Öre exclusive of VAT at submit; null = according to the price list.
  price_once_ore bigint,
  price_yearly_ore bigint,
  CONSTRAINT orders_number_key UNIQUE (number),
  CONSTRAINT orders_tenant_key UNIQUE (id, customer_id),
  CONSTRAINT orders_agent_key UNIQUE (id, agent_id),
  CONSTRAINT orders_mandate FOREIGN KEY (mandate_id, agent_id) REFERENCES mandate (id, agent_id),
  CONSTRAINT orders_customer_attestant FOREIGN KEY (customer_attestant_id, customer_id) REFERENCES membership (id, org_id),
  CONSTRAINT orders_agent_attestant FOREIGN KEY (agent_attestant_id, agent_id) REFERENCES membership (id, org_id),
  CONSTRAINT orders_copied_from FOREIGN KEY (copied_from, customer_id) REFERENCES orders (id, customer_id),
  -- portal.md appendix B rule 2.
  CONSTRAINT orders_direct_has_no_agent CHECK (route = 'via_agent' OR (agent_id IS NULL AND mandate_id IS NULL)),
  CONSTRAINT orders_agent_is_not_customer CHECK (agent_id <> customer_id),
  CONSTRAINT orders_sent_has_agent CHECK (route = 'direct' OR state IN ('draft', 'withdrawn') OR (agent_id IS NOT NULL AND mandate_id IS NOT NULL))
);
-- The same content may not be under way twice.
CREATE UNIQUE INDEX orders_one_under_way ON orders (customer_id, content_sha256)
  WHERE state IN ('awaiting_agent_review', 'awaiting_agent_attest', 'awaiting_customer_attest', 'attested', 'ready_to_connect', 'in_delivery');
CREATE INDEX orders_customer_list ON orders (customer_id, id DESC);
CREATE INDEX orders_customer_state ON orders (customer_id, state, id DESC);
CREATE INDEX orders_agent_list ON orders (agent_id, id DESC) WHERE submitted_at IS NOT NULL;
CREATE INDEX orders_agent_state ON orders (agent_id, state, due_on, id) WHERE submitted_at IS NOT NULL;
CREATE INDEX orders_staff_state ON orders (state, due_on, id);
CREATE INDEX orders_staff_list ON orders (id DESC) WHERE submitted_at IS NOT NULL;
CREATE INDEX orders_clock ON orders (state_since) WHERE state IN ('awaiting_agent_review', 'awaiting_agent_attest', 'awaiting_customer_attest');
-- The agent's work list: what must be answered first.
CREATE INDEX orders_agent_due ON orders (agent_id, (coalesce(due_on, 'infinity')), id) WHERE submitted_at IS NOT NULL;
CREATE INDEX organisation_name_trgm ON organisation USING gin (name gin_trgm_ops);
CREATE INDEX orders_mandate_idx ON orders (mandate_id);
CREATE INDEX orders_copied_from_idx ON orders (copied_from);
CALL protect('orders');

CREATE TABLE order_line (
  id uuid PRIMARY KEY,
  order_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  position int NOT NULL CONSTRAINT order_line_position_range CHECK (position BETWEEN 1 AND 500),
  kind scope_kind NOT NULL CONSTRAINT order_line_kind_is_line CHECK (kind <> 'none'),
  name text NOT NULL CONSTRAINT order_line_name_form CHECK (char_length(name) BETWEEN 1 AND 200 AND name !~ '[[:cntrl:]]'),
  hsa_id text NOT NULL DEFAULT '' CONSTRAINT order_line_hsa_id_length CHECK (char_length(hsa_id) <= 31),
  contract text NOT NULL DEFAULT '' CONSTRAINT order_line_contract_length CHECK (char_length(contract) <= 120),
  quantity int NOT NULL CONSTRAINT order_line_quantity_range CHECK (quantity BETWEEN 1 AND 100000),
  wanted_on date,
  CONSTRAINT order_line_order FOREIGN KEY (order_id, customer_id) REFERENCES orders (id, customer_id),
  CONSTRAINT order_line_position_key UNIQUE (order_id, position)
);
CALL protect('order_line');

CREATE TABLE order_transition_rule (
  route order_route NOT NULL,
  from_state order_state NOT NULL,
  to_state order_state NOT NULL,
  side side NOT NULL,
  CONSTRAINT order_transition_rule_pkey PRIMARY KEY (route, from_state, to_state, side)
);
INSERT INTO order_transition_rule (route, from_state, to_state, side) VALUES
  ('direct', 'draft', 'awaiting_customer_attest', 'customer'),
  ('direct', 'draft', 'awaiting_customer_attest', 'inera'),
  ('direct', 'draft', 'withdrawn', 'customer'),
  ('direct', 'draft', 'withdrawn', 'inera'),
  ('direct', 'awaiting_customer_attest', 'attested', 'customer'),
  ('direct', 'awaiting_customer_attest', 'rejected_by_customer', 'customer'),
  ('direct', 'awaiting_customer_attest', 'returned', 'customer'),
  ('direct', 'awaiting_customer_attest', 'withdrawn', 'customer'),
  ('direct', 'awaiting_customer_attest', 'withdrawn', 'inera'),
  ('direct', 'awaiting_customer_attest', 'lapsed', 'system'),
  ('direct', 'returned', 'awaiting_customer_attest', 'customer'),
  ('direct', 'returned', 'withdrawn', 'customer'),
  ('direct', 'returned', 'withdrawn', 'inera'),
  ('direct', 'attested', 'in_delivery', 'inera'),
  ('direct', 'attested', 'rejected_by_inera', 'inera'),
  ('direct', 'in_delivery', 'activated', 'inera'),
  ('via_agent', 'draft', 'awaiting_agent_review', 'customer'),
  ('via_agent', 'draft', 'awaiting_agent_review', 'inera'),
  ('via_agent', 'draft', 'withdrawn', 'customer'),
  ('via_agent', 'draft', 'withdrawn', 'inera'),
  ('via_agent', 'awaiting_agent_review', 'awaiting_agent_attest', 'agent'),
  ('via_agent', 'awaiting_agent_review', 'rejected_by_agent', 'agent'),
  ('via_agent', 'awaiting_agent_review', 'returned', 'agent'),
  ('via_agent', 'awaiting_agent_review', 'withdrawn', 'customer'),
  ('via_agent', 'awaiting_agent_review', 'withdrawn', 'inera'),
  ('via_agent', 'awaiting_agent_review', 'lapsed', 'system'),
  ('via_agent', 'awaiting_agent_attest', 'awaiting_customer_attest', 'agent'),
  ('via_agent', 'awaiting_agent_attest', 'rejected_by_agent_attestant', 'agent'),
  ('via_agent', 'awaiting_agent_attest', 'awaiting_agent_review', 'agent'),
  ('via_agent', 'awaiting_agent_attest', 'withdrawn', 'customer'),
  ('via_agent', 'awaiting_agent_attest', 'withdrawn', 'inera'),
  ('via_agent', 'awaiting_agent_attest', 'lapsed', 'system'),
  ('via_agent', 'awaiting_customer_attest', 'attested', 'customer'),
  ('via_agent', 'awaiting_customer_attest', 'rejected_by_customer', 'customer'),
  ('via_agent', 'awaiting_customer_attest', 'returned', 'customer'),
  ('via_agent', 'awaiting_customer_attest', 'withdrawn', 'customer'),
  ('via_agent', 'awaiting_customer_attest', 'withdrawn', 'inera'),
  ('via_agent', 'awaiting_customer_attest', 'lapsed', 'system'),
  ('via_agent', 'returned', 'awaiting_agent_review', 'customer'),
  ('via_agent', 'returned', 'withdrawn', 'customer'),
  ('via_agent', 'returned', 'withdrawn', 'inera'),
  ('via_agent', 'attested', 'ready_to_connect', 'inera'),
  ('via_agent', 'attested', 'rejected_by_inera', 'inera'),
  ('via_agent', 'ready_to_connect', 'in_delivery', 'agent'),
  ('via_agent', 'ready_to_connect', 'in_delivery', 'inera'),
  ('via_agent', 'in_delivery', 'activated', 'inera');
GRANT SELECT ON order_transition_rule TO portal_customer, portal_agent, portal_staff, portal_worker;

CREATE TABLE order_event (
  order_id uuid NOT NULL,
  seq int NOT NULL,
  customer_id uuid NOT NULL,
  route order_route NOT NULL,
  from_state order_state NOT NULL,
  to_state order_state NOT NULL,
  side side NOT NULL,
  actor_id uuid REFERENCES person,
  actor_name text NOT NULL DEFAULT '',
  at timestamptz NOT NULL,
  note text NOT NULL DEFAULT '' CONSTRAINT order_event_note_length CHECK (char_length(note) <= 2000),
  due_on date,
  confirmation_id uuid REFERENCES confirmation,
  -- The agent's handler names the attestant of the agent; null = any.
  next_attestant_id uuid,
  agent_invoice_reference text NOT NULL DEFAULT '',
  -- A submit carries everything that was ordered, so that it can be shown and compared in five years.
  content jsonb,
  content_sha256 bytea,
  price_once_ore bigint,
  price_yearly_ore bigint,
  self_attested boolean NOT NULL DEFAULT false,
  CONSTRAINT order_event_pkey PRIMARY KEY (order_id, seq),
  CONSTRAINT order_event_order FOREIGN KEY (order_id, customer_id) REFERENCES orders (id, customer_id),
  CONSTRAINT order_event_rule FOREIGN KEY (route, from_state, to_state, side)
    REFERENCES order_transition_rule (route, from_state, to_state, side),
  CONSTRAINT order_event_confirmation_once UNIQUE (confirmation_id),
  -- portal.md 2.7 rows 4, 5, 10 and 2.8 rows 3, 4, 6, 7; staff never steps in without saying why.
  CONSTRAINT order_event_reason CHECK (
    char_length(btrim(note)) >= 3
    OR NOT (to_state IN ('rejected_by_agent', 'rejected_by_agent_attestant', 'rejected_by_customer', 'rejected_by_inera', 'returned')
         OR (from_state = 'awaiting_agent_attest' AND to_state = 'awaiting_agent_review')
         OR (side = 'inera' AND to_state = 'withdrawn'))),
  CONSTRAINT order_event_submit_has_content CHECK (
    (content IS NOT NULL AND content_sha256 IS NOT NULL)
    = (from_state IN ('draft', 'returned') AND to_state IN ('awaiting_agent_review', 'awaiting_customer_attest'))),
  -- Decisions rest on a fresh confirmation of identity (decisions.md 5).
  CONSTRAINT order_event_decision_confirmed CHECK (
    confirmation_id IS NOT NULL
    OR NOT (side IN ('customer', 'agent')
       AND from_state IN ('awaiting_agent_review', 'awaiting_agent_attest', 'awaiting_customer_attest')
       AND to_state <> 'withdrawn'))
);
CREATE INDEX order_event_actor_idx ON order_event (actor_id);
CALL protect('order_event');

CREATE TABLE order_message (
  id uuid PRIMARY KEY,
  order_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  side side NOT NULL,
  author_id uuid NOT NULL REFERENCES person,
  author_name text NOT NULL,
  at timestamptz NOT NULL,
  body text NOT NULL CONSTRAINT order_message_length CHECK (char_length(btrim(body)) BETWEEN 1 AND 2000),
  CONSTRAINT order_message_order FOREIGN KEY (order_id, customer_id) REFERENCES orders (id, customer_id)
);
CREATE INDEX order_message_order_idx ON order_message (order_id, id);
CALL protect('order_message');

CREATE TABLE order_attachment (
  id uuid PRIMARY KEY,
  order_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  side side NOT NULL,
  added_by uuid NOT NULL REFERENCES person,
  added_by_name text NOT NULL,
  at timestamptz NOT NULL,
  file_name text NOT NULL CONSTRAINT order_attachment_file_name_form CHECK (char_length(file_name) BETWEEN 1 AND 200 AND file_name !~ '[[:cntrl:]/\\]'),
  media_type text NOT NULL CONSTRAINT order_attachment_media_type_known CHECK (media_type IN (
    'application/pdf', 'image/png', 'image/jpeg',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet')),
  sha256 bytea NOT NULL,
  content bytea NOT NULL CONSTRAINT order_attachment_size CHECK (octet_length(content) BETWEEN 1 AND 10485760),
  CONSTRAINT order_attachment_order FOREIGN KEY (order_id, customer_id) REFERENCES orders (id, customer_id)
);
CREATE INDEX order_attachment_order_idx ON order_attachment (order_id, id);
CALL protect('order_attachment');

-- One reminder a working day and order, whoever asks for it.
CREATE TABLE order_reminder (
  order_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  on_day date NOT NULL,
  revision int NOT NULL,
  by_person uuid REFERENCES person,
  CONSTRAINT order_reminder_pkey PRIMARY KEY (order_id, on_day),
  CONSTRAINT order_reminder_order FOREIGN KEY (order_id, customer_id) REFERENCES orders (id, customer_id)
);
CALL protect('order_reminder');

CREATE TABLE subscription (
  id uuid PRIMARY KEY,
  customer_id uuid NOT NULL,
  service_code text NOT NULL REFERENCES service,
  offer_code text REFERENCES offer,
  agent_id uuid REFERENCES organisation,
  agent_name text NOT NULL DEFAULT '',
  order_id uuid,
  channel channel NOT NULL,
  valid_from date NOT NULL,
  valid_to date,
  CONSTRAINT subscription_customer FOREIGN KEY (customer_id) REFERENCES organisation,
  CONSTRAINT subscription_order FOREIGN KEY (order_id, customer_id) REFERENCES orders (id, customer_id),
  CONSTRAINT subscription_order_key UNIQUE (order_id)
);
CREATE INDEX subscription_customer_idx ON subscription (customer_id, service_code);
CREATE INDEX subscription_agent_idx ON subscription (agent_id);
CALL protect('subscription');

CREATE TABLE agent_relation (
  id uuid PRIMARY KEY,
  customer_id uuid NOT NULL REFERENCES organisation,
  agent_id uuid NOT NULL REFERENCES organisation,
  service_code text NOT NULL REFERENCES service,
  role text NOT NULL,
  valid_from date NOT NULL,
  valid_to date,
  CONSTRAINT agent_relation_period CHECK (valid_to IS NULL OR valid_to >= valid_from)
);
-- portal.md appendix B rule 10: one agent at a time for a customer's use of a service.
CREATE UNIQUE INDEX agent_relation_one_open ON agent_relation (customer_id, service_code, role) WHERE valid_to IS NULL;
CREATE INDEX agent_relation_agent_idx ON agent_relation (agent_id);
CALL protect('agent_relation');

-- Things Kundservice must look into that no state of the order says by itself.
CREATE TABLE staff_task (
  id uuid PRIMARY KEY,
  order_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  kind text NOT NULL CONSTRAINT staff_task_kind_known CHECK (kind IN ('agreement_not_in_force')),
  created_at timestamptz NOT NULL DEFAULT now(),
  done_at timestamptz,
  CONSTRAINT staff_task_order FOREIGN KEY (order_id, customer_id) REFERENCES orders (id, customer_id)
);
CREATE UNIQUE INDEX staff_task_one_open ON staff_task (order_id, kind) WHERE done_at IS NULL;
CALL protect('staff_task');
