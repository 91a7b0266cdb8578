-- Who sees which order, who may write what, and the trigger that alone moves an order's state.

-- Customer side: everything of the organisation for those with a role, else what one made oneself (portal.md 1.4 order.read).
CREATE POLICY customer_reads ON orders FOR SELECT TO portal_customer
  USING (customer_id = (SELECT ctx_org()) AND ((SELECT ctx_sees_all()) OR created_by = (SELECT ctx_person())));
CREATE POLICY customer_inserts ON orders FOR INSERT TO portal_customer
  WITH CHECK (customer_id = (SELECT ctx_org()) AND created_by = (SELECT ctx_person()) AND NOT placed_by_staff);
CREATE POLICY customer_edits ON orders FOR UPDATE TO portal_customer
  USING (customer_id = (SELECT ctx_org()) AND state IN ('draft', 'returned'))
  WITH CHECK (customer_id = (SELECT ctx_org()));
-- Agent side: orders sent to it; a handler only those of the mandates he or she may handle (scenario 5).
CREATE POLICY agent_reads ON orders FOR SELECT TO portal_agent
  USING (agent_id = (SELECT ctx_org()) AND submitted_at IS NOT NULL
     AND ((SELECT ctx_sees_all()) OR mandate_id = ANY ((SELECT ctx_mandates())::uuid[])));
CREATE POLICY staff_reads ON orders FOR SELECT TO portal_staff USING (true);
CREATE POLICY staff_inserts ON orders FOR INSERT TO portal_staff
  WITH CHECK (placed_by_staff AND created_by = (SELECT ctx_person()));
CREATE POLICY staff_edits ON orders FOR UPDATE TO portal_staff
  USING (placed_by_staff AND state = 'draft') WITH CHECK (placed_by_staff);
CREATE POLICY worker_reads ON orders FOR SELECT TO portal_worker USING (true);
GRANT SELECT ON orders TO portal_customer, portal_agent, portal_staff, portal_worker;
GRANT INSERT (id, customer_id, route, service_code, offer_code, created_by, created_by_name, placed_by_staff, copied_from,
    hsa_id, wanted_on, contact_name, contact_email, contact_phone, invoice_address, invoice_reference, own_reference,
    agent_id, mandate_id, customer_attestant_id, terms_id)
  ON orders TO portal_customer, portal_staff;
GRANT UPDATE (offer_code, route, agent_id, mandate_id, hsa_id, wanted_on, contact_name, contact_email, contact_phone,
    invoice_address, invoice_reference, own_reference, customer_attestant_id, terms_id)
  ON orders TO portal_customer, portal_staff;
GRANT USAGE ON SEQUENCE order_number TO portal_customer, portal_staff;

-- The names beside the ids come from the registers, never from a form.
CREATE FUNCTION order_names() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT o.name, coalesce(o.customer_no, 0), shown_org_nr(o.org_nr, o.sole_trader)
      INTO NEW.customer_name, NEW.customer_no, NEW.customer_org_nr
      FROM organisation o WHERE o.id = NEW.customer_id;
  END IF;
  -- A sent order keeps its parties: another agent or way is a new order, or agent B would read what was said to agent A.
  IF TG_OP = 'UPDATE' AND OLD.submitted_at IS NOT NULL
     AND (OLD.agent_id, OLD.mandate_id, OLD.route, OLD.offer_code) IS DISTINCT FROM (NEW.agent_id, NEW.mandate_id, NEW.route, NEW.offer_code) THEN
    RAISE 'sent_connection' USING ERRCODE = 'P0412';
  END IF;
  NEW.agent_name := coalesce((SELECT o.name FROM organisation o WHERE o.id = NEW.agent_id), '');
  NEW.customer_attestant_name := coalesce((SELECT m.name FROM membership m WHERE m.id = NEW.customer_attestant_id), '');
  RETURN NEW;
END
$$;
CREATE TRIGGER order_names BEFORE INSERT OR UPDATE OF agent_id, mandate_id, route, offer_code, customer_attestant_id ON orders
  FOR EACH ROW EXECUTE FUNCTION order_names();

-- Lines follow their order: seen where it is seen, changed while it may be edited.
CREATE POLICY reads ON order_line FOR SELECT TO portal_customer, portal_agent, portal_staff
  USING (EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY worker_reads ON order_line FOR SELECT TO portal_worker USING (true);
CREATE POLICY edits_insert ON order_line FOR INSERT TO portal_customer
  WITH CHECK (customer_id = (SELECT ctx_org()) AND EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.state IN ('draft', 'returned')));
CREATE POLICY edits_delete ON order_line FOR DELETE TO portal_customer
  USING (customer_id = (SELECT ctx_org()) AND EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.state IN ('draft', 'returned')));
CREATE POLICY staff_insert ON order_line FOR INSERT TO portal_staff
  WITH CHECK (EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.state = 'draft' AND o.placed_by_staff));
CREATE POLICY staff_delete ON order_line FOR DELETE TO portal_staff
  USING (EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.state = 'draft' AND o.placed_by_staff));
GRANT SELECT ON order_line TO portal_customer, portal_agent, portal_staff, portal_worker;
GRANT INSERT, DELETE ON order_line TO portal_customer, portal_staff;

CREATE POLICY reads ON order_event FOR SELECT TO portal_customer, portal_agent, portal_staff
  USING (EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY worker_reads ON order_event FOR SELECT TO portal_worker USING (true);
CREATE POLICY customer_decides ON order_event FOR INSERT TO portal_customer
  WITH CHECK (side = 'customer' AND actor_id = (SELECT ctx_person()) AND customer_id = (SELECT ctx_org())
    AND EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY agent_decides ON order_event FOR INSERT TO portal_agent
  WITH CHECK (side = 'agent' AND actor_id = (SELECT ctx_person()) AND EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY staff_decides ON order_event FOR INSERT TO portal_staff
  WITH CHECK (side = 'inera' AND actor_id = (SELECT ctx_person()));
CREATE POLICY worker_decides ON order_event FOR INSERT TO portal_worker
  WITH CHECK (side = 'system' AND actor_id IS NULL);
GRANT SELECT ON order_event TO portal_customer, portal_agent, portal_staff, portal_worker;
GRANT INSERT (order_id, seq, customer_id, route, from_state, to_state, side, actor_id, at, note, due_on, confirmation_id,
    next_attestant_id, agent_invoice_reference, content, content_sha256, price_once_ore, price_yearly_ore)
  ON order_event TO portal_customer, portal_agent, portal_staff, portal_worker;

CREATE POLICY reads ON order_message FOR SELECT TO portal_customer, portal_agent, portal_staff
  USING (EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY worker_reads ON order_message FOR SELECT TO portal_worker USING (true);
CREATE POLICY customer_writes ON order_message FOR INSERT TO portal_customer
  WITH CHECK (side = 'customer' AND author_id = (SELECT ctx_person()) AND customer_id = (SELECT ctx_org())
    AND EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.closed_at IS NULL));
CREATE POLICY agent_writes ON order_message FOR INSERT TO portal_agent
  WITH CHECK (side = 'agent' AND author_id = (SELECT ctx_person())
    AND EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.closed_at IS NULL));
CREATE POLICY staff_writes ON order_message FOR INSERT TO portal_staff
  WITH CHECK (side = 'inera' AND author_id = (SELECT ctx_person())
    AND EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.closed_at IS NULL));
GRANT SELECT ON order_message TO portal_customer, portal_agent, portal_staff, portal_worker;
GRANT INSERT ON order_message TO portal_customer, portal_agent, portal_staff;

CREATE POLICY reads ON order_attachment FOR SELECT TO portal_customer, portal_agent, portal_staff
  USING (EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY customer_writes ON order_attachment FOR INSERT TO portal_customer
  WITH CHECK (side = 'customer' AND added_by = (SELECT ctx_person()) AND customer_id = (SELECT ctx_org())
    AND EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.closed_at IS NULL));
CREATE POLICY agent_writes ON order_attachment FOR INSERT TO portal_agent
  WITH CHECK (side = 'agent' AND added_by = (SELECT ctx_person())
    AND EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.closed_at IS NULL));
CREATE POLICY staff_writes ON order_attachment FOR INSERT TO portal_staff
  WITH CHECK (side = 'inera' AND added_by = (SELECT ctx_person())
    AND EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.closed_at IS NULL));
CREATE POLICY customer_removes ON order_attachment FOR DELETE TO portal_customer
  USING (side = 'customer' AND customer_id = (SELECT ctx_org()) AND added_by = (SELECT ctx_person())
    AND EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.state = 'draft'));
CREATE POLICY staff_removes ON order_attachment FOR DELETE TO portal_staff
  USING (side = 'inera' AND added_by = (SELECT ctx_person()) AND EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.state = 'draft' AND o.placed_by_staff));
CREATE POLICY worker_reads ON order_attachment FOR SELECT TO portal_worker USING (true);
GRANT SELECT (id, order_id, file_name, sha256) ON order_attachment TO portal_worker;
GRANT SELECT, INSERT ON order_attachment TO portal_customer, portal_agent, portal_staff;
GRANT DELETE ON order_attachment TO portal_customer, portal_staff;

CREATE POLICY reads ON order_reminder FOR SELECT TO portal_customer, portal_agent, portal_staff
  USING (EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY asks ON order_reminder FOR INSERT TO portal_customer, portal_agent, portal_staff
  WITH CHECK (by_person = (SELECT ctx_person()) AND EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY worker_all ON order_reminder TO portal_worker USING (true) WITH CHECK (by_person IS NULL);
GRANT SELECT, INSERT ON order_reminder TO portal_customer, portal_agent, portal_staff, portal_worker;

CREATE POLICY customer_reads ON subscription FOR SELECT TO portal_customer USING (customer_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON subscription FOR SELECT TO portal_agent USING (agent_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON subscription FOR SELECT TO portal_staff USING (true);
GRANT SELECT ON subscription TO portal_customer, portal_agent, portal_staff;
CREATE POLICY customer_reads ON agent_relation FOR SELECT TO portal_customer USING (customer_id = (SELECT ctx_org()));
CREATE POLICY agent_reads ON agent_relation FOR SELECT TO portal_agent USING (agent_id = (SELECT ctx_org()));
CREATE POLICY staff_reads ON agent_relation FOR SELECT TO portal_staff USING (true);
GRANT SELECT ON agent_relation TO portal_customer, portal_agent, portal_staff;

CREATE POLICY staff_reads ON staff_task FOR SELECT TO portal_staff USING (true);
CREATE POLICY staff_ends ON staff_task FOR UPDATE TO portal_staff USING (true);
CREATE POLICY raises ON staff_task FOR INSERT TO portal_customer, portal_agent, portal_staff
  WITH CHECK (EXISTS (SELECT FROM orders o WHERE o.id = order_id));
GRANT SELECT, UPDATE (done_at) ON staff_task TO portal_staff;
GRANT INSERT (id, order_id, customer_id, kind) ON staff_task TO portal_customer, portal_agent, portal_staff;

-- The acting person's membership in an organisation, if it is active and holds one of the roles.
CREATE FUNCTION acting_membership(org uuid, any_of role[]) RETURNS uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT m.id FROM membership m
         WHERE m.org_id = org AND m.person_id = ctx_person() AND m.ended_at IS NULL
           AND EXISTS (SELECT FROM membership_role r WHERE r.membership_id = m.id AND r.role = ANY (any_of)) $$;

-- Is there an attestant who is not this one?
CREATE FUNCTION has_other_attestant(org uuid, than uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (
    SELECT FROM membership_role r JOIN membership m ON m.id = r.membership_id
     WHERE r.org_id = org AND r.role = 'attestant' AND m.ended_at IS NULL AND m.id <> than) $$;

-- The event is the transition. Codes: P0404 no such order, P0409 stale, P0403 not this person, P0412 a rule is not met
-- (the message is a short key that the application turns into a sentence).
CREATE FUNCTION order_event_applies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  o orders;
  today date := (NEW.at AT TIME ZONE 'Europe/Stockholm')::date;
  acting uuid;
  proof confirmation;
  submits boolean;
  attestant text := '';
BEGIN
  SELECT * INTO o FROM orders WHERE id = NEW.order_id AND customer_id = NEW.customer_id FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_order' USING ERRCODE = 'P0404'; END IF;
  IF o.state <> NEW.from_state OR o.revision <> NEW.seq - 1 THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF o.route <> NEW.route THEN RAISE 'stale' USING ERRCODE = 'P0409'; END IF;
  IF NOT EXISTS (SELECT FROM order_transition_rule r
                  WHERE r.route = NEW.route AND r.from_state = NEW.from_state AND r.to_state = NEW.to_state AND r.side = NEW.side) THEN
    RETURN NEW; -- the foreign key refuses it with its own name
  END IF;
  submits := NEW.from_state IN ('draft', 'returned') AND NEW.to_state <> 'withdrawn';

  -- The person.
  IF NEW.side = 'customer' THEN
    IF submits OR NEW.to_state = 'withdrawn' THEN
      acting := acting_membership(o.customer_id, '{orderer}');
      IF NEW.to_state = 'withdrawn' AND NOT o.placed_by_staff AND o.created_by <> NEW.actor_id THEN acting := NULL; END IF;
    ELSE
      acting := acting_membership(o.customer_id, '{attestant}');
      IF o.customer_attestant_id IS NOT NULL AND o.customer_attestant_id <> acting THEN acting := NULL; END IF;
    END IF;
  ELSIF NEW.side = 'agent' THEN
    IF NEW.from_state = 'awaiting_agent_attest' THEN
      acting := acting_membership(o.agent_id, '{attestant}');
      IF o.agent_attestant_id IS NOT NULL AND o.agent_attestant_id <> acting THEN acting := NULL; END IF;
    ELSE
      acting := acting_membership(o.agent_id, '{agent_handler}');
      IF NOT EXISTS (SELECT FROM mandate_handler h WHERE h.mandate_id = o.mandate_id AND h.membership_id = acting) THEN acting := NULL; END IF;
    END IF;
  ELSIF NEW.side = 'inera' THEN
    acting := acting_membership((SELECT id FROM organisation WHERE is_inera), '{support,service_manager}');
    IF NEW.from_state = 'draft' AND NOT o.placed_by_staff THEN acting := NULL; END IF;
  END IF;
  IF acting IS NULL AND NEW.side <> 'system' THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  NEW.actor_name := coalesce((SELECT m.name FROM membership m WHERE m.id = acting), '');

  -- Four eyes, and the note that one person did both (portal.md 1.5 rule 1).
  IF NEW.side = 'customer' AND NEW.from_state = 'awaiting_customer_attest' AND NEW.to_state = 'attested' THEN
    NEW.self_attested := NEW.actor_id IS NOT DISTINCT FROM o.submitted_by;
    IF NEW.self_attested AND (SELECT c.four_eyes FROM organisation c WHERE c.id = o.customer_id) THEN
      RAISE 'four_eyes' USING ERRCODE = 'P0412';
    END IF;
  ELSIF NEW.side = 'agent' AND NEW.to_state = 'awaiting_customer_attest' THEN
    NEW.self_attested := NEW.actor_id IS NOT DISTINCT FROM (SELECT e.actor_id FROM order_event e
      WHERE e.order_id = o.id AND e.to_state = 'awaiting_agent_attest' ORDER BY e.seq DESC LIMIT 1);
    IF NEW.self_attested AND (SELECT a.four_eyes FROM organisation a WHERE a.id = o.agent_id) THEN
      RAISE 'four_eyes' USING ERRCODE = 'P0412';
    END IF;
  END IF;

  -- The confirmation is this person's, for this order at this revision, fresh, and (by its unique key) not used before.
  IF NEW.confirmation_id IS NOT NULL THEN
    SELECT * INTO proof FROM confirmation c WHERE c.id = NEW.confirmation_id;
    IF NOT FOUND OR proof.person_id <> NEW.actor_id OR proof.subject <> 'order:' || o.id || ':' || o.revision
       OR proof.at < now() - interval '10 minutes' THEN
      RAISE 'confirmation' USING ERRCODE = 'P0412';
    END IF;
  END IF;

  -- The agreements, at every step that leads towards delivery (scenario 12).
  IF NEW.to_state IN ('awaiting_agent_review', 'awaiting_agent_attest', 'awaiting_customer_attest', 'attested', 'ready_to_connect', 'in_delivery') THEN
    IF NOT customer_agreement_covers(o.customer_id, o.service_code, today) THEN RAISE 'customer_agreement' USING ERRCODE = 'P0412'; END IF;
    IF o.wanted_on > today AND NOT customer_agreement_covers(o.customer_id, o.service_code, o.wanted_on) THEN
      RAISE 'customer_agreement_ends' USING ERRCODE = 'P0412';
    END IF;
    IF o.route = 'via_agent' AND NOT agent_agreement_in_force(o.agent_id, today) THEN RAISE 'agent_agreement' USING ERRCODE = 'P0412'; END IF;
  END IF;

  IF submits THEN
    IF NOT has_attestant(o.customer_id) THEN RAISE 'no_attestant' USING ERRCODE = 'P0412'; END IF;
    -- Somebody else than the one who orders must be able to attest, when that is asked for.
    IF (SELECT c.four_eyes FROM organisation c WHERE c.id = o.customer_id) AND NEW.side = 'customer'
       AND NOT has_other_attestant(o.customer_id, acting) THEN
      RAISE 'four_eyes' USING ERRCODE = 'P0412';
    END IF;
    IF o.invoice_address = '' OR o.invoice_reference = '' THEN RAISE 'invoice' USING ERRCODE = 'P0412'; END IF;
    IF NOT EXISTS (SELECT FROM offer f JOIN service s ON s.code = f.service_code
                    WHERE f.code = o.offer_code AND f.service_code = o.service_code AND f.orderable AND s.lifecycle <> 'closed_to_new'
                      AND (f.valid_from IS NULL OR f.valid_from <= today) AND (f.valid_to IS NULL OR f.valid_to >= today)
                      AND (f.channel = 'via_agent') = (o.route = 'via_agent')
                      AND (NOT f.sole_trader_only OR (SELECT c.sole_trader FROM organisation c WHERE c.id = o.customer_id))) THEN
      RAISE 'offer' USING ERRCODE = 'P0412';
    END IF;
    IF o.terms_id IS NULL OR NOT EXISTS (SELECT FROM terms t WHERE t.id = o.terms_id AND t.service_code = o.service_code) THEN
      RAISE 'terms' USING ERRCODE = 'P0412';
    END IF;
    IF o.customer_attestant_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM membership m JOIN membership_role r ON r.membership_id = m.id AND r.role = 'attestant'
         WHERE m.id = o.customer_attestant_id AND m.ended_at IS NULL) THEN
      RAISE 'attestant_gone' USING ERRCODE = 'P0412';
    END IF;
    IF o.route = 'via_agent' THEN
      IF NOT EXISTS (SELECT FROM mandate m JOIN offer f ON f.code = o.offer_code
                      WHERE m.id = o.mandate_id AND m.agent_id = o.agent_id AND m.status = 'active'
                        AND m.service_code = o.service_code AND m.role = f.role AND f.channel = 'via_agent') THEN
        RAISE 'mandate' USING ERRCODE = 'P0412';
      END IF;
      IF NOT has_handler(o.mandate_id) OR NOT has_attestant(o.agent_id) THEN RAISE 'agent_not_ready' USING ERRCODE = 'P0412'; END IF;
      IF NOT EXISTS (SELECT FROM organisation_fact f WHERE f.org_id = o.customer_id AND f.fact = 'care_provider'
                       AND f.valid_from <= today AND (f.valid_to IS NULL OR f.valid_to >= today)) THEN
        RAISE 'not_care_provider' USING ERRCODE = 'P0412';
      END IF;
    END IF;
  END IF;

  -- The agent's handler hands over to an attestant of the same agent.
  IF NEW.to_state = 'awaiting_agent_attest' THEN
    IF NEW.next_attestant_id IS NOT NULL THEN
      SELECT m.name INTO attestant FROM membership m JOIN membership_role r ON r.membership_id = m.id AND r.role = 'attestant'
       WHERE m.id = NEW.next_attestant_id AND m.org_id = o.agent_id AND m.ended_at IS NULL;
      IF NOT FOUND THEN RAISE 'attestant_gone' USING ERRCODE = 'P0412'; END IF;
    ELSIF NOT has_attestant(o.agent_id) THEN
      RAISE 'no_attestant' USING ERRCODE = 'P0412';
    END IF;
    IF (SELECT a.four_eyes FROM organisation a WHERE a.id = o.agent_id)
       AND (NEW.next_attestant_id = acting OR NOT has_other_attestant(o.agent_id, acting)) THEN
      RAISE 'four_eyes_agent' USING ERRCODE = 'P0412';
    END IF;
  ELSIF NEW.next_attestant_id IS NOT NULL THEN
    RAISE 'attestant_gone' USING ERRCODE = 'P0412';
  END IF;

  UPDATE orders SET
    state = NEW.to_state,
    revision = NEW.seq,
    state_since = NEW.at,
    due_on = NEW.due_on,
    submitted_at = CASE WHEN submits THEN coalesce(submitted_at, NEW.at) ELSE submitted_at END,
    submitted_by = CASE WHEN submits THEN NEW.actor_id ELSE submitted_by END,
    closed_at = CASE WHEN NEW.to_state IN ('activated', 'rejected_by_agent', 'rejected_by_agent_attestant', 'rejected_by_customer', 'rejected_by_inera', 'withdrawn', 'lapsed') THEN NEW.at END,
    content_sha256 = CASE WHEN submits THEN NEW.content_sha256 ELSE content_sha256 END,
    price_once_ore = CASE WHEN submits THEN NEW.price_once_ore ELSE price_once_ore END,
    price_yearly_ore = CASE WHEN submits THEN NEW.price_yearly_ore ELSE price_yearly_ore END,
    handler_name = CASE WHEN NEW.side = 'agent' AND NEW.from_state = 'awaiting_agent_review' THEN NEW.actor_name ELSE handler_name END,
    agent_attestant_id = CASE WHEN NEW.to_state = 'awaiting_agent_attest' THEN NEW.next_attestant_id WHEN submits THEN NULL ELSE agent_attestant_id END,
    agent_attestant_name = CASE WHEN NEW.to_state = 'awaiting_agent_attest' THEN attestant WHEN submits THEN '' ELSE agent_attestant_name END,
    agent_invoice_reference = CASE WHEN NEW.to_state = 'awaiting_agent_attest' THEN NEW.agent_invoice_reference ELSE agent_invoice_reference END
  WHERE id = o.id;

  IF NEW.to_state = 'activated' THEN
    INSERT INTO subscription (id, customer_id, service_code, offer_code, agent_id, agent_name, order_id, channel, valid_from)
      SELECT gen_random_uuid(), o.customer_id, o.service_code, o.offer_code, o.agent_id, o.agent_name, o.id, f.channel, today
        FROM offer f WHERE f.code = o.offer_code;
    IF o.route = 'via_agent' THEN
      UPDATE agent_relation r SET valid_to = today FROM offer f
       WHERE f.code = o.offer_code AND r.customer_id = o.customer_id AND r.service_code = o.service_code AND r.role = f.role
         AND r.agent_id <> o.agent_id AND r.valid_to IS NULL;
      INSERT INTO agent_relation (id, customer_id, agent_id, service_code, role, valid_from)
        SELECT gen_random_uuid(), o.customer_id, o.agent_id, o.service_code, f.role, today FROM offer f
        -- An add-on order finds the relation already there; one with another agent is ended the day the new one begins.
        WHERE f.code = o.offer_code
          AND NOT EXISTS (SELECT FROM agent_relation r WHERE r.customer_id = o.customer_id AND r.agent_id = o.agent_id
                            AND r.service_code = o.service_code AND r.role = f.role AND r.valid_to IS NULL);
    END IF;
  END IF;

  -- A matter for Kundservice is over when the order moves at last.
  UPDATE staff_task SET done_at = NEW.at WHERE order_id = o.id AND done_at IS NULL;

  -- Whoever must know is told by the worker, from this row, in the same transaction as its cause.
  INSERT INTO notification (id, key, cause, order_id, seq, due_at) VALUES
    (gen_random_uuid(), 'event:' || o.id || ':' || NEW.seq, 'event', o.id, NEW.seq, NEW.at);
  RETURN NEW;
END
$$;
CREATE TRIGGER order_event_applies BEFORE INSERT ON order_event FOR EACH ROW EXECUTE FUNCTION order_event_applies();
