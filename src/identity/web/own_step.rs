//! `/bekrafta`: the account's own passkey or code app, shown before a decision is made.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::{eid, login::own_path, second_sign_in::question};
use crate::{
    http::{
        AppError, Chrome, Cx, Errors, Form, Person, Query,
        error::{too_many, waiting},
        see_other,
        session::with_cookie,
    },
    identity::{
        own_step::{self, Outcome, Shown},
        passkey::Question,
        second::Ways,
    },
};

/// Where to go afterwards: a page and what was kept of its form, `/kund/10482/…?kvar=…`.
#[derive(Debug, Default, Deserialize)]
pub struct BackQuery {
    #[serde(default)]
    till: String,
}

#[derive(Template)]
#[template(path = "identity/own_step.html")]
struct StepPage {
    chrome: Chrome,
    back: String,
    app: bool,
    question: Option<Question>,
    errors: Errors,
}

/// The page, and what was kept of it.
fn about(back: &str) -> Option<(String, Option<Uuid>)> {
    let (page, kept) = back.split_once("?kvar=")?;
    Some((page.to_owned(), Some(kept.parse().ok()?)))
}

async fn page(cx: Cx<Person>, back: String, ways: &Ways, errors: Errors) -> Result<Response, AppError> {
    let status = errors.status();
    let question = question(&cx.app, cx.actor.person(), ways)?;
    let title = format!("{}Bekräfta att det är du", errors.title_prefix());
    let page = StepPage { chrome: cx.chrome(&title), back, app: ways.app, question, errors };
    cx.show_as(status, page).await
}

async fn ways(cx: &Cx<Person>) -> Result<Option<Ways>, AppError> {
    Ok(own_step::ways(cx.app.db(), cx.app.keys(), cx.actor.person()).await?)
}

/// Without a second step, or with nowhere to go back to, there is nothing to show.
fn elsewhere(back: &str) -> Response {
    see_other(if about(back).is_some() { back } else { "/valj-organisation" })
}

/// `GET /bekrafta`
pub async fn new(cx: Cx<Person>, Query(query): Query<BackQuery>) -> Result<Response, AppError> {
    let back = own_path(&query.till);
    match ways(&cx).await? {
        Some(ways) if about(&back).is_some() => page(cx, back, &ways, Errors::none()).await,
        _ => Ok(elsewhere(&back)),
    }
}

/// One of the two.
#[derive(Debug, Default, Deserialize)]
pub struct StepForm {
    #[serde(default)]
    till: String,
    #[serde(default)]
    satt: String,
    #[serde(default)]
    kod: String,
    #[serde(default)]
    fraga: String,
    #[serde(default)]
    svar: String,
}

/// `POST /bekrafta`
pub async fn create(cx: Cx<Person>, Form(form): Form<StepForm>) -> Result<Response, AppError> {
    let back = own_path(&form.till);
    let (Some(ways), Some(about)) = (ways(&cx).await?, about(&back)) else { return Ok(elsewhere(&back)) };
    let (field, typed, lacking, wrong, shown) = if form.satt == "passnyckel" {
        (
            "svar",
            &form.svar,
            "Webbläsaren skickade ingen passnyckel. Försök igen eller välj ett annat sätt",
            "Passnyckeln kunde inte kontrolleras. Försök igen eller välj ett annat sätt",
            Shown::Passkey { question: &form.fraga, answer: &form.svar },
        )
    } else {
        (
            "kod",
            &form.kod,
            "Skriv de sex siffror som appen visar",
            "Koden stämmer inte, eller så är den redan använd. Skriv den som appen visar just nu",
            Shown::App(&form.kod),
        )
    };
    if typed.trim().is_empty() {
        return page(cx, back, &ways, Errors::one(field, lacking)).await;
    }
    let (app, at) = (cx.app.clone(), cx.app.clock().now());
    let who = (cx.actor.person(), cx.actor.name().to_owned());
    let parts = (app.db(), app.keys(), app.passkeys());
    match own_step::show(parts, (who.0, &who.1), about, shown, at).await? {
        Outcome::Proved(proof) => {
            cx.tx.end().await?;
            let cookie = eid::proof_cookie(&app, &proof)?;
            Ok(with_cookie(see_other(&format!("{back}#legitimerad")), Some(cookie)))
        }
        Outcome::Wrong => page(cx, back, &ways, Errors::one(field, wrong)).await,
        Outcome::Wait(seconds) => {
            let why = format!("För många försök. Vänta {} och försök igen", waiting(seconds));
            Ok(too_many(page(cx, back, &ways, Errors::one(field, why)).await?, seconds))
        }
    }
}
