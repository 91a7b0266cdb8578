//! `/konto/aviseringar`: mails at once, or in one digest a day (portal.md 2.99).

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use time::OffsetDateTime;

use super::queries;
use crate::{
    audit::Audit,
    calendar::long_time,
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Person, form::Choice, see_other},
    identity::Side,
};

/// `direkt` or `sammandrag`.
#[derive(Debug, Default, Deserialize)]
pub struct MailsForm {
    #[serde(default)]
    mejl: String,
}

#[derive(Template)]
#[template(path = "account/mails.html")]
struct MailsPage {
    chrome: Chrome,
    choices: [(Choice, &'static str); 2],
    /// "3 händelser väntar …" when something does.
    waiting: String,
    errors: Errors,
}

/// The page; `chosen` is what was sent with a fault.
async fn page(mut cx: Cx<Person>, chosen: Option<&str>, errors: Errors) -> Result<Response, AppError> {
    let Some(own) = queries::mails(&mut cx.tx, &cx.token).await? else { return Ok(see_other("/logga-in")) };
    let chosen = chosen.unwrap_or(if own.daily { "sammandrag" } else { "direkt" });
    let status = errors.status();
    let page = MailsPage {
        chrome: cx.chrome("Mejl från Kundportalen"),
        choices: [
            (Choice::new("direkt", "Direkt", chosen), "Ett mejl varje gång något händer."),
            (
                Choice::new("sammandrag", "Ett sammandrag om dagen", chosen),
                "Ett mejl från varje organisation kl. 7 på vardagar, när något har hänt. Nytt som väntar på dig står först.",
            ),
        ],
        waiting: waiting(&own, cx.app.clock().now()),
        errors,
    };
    cx.show_as(status, page).await
}

/// What waits, if anything does. Some of it may be seen to by others before it is told.
fn waiting(own: &queries::Mails, now: OffsetDateTime) -> String {
    let what = match own.waiting {
        0 => return String::new(),
        1 => "En händelse väntar".to_owned(),
        count => format!("{count} händelser väntar"),
    };
    match own.next_at.filter(|at| own.daily && *at > now) {
        Some(at) => format!(
            "{what} på nästa sammandrag, som skickas {}. Väljer du mejl direkt skickas det genast.",
            long_time(at)
        ),
        None => format!("{what} och skickas strax i ett sammandrag."),
    }
}

/// `GET /konto/aviseringar`
pub async fn show(cx: Cx<Person>) -> Result<Response, AppError> {
    page(cx, None, Errors::none()).await
}

/// `POST /konto/aviseringar`
pub async fn choose(mut cx: Cx<Person>, Form(form): Form<MailsForm>) -> Result<Response, AppError> {
    let daily = match form.mejl.as_str() {
        "direkt" => false,
        "sammandrag" => true,
        _ => {
            let errors = Errors::one("mejl", "Välj när du vill få mejl");
            return page(cx, Some(&form.mejl), errors).await;
        }
    };
    let Some(person) = queries::choose_mails(&mut cx.tx, &cx.token, daily).await? else {
        return Ok(see_other("/logga-in"));
    };
    let chosen = if daily { "daily" } else { "at once" };
    let audit = Audit::own(Side::System, "account.mails", format!("person:{person}"), chosen.to_owned());
    cx.commit(audit).await?;
    Ok(Flash::MailsChosen.on("/konto/aviseringar"))
}
