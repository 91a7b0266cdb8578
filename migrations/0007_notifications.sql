-- The outbox: a cause is written with the change, the worker turns it into mails and notices, then sends the mails.
CREATE TYPE notification_cause AS ENUM ('event', 'message', 'reminder');

CREATE TABLE notification (
  id uuid PRIMARY KEY,
  -- Same cause, same key: written once however often it is tried.
  key text NOT NULL CONSTRAINT notification_key_key UNIQUE,
  cause notification_cause NOT NULL,
  order_id uuid NOT NULL REFERENCES orders,
  seq int NOT NULL,
  message_id uuid REFERENCES order_message,
  due_at timestamptz NOT NULL DEFAULT now(),
  attempts int NOT NULL DEFAULT 0,
  done_at timestamptz,
  dead_at timestamptz,
  last_error text NOT NULL DEFAULT ''
);
CREATE INDEX notification_due ON notification (due_at) WHERE done_at IS NULL AND dead_at IS NULL;
CREATE INDEX notification_order_idx ON notification (order_id);
CREATE INDEX notification_message_idx ON notification (message_id);
CALL protect('notification');
CREATE POLICY worker_all ON notification TO portal_worker USING (true) WITH CHECK (true);
CREATE POLICY staff_reads ON notification FOR SELECT TO portal_staff USING (true);
CREATE POLICY writes ON notification FOR INSERT TO portal_customer, portal_agent, portal_staff
  WITH CHECK (cause <> 'event' AND EXISTS (SELECT FROM orders o WHERE o.id = order_id));
GRANT SELECT, INSERT, UPDATE ON notification TO portal_worker;
GRANT SELECT ON notification TO portal_staff;
GRANT INSERT (id, key, cause, order_id, seq, message_id, due_at) ON notification TO portal_customer, portal_agent, portal_staff;

CREATE TABLE mail (
  id uuid PRIMARY KEY,
  notification_id uuid NOT NULL REFERENCES notification,
  key text NOT NULL CONSTRAINT mail_key_key UNIQUE,
  -- The catalogue number, for example N-40 (portal.md 2.99).
  code text NOT NULL,
  order_id uuid NOT NULL REFERENCES orders,
  seq int NOT NULL,
  -- Whose it is; the address is looked up when it is sent.
  org_id uuid NOT NULL REFERENCES organisation,
  membership_id uuid,
  due_at timestamptz NOT NULL DEFAULT now(),
  attempts int NOT NULL DEFAULT 0,
  sent_at timestamptz,
  dropped_at timestamptz,
  dead_at timestamptz,
  last_error text NOT NULL DEFAULT '',
  CONSTRAINT mail_membership FOREIGN KEY (membership_id, org_id) REFERENCES membership (id, org_id)
);
CREATE INDEX mail_due ON mail (due_at) WHERE sent_at IS NULL AND dropped_at IS NULL AND dead_at IS NULL;
CREATE INDEX mail_dead ON mail (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX mail_notification_idx ON mail (notification_id);
CREATE INDEX mail_order_idx ON mail (order_id);
CALL protect('mail');
CREATE POLICY worker_all ON mail TO portal_worker USING (true) WITH CHECK (true);
CREATE POLICY staff_reads ON mail FOR SELECT TO portal_staff USING (true);
CREATE POLICY staff_retries ON mail FOR UPDATE TO portal_staff USING (dead_at IS NOT NULL) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON mail TO portal_worker;
GRANT SELECT, UPDATE (due_at, attempts, dead_at) ON mail TO portal_staff;

-- Only the demo fills this: the mails it would have sent, for its viewer.
CREATE TABLE demo_mail (
  id uuid PRIMARY KEY,
  message_id text NOT NULL CONSTRAINT demo_mail_message_id_key UNIQUE,
  at timestamptz NOT NULL,
  recipient text NOT NULL,
  subject text NOT NULL,
  text_body text NOT NULL,
  html_body text NOT NULL
);
CALL protect('demo_mail');
CREATE POLICY worker_writes ON demo_mail TO portal_worker USING (true) WITH CHECK (true);
CREATE POLICY public_reads ON demo_mail FOR SELECT TO portal_public USING (true);
GRANT SELECT, INSERT ON demo_mail TO portal_worker;
GRANT SELECT ON demo_mail TO portal_public;

-- In-app notices (aviseringar), one per person and organisation.
CREATE TABLE notice (
  id uuid PRIMARY KEY,
  org_id uuid NOT NULL,
  person_id uuid NOT NULL REFERENCES person,
  order_id uuid NOT NULL REFERENCES orders,
  code text NOT NULL,
  title text NOT NULL,
  created_at timestamptz NOT NULL,
  read_at timestamptz,
  CONSTRAINT notice_membership FOREIGN KEY (org_id, person_id) REFERENCES membership (org_id, person_id)
);
CREATE INDEX notice_list ON notice (org_id, person_id, id DESC);
CREATE INDEX notice_unread ON notice (org_id, person_id) WHERE read_at IS NULL;
CREATE INDEX notice_order_idx ON notice (order_id);
CREATE INDEX notice_person_idx ON notice (person_id);
CALL protect('notice');
CREATE POLICY own_reads ON notice FOR SELECT TO portal_customer, portal_agent, portal_staff
  USING (org_id = (SELECT ctx_org()) AND person_id = (SELECT ctx_person()));
CREATE POLICY own_marks ON notice FOR UPDATE TO portal_customer, portal_agent, portal_staff
  USING (org_id = (SELECT ctx_org()) AND person_id = (SELECT ctx_person()));
CREATE POLICY worker_writes ON notice TO portal_worker USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (read_at) ON notice TO portal_customer, portal_agent, portal_staff;
GRANT SELECT, INSERT ON notice TO portal_worker;

CREATE FUNCTION wake_worker() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NOTIFY outbox;
  RETURN NULL;
END
$$;
CREATE TRIGGER wake_worker AFTER INSERT ON notification FOR EACH STATEMENT EXECUTE FUNCTION wake_worker();
