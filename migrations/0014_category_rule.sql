-- What the portal says of a customer's category before an order is sent, said by the database too when it is sent
-- (eligibility.rs; contracts.md §3): the rule of the finest category that has one that day, its facts and its ways.
CREATE FUNCTION category_allows(customer uuid, wanted_service text, way channel, day date) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  WITH holds AS (
    SELECT f.fact::text AS fact FROM organisation_fact f
     WHERE f.org_id = customer AND f.valid_from <= day AND (f.valid_to IS NULL OR f.valid_to >= day))
  SELECT coalesce((
    SELECT r.rule IN ('allow', 'conditional')
       AND (r.channels = '{}' OR way = ANY (r.channels))
       AND (r.rule = 'allow' OR NOT EXISTS (
             SELECT FROM unnest(r.requires) AS needed
              -- What only people can judge is left to Kundservice.
              WHERE needed NOT IN ('case_by_case', 'region_agreement') AND needed NOT IN (SELECT h.fact FROM holds h)))
      FROM organisation_category c
     CROSS JOIN LATERAL (VALUES
       (0, CASE WHEN c.category = 'privat_vardgivare' AND EXISTS (SELECT FROM holds h WHERE h.fact = 'publicly_financed')
                THEN 'privat_vardgivare_offentligt_finansierad'
                WHEN c.category = 'privat_vardgivare' THEN 'privat_vardgivare_ej_offentligt_finansierad' END),
       (1, c.category)) AS finest (place, code)
      JOIN eligibility_rule r ON r.category = finest.code AND r.service_code = wanted_service
       AND (r.valid_from IS NULL OR r.valid_from <= day) AND (r.valid_to IS NULL OR r.valid_to >= day)
     WHERE c.org_id = customer AND c.valid_from <= day AND (c.valid_to IS NULL OR c.valid_to >= day)
     ORDER BY c.category, finest.place, r.position
     LIMIT 1), false)
$$;

-- Beside order_event_applies() (0006), which has every other rule of a sending.
CREATE FUNCTION order_event_category() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM orders o JOIN offer f ON f.code = o.offer_code
              WHERE o.id = NEW.order_id
                AND NOT category_allows(o.customer_id, o.service_code, f.channel, (NEW.at AT TIME ZONE 'Europe/Stockholm')::date)) THEN
    RAISE 'category' USING ERRCODE = 'P0412';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER order_event_category BEFORE INSERT ON order_event FOR EACH ROW
  WHEN (NEW.from_state IN ('draft', 'returned') AND NEW.to_state IN ('awaiting_agent_review', 'awaiting_customer_attest'))
  EXECUTE FUNCTION order_event_category();
