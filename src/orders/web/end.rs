//! Ending an order before it is attested: the orderer takes it back, or Kundservice ends it with a reason.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{OrderPath, Party, conflict, load, refused};
use crate::{
    http::{
        AppError, Chrome, Customer, Cx, Errors, Flash, Form, Path, Staff,
        form::{Motive, paragraph},
    },
    identity::{
        Side,
        policy::{Intervene, Withdraw},
    },
    orders::{
        actions,
        domain::{Order, State},
    },
};

/// Why.
#[derive(Debug, Default, Deserialize)]
pub struct EndForm {
    #[serde(default)]
    motivering: String,
}

#[derive(Template)]
#[template(path = "orders/end.html")]
struct EndPage {
    chrome: Chrome,
    heading: &'static str,
    text: &'static str,
    label: &'static str,
    hint: &'static str,
    button: &'static str,
    number: String,
    service: String,
    here: String,
    motive: String,
    errors: Errors,
}

async fn page<S: Party>(
    cx: Cx<S>,
    order: &Order,
    service: &str,
    motive: String,
    errors: Errors,
) -> Result<Response, AppError> {
    let staff = S::READER == Side::Inera;
    let draft = order.state == State::Draft;
    let heading = match (staff, draft) {
        (true, _) => "Avsluta beställningen åt kunden",
        (false, true) => "Ta bort utkastet",
        (false, false) => "Ta tillbaka beställningen",
    };
    let prefix = errors.title_prefix();
    let status = errors.status();
    let page = EndPage {
        chrome: cx.chrome(&format!("{prefix}{heading} {}", order.number)).focused(),
        heading,
        text: if draft {
            "Utkastet avslutas. Ingen har fått det, så ingen får mejl. Ni kan kopiera det till en ny beställning."
        } else {
            "Beställningen avslutas för alla parter. De som har den eller har beslutat om den får mejl. Det går inte att ångra, men beställningen kan kopieras till ett nytt utkast."
        },
        label: if staff { "Motivering" } else { "Motivering (frivilligt)" },
        hint: "Läses av alla parter. Skriv inga personnummer eller patientuppgifter.",
        button: if staff {
            "Avsluta beställningen"
        } else if draft {
            "Ta bort utkastet"
        } else {
            "Ta tillbaka beställningen"
        },
        number: order.number.clone(),
        service: service.to_owned(),
        here: format!("{}/bestallningar/{}", cx.actor.base(), order.number),
        motive,
        errors,
    };
    cx.show_as(status, page).await
}

/// `GET /kund/{kundnr}/bestallningar/{nummer}/ta-tillbaka`
pub async fn withdraw_new(mut cx: Cx<Customer>, Path(path): Path<OrderPath>) -> Result<Response, AppError> {
    let (order, catalogue) = load(&mut cx, &path.nummer).await?;
    cx.actor.permit::<Withdraw>(&order.facts()).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    if order.open().is_none() {
        return conflict(cx, &order.number).await;
    }
    page(cx, &order, catalogue.name(&order.service_code), String::new(), Errors::none()).await
}

/// `POST /kund/{kundnr}/bestallningar/{nummer}/ta-tillbaka`
pub async fn withdraw_create(
    mut cx: Cx<Customer>,
    Path(path): Path<OrderPath>,
    Form(form): Form<EndForm>,
) -> Result<Response, AppError> {
    let (order, catalogue) = load(&mut cx, &path.nummer).await?;
    cx.actor.permit::<Withdraw>(&order.facts()).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let note = match paragraph(&form.motivering, 2_000).and_then(|note| {
        if crate::text::has_personal_number(&note) {
            Err("Texten innehåller något som ser ut som ett personnummer. Ta bort det".to_owned())
        } else {
            Ok(note)
        }
    }) {
        Ok(note) => note,
        Err(message) => {
            let errors = Errors::one("motivering", message);
            return page(cx, &order, catalogue.name(&order.service_code), form.motivering, errors).await;
        }
    };
    let at = cx.app.clock().now();
    match actions::withdraw(&mut cx.tx, &cx.actor, &order, note, at).await {
        Ok(audit) => {
            let here = format!("{}/bestallningar/{}", cx.actor.base(), order.number);
            cx.commit(audit).await?;
            Ok(Flash::Withdrawn.on(&here))
        }
        Err(why) => refused(cx, &order, why).await,
    }
}

/// `GET /inera/bestallningar/{nummer}/avsluta`
pub async fn intervene_new(mut cx: Cx<Staff>, Path(path): Path<OrderPath>) -> Result<Response, AppError> {
    let (order, catalogue) = load(&mut cx, &path.nummer).await?;
    cx.actor.permit::<Intervene>(&order.facts()).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    if order.open().is_none() {
        return conflict(cx, &order.number).await;
    }
    page(cx, &order, catalogue.name(&order.service_code), String::new(), Errors::none()).await
}

/// `POST /inera/bestallningar/{nummer}/avsluta`
pub async fn intervene_create(
    mut cx: Cx<Staff>,
    Path(path): Path<OrderPath>,
    Form(form): Form<EndForm>,
) -> Result<Response, AppError> {
    let (order, catalogue) = load(&mut cx, &path.nummer).await?;
    cx.actor.permit::<Intervene>(&order.facts()).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    let motive = match Motive::parse(&form.motivering) {
        Ok(motive) => motive,
        Err(message) => {
            let errors = Errors::one("motivering", message);
            return page(cx, &order, catalogue.name(&order.service_code), form.motivering, errors).await;
        }
    };
    let at = cx.app.clock().now();
    match actions::intervene(&mut cx.tx, &cx.actor, &order, motive, at).await {
        Ok(audit) => {
            let here = format!("{}/bestallningar/{}", cx.actor.base(), order.number);
            cx.commit(audit).await?;
            Ok(Flash::Withdrawn.on(&here))
        }
        Err(why) => refused(cx, &order, why).await,
    }
}
