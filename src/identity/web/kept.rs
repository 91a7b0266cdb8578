//! `/formular`: what somebody was sending when the session ended, to be sent again.

use askama::Template;
use axum::{
    http::HeaderMap,
    response::{Html, IntoResponse, Response},
};

use crate::{
    http::{AppError, Chrome, Cx, Person, see_other, session::with_cookie},
    identity::kept,
};

#[derive(Template)]
#[template(path = "identity/kept.html")]
struct KeptPage {
    chrome: Chrome,
    path: String,
    words: Vec<String>,
    fields: Vec<(String, String)>,
}

/// `POST /formular`: it is not wanted any more.
pub async fn discard(headers: HeaderMap, cx: Cx<Person>) -> Result<Response, AppError> {
    let (app, token) = (cx.app.clone(), cx.token.clone());
    cx.tx.end().await?;
    if let Some(id) = app.cookie().read_form(&headers) {
        kept::forget(app.db(), &token, id, None).await?;
    }
    Ok(with_cookie(see_other("/valj-organisation"), app.cookie().clear_form()))
}

/// `GET /formular`
pub async fn show(headers: HeaderMap, cx: Cx<Person>) -> Result<Response, AppError> {
    let app = cx.app.clone();
    let (chrome, token) = (cx.chrome("Det du skrev finns kvar"), cx.token.clone());
    // One connection at a time.
    cx.tx.end().await?;
    let form = match app.cookie().read_form(&headers) {
        Some(id) => kept::back(app.db(), app.keys(), &token, id).await?,
        None => None,
    };
    let Some(form) = form else { return Ok(see_other("/valj-organisation")) };
    let page = KeptPage {
        chrome,
        words: form.words().into_iter().map(str::to_owned).collect(),
        path: form.path,
        fields: form.fields,
    };
    Ok(Html(page.render()?).into_response())
}
