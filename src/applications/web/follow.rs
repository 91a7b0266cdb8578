//! `/bli-kund/{lank}` when the application has been sent: where it is, and taking it back.

use askama::Template;
use axum::{
    extract::State as Axum,
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    LogRow, Part, Tag,
    apply::{Opened, form_page, limit, open},
    fault, log,
};
use crate::{
    agreements::SigningState,
    app::App,
    applications::{
        actions::{self, Refused},
        domain::State,
        form::Typed,
    },
    http::{AppError, Chrome, Errors, Form, Link, extract::Source, see_other},
};

#[derive(Template)]
#[template(path = "applications/follow.html")]
struct FollowPage {
    chrome: Chrome,
    here: String,
    number: String,
    name: String,
    tag: Tag,
    now: &'static str,
    reason: String,
    may_withdraw: bool,
    revision: i32,
    again: bool,
    parts: Vec<Part>,
    log: Vec<LogRow>,
    errors: Errors,
}

/// Where it is and what happens now.
fn now(state: State, signing: Option<SigningState>) -> &'static str {
    match state {
        State::Approved
            if signing.is_some_and(|signing| !signing.is_open() && signing != SigningState::Signed) =>
        {
            "Kundavtalet är inte signerat. Inera tar kontakt om det ska skickas på nytt. Ni kan också ringa Kundservice på 0771-25 10 10."
        }
        State::Submitted => {
            "Inera har fått ansökan. En avtalshandläggare granskar den och hör av sig i mejl."
        }
        State::UnderReview => "En avtalshandläggare på Inera granskar ansökan och hör av sig i mejl.",
        State::Approved => {
            "Ansökan är godkänd. Firmatecknarna har fått kundavtalet i mejl. När det är signerat bjuds administratören och kontaktpersonen in till Kundportalen."
        }
        State::Signed => {
            "Kundavtalet är signerat och gäller. Administratören och kontaktpersonen bjuds in till Kundportalen i mejl."
        }
        State::Rejected => "Inera har avslagit ansökan. Ni kan ansöka igen när skälet är åtgärdat.",
        State::Withdrawn => "Ansökan är återkallad. Ni kan ansöka igen när ni vill.",
        State::Lapsed => {
            "Kundavtalet signerades inte i tid. Vill organisationen fortfarande bli kund behövs en ny ansökan."
        }
        State::Draft | State::CompletionAsked => "",
    }
}

pub(super) fn follow(app: &App, opened: Opened, errors: Errors) -> Result<Response, AppError> {
    let parts = opened.parts();
    let Opened { application, events, here, .. } = opened;
    let status = errors.status();
    let prefix = errors.title_prefix();
    let reason = events.iter().rev().find(|event| event.to == State::Rejected);
    let number = application.number.unwrap_or_default();
    let page = FollowPage {
        chrome: Chrome::public(app, &format!("{prefix}Kundansökan {number}")).for_guest(),
        here,
        name: application.content.name,
        tag: application.state.tag().into(),
        now: now(application.state, application.signing),
        reason: reason.map(|event| event.note.clone()).unwrap_or_default(),
        may_withdraw: application.state.may_withdraw(),
        revision: application.revision,
        again: matches!(application.state, State::Rejected | State::Withdrawn | State::Lapsed),
        parts,
        log: log(events),
        number,
        errors,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// The revision that was seen.
#[derive(Debug, Default, Deserialize)]
pub struct WithdrawForm {
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    saker: String,
}

/// `POST /bli-kund/{lank}/aterkalla`
pub async fn withdraw(
    Axum(app): Axum<App>,
    Source(from): Source,
    Link(link): Link,
    Form(form): Form<WithdrawForm>,
) -> Result<Response, AppError> {
    limit(&app, &from.to_string()).await?;
    let opened = open(&app, link).await?;
    if opened.application.state == State::Withdrawn {
        return Ok(see_other(&opened.here));
    }
    if !opened.application.state.may_withdraw() || form.revision != opened.application.revision {
        return Err(fault(Refused::Stale));
    }
    if form.saker.is_empty() {
        let errors = Errors::one("saker", "Kryssa i att ni vill återkalla ansökan");
        if opened.application.state.is_editable() {
            let typed = Typed::of(&opened.application);
            return form_page(&app, &opened, (typed, false), errors);
        }
        return follow(&app, opened, errors);
    }
    let whose = (&opened.link, &opened.application);
    actions::act(app.db(), whose, (State::Withdrawn, "", ""), app.clock().now()).await.map_err(fault)?;
    Ok(see_other(&opened.here))
}
