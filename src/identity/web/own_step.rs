//! `/bekrafta`: the account's own passkey or code app, shown before a decision is made.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    eid,
    login::own_path,
    passkey_sign_in::{LACKING, WRONG},
    second_sign_in::question,
};
use crate::{
    app::App,
    http::{
        AppError, Chrome, Cx, Errors, Form, Person, Query,
        error::{too_many, waiting},
        see_other,
        session::with_cookie,
    },
    identity::{
        confirmation,
        own_step::{self, Outcome, Shown},
        passkey::Question,
        second::Ways,
    },
    ids::PersonId,
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
    /// What is confirmed, in words.
    what: String,
    app: bool,
    question: Option<Question>,
    errors: Errors,
}

/// What is confirmed: a page, what the person has kept of it, and what that is for.
struct About {
    page: String,
    kept: Uuid,
    what: String,
}

/// What an account's page is for.
fn of_account(page: &str) -> &'static str {
    match page {
        "/konto/losenord" => "Välj lösenord",
        "/konto/epost" => "Byt inloggningsadress",
        "/konto/avsluta" => "Avsluta kontot",
        "/konto/e-legitimation" => "Koppla e-legitimation",
        _ if page.starts_with("/konto/tvasteg/") => "Ändra tvåstegsverifieringen",
        _ => "Ändra ditt konto",
    }
}

/// What is asked for; `None` for what the person has not begun.
async fn about(cx: &mut Cx<Person>, back: &str) -> Result<Option<About>, AppError> {
    // The account's own pages keep nothing: one confirms first and fills in then.
    if back.starts_with("/konto/") && !back.contains(['?', '#']) {
        let what = of_account(back).to_owned();
        return Ok(Some(About { page: back.to_owned(), kept: Uuid::nil(), what }));
    }
    let Some((page, kept)) = back.split_once("?kvar=") else { return Ok(None) };
    let Ok(kept) = kept.parse::<Uuid>() else { return Ok(None) };
    let app = cx.app.clone();
    let what = confirmation::kept_for(app.keys(), &mut cx.tx, &cx.token, (page, kept)).await?;
    Ok(what.map(|what| About { page: page.to_owned(), kept, what }))
}

fn page(
    (app, chrome): (&App, Chrome),
    (person, back, about): (PersonId, String, &About),
    ways: Option<&Ways>,
    errors: Errors,
) -> Result<Response, AppError> {
    let status = errors.status();
    let purpose = own_step::purpose(&about.page, about.kept);
    let question = match ways {
        Some(ways) => question(app, (person, &purpose), ways)?,
        None => None,
    };
    let app = ways.is_some_and(|ways| ways.app);
    Ok((status, Html(StepPage { chrome, back, what: about.what.clone(), app, question, errors }.render()?))
        .into_response())
}

const TITLE: &str = "Bekräfta att det är du";

/// `GET /bekrafta`
pub async fn new(mut cx: Cx<Person>, Query(query): Query<BackQuery>) -> Result<Response, AppError> {
    let back = own_path(&query.till);
    let Some(about) = about(&mut cx, &back).await? else { return Ok(see_other("/valj-organisation")) };
    let (app, chrome, person) = (cx.app.clone(), cx.chrome(TITLE), cx.actor.person());
    let ways = own_step::ways(&mut cx.tx, app.keys(), person).await?;
    cx.tx.end().await?;
    page((&app, chrome), (person, back, &about), ways.as_ref(), Errors::none())
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
pub async fn create(mut cx: Cx<Person>, Form(form): Form<StepForm>) -> Result<Response, AppError> {
    let back = own_path(&form.till);
    let Some(about) = about(&mut cx, &back).await? else { return Ok(see_other("/valj-organisation")) };
    let (app, at) = (cx.app.clone(), cx.app.clock().now());
    let (mut chrome, person) = (cx.chrome(TITLE), cx.actor.person());
    let who = (cx.actor.name().to_owned(), cx.actor.session_id());
    let ways = own_step::ways(&mut cx.tx, app.keys(), person).await?;
    // One connection at a time.
    cx.tx.end().await?;
    let (field, typed, lacking, wrong, shown) = if form.satt == "passnyckel" {
        let shown = Shown::Passkey { question: &form.fraga, answer: &form.svar };
        ("svar", &form.svar, LACKING, WRONG, shown)
    } else {
        (
            "kod",
            &form.kod,
            "Skriv de sex siffror som appen visar",
            "Koden stämmer inte, eller så är den redan använd. Skriv den som appen visar just nu",
            Shown::App(&form.kod),
        )
    };
    let again = |errors: Errors| {
        chrome.title = format!("{}{TITLE}", errors.title_prefix());
        page((&app, chrome), (person, back.clone(), &about), ways.as_ref(), errors)
    };
    if ways.is_none() {
        return again(Errors::none());
    }
    if typed.trim().is_empty() {
        return again(Errors::one(field, lacking));
    }
    let parts = (app.db(), app.keys(), app.passkeys());
    match own_step::show(parts, (person, &who.0, who.1), (about.page.clone(), about.kept), shown, at).await? {
        Outcome::Proved(proof) => {
            let cookie = eid::proof_cookie(&app, &proof)?;
            Ok(with_cookie(see_other(&format!("{back}#legitimerad")), Some(cookie)))
        }
        Outcome::Wrong => again(Errors::one(field, wrong)),
        Outcome::Wait(seconds) => {
            let why = format!("För många försök. Vänta {} och försök igen", waiting(seconds));
            Ok(too_many(again(Errors::one(field, why))?, seconds))
        }
    }
}
