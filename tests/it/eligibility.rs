//! What the program and the database say of who may order what is the same.

use std::collections::HashSet;

use kundportal::{
    catalogue::eligibility::{self, CustomerFacts, HeldAgreement},
    db::DbError,
    identity::Side,
};

use crate::harness::{Portal, enter, orders::*};

const LINDANGENS_ID: &str = "SELECT id FROM organisation WHERE customer_no = 10482";

/// A customer with every agreement, so that only category, facts and ways are judged.
fn with_every_agreement(
    codes: &[String],
    category: &str,
    facts: &[&str],
    today: time::Date,
) -> CustomerFacts {
    let held = |kind: &str, service: Option<String>| HeldAgreement {
        kind: kind.to_owned(),
        service_code: service,
        valid_from: None,
        valid_to: None,
        counterpart: None,
    };
    let mut agreements = vec![held("customer_2", None)];
    agreements.extend(codes.iter().map(|code| held("customer_1", Some(code.clone()))));
    CustomerFacts {
        today,
        base: String::new(),
        categories: vec![category.to_owned()],
        facts: facts.iter().map(|fact| (*fact).to_owned()).collect(),
        agreements,
        in_use: HashSet::new(),
        on_order: HashSet::new(),
        has_attestant: true,
        ceased_on: None,
    }
}

#[tokio::test]
async fn the_database_judges_every_category_and_offer_as_the_program_does() {
    let portal = Portal::start().await;
    let catalogue = portal.app.catalogue().await.unwrap();
    let today = portal.app.clock().today();
    let codes: Vec<String> = catalogue.services().iter().map(|service| service.code.clone()).collect();
    let categories = portal.value("SELECT string_agg(code, ',') FROM customer_category").await;
    let mut allowed = 0;
    let mut refused = 0;
    for category in categories.split(',') {
        for facts in [
            &[][..],
            &["care_provider"],
            &["care_provider", "publicly_financed"],
            &["sole_trader", "siths_ombud"],
        ] {
            portal
                .sql(&format!(
                    "WITH gone AS (DELETE FROM organisation_fact WHERE org_id = ({LINDANGENS_ID}))
                     UPDATE organisation_category SET category = '{category}' WHERE org_id = ({LINDANGENS_ID})"
                ))
                .await;
            for fact in facts {
                portal
                    .sql(&format!(
                        "INSERT INTO organisation_fact (org_id, fact, valid_from) VALUES (({LINDANGENS_ID}), '{fact}', '2020-01-01')"
                    ))
                    .await;
            }
            let customer = with_every_agreement(&codes, category, facts, today);
            let said = portal
                .value(&format!(
                    "SELECT string_agg(f.code, ',') FROM offer f
                      WHERE category_allows(({LINDANGENS_ID}), f.service_code, f.channel, '{today}')"
                ))
                .await;
            let said: HashSet<&str> = said.split(',').collect();
            for service in catalogue.services().iter().filter(|service| service.lifecycle != "closed_to_new")
            {
                for offer in &service.offers {
                    let open = offer.orderable
                        && offer.valid_from.is_none_or(|from| from <= today)
                        && offer.valid_to.is_none_or(|to| to >= today)
                        && (!offer.care_provider_only || facts.contains(&"care_provider"))
                        && (!offer.sole_trader_only || facts.contains(&"sole_trader"));
                    if !open {
                        continue;
                    }
                    let stops =
                        eligibility::stops(&eligibility::assess_offer(&catalogue, service, offer, &customer));
                    assert_eq!(
                        said.contains(offer.code.as_str()),
                        !stops,
                        "{category} {facts:?} {}",
                        offer.code
                    );
                    if stops { refused += 1 } else { allowed += 1 }
                }
            }
        }
    }
    assert!(allowed > 20 && refused > 20, "{allowed} allowed, {refused} refused");
}

#[tokio::test]
async fn the_database_refuses_what_the_category_may_not_order_also_past_the_program() {
    let portal = Portal::start().await;
    let karin = portal.as_person(KARIN).await;
    let number = direct_draft(&karin, LINDANGEN, "INFEKTIONSVERKTYGET").await;
    let send = |number: String| {
        let portal = &portal;
        async move {
            let mut tx = enter(portal, KARIN, Side::Customer, 10482).await;
            let sent = sqlx::query(
                "INSERT INTO order_event (order_id, seq, customer_id, route, from_state, to_state, side, actor_id, at, note, content, content_sha256)
                 SELECT id, revision + 1, customer_id, route, state, 'awaiting_customer_attest', 'customer', ctx_person(), now(), '', '{}', sha256('{}')
                   FROM orders WHERE number = $1",
            )
            .bind(number)
            .execute(tx.conn())
            .await
            .map_err(DbError::from);
            tx.end().await.unwrap();
            sent
        }
    };
    send(number.clone()).await.unwrap();
    portal.sql("UPDATE eligibility_rule SET rule = 'deny' WHERE service_code = 'INFEKTIONSVERKTYGET'").await;
    let refused = send(number).await.unwrap_err();
    assert!(matches!(&refused, DbError::Rule(key) if key == "category"), "{refused}");
}
