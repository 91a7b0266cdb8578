-- What an agent's attestant has to attest is orders and applications for agentuppdrag: both are handed over, count for the last
-- attestant and for four eyes (portal.md 1.5 rules 1 and 9), and are reminded of.

-- Whoever is named has the role: from here on it is handed over with the role.
UPDATE mandate_application a SET attestant_id = mandate_attestant(a.agent_id, a.attestant_id) WHERE a.closed_at IS NULL AND a.attestant_id IS NOT NULL;

DROP FUNCTION attests_waiting(uuid);
-- What waits for an attestant of the organisation, with whose it is: under four eyes those may not attest. An order or an application.
CREATE FUNCTION attests_waiting(org uuid) RETURNS TABLE (order_id uuid, application_id uuid, revision int, named uuid, not_by uuid[])
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT o.id, NULL::uuid, o.revision, o.customer_attestant_id,
               CASE WHEN c.four_eyes THEN ARRAY[o.submitted_by] ELSE '{}' END
          FROM orders o JOIN organisation c ON c.id = o.customer_id
         WHERE o.customer_id = org AND o.state = 'awaiting_customer_attest'
        UNION ALL
        SELECT o.id, NULL, o.revision, o.agent_attestant_id,
               CASE WHEN a.four_eyes THEN (SELECT ARRAY[e.actor_id, e.in_place_of_id] FROM order_event e
                     WHERE e.order_id = o.id AND e.to_state = 'awaiting_agent_attest' ORDER BY e.seq DESC LIMIT 1) ELSE '{}' END
          FROM orders o JOIN organisation a ON a.id = o.agent_id
         WHERE o.agent_id = org AND o.state = 'awaiting_agent_attest'
        UNION ALL
        SELECT NULL, x.id, x.revision, x.attestant_id,
               CASE WHEN a.four_eyes THEN ARRAY (SELECT m.person_id FROM membership m
                     WHERE m.org_id = org AND m.ended_at IS NULL AND mandate_sent_by(x.id, m.person_id)) ELSE '{}' END
          FROM mandate_application x JOIN organisation a ON a.id = x.agent_id
         WHERE x.agent_id = org AND x.state = 'awaiting_attest' $$;

-- As 0018, for both.
CREATE OR REPLACE FUNCTION hand_over_attests(org uuid, leaver uuid, heir uuid, moment timestamptz, has_choice boolean) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  heirs_person uuid;
BEGIN
  IF heir IS NOT NULL THEN
    SELECT m.person_id INTO heirs_person
      FROM membership_role r JOIN membership m ON m.id = r.membership_id AND m.ended_at IS NULL
     WHERE r.membership_id = heir AND r.org_id = org AND r.role = 'attestant' AND r.in_place_of IS NULL AND heir <> leaver;
    IF NOT FOUND THEN RAISE 'heir' USING ERRCODE = 'P0412'; END IF;
    IF EXISTS (SELECT FROM attests_waiting(org) w WHERE w.named = leaver AND heirs_person = ANY (w.not_by)) THEN
      RAISE 'heir_ordered' USING ERRCODE = 'P0412';
    END IF;
  END IF;
  IF has_choice AND EXISTS (SELECT FROM attests_waiting(org) w WHERE (w.named IS NULL OR w.named = leaver) AND NOT EXISTS (
       SELECT FROM membership_role r JOIN membership m ON m.id = r.membership_id AND m.ended_at IS NULL
        WHERE r.org_id = org AND r.role = 'attestant' AND r.in_place_of IS NULL AND (m.person_id = ANY (w.not_by)) IS NOT TRUE)) THEN
    RAISE 'last_attestant' USING ERRCODE = 'P0412';
  END IF;
  -- They are reminded, whoever they are now.
  INSERT INTO notification (id, key, cause, order_id, mandate_application_id, seq, due_at)
    SELECT gen_random_uuid(), 'handed over:' || coalesce(w.order_id, w.application_id) || ':' || w.revision || ':' || leaver, 'reminder',
           w.order_id, w.application_id, w.revision, moment
      FROM attests_waiting(org) w WHERE w.named = leaver
    ON CONFLICT (key) DO NOTHING;
  UPDATE orders o SET customer_attestant_id = heir WHERE o.customer_id = org AND o.customer_attestant_id = leaver AND o.state = 'awaiting_customer_attest';
  UPDATE orders o SET agent_attestant_id = heir, agent_attestant_name = coalesce((SELECT m.name FROM membership m WHERE m.id = heir), '')
   WHERE o.agent_id = org AND o.agent_attestant_id = leaver AND o.state = 'awaiting_agent_attest';
  -- One that does not wait yet is anybody's when it comes to.
  UPDATE mandate_application x SET attestant_id = CASE WHEN x.state = 'awaiting_attest' THEN heir END
   WHERE x.agent_id = org AND x.attestant_id = leaver AND x.closed_at IS NULL;
END
$$;

-- Applications that wait for the attest of one of one's own organisation's people, by name.
CREATE FUNCTION mandates_to_attest(member uuid) RETURNS text[]
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT ARRAY (SELECT x.number FROM mandate_application x
                       WHERE x.agent_id = ctx_org() AND x.attestant_id = member AND x.state = 'awaiting_attest' ORDER BY x.number LIMIT 50) $$;
GRANT EXECUTE ON FUNCTION mandates_to_attest(uuid) TO portal_customer, portal_agent, portal_staff;

-- What the person has done with applications for agentuppdrag, for the own extract.
CREATE FUNCTION own_extract_mandates(token bytea) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH who AS MATERIALIZED (SELECT p.id FROM session s JOIN person p ON s.person_id IN (p.id, p.merged_into) WHERE s.token_hash = token AND session_is_live(s))
    SELECT jsonb_build_object('agentuppdrag', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (
         SELECT jsonb_strip_nulls(jsonb_build_object('när', e.at, 'ansökan', a.number, 'organisation', a.agent_name, 'läge_efter', e.to_state,
                  'text', nullif(e.note, ''), 'skäl_till_färre_slutkunder', nullif(e.waiver, ''), 'i_stället_för', nullif(e.in_place_of, ''))) AS x
           FROM mandate_application_event e JOIN mandate_application a ON a.id = e.application_id
          WHERE e.actor_id IN (SELECT w.id FROM who w) ORDER BY e.at DESC LIMIT 1000) q)) $$;
GRANT EXECUTE ON FUNCTION own_extract_mandates(bytea) TO portal_app;
