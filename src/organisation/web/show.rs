//! `{side}/uppgifter`: the organisation's data, its people and who can give a role.

use askama::Template;
use axum::response::Response;

use crate::{
    http::{AppError, Chrome, Cx, context::For},
    identity::queries,
};

/// A key and a value.
struct Fact {
    key: &'static str,
    value: String,
}

#[derive(Template)]
#[template(path = "organisation/show.html")]
struct OrganisationPage {
    chrome: Chrome,
    name: String,
    facts: Vec<Fact>,
    administrators: Vec<String>,
    no_attestant: bool,
    four_eyes: bool,
}

/// `GET {side}/uppgifter`
pub async fn show<S: For>(mut cx: Cx<S>) -> Result<Response, AppError> {
    let today = cx.app.clock().today();
    let catalogue = cx.app.catalogue().await?;
    let org = queries::organisation(&mut cx.tx, cx.actor.org(), today).await?.ok_or(AppError::NotFound)?;
    let people = queries::members(&mut cx.tx, cx.actor.org()).await?;
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let mut categories: Vec<String> =
        org.categories.iter().map(|code| catalogue.category(code).to_owned()).collect();
    if org.facts.iter().any(|fact| fact == "publicly_financed") {
        categories.push("offentligt finansierad".to_owned());
    }
    let facts = vec![
        Fact { key: "Organisationsnummer", value: org.org_nr },
        Fact { key: "Kundnummer", value: number(org.customer_no) },
        Fact { key: "Agentnummer", value: number(org.agent_no) },
        Fact { key: "Kundkategori", value: categories.join(", ") },
        Fact { key: "Vårdgivarens HSA-id", value: org.hsa_id },
        Fact { key: "E-postadress", value: org.email },
        Fact { key: "Telefon", value: org.phone },
    ];
    let page = OrganisationPage {
        chrome: cx.chrome("Uppgifter"),
        name: org.name,
        facts,
        administrators: people
            .iter()
            .filter(|person| person.roles.contains("Administratör"))
            .map(|person| format!("{}, {}", person.name, person.email))
            .collect(),
        no_attestant: !people.iter().any(|person| person.roles.contains("Attestant")),
        four_eyes: org.four_eyes,
    };
    cx.show(page).await
}
