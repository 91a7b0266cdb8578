//! Faults as pages: what happened, what is saved, what to do now, and a reference. Never the cause itself.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use super::{assets::ADDRESSES, layers};
use crate::{db::DbError, identity::password::HashError};

/// Every way a request can end without its page.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// No such page for this person.
    #[error("not found")]
    NotFound,
    /// A personal link that is not whole or leads nowhere any more.
    #[error("the link leads nowhere")]
    BadLink,
    /// Visible but not allowed; the sentence says who can.
    #[error("forbidden: {0}")]
    Forbidden(&'static str),
    /// The request can't be read.
    #[error("bad request: {0}")]
    BadRequest(&'static str),
    /// Somebody else was first, or the page is old.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Larger than the page takes.
    #[error("too large")]
    TooLarge,
    /// Too many tries; wait this many seconds.
    #[error("too many tries")]
    TooMany(i32),
    /// The database is away; the caller may try again.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A fault of ours.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<DbError> for AppError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Denied(what) => {
                // Layers above should have stopped this: worth an alarm.
                tracing::error!(target: "security", what, "refused by the database");
                Self::NotFound
            }
            DbError::Text => Self::BadRequest("Texten innehåller tecken som inte går att spara."),
            DbError::Stale => Self::Conflict("Någon annan hann ändra samtidigt.".to_owned()),
            DbError::Unavailable(source) => Self::Unavailable(source.to_string()),
            other => Self::Internal(crate::text::chain(&other)),
        }
    }
}

impl From<HashError> for AppError {
    fn from(error: HashError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<askama::Error> for AppError {
    fn from(error: askama::Error) -> Self {
        Self::Internal(format!("render: {error}"))
    }
}

#[derive(Template)]
#[template(path = "http/error.html")]
struct ErrorPage<'a> {
    css: &'a str,
    favicon: &'a str,
    icons: &'a str,
    title: &'a str,
    what: &'a str,
    now: &'a str,
    reference: &'a str,
    /// Without an account there are no organisations to go to.
    is_guest: bool,
}

impl AppError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::BadLink => StatusCode::NOT_FOUND,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn words(&self) -> (&'static str, String, &'static str) {
        match self {
            Self::NotFound => (
                "Sidan finns inte",
                "Sidan finns inte, eller så har du inte behörighet att se den.".to_owned(),
                "Kontrollera adressen, eller byt organisation om du arbetar för flera.",
            ),
            Self::BadLink => (
                "Länken fungerar inte",
                "Länken är inte hel, eller så leder den inte till något längre.".to_owned(),
                "Öppna länken direkt ur mejlet, eller kopiera hela. Kontakta Kundservice på 0771-25\u{a0}10\u{a0}10 om det inte hjälper.",
            ),
            Self::Forbidden(why) => (
                "Du har inte behörighet",
                (*why).to_owned(),
                "Ingenting har ändrats. Under ditt namn, på dina vanliga sidor, hittar du vad du får göra, vilken roll som krävs och vem som kan ge den.",
            ),
            Self::BadRequest(why) => (
                "Det gick inte att läsa det du skickade",
                (*why).to_owned(),
                "Gå tillbaka och försök igen. Ingenting har ändrats.",
            ),
            Self::Conflict(why) => (
                "Sidan har hunnit bli gammal",
                why.clone(),
                "Öppna sidan på nytt för att se hur det ser ut nu. Ingenting har ändrats.",
            ),
            Self::TooLarge => (
                "Det du skickade är för stort",
                "En fil får vara högst 10 MB och ett formulär högst 64 kB.".to_owned(),
                "Gå tillbaka, gör filen eller texten mindre och försök igen. Ingenting har ändrats.",
            ),
            Self::TooMany(seconds) => (
                "För många försök",
                format!("Vänta {} innan du försöker igen.", waiting(*seconds)),
                "Kontakta Kundservice på 0771-25\u{a0}10\u{a0}10 om du behöver hjälp.",
            ),
            Self::Unavailable(_) => (
                "Kundportalen är tillfälligt otillgänglig",
                "Vi når inte databasen just nu. Det du har sparat tidigare finns kvar.".to_owned(),
                "Försök igen om en stund.",
            ),
            Self::Internal(_) => (
                "Något gick fel hos oss",
                "Vi kunde inte slutföra det du försökte göra, och ingenting har sparats.".to_owned(),
                "Försök igen. Kontakta Kundservice på 0771-25\u{a0}10\u{a0}10 och uppge referensen om det händer igen.",
            ),
        }
    }
}

/// A page that says to wait this many seconds: 429, with Retry-After.
pub fn too_many(mut response: Response, seconds: i32) -> Response {
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// "40 sekunder" or "15 minuter".
pub fn waiting(seconds: i32) -> String {
    if seconds < 90 { format!("{seconds} sekunder") } else { format!("{} minuter", (seconds + 59) / 60) }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let status = self.status();
        let reference = layers::reference();
        match &self {
            Self::Internal(cause) => tracing::error!(reference, cause, "fault"),
            Self::Unavailable(cause) => tracing::warn!(reference, cause, "unavailable"),
            _ => {}
        }
        let (title, what, now) = self.words();
        let page = ErrorPage {
            css: &ADDRESSES.css,
            favicon: &ADDRESSES.favicon,
            icons: &ADDRESSES.icons,
            title,
            what: &what,
            now,
            reference: &reference,
            is_guest: matches!(self, Self::BadLink),
        };
        let body = page.render().unwrap_or_else(|_| format!("{title}. {what} {now} Referens: {reference}"));
        let mut response = (status, Html(body)).into_response();
        let wait = match self {
            Self::TooMany(seconds) => Some(seconds),
            Self::Unavailable(_) => Some(5),
            _ => None,
        };
        if let Some(wait) = wait.and_then(|wait| HeaderValue::from_str(&wait.to_string()).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        response
    }
}
