-- Inera itself, so that `kundportal user … inera support` has an organisation to add the first person to.
-- Run once as the owner's login, after `kundportal migrate`. The portal has no page for organisations yet.
INSERT INTO organisation (id, name, org_nr, is_inera, four_eyes, email)
SELECT gen_random_uuid(), 'Inera', '5565594230', true, true, 'kundservice@inera.se'
 WHERE NOT EXISTS (SELECT FROM organisation WHERE is_inera);
