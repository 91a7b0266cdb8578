-- Each person chooses to be mailed at once or in one digest a day; what concerns security and signing is always mailed at once
-- (portal.md 2.99, channel rules).
ALTER TABLE person ADD COLUMN mails_daily boolean NOT NULL DEFAULT false;
GRANT SELECT (mails_daily) ON person TO portal_worker;

-- A held mail is not sent by itself: it waits for its digest, which is a mail too (N-197) and the only one about nothing else.
ALTER TABLE mail ADD COLUMN held boolean NOT NULL DEFAULT false, ADD COLUMN digest_id uuid,
  ADD CONSTRAINT mail_of_membership_key UNIQUE (id, membership_id),
  -- A digest is for the person in the organisation that its mails are for.
  ADD CONSTRAINT mail_digest FOREIGN KEY (digest_id, membership_id) REFERENCES mail (id, membership_id),
  ADD CONSTRAINT mail_digest_of_held CHECK (digest_id IS NULL OR (held AND code <> 'N-197')),
  -- What guards accounts, roles and an organisation's data, and what is about signing, never waits.
  ADD CONSTRAINT mail_held CHECK (NOT held OR (membership_id IS NOT NULL AND
    (num_nonnulls(order_id, mandate_application_id) = 1 OR code IN ('N-06', 'N-12', 'N-35', 'N-36', 'N-128', 'N-190')))),
  ALTER COLUMN notification_id DROP NOT NULL,
  ADD CONSTRAINT mail_cause CHECK ((notification_id IS NULL) = (code = 'N-197')),
  DROP CONSTRAINT mail_one_subject,
  ADD CONSTRAINT mail_one_subject CHECK (num_nonnulls(order_id, signing_id, member_id, invitation_id, account_event_id, org_event_id, join_request_id,
    application_id, mandate_application_id) = CASE WHEN code = 'N-197' THEN 0 ELSE 1 END);
CREATE INDEX mail_held_membership_idx ON mail (membership_id) WHERE sent_at IS NULL AND dropped_at IS NULL AND held AND digest_id IS NULL;
CREATE INDEX mail_digest_idx ON mail (digest_id) WHERE digest_id IS NOT NULL;

-- A notice that has asked for something is read when that has been done, by whomever.
GRANT UPDATE (read_at) ON notice TO portal_worker;

-- What the owner of a live session has chosen, and what waits for the next digest.
CREATE FUNCTION own_mails(token bytea) RETURNS TABLE (daily boolean, waiting bigint, next_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT p.mails_daily, q.waiting, q.next_at
          FROM session s JOIN person p ON p.id = s.person_id
         CROSS JOIN LATERAL (SELECT count(*) AS waiting, min(x.due_at) AS next_at
           FROM membership m JOIN mail x ON x.membership_id = m.id
          WHERE m.person_id = p.id AND m.ended_at IS NULL AND m.blocked_at IS NULL AND x.sent_at IS NULL AND x.dropped_at IS NULL AND x.held AND x.digest_id IS NULL) q
         WHERE s.token_hash = token AND session_is_live(s) $$;
-- What has waited when somebody goes back to mails at once is gathered with the next round. Null when the session has ended.
CREATE FUNCTION own_mails_choose(token bytea, wants_daily boolean) RETURNS uuid
  LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ UPDATE person SET mails_daily = wants_daily WHERE id = (SELECT session_person(token)) RETURNING id $$;
CREATE FUNCTION own_extract_mails(token bytea) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ SELECT jsonb_build_object('mejl', (SELECT coalesce(jsonb_agg(jsonb_build_object('mejl_om_ärenden',
                 CASE WHEN o.daily THEN 'dagligt sammandrag' ELSE 'direkt' END)), '[]') FROM own_mails(token) o)) $$;
GRANT EXECUTE ON FUNCTION own_mails(bytea), own_mails_choose(bytea, boolean), own_extract_mails(bytea) TO portal_app;
