//! Reading the catalogue.

use std::collections::HashMap;

use super::domain::{Catalogue, Channel, Contract, Dependency, Offer, PriceRow, Rule, Scope, Service, Terms};
use crate::{
    db::{DbError, Tx},
    ids::TermsId,
};

/// Most rows of any kind; the reference data has fewer than a hundred of each.
const MOST: i64 = 5_000;

/// The whole catalogue.
pub async fn catalogue(tx: &mut Tx) -> Result<Catalogue, DbError> {
    let categories: HashMap<String, String> =
        sqlx::query!("SELECT code, name FROM customer_category LIMIT $1", MOST)
            .fetch_all(tx.conn())
            .await?
            .into_iter()
            .map(|row| (row.code, row.name))
            .collect();
    let mut services = services(tx).await?;
    let at: HashMap<String, usize> =
        services.iter().enumerate().map(|(index, service)| (service.code.clone(), index)).collect();
    let mut to = |code: &str, add: &mut dyn FnMut(&mut Service)| {
        if let Some(service) = at.get(code).and_then(|index| services.get_mut(*index)) {
            add(service);
        }
    };
    for offer in offers(tx).await? {
        to(&offer.service_code.clone(), &mut |service| service.offers.push(offer.clone()));
    }
    for (code, rule) in rules(tx).await? {
        to(&code, &mut |service| service.rules.push(rule.clone()));
    }
    for (code, dependency) in dependencies(tx).await? {
        to(&code, &mut |service| service.dependencies.push(dependency.clone()));
    }
    for (code, price) in prices(tx).await? {
        to(&code, &mut |service| service.prices.push(price.clone()));
    }
    for (code, contract) in contracts(tx).await? {
        to(&code, &mut |service| service.contracts.push(contract.clone()));
    }
    for (code, of_agents, terms) in terms(tx).await? {
        to(&code, &mut |service| {
            let list = if of_agents { &mut service.mediation_terms } else { &mut service.terms };
            list.push(terms.clone());
        });
    }
    Ok(Catalogue::new(services, categories))
}

async fn services(tx: &mut Tx) -> Result<Vec<Service>, DbError> {
    let rows = sqlx::query!(
        "SELECT code, slug, name, former_names, area, description, ka2_from, lifecycle, personal_data, price_note, ordering_note
           FROM service
          ORDER BY position
          LIMIT $1",
        MOST
    )
    .fetch_all(tx.conn())
    .await?;
    let service = rows.into_iter().map(|row| Service {
        code: row.code,
        slug: row.slug,
        name: row.name,
        former_names: row.former_names,
        area: row.area,
        description: row.description,
        ka2_from: row.ka2_from,
        lifecycle: row.lifecycle,
        personal_data: row.personal_data,
        price_note: row.price_note,
        ordering_note: row.ordering_note,
        offers: Vec::new(),
        rules: Vec::new(),
        dependencies: Vec::new(),
        prices: Vec::new(),
        contracts: Vec::new(),
        terms: Vec::new(),
        mediation_terms: Vec::new(),
    });
    Ok(service.collect())
}

async fn offers(tx: &mut Tx) -> Result<Vec<Offer>, DbError> {
    let rows = sqlx::query_as!(
        Offer,
        r#"SELECT code, service_code, name, channel AS "channel: Channel", role, billed = 'agent' AS "billed_to_agent!",
                  scope AS "scope: Scope", start_fee, care_provider_only, sole_trader_only, orderable, min_end_customers, valid_from, valid_to
             FROM offer
            ORDER BY position
            LIMIT $1"#,
        MOST
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

async fn rules(tx: &mut Tx) -> Result<Vec<(String, Rule)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT service_code, category, rule, condition, channels AS "channels: Vec<Channel>", requires, valid_from, valid_to
             FROM eligibility_rule
            ORDER BY position
            LIMIT $1"#,
        MOST
    )
    .fetch_all(tx.conn())
    .await?;
    let rule = rows.into_iter().map(|row| {
        let rule = Rule {
            category: row.category,
            rule: row.rule,
            condition: row.condition,
            channels: row.channels,
            requires: row.requires,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
        };
        (row.service_code, rule)
    });
    Ok(rule.collect())
}

async fn dependencies(tx: &mut Tx) -> Result<Vec<(String, Dependency)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT service_code, role, requires, strength = 'hard' AS "hard!", reason, valid_from, valid_to
             FROM service_dependency
            ORDER BY service_code, strength, requires
            LIMIT $1"#,
        MOST
    )
    .fetch_all(tx.conn())
    .await?;
    let dependency = rows.into_iter().map(|row| {
        let dependency = Dependency {
            role: row.role,
            requires: row.requires,
            hard: row.hard,
            reason: row.reason,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
        };
        (row.service_code, dependency)
    });
    Ok(dependency.collect())
}

async fn prices(tx: &mut Tx) -> Result<Vec<(String, PriceRow)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT service_code AS "service_code!", code, role, item, kind, amount_ore, per, applies_to, note, valid_from, valid_to
             FROM price
            WHERE service_code IS NOT NULL
            ORDER BY code
            LIMIT $1"#,
        MOST
    )
    .fetch_all(tx.conn())
    .await?;
    let price = rows.into_iter().map(|row| {
        let price = PriceRow {
            code: row.code,
            role: row.role,
            item: row.item,
            kind: row.kind,
            amount_ore: row.amount_ore,
            per: row.per,
            applies_to: row.applies_to,
            note: row.note,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
        };
        (row.service_code, price)
    });
    Ok(price.collect())
}

async fn contracts(tx: &mut Tx) -> Result<Vec<(String, Contract)>, DbError> {
    let rows = sqlx::query!(
        "SELECT service_code, contract, major, name FROM service_contract ORDER BY position LIMIT $1",
        MOST
    )
    .fetch_all(tx.conn())
    .await?;
    let contract = rows
        .into_iter()
        .map(|row| (row.service_code, Contract { contract: row.contract, major: row.major, name: row.name }));
    Ok(contract.collect())
}

/// Customers' terms and agents' terms; true for agents'.
async fn terms(tx: &mut Tx) -> Result<Vec<(String, bool, Terms)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT service_code AS "service_code!", of_agents AS "of_agents!", id AS "id!: TermsId", version AS "version!", title AS "title!",
                  body AS "body!", valid_from AS "valid_from!"
             FROM (SELECT service_code, false AS of_agents, id, version, title, body, valid_from FROM terms
                   UNION ALL
                   SELECT service_code, true, id, version, title, body, valid_from FROM mediation_terms) t
            ORDER BY service_code, valid_from DESC
            LIMIT $1"#,
        MOST
    )
    .fetch_all(tx.conn())
    .await?;
    let terms = rows.into_iter().map(|row| {
        let terms = Terms {
            id: row.id,
            version: row.version,
            title: row.title,
            body: row.body,
            valid_from: row.valid_from,
        };
        (row.service_code, row.of_agents, terms)
    });
    Ok(terms.collect())
}
