-- Agreements in force, the agent's mandates and who may handle them. Their own pages come later; orders need them now.
CREATE TYPE agreement_kind AS ENUM ('customer_1', 'customer_2', 'agent', 'dpa_agent_customer');
CREATE TYPE agreement_status AS ENUM ('awaiting_signature', 'partly_signed', 'active', 'terminated', 'ended');

CREATE TABLE agreement (
  id uuid PRIMARY KEY,
  org_id uuid NOT NULL REFERENCES organisation,
  kind agreement_kind NOT NULL,
  number text NOT NULL CONSTRAINT agreement_number_key UNIQUE,
  -- For a customer agreement of the older model: the one service it covers.
  service_code text REFERENCES service,
  -- For a data-processing agreement: the agent.
  counterpart_id uuid REFERENCES organisation,
  status agreement_status NOT NULL,
  -- How many of the named signatories must sign ("två i förening" = 2).
  signatures_needed int NOT NULL DEFAULT 1 CONSTRAINT agreement_signatures_needed_positive CHECK (signatures_needed >= 1),
  body text NOT NULL DEFAULT '',
  body_sha256 bytea NOT NULL DEFAULT sha256(''),
  valid_from date,
  valid_to date,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT agreement_tenant_key UNIQUE (id, org_id),
  CONSTRAINT agreement_body_hash CHECK (body_sha256 = sha256(convert_to(body, 'UTF8'))),
  CONSTRAINT agreement_active_is_dated CHECK (status NOT IN ('active', 'terminated') OR valid_from IS NOT NULL),
  CONSTRAINT agreement_termination_is_dated CHECK (status <> 'terminated' OR valid_to IS NOT NULL)
);
-- portal.md appendix B rule 1.
CREATE UNIQUE INDEX agreement_one_in_force ON agreement (org_id, kind)
  WHERE kind IN ('customer_2', 'agent') AND status IN ('active', 'terminated');
CREATE INDEX agreement_org_idx ON agreement (org_id);
CREATE INDEX agreement_counterpart_idx ON agreement (counterpart_id);
CALL protect('agreement');
CREATE POLICY customer_reads ON agreement FOR SELECT TO portal_customer USING (org_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON agreement FOR SELECT TO portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON agreement FOR SELECT TO portal_staff USING (true);
GRANT SELECT ON agreement TO portal_customer, portal_agent, portal_staff;

-- Does the customer hold an agreement that covers the service on the day? (contracts.md rules 1, 4, 12)
CREATE FUNCTION customer_agreement_covers(customer uuid, service text, day date) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (
    SELECT FROM agreement a
     WHERE a.org_id = customer
       AND a.status IN ('active', 'terminated')
       AND a.valid_from <= day
       AND (a.valid_to IS NULL OR a.valid_to >= day)
       AND ((a.kind = 'customer_2' AND (SELECT s.ka2_from IS NULL OR s.ka2_from <= day FROM service s WHERE s.code = service))
         OR (a.kind = 'customer_1' AND a.service_code = service))) $$;
CREATE FUNCTION agent_agreement_in_force(agent uuid, day date) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (
    SELECT FROM agreement a
     WHERE a.org_id = agent AND a.kind = 'agent' AND a.status IN ('active', 'terminated')
       AND a.valid_from <= day AND (a.valid_to IS NULL OR a.valid_to >= day)) $$;

CREATE TYPE mandate_status AS ENUM ('granted', 'active', 'paused', 'ended');
CREATE TABLE mandate (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL REFERENCES organisation,
  service_code text NOT NULL REFERENCES service,
  role text NOT NULL CONSTRAINT mandate_role_known CHECK (role IN ('', 'producer', 'consumer')),
  system text NOT NULL CONSTRAINT mandate_system_length CHECK (char_length(system) BETWEEN 1 AND 120),
  status mandate_status NOT NULL,
  since date NOT NULL,
  CONSTRAINT mandate_tenant_key UNIQUE (id, agent_id)
);
CREATE UNIQUE INDEX mandate_one_per_service ON mandate (agent_id, service_code, role) WHERE status <> 'ended';
CREATE INDEX mandate_service_idx ON mandate (service_code);
CALL protect('mandate');
CREATE POLICY agent_reads ON mandate FOR SELECT TO portal_agent USING (agent_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON mandate FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON mandate FOR SELECT TO portal_worker USING (true);
GRANT SELECT ON mandate TO portal_agent, portal_staff, portal_worker;

CREATE TABLE mandate_handler (
  mandate_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  membership_id uuid NOT NULL,
  CONSTRAINT mandate_handler_pkey PRIMARY KEY (mandate_id, membership_id),
  CONSTRAINT mandate_handler_mandate FOREIGN KEY (mandate_id, agent_id) REFERENCES mandate (id, agent_id),
  CONSTRAINT mandate_handler_membership FOREIGN KEY (membership_id, agent_id) REFERENCES membership (id, org_id)
);
CREATE INDEX mandate_handler_membership_idx ON mandate_handler (membership_id);
CALL protect('mandate_handler');
CREATE POLICY agent_reads ON mandate_handler FOR SELECT TO portal_agent USING (agent_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON mandate_handler FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON mandate_handler FOR SELECT TO portal_worker USING (true);
GRANT SELECT ON mandate_handler TO portal_agent, portal_staff, portal_worker;

CREATE FUNCTION has_attestant(org uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (
    SELECT FROM membership_role r JOIN membership m ON m.id = r.membership_id
     WHERE r.org_id = org AND r.role = 'attestant' AND m.ended_at IS NULL) $$;
CREATE FUNCTION has_handler(mandate uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (
    SELECT FROM mandate_handler h
      JOIN membership m ON m.id = h.membership_id
      JOIN membership_role r ON r.membership_id = m.id AND r.role = 'agent_handler'
     WHERE h.mandate_id = mandate AND m.ended_at IS NULL) $$;

-- Agents for a service as a customer may know them: name, system, and why one cannot take orders. Nothing about people.
CREATE FUNCTION agents_for(wanted_service text, wanted_role text, day date)
  RETURNS TABLE (agent_id uuid, agent_no bigint, name text, system text, mandate_id uuid, obstacle text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$
    SELECT o.id, o.agent_no, o.name, m.system, m.id,
           CASE WHEN NOT agent_agreement_in_force(o.id, day) THEN 'no_agreement'
                WHEN m.status = 'granted' THEN 'not_verified'
                WHEN m.status = 'paused' THEN 'paused'
                WHEN NOT has_handler(m.id) THEN 'no_handler'
                WHEN NOT has_attestant(o.id) THEN 'no_attestant'
           END
      FROM mandate m JOIN organisation o ON o.id = m.agent_id
     WHERE m.service_code = wanted_service AND m.role = wanted_role AND m.status <> 'ended' AND o.agent_no IS NOT NULL
     ORDER BY o.name COLLATE "sv-x-icu", o.id
     LIMIT 200 $$;
