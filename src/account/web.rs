//! `/konto/aktivitet`, `/konto/mina-uppgifter` and `/konto/utseende`.

use askama::Template;
use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use time::OffsetDateTime;

use super::{
    extract::{self, Section, action_label},
    queries,
};
use crate::{
    calendar::{long_time, machine_time},
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Person, Query, form::Choice, look::Look, see_other,
        session::with_cookie,
    },
    identity::Side,
    orders::{domain::State, web::view::tag},
    text::and_list,
};

/// Rows of a page of the log.
const PAGE: usize = 50;

/// From where the log goes on, microseconds since 1970.
#[derive(Debug, Default, Deserialize)]
pub struct LogQuery {
    #[serde(default)]
    fore: Option<i64>,
}

/// An entry as shown.
struct Entry {
    datetime: String,
    when: String,
    what: &'static str,
    about: String,
    number: String,
}

#[derive(Template)]
#[template(path = "account/log.html")]
struct LogPage {
    chrome: Chrome,
    entries: Vec<Entry>,
    older: Option<i64>,
    later: bool,
}

fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

/// `GET /konto/aktivitet`
pub async fn log(mut cx: Cx<Person>, Query(query): Query<LogQuery>) -> Result<Response, AppError> {
    let from = query.fore.and_then(|micros| {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok()?;
        // What the database can hold too.
        (2_000..9_000).contains(&at.year()).then_some(at)
    });
    // The database's clock may be ahead of ours by a little.
    let before = from.unwrap_or_else(|| cx.app.clock().now() + time::Duration::days(36_500));
    let most = i32::try_from(PAGE + 1).unwrap_or(i32::MAX);
    let mut rows = queries::log(&mut cx.tx, &cx.token, before, most).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let page = LogPage {
        chrome: cx.chrome("Min aktivitet"),
        older: rows.last().filter(|_| more).map(|row| micros(row.at)),
        later: from.is_some(),
        entries: rows
            .into_iter()
            .map(|row| Entry {
                datetime: machine_time(row.at),
                when: long_time(row.at),
                what: action_label(&row.action),
                about: row.org_name,
                number: row.number,
            })
            .collect(),
    };
    cx.show(page).await
}

#[derive(Template)]
#[template(path = "account/extract.html")]
struct ExtractPage {
    chrome: Chrome,
    made: String,
    sections: Vec<Section>,
    /// "bilagor, inbjudningar": what there is nothing of.
    nothing: String,
}

async fn own(cx: &mut Cx<Person>) -> Result<Option<serde_json::Value>, AppError> {
    let today = cx.app.clock().today();
    let raw = queries::extract(&mut cx.tx, &cx.token).await?;
    let state = |state: State| tag(state, None, today, Side::Customer).text;
    Ok(raw.map(|raw| extract::in_words(raw, state)))
}

/// `GET /konto/mina-uppgifter`
pub async fn show(mut cx: Cx<Person>) -> Result<Response, AppError> {
    let Some(extract) = own(&mut cx).await? else { return Ok(see_other("/logga-in")) };
    let (sections, empty): (Vec<_>, Vec<_>) =
        extract::sections(&extract).into_iter().partition(|section| !section.rows.is_empty());
    let empty: Vec<String> = empty.into_iter().map(|section| section.title.to_lowercase()).collect();
    let page = ExtractPage {
        chrome: cx.chrome("Mina uppgifter"),
        made: long_time(cx.app.clock().now()),
        sections,
        nothing: and_list(&empty),
    };
    cx.show(page).await
}

/// `GET /konto/mina-uppgifter.json`
pub async fn file(mut cx: Cx<Person>) -> Result<Response, AppError> {
    let extract = own(&mut cx).await?;
    cx.tx.end().await?;
    let Some(extract) = extract else { return Ok(see_other("/logga-in")) };
    let text =
        serde_json::to_string_pretty(&extract).map_err(|error| AppError::Internal(error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"kundportalen-mina-uppgifter.json\""),
        ),
    ];
    Ok((headers, text).into_response())
}

/// Theme and density.
#[derive(Debug, Default, Deserialize)]
pub struct LookForm {
    #[serde(default)]
    tema: String,
    #[serde(default)]
    tathet: String,
}

#[derive(Template)]
#[template(path = "account/look.html")]
struct LookPage {
    chrome: Chrome,
    themes: Vec<Choice>,
    densities: Vec<Choice>,
    errors: Errors,
}

async fn look_page(
    cx: Cx<Person>,
    (theme, density): (&str, &str),
    errors: Errors,
) -> Result<Response, AppError> {
    let status = errors.status();
    let page = LookPage {
        chrome: cx.chrome("Utseende"),
        themes: vec![
            Choice::new("enheten", "Som enheten är inställd", theme),
            Choice::new("ljust", "Ljust", theme),
            Choice::new("morkt", "Mörkt", theme),
        ],
        densities: vec![
            Choice::new("standard", "Som sidan är gjord", density),
            Choice::new("luftigt", "Luftigt", density),
            Choice::new("tatt", "Tätt: fler rader på skärmen", density),
        ],
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET /konto/utseende`
pub async fn look(cx: Cx<Person>) -> Result<Response, AppError> {
    let look = Look::current();
    look_page(cx, (look.theme_code(), look.density_code()), Errors::none()).await
}

/// `POST /konto/utseende`; nothing is written but the browser's cookie.
pub async fn change_look(cx: Cx<Person>, Form(form): Form<LookForm>) -> Result<Response, AppError> {
    let Some(look) = Look::parse(&form.tema, &form.tathet) else {
        let errors = Errors::one("tema", "Välj ett tema och en täthet");
        return look_page(cx, (&form.tema, &form.tathet), errors).await;
    };
    let cookie = look.cookie(cx.app.cookie());
    cx.tx.end().await?;
    Ok(with_cookie(Flash::LookChanged.on("/konto/utseende"), cookie))
}
