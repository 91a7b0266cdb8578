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
     'email_asked', 'email_changed', 'closed', 'merge_asked', 'merge_told', 'merged')),
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
  -- Held in one order, so that two merges of the same people wait for each other.
  PERFORM FROM person p WHERE p.id IN (g.kept_id, g.gone_id) ORDER BY p.id FOR UPDATE;
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
  -- As every change of a place: one at a time in an organisation.
  PERFORM FROM organisation o WHERE o.id IN (SELECT m.org_id FROM membership m WHERE m.person_id = g.gone_id AND m.ended_at IS NULL) ORDER BY o.id FOR NO KEY UPDATE;
  IF merge_conflict(g.kept_id, g.gone_id) THEN RETURN QUERY SELECT 'both_members', NULL::uuid; RETURN; END IF;
  FOR place IN SELECT m.id, m.org_id FROM membership m WHERE m.person_id = g.gone_id AND m.ended_at IS NULL ORDER BY m.org_id LOOP
    UPDATE membership m SET person_id = g.kept_id WHERE m.id = place.id;
    PERFORM audit_append(place.org_id, 'inera', 'person.merge', 'member:' || place.id, 'person ' || g.gone_id || ' is ' || g.kept_id);
  END LOOP;
  -- Four eyes compare people: in what is under way the two are one.
  UPDATE order_event e SET actor_id = CASE WHEN e.actor_id = g.gone_id THEN g.kept_id ELSE e.actor_id END,
                           in_place_of_id = CASE WHEN e.in_place_of_id = g.gone_id THEN g.kept_id ELSE e.in_place_of_id END
    FROM orders o WHERE o.id = e.order_id AND o.closed_at IS NULL AND g.gone_id IN (e.actor_id, e.in_place_of_id);
  UPDATE orders o SET submitted_by = CASE WHEN o.submitted_by = g.gone_id THEN g.kept_id ELSE o.submitted_by END,
                      created_by = CASE WHEN o.created_by = g.gone_id THEN g.kept_id ELSE o.created_by END
   WHERE o.closed_at IS NULL AND g.gone_id IN (o.submitted_by, o.created_by);
  UPDATE person_eid e SET person_id = g.kept_id WHERE e.person_id = g.gone_id AND e.ended_at IS NULL;
  UPDATE person_merge x SET done_at = moment WHERE x.id = g.id;
  PERFORM person_anonymise(g.gone_id, moment);
  UPDATE person p SET merged_into = g.kept_id WHERE p.id = g.gone_id;
  PERFORM account_tells(g.kept_id, 'merged', moment);
  RETURN QUERY SELECT 'merged', g.kept_id;
END
$$;
GRANT EXECUTE ON FUNCTION merge_of(bytea, bytea, timestamptz), merge_apply(bytea, bytea, timestamptz) TO portal_app;
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
