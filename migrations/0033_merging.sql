-- One person with two accounts (portal.md 1.2, "sammanslagning"): Kundservice asks with a reason, whoever has the account that
-- goes signs in to it and says yes, and its places become the other account's. Both are told, and the trace stays.
CREATE TABLE person_merge (
  -- The event that the mail's link belongs to.
  id uuid PRIMARY KEY REFERENCES account_event,
  kept_id uuid NOT NULL REFERENCES person,
  gone_id uuid NOT NULL REFERENCES person,
  asked_by uuid NOT NULL REFERENCES person,
  asked_by_name text NOT NULL,
  reason text NOT NULL CONSTRAINT person_merge_reason_length CHECK (char_length(reason) BETWEEN 3 AND 300),
  asked_at timestamptz NOT NULL,
  confirmation_id uuid NOT NULL REFERENCES confirmation CONSTRAINT person_merge_confirmation_once UNIQUE,
  done_at timestamptz,
  CONSTRAINT person_merge_two_people CHECK (kept_id <> gone_id)
);
CREATE INDEX person_merge_kept_idx ON person_merge (kept_id);
CREATE INDEX person_merge_gone_idx ON person_merge (gone_id);
CREATE INDEX person_merge_asked_by_idx ON person_merge (asked_by);
CALL protect('person_merge');
CREATE POLICY staff_reads ON person_merge FOR SELECT TO portal_staff USING (true);
GRANT SELECT ON person_merge TO portal_staff;
ALTER TABLE person ADD COLUMN merged_into uuid REFERENCES person;
CREATE INDEX person_merged_into_idx ON person (merged_into) WHERE merged_into IS NOT NULL;

ALTER TABLE account_event DROP CONSTRAINT account_event_kind_known, DROP CONSTRAINT account_event_link,
  ADD CONSTRAINT account_event_kind_known CHECK (kind IN
    ('reset', 'password', 'eid_connected', 'eid_removed', 'step_added', 'step_removed', 'step_cleared', 'codes_made', 'code_used', 'step_tries',
     'email_asked', 'email_changed', 'email_undone', 'closed', 'merge_asked', 'merge_told', 'merged')),
  ADD CONSTRAINT account_event_link CHECK ((kind IN ('reset', 'email_asked', 'email_changed', 'merge_asked')) = (link_sha256 IS NOT NULL AND expires_at IS NOT NULL));
-- A place that changes hands takes its notices along.
ALTER TABLE notice DROP CONSTRAINT notice_membership,
  ADD CONSTRAINT notice_membership FOREIGN KEY (org_id, person_id) REFERENCES membership (org_id, person_id) ON UPDATE CASCADE;

-- May the acting person of Kundservice deal with the two? Colleagues at Inera are not its customers.
CREATE FUNCTION may_merge(kept uuid, gone uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT acting_membership((SELECT o.id FROM organisation o WHERE o.is_inera), '{support}') IS NOT NULL
           AND kept <> gone AND ctx_person() NOT IN (kept, gone)
           AND NOT EXISTS (SELECT FROM membership m JOIN organisation o ON o.id = m.org_id AND o.is_inera
                            WHERE m.person_id IN (kept, gone) AND m.ended_at IS NULL)
           AND NOT EXISTS (SELECT FROM person p WHERE p.id IN (kept, gone) AND (p.anonymised_at IS NOT NULL OR p.disabled_at IS NOT NULL)) $$;
-- Accounts that sign in with an address, or that an organisation reaches there.
CREATE FUNCTION merge_candidates(address text, kept uuid) RETURNS TABLE (person_id uuid, name text, email text, orgs text[])
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.id, p.name, coalesce(p.email, ''),
               ARRAY (SELECT o.name FROM membership m JOIN organisation o ON o.id = m.org_id
                       WHERE m.person_id = p.id AND m.ended_at IS NULL ORDER BY o.name COLLATE "sv-x-icu" LIMIT 50)
          FROM person p
         WHERE (p.email = address OR p.id IN (SELECT m.person_id FROM membership m WHERE lower(m.email) = address AND m.ended_at IS NULL))
           AND may_merge(kept, p.id)
         ORDER BY p.id LIMIT 3 $$;
CREATE INDEX membership_email_idx ON membership (lower(email)) WHERE ended_at IS NULL;
-- Organisations where both have a place, or one has been removed: a place can't be two.
CREATE FUNCTION merge_conflict(kept uuid, gone uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT EXISTS (SELECT FROM membership g JOIN membership k ON k.org_id = g.org_id AND k.person_id = kept
                        WHERE g.person_id = gone AND g.ended_at IS NULL) $$;

CREATE FUNCTION merge_ask(member uuid, other uuid, why text, new_id uuid, link bytea, proof_id uuid, moment timestamptz) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  m membership;
  proof confirmation;
BEGIN
  SELECT * INTO m FROM membership x WHERE x.id = member AND x.ended_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN RAISE 'no_member' USING ERRCODE = 'P0404'; END IF;
  IF NOT may_merge(m.person_id, other) THEN RAISE 'not_this_person' USING ERRCODE = 'P0403'; END IF;
  SELECT * INTO proof FROM confirmation c WHERE c.id = proof_id;
  IF NOT FOUND OR proof.person_id <> ctx_person() OR proof.subject <> 'member:' || m.id || ':' || m.revision
     OR proof.at < now() - interval '10 minutes' OR EXISTS (SELECT FROM member_event e WHERE e.confirmation_id = proof_id)
     OR EXISTS (SELECT FROM account_event e WHERE e.confirmation_id = proof_id) THEN
    RAISE 'confirmation' USING ERRCODE = 'P0412';
  END IF;
  IF merge_conflict(m.person_id, other) THEN RAISE 'both_members' USING ERRCODE = 'P0412'; END IF;
  IF (SELECT count(*) FROM person_merge x WHERE (x.gone_id = other OR x.kept_id = m.person_id) AND x.asked_at > moment - interval '1 day') >= 3 THEN
    RAISE 'too_many_changes' USING ERRCODE = 'P0412';
  END IF;
  -- The newest alone counts.
  UPDATE account_event e SET used_at = moment WHERE e.person_id = other AND e.kind = 'merge_asked' AND e.used_at IS NULL;
  INSERT INTO account_event (id, person_id, kind, at, link_sha256, expires_at)
    VALUES (new_id, other, 'merge_asked', moment, link, moment + interval '72 hours');
  PERFORM account_tells(m.person_id, 'merge_told', moment);
  INSERT INTO person_merge (id, kept_id, gone_id, asked_by, asked_by_name, reason, asked_at, confirmation_id)
    SELECT new_id, m.person_id, other, ctx_person(), p.name, why, moment, proof_id FROM person p WHERE p.id = ctx_person();
END
$$;
GRANT EXECUTE ON FUNCTION merge_candidates(text, uuid), merge_ask(uuid, uuid, text, uuid, bytea, uuid, timestamptz) TO portal_staff;
REVOKE ALL ON FUNCTION may_merge(uuid, uuid), merge_conflict(uuid, uuid) FROM PUBLIC;

-- What a link asks the person of a live session: is it this account that goes, and where its places go.
CREATE FUNCTION merge_of(link bytea, token bytea, moment timestamptz)
  RETURNS TABLE (own boolean, kept_name text, kept_email text, asked_by_name text, orgs text[])
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT s.person_id = g.gone_id, k.name, coalesce(k.email, ''), g.asked_by_name,
               ARRAY (SELECT o.name FROM membership m JOIN organisation o ON o.id = m.org_id
                       WHERE m.person_id = g.gone_id AND m.ended_at IS NULL ORDER BY o.name COLLATE "sv-x-icu" LIMIT 50)
          FROM account_event e
          JOIN person_merge g ON g.id = e.id AND g.done_at IS NULL
          JOIN person k ON k.id = g.kept_id AND k.anonymised_at IS NULL AND k.disabled_at IS NULL
          JOIN session s ON s.token_hash = token AND session_is_live(s)
           AND NOT EXISTS (SELECT FROM membership m JOIN organisation o ON o.id = m.org_id AND o.is_inera
                            WHERE m.person_id IN (g.kept_id, g.gone_id) AND m.ended_at IS NULL)
         WHERE e.link_sha256 = link AND e.kind = 'merge_asked' AND e.used_at IS NULL AND e.expires_at > moment $$;
-- The account that goes says yes: 'merged', 'old' (the link), 'other' (somebody else is signed in), 'both_members',
-- 'recent' and 'sign_in' as account_close(). With whom it became one.
CREATE FUNCTION merge_apply(link bytea, token bytea, moment timestamptz) RETURNS TABLE (outcome text, kept_id uuid)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  g person_merge;
  found_own boolean;
  place record;
BEGIN
  SELECT x.* INTO g FROM account_event e JOIN person_merge x ON x.id = e.id WHERE e.link_sha256 = link AND e.kind = 'merge_asked';
  -- Organisations first, as every change of a place has them; then the people, in one order, so that two merges wait for each
  -- other. Whoever decides in an order meanwhile is not held up: the orders are taken before the people's rows change.
  PERFORM FROM organisation o WHERE o.id IN (SELECT m.org_id FROM membership m WHERE m.person_id = g.gone_id AND m.ended_at IS NULL) ORDER BY o.id FOR NO KEY UPDATE;
  PERFORM FROM person p WHERE p.id IN (g.kept_id, g.gone_id) ORDER BY p.id FOR NO KEY UPDATE;
  SELECT m.own INTO found_own FROM merge_of(link, token, moment) m;
  IF found_own IS NULL THEN RETURN QUERY SELECT 'old', NULL::uuid; RETURN; END IF;
  IF NOT found_own THEN RETURN QUERY SELECT 'other', NULL::uuid; RETURN; END IF;
  IF EXISTS (SELECT FROM account_event e WHERE e.person_id IN (g.kept_id, g.gone_id) AND e.kind = 'email_changed' AND e.expires_at > moment AND e.used_at IS NULL) THEN
    RETURN QUERY SELECT 'recent', NULL::uuid; RETURN;
  END IF;
  IF NOT EXISTS (SELECT FROM person p WHERE p.id = g.gone_id AND p.password_hash IS NOT NULL)
     AND NOT EXISTS (SELECT FROM session s WHERE s.token_hash = token AND s.created_at > now() - interval '10 minutes') THEN
    RETURN QUERY SELECT 'sign_in', NULL::uuid; RETURN;
  END IF;
  IF merge_conflict(g.kept_id, g.gone_id) THEN RETURN QUERY SELECT 'both_members', NULL::uuid; RETURN; END IF;
  -- It is the one who goes that acts.
  PERFORM set_config('portal.person', g.gone_id::text, true);
  FOR place IN SELECT m.id, m.org_id, m.revision FROM membership m WHERE m.person_id = g.gone_id AND m.ended_at IS NULL ORDER BY m.org_id LOOP
    PERFORM audit_append(place.org_id, 'system', 'person.merge', 'member:' || place.id,
      'person ' || g.gone_id || ' is ' || g.kept_id || '; asked by ' || g.asked_by || ' (' || g.id || ')');
    UPDATE membership m SET person_id = g.kept_id WHERE m.id = place.id;
    UPDATE member_email_claim c SET used_at = moment WHERE c.membership_id = place.id AND c.used_at IS NULL;
    INSERT INTO member_event (membership_id, seq, org_id, kind, side, at) VALUES (place.id, place.revision + 1, place.org_id, 'merged', 'system', moment);
  END LOOP;
  -- Four eyes compare people: in what is under way the two are one.
  UPDATE order_event e SET actor_id = CASE WHEN e.actor_id = g.gone_id THEN g.kept_id ELSE e.actor_id END,
                           in_place_of_id = CASE WHEN e.in_place_of_id = g.gone_id THEN g.kept_id ELSE e.in_place_of_id END
    FROM orders o WHERE o.id = e.order_id AND o.closed_at IS NULL AND g.gone_id IN (e.actor_id, e.in_place_of_id);
  UPDATE orders o SET submitted_by = CASE WHEN o.submitted_by = g.gone_id THEN g.kept_id ELSE o.submitted_by END,
                      created_by = CASE WHEN o.created_by = g.gone_id THEN g.kept_id ELSE o.created_by END
   WHERE o.closed_at IS NULL AND g.gone_id IN (o.submitted_by, o.created_by);
  UPDATE order_attachment f SET added_by = g.kept_id FROM orders o WHERE o.id = f.order_id AND o.closed_at IS NULL AND f.added_by = g.gone_id;
  -- Ways in do not go over: whoever stays connects an e-legitimation themselves.
  INSERT INTO account_event (id, person_id, kind, at, email) SELECT gen_random_uuid(), p.id, 'closed', moment, coalesce(p.email, '') FROM person p WHERE p.id = g.gone_id;
  UPDATE person_merge x SET done_at = moment WHERE x.id = g.id;
  PERFORM person_anonymise(g.gone_id, moment);
  UPDATE person p SET merged_into = g.kept_id WHERE p.id = g.gone_id OR p.merged_into = g.gone_id;
  PERFORM account_tells(g.kept_id, 'merged', moment);
  RETURN QUERY SELECT 'merged', g.kept_id;
END
$$;
-- Whoever has the account says no: the link is of no use any more.
CREATE FUNCTION merge_decline(link bytea, token bytea, moment timestamptz) RETURNS uuid
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ UPDATE account_event e SET used_at = moment FROM person_merge g, session s
         WHERE e.link_sha256 = link AND e.kind = 'merge_asked' AND e.used_at IS NULL AND e.expires_at > moment AND g.id = e.id
           AND s.token_hash = token AND session_is_live(s) AND s.person_id = g.gone_id
        RETURNING g.gone_id $$;
-- What Kundservice has asked about an account that would stay, and that waits for an answer.
CREATE FUNCTION merge_waits(kept uuid, moment timestamptz) RETURNS TABLE (name text, email text, asked_by_name text, expires_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.name, coalesce(p.email, ''), g.asked_by_name, e.expires_at FROM person_merge g JOIN account_event e ON e.id = g.id JOIN person p ON p.id = g.gone_id
         WHERE g.kept_id = kept AND e.used_at IS NULL AND e.expires_at > moment AND may_merge(g.kept_id, g.gone_id) ORDER BY g.asked_at DESC LIMIT 1 $$;
GRANT EXECUTE ON FUNCTION merge_waits(uuid, timestamptz) TO portal_staff;
GRANT EXECUTE ON FUNCTION merge_decline(bytea, bytea, timestamptz), merge_of(bytea, bytea, timestamptz), merge_apply(bytea, bytea, timestamptz) TO portal_app;
-- What has been used for this can't be used for a change of roles as well (0021 has the other).
CREATE OR REPLACE FUNCTION member_event_proof_is_new() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM account_event e WHERE e.confirmation_id = NEW.confirmation_id)
     OR EXISTS (SELECT FROM person_merge g WHERE g.confirmation_id = NEW.confirmation_id) THEN
    RAISE 'confirmation' USING ERRCODE = 'P0412';
  END IF;
  RETURN NEW;
END
$$;

CREATE FUNCTION account_event_proof_is_new() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM person_merge g WHERE g.confirmation_id = NEW.confirmation_id) THEN RAISE 'confirmation' USING ERRCODE = 'P0412'; END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER account_event_proof_is_new BEFORE INSERT ON account_event FOR EACH ROW
  WHEN (NEW.confirmation_id IS NOT NULL) EXECUTE FUNCTION account_event_proof_is_new();
-- Are they one person by now?
CREATE FUNCTION same_person(a uuid, b uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT coalesce(a = b OR EXISTS (SELECT FROM person p WHERE p.id IN (a, b) AND p.merged_into IN (a, b)), false) $$;
GRANT EXECUTE ON FUNCTION same_person(uuid, uuid) TO portal_customer, portal_agent, portal_staff;
-- As 0022, with what was done under an account that has become this one.
CREATE OR REPLACE FUNCTION own_log(token bytea, before timestamptz, most int)
  RETURNS TABLE (at timestamptz, action text, object text, org_name text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ WITH who AS MATERIALIZED (SELECT p.id AS person_id FROM session s JOIN person p ON s.person_id IN (p.id, p.merged_into) WHERE s.token_hash = token AND session_is_live(s)),
             mine AS ((SELECT e.at, e.action, e.object, e.org_id FROM audit_entry e
                        WHERE e.person_id IN (SELECT w.person_id FROM who w) AND e.at < before ORDER BY e.at DESC LIMIT most)
                      UNION ALL
                      (SELECT e.at, e.action, e.object, e.org_id FROM audit_entry e
                        WHERE e.object IN (SELECT 'person:' || w.person_id FROM who w) AND e.person_id IS NULL AND e.at < before
                        ORDER BY e.at DESC LIMIT most)
                      UNION ALL
                      (SELECT a.at, 'account.' || a.kind, '', NULL FROM account_event a
                        WHERE a.person_id IN (SELECT w.person_id FROM who w) AND a.at < before AND a.kind IN ('step_cleared', 'code_used')
                        ORDER BY a.at DESC LIMIT most)),
             shown AS MATERIALIZED (SELECT m.* FROM mine m ORDER BY m.at DESC LIMIT most)
        SELECT n.at, n.action,
               -- The order's number, when it is about one; nothing of others.
               coalesce((SELECT o.number FROM orders o
                          WHERE o.id = CASE WHEN n.object LIKE 'order:%' THEN substr(n.object, 7)::uuid END), ''),
               coalesce((SELECT g.name FROM organisation g WHERE g.id = n.org_id), '')
          FROM shown n ORDER BY n.at DESC $$;
CREATE OR REPLACE FUNCTION own_extract(token bytea) RETURNS jsonb
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  who person;
  ids uuid[];
BEGIN
  SELECT p.* INTO who FROM session s JOIN person p ON p.id = s.person_id WHERE s.token_hash = token AND session_is_live(s);
  IF NOT FOUND THEN RETURN NULL; END IF;
  ids := ARRAY (SELECT p.id FROM person p WHERE who.id IN (p.id, p.merged_into));
  RETURN jsonb_build_object(
    'person', jsonb_build_array(jsonb_build_object('namn', who.name, 'e-post', who.email, 'telefon', who.phone, 'skapad', who.created_at,
                                                   'har_lösenord', who.password_hash IS NOT NULL)),
    'organisationer', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('organisation', o.name, 'namn', m.name, 'e-post', m.email, 'titel', m.title,
        'telefon', m.phone, 'skapad', m.created_at, 'avslutad', m.ended_at,
        'roller', (SELECT coalesce(jsonb_agg(g.role ORDER BY g.role), '[]') FROM role_grant g WHERE g.membership_id = m.id)) AS x
      FROM membership m JOIN organisation o ON o.id = m.org_id WHERE m.person_id = ANY (ids) ORDER BY m.created_at LIMIT 1000) q),
    'inloggningar', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', s.created_at, 'sätt', s.method, 'webbläsare', s.device,
        'senast_aktiv', s.seen_at, 'avslutad', s.ended_at) AS x
      FROM session s WHERE s.person_id = ANY (ids) ORDER BY s.created_at DESC LIMIT 1000) q),
    'e-legitimationer', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('leverantör', e.provider_name, 'kopplad', e.linked_at,
        'senast_använd', e.used_at, 'avslutad', e.ended_at) AS x
      FROM person_eid e WHERE e.person_id = ANY (ids) ORDER BY e.linked_at LIMIT 1000) q),
    'tvåstegsverifiering', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('namn', f.name, 'sätt', f.kind, 'skapad', f.created_at,
        'senast_använd', f.used_at, 'avslutad', f.ended_at) AS x
      FROM second_factor f WHERE f.person_id = ANY (ids) ORDER BY f.created_at LIMIT 1000) q),
    'ändringar_av_kontot', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', a.at, 'vad', a.kind) AS x
      FROM account_event a WHERE a.person_id = ANY (ids) ORDER BY a.at DESC LIMIT 1000) q),
    'beslut_i_beställningar', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', e.at, 'beställning', o.number, 'status_efter', e.to_state,
        'motivering', e.note) AS x
      FROM order_event e JOIN orders o ON o.id = e.order_id WHERE e.actor_id = ANY (ids) ORDER BY e.at DESC LIMIT 1000) q),
    'bekräftelser', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', c.at, 'sätt', c.method, 'kontrollsumma', encode(c.shown_sha256, 'hex')) AS x
      FROM confirmation c WHERE c.person_id = ANY (ids) ORDER BY c.at DESC LIMIT 1000) q),
    'meddelanden', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', x.at, 'beställning', o.number, 'text', x.body) AS x
      FROM order_message x JOIN orders o ON o.id = x.order_id WHERE x.author_id = ANY (ids) ORDER BY x.at DESC LIMIT 1000) q),
    'bilagor', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', x.at, 'beställning', o.number, 'fil', x.file_name) AS x
      FROM order_attachment x JOIN orders o ON o.id = x.order_id WHERE x.added_by = ANY (ids) ORDER BY x.at DESC LIMIT 1000) q),
    'ändringar_av_roller', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', e.at, 'organisation', o.name, 'vad', e.kind, 'av', e.actor_name,
        'roller', to_jsonb(e.roles), 'från', e.from_on, 'till', e.until_on) AS x
      FROM membership m JOIN member_event e ON e.membership_id = m.id JOIN organisation o ON o.id = m.org_id WHERE m.person_id = ANY (ids) ORDER BY e.at DESC LIMIT 1000) q),
    'begäran_om_behörighet', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', r.made_at, 'organisation', o.name, 'roller', to_jsonb(r.roles),
        'motivering', r.reason, 'svar', r.answer, 'avslutad', r.closed_at) AS x
      FROM membership m JOIN role_request r ON r.membership_id = m.id JOIN organisation o ON o.id = m.org_id WHERE m.person_id = ANY (ids) ORDER BY r.made_at DESC LIMIT 1000) q),
    'inbjudningar', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', i.sent_at, 'organisation', o.name, 'namn', i.name, 'e-post', i.email,
        'av', i.invited_by_name, 'avslutad', coalesce(i.accepted_at, i.revoked_at)) AS x
      FROM membership m JOIN invitation i ON i.membership_id = m.id JOIN organisation o ON o.id = i.org_id WHERE m.person_id = ANY (ids) ORDER BY i.sent_at DESC LIMIT 1000) q),
    'aviseringar', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', n.created_at, 'text', n.title, 'läst', n.read_at) AS x
      FROM notice n WHERE n.person_id = ANY (ids) ORDER BY n.created_at DESC LIMIT 1000) q),
    'sammanslagningar', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('när', g.asked_at, 'av', g.asked_by_name, 'anledning', g.reason, 'avslutad', g.done_at) AS x
      FROM person_merge g WHERE g.kept_id = ANY (ids) OR g.gone_id = ANY (ids) ORDER BY g.asked_at DESC LIMIT 1000) q),
    'ersättningar', (SELECT coalesce(jsonb_agg(q.x), '[]') FROM (SELECT jsonb_build_object('organisation', o.name, 'från', x.valid_from,
        'till', x.valid_to, 'som', CASE WHEN x.absent_id = m.id THEN 'frånvarande' ELSE 'ersättare' END, 'avslutad', x.ended_at) AS x
      FROM membership m JOIN substitution x ON m.id IN (x.absent_id, x.substitute_id) JOIN organisation o ON o.id = m.org_id
     WHERE m.person_id = ANY (ids) ORDER BY x.valid_from DESC LIMIT 1000) q));
END
$$;
