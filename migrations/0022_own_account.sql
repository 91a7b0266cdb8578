-- What somebody was sending when the session had ended: kept sealed for the person whose session it was (issue 3, "text typed
-- into a form is never lost"). The session is known by its token for as long as its row is kept.
CREATE FUNCTION form_keep(token bytea, new_id uuid, at_page text, new_sealed bytea) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who uuid := (SELECT s.person_id FROM session s JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL
                WHERE s.token_hash = token AND s.created_at > now() - interval '7 days');
BEGIN
  -- Twenty wait at the most; a page that is there already is replaced.
  IF (SELECT count(*) FROM kept_form k WHERE k.person_id = who AND k.page LIKE 'efter:%' AND k.page <> at_page) >= 20 THEN
    RETURN NULL;
  END IF;
  INSERT INTO kept_form (id, person_id, page, sealed) SELECT new_id, who, at_page, new_sealed WHERE who IS NOT NULL
    ON CONFLICT (person_id, page) DO UPDATE SET id = new_id, sealed = new_sealed, at = now();
  RETURN who;
END
$$;
-- The same person, signed in again, gets it back.
CREATE FUNCTION form_back(token bytea, which uuid) RETURNS bytea
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT k.sealed FROM kept_form k
         WHERE k.id = which AND k.person_id = (SELECT s.person_id FROM session s WHERE s.token_hash = token AND session_is_live(s)) $$;
-- Sent, or not wanted any more. Of a page: what another page sends leaves it alone.
CREATE FUNCTION form_forget(token bytea, which uuid, at_page text) RETURNS uuid
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ DELETE FROM kept_form k WHERE k.id = which AND k.page = coalesce(at_page, k.page)
           AND k.person_id = (SELECT s.person_id FROM session s WHERE s.token_hash = token AND session_is_live(s))
        RETURNING k.person_id $$;
GRANT EXECUTE ON FUNCTION form_keep(bytea, uuid, text, bytea), form_back(bytea, uuid), form_forget(bytea, uuid, text) TO portal_app;

-- A person's own log and extract (GDPR article 15): found by who did it and by whose account it was done to.
CREATE INDEX audit_entry_person_idx ON audit_entry (person_id, at DESC) WHERE person_id IS NOT NULL;
CREATE INDEX order_message_author_idx ON order_message (author_id);
CREATE INDEX order_attachment_added_by_idx ON order_attachment (added_by);

CREATE FUNCTION own_log(token bytea, before timestamptz, most int)
  RETURNS TABLE (at timestamptz, action text, object text, org_name text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH who AS MATERIALIZED (SELECT s.person_id FROM session s WHERE s.token_hash = token AND session_is_live(s)),
             mine AS ((SELECT e.at, e.action, e.object, e.org_id FROM audit_entry e
                        WHERE e.person_id = (SELECT w.person_id FROM who w) AND e.at < before ORDER BY e.at DESC LIMIT most)
                      UNION ALL
                      (SELECT e.at, e.action, e.object, e.org_id FROM audit_entry e
                        WHERE e.object = 'person:' || (SELECT w.person_id FROM who w) AND e.person_id IS NULL AND e.at < before
                        ORDER BY e.at DESC LIMIT most)
                      UNION ALL
                      (SELECT a.at, 'account.' || a.kind, '', NULL FROM account_event a
                        WHERE a.person_id = (SELECT w.person_id FROM who w) AND a.at < before AND a.kind IN ('step_cleared', 'code_used')
                        ORDER BY a.at DESC LIMIT most)),
             shown AS MATERIALIZED (SELECT m.* FROM mine m ORDER BY m.at DESC LIMIT most)
        SELECT n.at, n.action,
               -- The order's number, when it is about one; nothing of others.
               coalesce((SELECT o.number FROM orders o
                          WHERE o.id = CASE WHEN n.object LIKE 'order:%' THEN substr(n.object, 7)::uuid END), ''),
               coalesce((SELECT g.name FROM organisation g WHERE g.id = n.org_id), '')
          FROM shown n ORDER BY n.at DESC $$;

-- What the portal holds about the person of a live session, the newest thousand of each kind. Keys are in Swedish: the file is for its owner. Of what was
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
    'organisationer', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('organisation', o.name, 'namn', m.name, 'e-post', m.email, 'titel', m.title,
        'telefon', m.phone, 'skapad', m.created_at, 'avslutad', m.ended_at,
        'roller', (SELECT coalesce(jsonb_agg(g.role ORDER BY g.role), '[]') FROM role_grant g WHERE g.membership_id = m.id)) AS x
      FROM membership m JOIN organisation o ON o.id = m.org_id WHERE m.person_id = who.id ORDER BY m.created_at LIMIT 1000) q),
    'inloggningar', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', s.created_at, 'sätt', s.method, 'webbläsare', s.device,
        'senast_aktiv', s.seen_at, 'avslutad', s.ended_at) AS x
      FROM session s WHERE s.person_id = who.id ORDER BY s.created_at DESC LIMIT 1000) q),
    'e-legitimationer', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('leverantör', e.provider_name, 'kopplad', e.linked_at,
        'senast_använd', e.used_at, 'avslutad', e.ended_at) AS x
      FROM person_eid e WHERE e.person_id = who.id ORDER BY e.linked_at LIMIT 1000) q),
    'tvåstegsverifiering', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('namn', f.name, 'sätt', f.kind, 'skapad', f.created_at,
        'senast_använd', f.used_at, 'avslutad', f.ended_at) AS x
      FROM second_factor f WHERE f.person_id = who.id ORDER BY f.created_at LIMIT 1000) q),
    'ändringar_av_kontot', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', a.at, 'vad', a.kind) AS x
      FROM account_event a WHERE a.person_id = who.id ORDER BY a.at DESC LIMIT 1000) q),
    'beslut_i_beställningar', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', e.at, 'beställning', o.number, 'status_efter', e.to_state,
        'motivering', e.note) AS x
      FROM order_event e JOIN orders o ON o.id = e.order_id WHERE e.actor_id = who.id ORDER BY e.at DESC LIMIT 1000) q),
    'bekräftelser', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', c.at, 'sätt', c.method, 'kontrollsumma', encode(c.shown_sha256, 'hex')) AS x
      FROM confirmation c WHERE c.person_id = who.id ORDER BY c.at DESC LIMIT 1000) q),
    'meddelanden', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', x.at, 'beställning', o.number, 'text', x.body) AS x
      FROM order_message x JOIN orders o ON o.id = x.order_id WHERE x.author_id = who.id ORDER BY x.at DESC LIMIT 1000) q),
    'bilagor', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', x.at, 'beställning', o.number, 'fil', x.file_name) AS x
      FROM order_attachment x JOIN orders o ON o.id = x.order_id WHERE x.added_by = who.id ORDER BY x.at DESC LIMIT 1000) q),
    'ändringar_av_roller', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', e.at, 'organisation', o.name, 'vad', e.kind, 'av', e.actor_name,
        'roller', to_jsonb(e.roles), 'från', e.from_on, 'till', e.until_on) AS x
      FROM membership m JOIN member_event e ON e.membership_id = m.id JOIN organisation o ON o.id = m.org_id WHERE m.person_id = who.id ORDER BY e.at DESC LIMIT 1000) q),
    'begäran_om_behörighet', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', r.made_at, 'organisation', o.name, 'roller', to_jsonb(r.roles),
        'motivering', r.reason, 'svar', r.answer, 'avslutad', r.closed_at) AS x
      FROM membership m JOIN role_request r ON r.membership_id = m.id JOIN organisation o ON o.id = m.org_id WHERE m.person_id = who.id ORDER BY r.made_at DESC LIMIT 1000) q),
    'inbjudningar', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', i.sent_at, 'organisation', o.name, 'namn', i.name, 'e-post', i.email,
        'av', i.invited_by_name, 'avslutad', coalesce(i.accepted_at, i.revoked_at)) AS x
      FROM membership m JOIN invitation i ON i.membership_id = m.id JOIN organisation o ON o.id = i.org_id WHERE m.person_id = who.id ORDER BY i.sent_at DESC LIMIT 1000) q),
    'aviseringar', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', n.created_at, 'text', n.title, 'läst', n.read_at) AS x
      FROM notice n WHERE n.person_id = who.id ORDER BY n.created_at DESC LIMIT 1000) q),
    'ersättningar', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('organisation', o.name, 'från', x.valid_from,
        'till', x.valid_to, 'som', CASE WHEN x.absent_id = m.id THEN 'frånvarande' ELSE 'ersättare' END, 'avslutad', x.ended_at) AS x
      FROM membership m JOIN substitution x ON m.id IN (x.absent_id, x.substitute_id) JOIN organisation o ON o.id = m.org_id
     WHERE m.person_id = who.id ORDER BY x.valid_from DESC LIMIT 1000) q));
END
$$;
GRANT EXECUTE ON FUNCTION own_log(bytea, timestamptz, int), own_extract(bytea) TO portal_app;
