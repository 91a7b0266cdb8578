//! The page behind a link that confirms an address. Opening it changes nothing: programs that look at mail open links too.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};

use crate::{
    app::App,
    http::{AppError, Chrome},
    identity::sign_in,
};

/// Tries from one source in a quarter of an hour.
const TRIES: i32 = 60;

/// What the page is to say.
pub(crate) enum Said {
    /// What the reader is asked: whose address it will be, and what not answering means.
    Asks(String, String),
    /// The reader is asked whether to take the old address back.
    Undo(String, String),
    /// The old address is back: in which words, and where a new password is chosen.
    Undone(String, String),
    /// The address holds: in which words.
    Done(String),
    /// Somebody else has the address.
    Taken(String),
    /// The link can't be used: why, and what to do.
    Gone(&'static str, &'static str),
}

#[derive(Template)]
#[template(path = "identity/address.html")]
struct AddressPage {
    chrome: Chrome,
    title: &'static str,
    here: String,
    lead: String,
    text: String,
    asks: bool,
    undo: bool,
    /// Where a new password is chosen.
    next: String,
}

/// The page, at the address it has.
pub(crate) fn page(app: &App, here: String, said: Said) -> Result<Response, AppError> {
    let undo = matches!(said, Said::Undo(..));
    let mut next = String::new();
    let (status, title, lead, text, asks) = match said {
        Said::Asks(lead, text) => (StatusCode::OK, "Bekräfta e-postadressen", lead, text, true),
        Said::Undo(lead, text) => (StatusCode::OK, "Ta tillbaka adressen", lead, text, true),
        Said::Undone(lead, path) => {
            next = path;
            let text = "Den som bytte adressen kände till ditt lösenord. Välj ett nytt nu.".to_owned();
            (StatusCode::OK, "Adressen är tillbaka", lead, text, false)
        }
        Said::Done(lead) => (StatusCode::OK, "E-postadressen är bekräftad", lead, String::new(), false),
        Said::Taken(lead) => (StatusCode::GONE, "Adressen används redan", lead, String::new(), false),
        Said::Gone(lead, text) => {
            (StatusCode::GONE, "Länken går inte att använda", lead.to_owned(), text.to_owned(), false)
        }
    };
    let chrome = Chrome::public(app, title).for_guest();
    let page = AddressPage { chrome, title, here, lead, text, asks, undo, next };
    Ok((status, Html(page.render()?)).into_response())
}

/// What is said of every such link that is of no use.
pub(crate) const OLD_LINK: &str =
    "Den är redan använd, har gått ut, har dragits tillbaka eller har ersatts av en nyare.";

/// Counts a try from a source.
pub(crate) async fn limit(app: &App, from: &impl std::fmt::Display) -> Result<(), AppError> {
    match sign_in::limit(app.db(), &format!("address:{from}"), TRIES, 900).await? {
        0 => Ok(()),
        wait => Err(AppError::TooMany(wait)),
    }
}
