//! Our own extractors: what can't be read is answered with a Swedish page, never with a framework's English line.

#![expect(clippy::disallowed_types, reason = "the one place that wraps axum's extractors")]

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{header, request::Parts},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::AppError;
use crate::{app::App, identity::token::Token};

/// Path parameters; one that can't be read is a page that does not exist.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = AppError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|_| AppError::NotFound)
    }
}

/// The personal link that an address holds as `{lank}`; one that is not whole leads nowhere.
#[derive(Clone)]
pub struct Link(pub Token);

#[derive(Deserialize)]
struct LinkPath {
    lank: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Link {
    type Rejection = AppError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let Path(path): Path<LinkPath> = Path::from_request_parts(parts, state).await?;
        Token::from_cookie(&path.lank).map(Self).ok_or(AppError::BadLink)
    }
}

/// Query parameters. Unknown ones are ignored; one that can't be read counts as not given.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequestParts<S> for Query<T> {
    type Rejection = AppError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AppError> {
        Ok(Self(serde_html_form::from_str(parts.uri.query().unwrap_or("")).unwrap_or_default()))
    }
}

/// The address a request comes from, as limits go by it.
#[derive(Clone, Copy, Debug)]
pub struct Source(pub std::net::IpAddr);

impl FromRequestParts<App> for Source {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(super::layers::client_address(&parts.extensions, &parts.headers, app.trusted_proxies())))
    }
}

/// A sent form. The layers have read the whole body and checked where it came from.
#[derive(Debug)]
pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = AppError;
    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        if !is_form {
            return Err(AppError::BadRequest(
                "Formuläret hade ett annat format än portalens egna sidor skickar.",
            ));
        }
        let body = Bytes::from_request(request, state).await.map_err(|_| AppError::TooLarge)?;
        let text = std::str::from_utf8(&body)
            .map_err(|_| AppError::BadRequest("Formuläret innehåller tecken som inte går att läsa."))?;
        if text.split('&').nth(2_000).is_some() {
            return Err(AppError::BadRequest("Formuläret har fler fält än portalens egna sidor skickar."));
        }
        let form = serde_html_form::from_str(text).map_err(|_| {
            AppError::BadRequest("Formuläret saknar fält eller har fält som inte går att läsa.")
        })?;
        if !is_text(text) {
            return Err(AppError::BadRequest("Texten innehåller tecken som inte går att läsa eller spara."));
        }
        Ok(Self(form))
    }
}

/// Is what the escapes stand for UTF-8 without NUL? The decoder would put replacement characters in place of what is not.
fn is_text(form: &str) -> bool {
    let mut bytes = Vec::with_capacity(form.len());
    let mut rest = form.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let (b'%', Some(byte)) = (first, escaped) {
            bytes.push(byte);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    !bytes.contains(&0) && std::str::from_utf8(&bytes).is_ok()
}

/// A sent file and the text fields beside it.
#[derive(Debug, Default)]
pub struct Multipart {
    /// File name as sent.
    pub file_name: String,
    /// Its bytes.
    pub content: Vec<u8>,
    /// Field names and values.
    pub fields: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequest<S> for Multipart {
    type Rejection = AppError;
    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        const BROKEN: AppError = AppError::BadRequest("Filen kom inte fram hel.");
        let mut parts = axum::extract::Multipart::from_request(request, state).await.map_err(|_| BROKEN)?;
        let mut sent = Self::default();
        for _ in 0..20 {
            let Some(field) = parts.next_field().await.map_err(|_| BROKEN)? else { return Ok(sent) };
            let name = field.name().unwrap_or_default().to_owned();
            if let Some(file_name) = field.file_name().map(str::to_owned) {
                let content = field.bytes().await.map_err(|_| BROKEN)?;
                if sent.content.is_empty() {
                    sent.file_name = file_name;
                    sent.content = content.to_vec();
                }
            } else {
                let value = field.text().await.map_err(|_| BROKEN)?;
                sent.fields.push((name, value));
            }
        }
        Err(AppError::BadRequest("Formuläret har fler fält än portalens egna sidor skickar."))
    }
}
