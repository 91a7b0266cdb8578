//! `/konto/avsluta`: the end of an account.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use serde::Deserialize;

use super::{
    login::forgets,
    password::{has_password, with_password},
};
use crate::{
    http::{AppError, Chrome, Cx, Errors, Flash, Form, Person, see_other, session::with_cookie},
    identity::{
        close::{self, Closed},
        queries::{self, Place},
    },
};

/// Somewhere to leave first.
struct PlaceView {
    org: String,
    /// Where one leaves; at Inera a systemadministratör does it.
    leave: Option<String>,
}

impl PlaceView {
    fn new(place: Place) -> Self {
        let base = match (place.customer_no, place.agent_no) {
            (Some(no), _) => Some(format!("/kund/{no}")),
            (None, Some(no)) => Some(format!("/agent/{no}")),
            (None, None) => None,
        };
        let leave = base
            .filter(|_| !place.is_inera)
            .map(|base| format!("{base}/kontakter/{}/ta-bort", place.membership));
        Self { org: place.org, leave }
    }
}

#[derive(Template)]
#[template(path = "identity/close.html")]
struct ClosePage {
    chrome: Chrome,
    errors: Errors,
    places: Vec<PlaceView>,
    password: bool,
}

/// The account's password, which never comes back.
#[derive(Debug, Default, Deserialize)]
pub struct CloseForm {
    #[serde(default)]
    losenord: String,
}

async fn page(mut cx: Cx<Person>, errors: Errors) -> Result<Response, AppError> {
    let (status, title) = if errors.is_empty() {
        (StatusCode::OK, "Avsluta kontot")
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, "Fel: Avsluta kontot")
    };
    let places = queries::places(&mut cx.tx, &cx.token).await?;
    let password = has_password(&mut cx).await?;
    let page = ClosePage {
        chrome: cx.chrome(title),
        errors,
        places: places.into_iter().map(PlaceView::new).collect(),
        password,
    };
    cx.show_as(status, page).await
}

/// `GET /konto/avsluta`
pub async fn new(cx: Cx<Person>) -> Result<Response, AppError> {
    page(cx, Errors::none()).await
}

/// `POST /konto/avsluta`
pub async fn create(mut cx: Cx<Person>, Form(form): Form<CloseForm>) -> Result<Response, AppError> {
    let mut errors = Errors::none();
    // Without one, the database asks for a session that has just begun.
    if has_password(&mut cx).await? {
        with_password(&mut cx, (&form.losenord, "Skriv ditt lösenord"), &mut errors).await?;
    }
    if !errors.is_empty() {
        return page(cx, errors).await;
    }
    let (app, token) = (cx.app.clone(), cx.token.clone());
    cx.tx.end().await?;
    match close::close(app.db(), &token, app.clock().now()).await? {
        Closed::Done => {
            let response = with_cookie(Flash::AccountClosed.on("/logga-in"), app.cookie().clear());
            Ok(forgets(with_cookie(response, app.cookie().clear_visit())))
        }
        Closed::SignedOut => Ok(see_other("/logga-in")),
        Closed::Member => Err(AppError::Conflict(
            "Du är kontakt hos en organisation. Lämna den först, så att det som väntar på dig lämnas över."
                .to_owned(),
        )),
        Closed::Recent => Err(AppError::Conflict(
            "Inloggningsadressen är bytt. Kontot kan avslutas en vecka efter bytet.".to_owned(),
        )),
        Closed::SignInAnew => {
            Err(AppError::Conflict("Logga in igen. Avsluta sedan kontot inom tio minuter.".to_owned()))
        }
    }
}
