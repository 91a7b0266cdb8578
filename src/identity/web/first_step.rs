//! `/konto/tvasteg/lank` and `/konto/tvasteg/lank/{lank}`: the mail that the first second step rests on.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use crate::{
    http::{AppError, Chrome, Cx, Flash, Link, Person},
    identity::{first_step, sign_in},
};

/// Links one person asks for in an hour.
const OF_PERSON: (i32, i32) = (5, 3_600);

/// `POST /konto/tvasteg/lank`
pub async fn ask(cx: Cx<Person>) -> Result<Response, AppError> {
    let (app, token, person) = (cx.app.clone(), cx.token.clone(), cx.actor.person());
    cx.tx.end().await?;
    let wait = sign_in::limit(app.db(), &format!("first step:{person}"), OF_PERSON.0, OF_PERSON.1).await?;
    if wait > 0 {
        return Err(AppError::TooMany(wait));
    }
    first_step::ask(app.db(), app.keys(), &token, app.clock().now()).await?;
    Ok(Flash::StepLinkSent.on("/konto/tvasteg"))
}

#[derive(Template)]
#[template(path = "identity/first_step.html")]
struct LinkPage {
    chrome: Chrome,
    here: String,
    fits: bool,
}

async fn page(cx: Cx<Person>, link: &str, fits: bool) -> Result<Response, AppError> {
    let (status, title) = if fits {
        (StatusCode::OK, "Fortsätt lägga till")
    } else {
        (StatusCode::GONE, "Länken går inte att använda")
    };
    let page = LinkPage { chrome: cx.chrome(title), here: format!("/konto/tvasteg/lank/{link}"), fits };
    cx.show_as(status, page).await
}

/// `GET /konto/tvasteg/lank/{lank}`
pub async fn show(mut cx: Cx<Person>, Link(link): Link) -> Result<Response, AppError> {
    let at = cx.app.clock().now();
    let fits = first_step::fits(&mut cx.tx, (&link, &cx.token), at).await?;
    page(cx, link.expose(), fits).await
}

/// `POST /konto/tvasteg/lank/{lank}`
pub async fn open(mut cx: Cx<Person>, Link(link): Link) -> Result<Response, AppError> {
    let (app, token, at) = (cx.app.clone(), cx.token.clone(), cx.app.clock().now());
    if !first_step::fits(&mut cx.tx, (&link, &token), at).await? {
        return page(cx, link.expose(), false).await;
    }
    cx.tx.end().await?;
    if first_step::open(app.db(), (&link, &token), at).await? {
        return Ok(Flash::StepLinkOpened.on("/konto/tvasteg"));
    }
    Err(AppError::Conflict("Länken är redan använd.".to_owned()))
}
