-- What somebody was sending when the session had ended: kept sealed for the person whose session it was (issue 3, "text typed
-- into a form is never lost"). The session is known by its token for as long as its row is kept.
CREATE FUNCTION form_keep(token bytea, new_id uuid, at_page text, new_sealed bytea) RETURNS boolean
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH kept AS (
          INSERT INTO kept_form (id, person_id, page, sealed)
            SELECT new_id, s.person_id, at_page, new_sealed FROM session s JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL
             WHERE s.token_hash = token AND s.created_at > now() - interval '7 days'
               AND (SELECT count(*) FROM kept_form k WHERE k.person_id = s.person_id) < 20
            ON CONFLICT (person_id, page) DO UPDATE SET id = new_id, sealed = new_sealed, at = now()
          RETURNING 1)
        SELECT EXISTS (SELECT FROM kept) $$;
-- The same person, signed in again, gets it back.
CREATE FUNCTION form_back(token bytea, which uuid) RETURNS bytea
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT k.sealed FROM kept_form k
         WHERE k.id = which AND k.person_id = (SELECT s.person_id FROM session s WHERE s.token_hash = token AND session_is_live(s)) $$;
-- Sent, or not wanted any more. Of a page: what another page sends leaves it alone.
CREATE FUNCTION form_forget(token bytea, which uuid, at_page text) RETURNS boolean
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH gone AS (
          DELETE FROM kept_form k WHERE k.id = which AND k.page = coalesce(at_page, k.page)
             AND k.person_id = (SELECT s.person_id FROM session s WHERE s.token_hash = token AND session_is_live(s)) RETURNING 1)
        SELECT EXISTS (SELECT FROM gone) $$;
GRANT EXECUTE ON FUNCTION form_keep(bytea, uuid, text, bytea), form_back(bytea, uuid), form_forget(bytea, uuid, text) TO portal_app;

-- A person's own log and extract (GDPR article 15): found by who did it and by whose account it was done to.
CREATE INDEX audit_entry_person_idx ON audit_entry (person_id, at DESC) WHERE person_id IS NOT NULL;
CREATE INDEX order_message_author_idx ON order_message (author_id);
CREATE INDEX order_attachment_added_by_idx ON order_attachment (added_by);
CREATE INDEX role_request_member_idx ON role_request (membership_id);

CREATE FUNCTION own_log(token bytea, before timestamptz, most int)
  RETURNS TABLE (at timestamptz, action text, object text, org_name text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH who AS (SELECT s.person_id FROM session s WHERE s.token_hash = token AND session_is_live(s)),
             mine AS ((SELECT e.* FROM audit_entry e, who WHERE e.person_id = who.person_id AND e.at < before ORDER BY e.at DESC LIMIT most)
                      UNION
                      (SELECT e.* FROM audit_entry e, who WHERE e.object = 'person:' || who.person_id AND e.at < before ORDER BY e.at DESC LIMIT most)),
             told AS (SELECT a.at, 'account.' || a.kind AS action FROM account_event a, who
                       WHERE a.person_id = who.person_id AND a.at < before AND a.kind IN ('step_cleared', 'code_used') ORDER BY a.at DESC LIMIT most)
        SELECT m.at, m.action,
               -- The order's or agreement's number, when it is about one; nothing of others.
               coalesce((SELECT o.number FROM orders o WHERE m.object = 'order:' || o.id), ''),
               coalesce((SELECT g.name FROM organisation g WHERE g.id = m.org_id), '')
          FROM mine m
        UNION ALL SELECT t.at, t.action, '', '' FROM told t
         ORDER BY 1 DESC LIMIT most $$;

-- Everything the portal holds about the person of a live session. Keys are in Swedish: the file is for its owner. Of what was
-- confirmed only the hash: the text names others too, and stands on the order.
CREATE FUNCTION own_extract(token bytea) RETURNS jsonb
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who person;
BEGIN
  SELECT p.* INTO who FROM session s JOIN person p ON p.id = s.person_id WHERE s.token_hash = token AND session_is_live(s);
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN jsonb_build_object(
    'person', jsonb_build_array(jsonb_build_object('namn', who.name, 'e-post', who.email, 'telefon', who.phone, 'skapad', who.created_at,
                                                   'har_lösenord', who.password_hash IS NOT NULL)),
    'organisationer', (SELECT coalesce(jsonb_agg(jsonb_build_object('organisation', o.name, 'namn', m.name, 'e-post', m.email, 'titel', m.title,
        'telefon', m.phone, 'skapad', m.created_at, 'avslutad', m.ended_at,
        'roller', (SELECT coalesce(jsonb_agg(g.role ORDER BY g.role), '[]') FROM role_grant g WHERE g.membership_id = m.id)) ORDER BY m.created_at), '[]')
      FROM membership m JOIN organisation o ON o.id = m.org_id WHERE m.person_id = who.id),
    'inloggningar', (SELECT coalesce(jsonb_agg(jsonb_build_object('när', s.created_at, 'sätt', s.method, 'webbläsare', s.device,
        'senast_aktiv', s.seen_at, 'avslutad', s.ended_at) ORDER BY s.created_at DESC), '[]') FROM session s WHERE s.person_id = who.id),
    'e-legitimationer', (SELECT coalesce(jsonb_agg(jsonb_build_object('leverantör', e.provider_name, 'kopplad', e.linked_at,
        'senast_använd', e.used_at, 'avslutad', e.ended_at) ORDER BY e.linked_at), '[]') FROM person_eid e WHERE e.person_id = who.id),
    'tvåstegsverifiering', (SELECT coalesce(jsonb_agg(jsonb_build_object('namn', f.name, 'sätt', f.kind, 'skapad', f.created_at,
        'senast_använd', f.used_at, 'avslutad', f.ended_at) ORDER BY f.created_at), '[]') FROM second_factor f WHERE f.person_id = who.id),
    'ändringar_av_kontot', (SELECT coalesce(jsonb_agg(jsonb_build_object('när', a.at, 'vad', a.kind) ORDER BY a.at DESC), '[]')
      FROM account_event a WHERE a.person_id = who.id),
    'beslut_i_beställningar', (SELECT coalesce(jsonb_agg(jsonb_build_object('när', e.at, 'beställning', o.number, 'status_efter', e.to_state,
        'motivering', e.note) ORDER BY e.at DESC), '[]') FROM order_event e JOIN orders o ON o.id = e.order_id WHERE e.actor_id = who.id),
    'bekräftelser', (SELECT coalesce(jsonb_agg(jsonb_build_object('när', c.at, 'sätt', c.method, 'kontrollsumma', encode(c.shown_sha256, 'hex')) ORDER BY c.at DESC), '[]')
      FROM confirmation c WHERE c.person_id = who.id),
    'meddelanden', (SELECT coalesce(jsonb_agg(jsonb_build_object('när', x.at, 'beställning', o.number, 'text', x.body) ORDER BY x.at DESC), '[]')
      FROM order_message x JOIN orders o ON o.id = x.order_id WHERE x.author_id = who.id),
    'bilagor', (SELECT coalesce(jsonb_agg(jsonb_build_object('när', x.at, 'beställning', o.number, 'fil', x.file_name) ORDER BY x.at DESC), '[]')
      FROM order_attachment x JOIN orders o ON o.id = x.order_id WHERE x.added_by = who.id),
    'ändringar_av_roller', (SELECT coalesce(jsonb_agg(jsonb_build_object('när', e.at, 'organisation', o.name, 'vad', e.kind, 'av', e.actor_name,
        'roller', to_jsonb(e.roles), 'från', e.from_on, 'till', e.until_on) ORDER BY e.at DESC), '[]')
      FROM membership m JOIN member_event e ON e.membership_id = m.id JOIN organisation o ON o.id = m.org_id WHERE m.person_id = who.id),
    'begäran_om_behörighet', (SELECT coalesce(jsonb_agg(jsonb_build_object('när', r.made_at, 'organisation', o.name, 'roller', to_jsonb(r.roles),
        'motivering', r.reason, 'svar', r.answer, 'avslutad', r.closed_at) ORDER BY r.made_at DESC), '[]')
      FROM membership m JOIN role_request r ON r.membership_id = m.id JOIN organisation o ON o.id = m.org_id WHERE m.person_id = who.id),
    'inbjudningar', (SELECT coalesce(jsonb_agg(jsonb_build_object('när', i.sent_at, 'organisation', o.name, 'namn', i.name, 'e-post', i.email,
        'av', i.invited_by_name, 'avslutad', coalesce(i.accepted_at, i.revoked_at)) ORDER BY i.sent_at DESC), '[]')
      FROM membership m JOIN invitation i ON i.membership_id = m.id JOIN organisation o ON o.id = i.org_id WHERE m.person_id = who.id),
    'aviseringar', (SELECT coalesce(jsonb_agg(jsonb_build_object('när', n.created_at, 'text', n.title, 'läst', n.read_at) ORDER BY n.created_at DESC), '[]')
      FROM notice n WHERE n.person_id = who.id));
END
$$;
GRANT EXECUTE ON FUNCTION own_log(bytea, timestamptz, int), own_extract(bytea) TO portal_app;
