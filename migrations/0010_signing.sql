-- Signing of agreements (portal.md 2.3): one round of signing for a frozen text, its named signatories, and what each did.
CREATE TYPE signing_state AS ENUM ('awaiting', 'partly_signed', 'signed', 'rejected', 'recalled', 'expired');
CREATE TYPE signing_by AS ENUM ('inera', 'signatory', 'system');

-- The template and its version that the text was made from.
ALTER TABLE agreement ADD COLUMN template text NOT NULL DEFAULT ''
  CONSTRAINT agreement_template_length CHECK (char_length(template) <= 80);

-- What this database is: the demo's, or one that people rely on; and a mark of the secret it has been used with.
-- A program with another secret would mail dead links and could open no seal, so it refuses to start.
CREATE TABLE installation (
  one_row boolean PRIMARY KEY DEFAULT true CONSTRAINT installation_one_row CHECK (one_row),
  is_demo boolean NOT NULL DEFAULT false,
  secret_mark bytea
);
CALL protect('installation');
INSERT INTO installation DEFAULT VALUES;
CREATE FUNCTION is_demo_database() RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT is_demo FROM installation $$;
-- The first program to ask leaves its mark.
CREATE FUNCTION secret_fits(mark bytea) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE installation SET secret_mark = mark WHERE secret_mark IS NULL;
  RETURN (SELECT secret_mark = mark FROM installation);
END
$$;
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE 'what has happened is not changed' USING ERRCODE = '42501';
END
$$;

-- Who holds a signing link, set by open_signing(). A signatory has no account.
CREATE FUNCTION ctx_signing() RETURNS uuid LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('portal.signing', true), '')::uuid $$;
CREATE FUNCTION ctx_signatory() RETURNS uuid LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('portal.signatory', true), '')::uuid $$;

CREATE TABLE signing (
  id uuid PRIMARY KEY,
  org_id uuid NOT NULL,
  agreement_id uuid NOT NULL,
  state signing_state NOT NULL DEFAULT 'awaiting',
  -- The number of events.
  revision int NOT NULL DEFAULT 0,
  -- The text that is signed, frozen when it is sent.
  body_sha256 bytea NOT NULL CONSTRAINT signing_hash_length CHECK (octet_length(body_sha256) = 32),
  -- The party as it was then: a later change of name does not change what is signed.
  org_name text NOT NULL DEFAULT '',
  org_nr text NOT NULL DEFAULT '',
  sent_by uuid NOT NULL REFERENCES person,
  sent_by_name text NOT NULL DEFAULT '',
  sent_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  closed_at timestamptz,
  CONSTRAINT signing_agreement FOREIGN KEY (agreement_id, org_id) REFERENCES agreement (id, org_id),
  CONSTRAINT signing_tenant_key UNIQUE (id, org_id),
  CONSTRAINT signing_period CHECK (expires_at > sent_at),
  CONSTRAINT signing_closed CHECK ((state IN ('awaiting', 'partly_signed')) = (closed_at IS NULL))
);
CREATE UNIQUE INDEX signing_one_open ON signing (agreement_id) WHERE closed_at IS NULL;
CREATE INDEX signing_agreement_idx ON signing (agreement_id, id DESC);
CREATE INDEX signing_org_idx ON signing (org_id);
CREATE INDEX signing_open ON signing (sent_at) WHERE closed_at IS NULL;
CALL protect('signing');

CREATE TABLE signatory (
  id uuid PRIMARY KEY,
  org_id uuid NOT NULL,
  signing_id uuid NOT NULL,
  place int NOT NULL CONSTRAINT signatory_place_range CHECK (place BETWEEN 1 AND 10),
  name text NOT NULL CONSTRAINT signatory_name_form CHECK (char_length(name) BETWEEN 2 AND 120 AND name !~ '[[:cntrl:]]'),
  email text NOT NULL CONSTRAINT signatory_email_form CHECK (char_length(email) <= 254 AND email !~ '[[:cntrl:]]'),
  -- The personal number: sealed for whoever must prove it later, and a keyed mark to compare with (decisions.md 10).
  personal_no_sealed bytea NOT NULL,
  personal_no_mark bytea NOT NULL CONSTRAINT signatory_mark_length CHECK (octet_length(personal_no_mark) = 32),
  -- The link itself is made from the program's secret when the mail is sent; here is its hash.
  link_sha256 bytea NOT NULL CONSTRAINT signatory_link_key UNIQUE CONSTRAINT signatory_link_length CHECK (octet_length(link_sha256) = 32),
  signed_at timestamptz,
  CONSTRAINT signatory_signing FOREIGN KEY (signing_id, org_id) REFERENCES signing (id, org_id),
  CONSTRAINT signatory_tenant_key UNIQUE (id, org_id),
  CONSTRAINT signatory_place_key UNIQUE (signing_id, place),
  -- One person signs once, however many names they are given.
  CONSTRAINT signatory_person_key UNIQUE (signing_id, personal_no_mark)
);
CALL protect('signatory');

CREATE TABLE signing_transition_rule (
  from_state signing_state NOT NULL,
  to_state signing_state NOT NULL,
  moved_by signing_by NOT NULL,
  CONSTRAINT signing_transition_rule_pkey PRIMARY KEY (from_state, to_state, moved_by)
);
INSERT INTO signing_transition_rule (from_state, to_state, moved_by) VALUES
  ('awaiting', 'partly_signed', 'signatory'),
  ('awaiting', 'signed', 'signatory'),
  ('awaiting', 'rejected', 'signatory'),
  ('awaiting', 'recalled', 'inera'),
  ('awaiting', 'expired', 'system'),
  ('partly_signed', 'partly_signed', 'signatory'),
  ('partly_signed', 'signed', 'signatory'),
  ('partly_signed', 'rejected', 'signatory'),
  ('partly_signed', 'recalled', 'inera'),
  ('partly_signed', 'expired', 'system');
GRANT SELECT ON signing_transition_rule TO portal_customer, portal_agent, portal_staff, portal_signatory, portal_worker;

-- What happened, and for a signature its evidence. Added to, never changed.
CREATE TABLE signing_event (
  signing_id uuid NOT NULL,
  org_id uuid NOT NULL,
  seq int NOT NULL CONSTRAINT signing_event_seq_positive CHECK (seq >= 1),
  from_state signing_state NOT NULL,
  to_state signing_state NOT NULL,
  moved_by signing_by NOT NULL,
  at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  signatory_id uuid,
  actor_id uuid REFERENCES person,
  actor_name text NOT NULL DEFAULT '',
  note text NOT NULL DEFAULT '' CONSTRAINT signing_event_note_length CHECK (char_length(note) <= 2000),
  -- How the person was identified, the provider's reference, and the name it gave.
  method text NOT NULL DEFAULT '' CONSTRAINT signing_event_method_known CHECK (method IN ('', 'test_eid')),
  provider_reference text NOT NULL DEFAULT '' CONSTRAINT signing_event_reference_length CHECK (char_length(provider_reference) <= 200),
  provider_name text NOT NULL DEFAULT '' CONSTRAINT signing_event_provider_name_length CHECK (char_length(provider_name) <= 200),
  personal_no_mark bytea,
  -- What the person declared, with the hash of the agreement's text in it.
  statement text NOT NULL DEFAULT '' CONSTRAINT signing_event_statement_length CHECK (char_length(statement) <= 4000),
  body_sha256 bytea,
  CONSTRAINT signing_event_pkey PRIMARY KEY (signing_id, seq),
  CONSTRAINT signing_event_signing FOREIGN KEY (signing_id, org_id) REFERENCES signing (id, org_id),
  CONSTRAINT signing_event_signatory FOREIGN KEY (signatory_id, org_id) REFERENCES signatory (id, org_id),
  CONSTRAINT signing_event_rule FOREIGN KEY (from_state, to_state, moved_by) REFERENCES signing_transition_rule (from_state, to_state, moved_by),
  CONSTRAINT signing_event_who CHECK ((moved_by = 'signatory') = (signatory_id IS NOT NULL) AND (moved_by = 'inera') = (actor_id IS NOT NULL)),
  -- Whoever signs or declines is identified, and declares it; a link alone does nothing, and nobody else declares anything.
  CONSTRAINT signing_event_evidence CHECK (CASE WHEN moved_by = 'signatory'
    THEN method <> '' AND provider_reference <> '' AND provider_name <> '' AND personal_no_mark IS NOT NULL AND body_sha256 IS NOT NULL
         AND position(encode(body_sha256, 'hex') IN statement) > 0
    ELSE method = '' AND provider_reference = '' AND provider_name = '' AND personal_no_mark IS NULL AND body_sha256 IS NULL AND statement = '' END),
  CONSTRAINT signing_event_reason CHECK (to_state NOT IN ('rejected', 'recalled') OR char_length(note) >= 3)
);
CREATE INDEX signing_event_org_idx ON signing_event (org_id);
CREATE INDEX signing_event_signatory_idx ON signing_event (signatory_id);
CREATE INDEX signing_event_actor_idx ON signing_event (actor_id);
CALL protect('signing_event');
CREATE TRIGGER signing_event_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON signing_event EXECUTE FUNCTION refuse_change();

-- Who sees what. A signatory sees the one round the link is for, and nothing else of anybody.
CREATE POLICY own_reads ON signing FOR SELECT TO portal_customer, portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON signing FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON signing FOR SELECT TO portal_worker USING (true);
CREATE POLICY signatory_reads ON signing FOR SELECT TO portal_signatory USING (id = (SELECT ctx_signing()));
GRANT SELECT ON signing TO portal_customer, portal_agent, portal_staff, portal_worker, portal_signatory;
CREATE POLICY own_reads ON signatory FOR SELECT TO portal_customer, portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON signatory FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON signatory FOR SELECT TO portal_worker USING (true);
CREATE POLICY signatory_reads ON signatory FOR SELECT TO portal_signatory USING (signing_id = (SELECT ctx_signing()));
GRANT SELECT (id, org_id, signing_id, place, name, email, signed_at) ON signatory TO portal_customer, portal_agent, portal_worker;
GRANT SELECT (id, org_id, signing_id, place, name, signed_at) ON signatory TO portal_signatory;
GRANT SELECT (id, org_id, signing_id, place, name, email, signed_at, personal_no_sealed) ON signatory TO portal_staff;
CREATE POLICY own_reads ON signing_event FOR SELECT TO portal_customer, portal_agent USING (org_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON signing_event FOR SELECT TO portal_staff USING (true);
CREATE POLICY worker_reads ON signing_event FOR SELECT TO portal_worker USING (true);
CREATE POLICY signatory_reads ON signing_event FOR SELECT TO portal_signatory USING (signing_id = (SELECT ctx_signing()));
-- Not the mark: it is the same wherever the person signs.
GRANT SELECT (signing_id, org_id, seq, from_state, to_state, moved_by, at, recorded_at, signatory_id, actor_id, actor_name, note,
    method, provider_reference, provider_name, statement, body_sha256)
  ON signing_event TO portal_customer, portal_agent, portal_staff, portal_worker, portal_signatory;
CREATE POLICY signatory_reads ON agreement FOR SELECT TO portal_signatory
  USING (EXISTS (SELECT FROM signing s WHERE s.agreement_id = agreement.id AND s.id = (SELECT ctx_signing())));
CREATE POLICY worker_reads ON agreement FOR SELECT TO portal_worker USING (true);
GRANT SELECT ON agreement TO portal_signatory, portal_worker;
-- A round with its agreement, as whoever asks may see them.
CREATE VIEW signing_round WITH (security_invoker = true) AS
  SELECT s.id, s.org_id, s.agreement_id, s.state, s.revision, s.sent_at, s.expires_at, s.body_sha256, a.number, a.kind,
         a.signatures_needed AS needed, a.body, s.org_name, s.org_nr, s.closed_at
    FROM signing s
    JOIN agreement a ON a.id = s.agreement_id;
GRANT SELECT ON signing_round TO portal_customer, portal_agent, portal_staff, portal_worker, portal_signatory;

-- Sending: the agreements officer alone.
CREATE FUNCTION is_agreements_officer() RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{agreements_officer}') IS NOT NULL $$;
CREATE POLICY staff_inserts ON agreement FOR INSERT TO portal_staff
  WITH CHECK (status = 'awaiting_signature' AND valid_from IS NULL AND (SELECT is_agreements_officer()));
GRANT INSERT (id, org_id, kind, number, status, signatures_needed, body, body_sha256, template) ON agreement TO portal_staff;
CREATE POLICY staff_inserts ON signing FOR INSERT TO portal_staff
  WITH CHECK (sent_by = (SELECT ctx_person()) AND (SELECT is_agreements_officer()));
GRANT INSERT (id, org_id, agreement_id, body_sha256, sent_by, sent_at, expires_at) ON signing TO portal_staff;
CREATE POLICY staff_inserts ON signatory FOR INSERT TO portal_staff
  WITH CHECK (signed_at IS NULL AND (SELECT is_agreements_officer())
    AND EXISTS (SELECT FROM signing s WHERE s.id = signing_id AND s.sent_by = (SELECT ctx_person())));
GRANT INSERT (id, org_id, signing_id, place, name, email, personal_no_sealed, personal_no_mark, link_sha256) ON signatory TO portal_staff;
CREATE POLICY signatory_acts ON signing_event FOR INSERT TO portal_signatory
  WITH CHECK (moved_by = 'signatory' AND signing_id = (SELECT ctx_signing()) AND signatory_id = (SELECT ctx_signatory()));
CREATE POLICY staff_acts ON signing_event FOR INSERT TO portal_staff
  WITH CHECK (moved_by = 'inera' AND actor_id = (SELECT ctx_person()));
CREATE POLICY worker_acts ON signing_event FOR INSERT TO portal_worker WITH CHECK (moved_by = 'system');
GRANT INSERT (signing_id, org_id, seq, from_state, to_state, moved_by, at, signatory_id, actor_id, note, method, provider_reference,
    provider_name, personal_no_mark, statement, body_sha256)
  ON signing_event TO portal_signatory, portal_staff, portal_worker;

-- Causes and mails are about an order or about a signing.
ALTER TABLE notification ALTER COLUMN order_id DROP NOT NULL, ADD COLUMN signing_id uuid REFERENCES signing,
  ADD CONSTRAINT notification_one_subject CHECK (num_nonnulls(order_id, signing_id) = 1);
CREATE INDEX notification_signing_idx ON notification (signing_id) WHERE signing_id IS NOT NULL;
ALTER TABLE mail ALTER COLUMN order_id DROP NOT NULL, ADD COLUMN signing_id uuid REFERENCES signing,
  ADD COLUMN signatory_id uuid,
  ADD CONSTRAINT mail_one_subject CHECK (num_nonnulls(order_id, signing_id) = 1),
  ADD CONSTRAINT mail_signatory FOREIGN KEY (signatory_id, org_id) REFERENCES signatory (id, org_id);
CREATE INDEX mail_signatory_idx ON mail (signatory_id) WHERE signatory_id IS NOT NULL;
CREATE INDEX mail_signing_idx ON mail (signing_id) WHERE signing_id IS NOT NULL;
ALTER TABLE notice ALTER COLUMN order_id DROP NOT NULL, ADD COLUMN agreement_id uuid REFERENCES agreement,
  ADD CONSTRAINT notice_one_subject CHECK (num_nonnulls(order_id, agreement_id) = 1);
CREATE INDEX notice_agreement_idx ON notice (agreement_id) WHERE agreement_id IS NOT NULL;

-- An agreement that is sent: nobody of that kind may be in force already, its text is the one that is signed.
CREATE FUNCTION signing_starts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  a agreement;
BEGIN
  SELECT * INTO a FROM agreement WHERE id = NEW.agreement_id FOR UPDATE;
  IF a.status <> 'awaiting_signature' OR a.body_sha256 <> NEW.body_sha256 OR a.body = '' THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  -- One at a time for an organisation; an agreement that has run out makes room.
  PERFORM FROM organisation o WHERE o.id = a.org_id FOR UPDATE;
  UPDATE agreement SET status = 'ended' WHERE org_id = a.org_id AND kind = a.kind AND status = 'terminated'
    AND valid_to < (NEW.sent_at AT TIME ZONE 'Europe/Stockholm')::date;
  IF EXISTS (SELECT FROM agreement x WHERE x.org_id = a.org_id AND x.kind = a.kind AND x.status IN ('active', 'terminated')) THEN
    RAISE 'in_force' USING ERRCODE = 'P0412';
  END IF;
  IF EXISTS (SELECT FROM signing s JOIN agreement x ON x.id = s.agreement_id
              WHERE x.org_id = a.org_id AND x.kind = a.kind AND s.closed_at IS NULL) THEN
    RAISE 'under_way' USING ERRCODE = 'P0412';
  END IF;
  NEW.sent_by_name := coalesce((SELECT p.name FROM person p WHERE p.id = NEW.sent_by), '');
  SELECT o.name, shown_org_nr(o.org_nr, o.sole_trader) INTO NEW.org_name, NEW.org_nr FROM organisation o WHERE o.id = a.org_id;
  RETURN NEW;
END
$$;
CREATE TRIGGER signing_starts BEFORE INSERT ON signing FOR EACH ROW EXECUTE FUNCTION signing_starts();

-- Who is to sign is decided when it is sent, in that one transaction.
CREATE FUNCTION signatory_is_named() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM signing s WHERE s.id = NEW.signing_id AND s.xmin = pg_current_xact_id()::xid) THEN
    RAISE 'sent' USING ERRCODE = 'P0409';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER signatory_is_named BEFORE INSERT ON signatory FOR EACH ROW EXECUTE FUNCTION signatory_is_named();
-- A text that has been sent is not changed.
CREATE FUNCTION agreement_text_stays() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM signing s WHERE s.agreement_id = OLD.id) THEN
    RAISE 'a text that has been sent is not changed' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER agreement_text_stays BEFORE UPDATE OF body, body_sha256, number, org_id, kind, template, signatures_needed ON agreement
  FOR EACH ROW EXECUTE FUNCTION agreement_text_stays();

-- At commit: as many signatories as must sign, at least; then they are told.
CREATE FUNCTION signing_is_sent() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF (SELECT count(*) FROM signatory g WHERE g.signing_id = NEW.id)
     < (SELECT a.signatures_needed FROM agreement a WHERE a.id = NEW.agreement_id) THEN
    RAISE 'too_few_signatories' USING ERRCODE = 'P0412';
  END IF;
  INSERT INTO notification (id, key, cause, signing_id, seq, due_at)
    VALUES (gen_random_uuid(), 'signing:' || NEW.id || ':0', 'event', NEW.id, 0, NEW.sent_at);
  RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER signing_is_sent AFTER INSERT ON signing DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION signing_is_sent();

-- The event is the transition, as for orders. Codes as in 0006.
CREATE FUNCTION signing_event_applies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  s signing;
  a agreement;
  g signatory;
  signs boolean := NEW.to_state IN ('partly_signed', 'signed');
  closes boolean := NEW.to_state <> 'partly_signed';
  done int;
BEGIN
  SELECT * INTO s FROM signing WHERE id = NEW.signing_id AND org_id = NEW.org_id FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_signing' USING ERRCODE = 'P0404'; END IF;
  IF s.state <> NEW.from_state OR s.revision <> NEW.seq - 1 THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF NOT EXISTS (SELECT FROM signing_transition_rule r WHERE (r.from_state, r.to_state, r.moved_by) = (NEW.from_state, NEW.to_state, NEW.moved_by)) THEN
    RETURN NEW; -- the foreign key refuses it with its own name
  END IF;
  SELECT * INTO a FROM agreement WHERE id = s.agreement_id FOR UPDATE;

  IF NEW.moved_by = 'signatory' THEN
    SELECT * INTO g FROM signatory WHERE id = NEW.signatory_id AND signing_id = s.id FOR UPDATE;
    IF NOT FOUND THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
    IF g.signed_at IS NOT NULL THEN RAISE 'already_signed' USING ERRCODE = 'P0412'; END IF;
    IF NEW.at < s.sent_at OR s.expires_at <= NEW.at THEN RAISE 'link_expired' USING ERRCODE = 'P0412'; END IF;
    -- The demo's made-up e-legitimation is worth nothing anywhere else.
    IF NEW.method = 'test_eid' AND NOT is_demo_database() THEN RAISE 'method' USING ERRCODE = 'P0403'; END IF;
    IF NEW.personal_no_mark IS DISTINCT FROM g.personal_no_mark THEN RAISE 'wrong_person' USING ERRCODE = 'P0403'; END IF;
    IF NEW.body_sha256 IS DISTINCT FROM s.body_sha256 OR s.body_sha256 <> a.body_sha256 THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
    IF signs THEN
      SELECT count(*) + 1 INTO done FROM signatory x WHERE x.signing_id = s.id AND x.signed_at IS NOT NULL;
      IF (done >= a.signatures_needed) <> (NEW.to_state = 'signed') THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
      UPDATE signatory SET signed_at = NEW.at WHERE id = g.id;
    END IF;
    NEW.actor_name := g.name;
  ELSIF NEW.moved_by = 'inera' THEN
    IF NOT is_agreements_officer() THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
    NEW.actor_name := coalesce((SELECT p.name FROM person p WHERE p.id = NEW.actor_id), '');
  ELSIF s.expires_at > NEW.at THEN
    RAISE 'not_yet' USING ERRCODE = 'P0412';
  END IF;

  UPDATE signing SET state = NEW.to_state, revision = NEW.seq, closed_at = CASE WHEN closes THEN NEW.at END WHERE id = s.id;
  IF NEW.to_state = 'signed' THEN
    IF EXISTS (SELECT FROM agreement x WHERE x.org_id = a.org_id AND x.kind = a.kind AND x.status IN ('active', 'terminated')) THEN
      RAISE 'in_force' USING ERRCODE = 'P0412';
    END IF;
    UPDATE agreement SET status = 'active', valid_from = (NEW.at AT TIME ZONE 'Europe/Stockholm')::date WHERE id = a.id;
  ELSE
    UPDATE agreement SET status = CASE WHEN closes THEN 'awaiting_signature' ELSE 'partly_signed' END::agreement_status WHERE id = a.id;
  END IF;
  INSERT INTO notification (id, key, cause, signing_id, seq, due_at)
    VALUES (gen_random_uuid(), 'signing:' || s.id || ':' || NEW.seq, 'event', s.id, NEW.seq, NEW.at);
  RETURN NEW;
END
$$;
CREATE TRIGGER signing_event_applies BEFORE INSERT ON signing_event FOR EACH ROW EXECUTE FUNCTION signing_event_applies();

-- The door for a signing link: sets role and context until commit. No row = no such link.
CREATE FUNCTION signing_by_link(link bytea) RETURNS TABLE (signatory_id uuid, signing_id uuid, org_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT g.id, g.signing_id, g.org_id FROM signatory g WHERE g.link_sha256 = link $$;
CREATE FUNCTION open_signing(link bytea) RETURNS TABLE (signatory_id uuid, signing_id uuid) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  c record;
BEGIN
  SELECT * INTO c FROM signing_by_link(link);
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM set_config('portal.signatory', c.signatory_id::text, true),
          set_config('portal.signing', c.signing_id::text, true),
          set_config('portal.org', c.org_id::text, true),
          set_config('role', 'portal_signatory', true);
  RETURN QUERY SELECT c.signatory_id, c.signing_id;
END
$$;

-- Where an agreement is for the person behind a session: one row for each hat that may see it.
CREATE FUNCTION agreement_whereabouts(token bytea, wanted text) RETURNS TABLE (side side, org_no bigint)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$
    SELECT h.side, h.org_no
      FROM session s
      JOIN agreement a ON a.number = wanted
     CROSS JOIN LATERAL (
       SELECT 'customer'::side AS side, g.customer_no AS org_no, 1 AS rank FROM membership m JOIN organisation g ON g.id = m.org_id
        WHERE m.person_id = s.person_id AND m.ended_at IS NULL AND m.org_id = a.org_id AND g.customer_no IS NOT NULL AND a.kind <> 'agent'
          AND EXISTS (SELECT FROM membership_role r WHERE r.membership_id = m.id)
       UNION ALL
       SELECT 'agent', g.agent_no, 2 FROM membership m JOIN organisation g ON g.id = m.org_id
        WHERE m.person_id = s.person_id AND m.ended_at IS NULL AND m.org_id = a.org_id AND g.agent_no IS NOT NULL AND a.kind = 'agent'
          AND EXISTS (SELECT FROM membership_role r WHERE r.membership_id = m.id)
       UNION ALL
       SELECT 'inera', 0, 3 FROM membership m JOIN organisation g ON g.id = m.org_id
        WHERE m.person_id = s.person_id AND m.ended_at IS NULL AND g.is_inera) h
     WHERE s.token_hash = token AND session_is_live(s)
     ORDER BY h.rank LIMIT 3 $$;

GRANT EXECUTE ON FUNCTION ctx_signing(), ctx_signatory() TO portal_signatory;
GRANT EXECUTE ON FUNCTION is_demo_database(), secret_fits(bytea) TO portal_app;
GRANT EXECUTE ON FUNCTION is_agreements_officer() TO portal_staff;
GRANT EXECUTE ON FUNCTION signing_by_link(bytea), open_signing(bytea), agreement_whereabouts(bytea, text) TO portal_app;
GRANT EXECUTE ON FUNCTION audit_append(uuid, text, text, text, text) TO portal_signatory;
