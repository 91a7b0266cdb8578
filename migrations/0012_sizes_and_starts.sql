-- A file's size stands beside it, so that an order is read by the same statement for every role, also by the worker,
-- who may not read what is in the files. The table is written anew with its files while nobody else reads it.
ALTER TABLE order_attachment ADD COLUMN size bigint NOT NULL GENERATED ALWAYS AS (octet_length(content)) STORED;
GRANT SELECT (side, added_by_name, size) ON order_attachment TO portal_worker;

-- Nothing is said in a draft: the agent it gets later would read what was meant for others.
CREATE POLICY only_sent ON order_message AS RESTRICTIVE FOR INSERT TO portal_customer, portal_agent, portal_staff
  WITH CHECK (EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.submitted_at IS NOT NULL));

-- Has the customer ever sent an order? Also for those who see only their own; nobody is told of another organisation.
CREATE FUNCTION has_orders(org uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM orders o WHERE o.customer_id = org AND o.customer_id = ctx_org() AND o.submitted_at IS NOT NULL) $$;
GRANT EXECUTE ON FUNCTION has_orders(uuid) TO portal_customer;
